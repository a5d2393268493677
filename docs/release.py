"""Checks a release before it is one: `make release-check`.

Builds wheel and sdist, compares what is in them with what git knows, has twine read them, and installs them into fresh
environments by pip, uv and pipx, as users do. Each environment searches on digits, for ten seconds on a quiet machine,
lists, reports and predicts; the first checks the types of a user's file with `mypy --strict` as well. It prints a
table, and ends with the first thing that is wrong.

It needs what `make release-check` installs: build, mypy, pipx, twine and uv. What is installed beside NeuralFinder
follows from constraints.txt and from where pip and uv look; PIP_FIND_LINKS holds for both.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import time
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

ROOT = Path(__file__).parent.parent
TOOLS = Path(sys.executable).parent
"""Where the programs are that this one uses."""

FORMATS = ROOT / "tests" / "formats"
USER = ROOT / "tests" / "users_file.py"

NOT_IN_SDIST = (".ci/", ".github/", ".gitignore")
"""What nobody needs who has no repository."""

ADDED = {"PKG-INFO", ".gitignore"}
"""What hatchling puts into every sdist."""

ABOUT = {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE"}
"""What a wheel says about itself."""

SEARCH = ["digits", "--candidates", "4", "--epochs", "2", "--finalists", "1", "--final-epochs", "8", "--seed", "0"]
"""A search of so much work, and not of so many seconds: what it finds is the same on a busy machine."""

LEAST = 0.8
"""Test accuracy that tells a search from a broken one; chance is 0.1."""

Way = Callable[[str, Path, str], Path]
"""Installs, for a Python, into an empty folder, a file; gives the folder with the commands."""


def run(*words: object, home: Path | None = None) -> str:
    """What a command prints; in a folder, if one is given, where it keeps its cache too.

    Raises:
        SystemExit: it failed; with all that it said.
    """
    cache = {"XDG_CACHE_HOME": str(home / "cache")} if home else {}
    done = subprocess.run(  # noqa: S603 - our own words
        [*map(str, words)], cwd=home, env={**os.environ, **cache}, capture_output=True, text=True, check=False
    )
    if done.returncode:
        sys.exit(f"{' '.join(map(str, words))} failed:\n{done.stdout}\n{done.stderr}")
    return done.stdout


def build(folder: Path) -> None:
    """Build wheel and sdist into a folder, and compare their files with those in git."""
    run(sys.executable, "-m", "build", "--outdir", folder, ROOT)
    tracked = set(run("git", "-C", ROOT, "ls-files").splitlines())
    wheel, sdist = packages(folder)
    package = {name for name in tracked if name.startswith("neuralfinder/")}
    with zipfile.ZipFile(wheel) as archive:
        same(wheel, {without_about(name) for name in archive.namelist()}, package | ABOUT)
    needed = {name for name in tracked if not name.startswith(NOT_IN_SDIST)}
    with tarfile.open(sdist) as archive:
        same(sdist, {name.partition("/")[2] for name in archive.getnames()}, needed | ADDED)


def without_about(name: str) -> str:
    """The name of a wheel's file; of those about it without their folder."""
    folder, _, rest = name.partition("/")
    return rest if folder.endswith(".dist-info") else name


def same(package: Path, found: set[str], expected: set[str]) -> None:
    """Ends the check where a package lacks files or has others."""
    if found != expected:
        sys.exit(f"{package.name} lacks {sorted(expected - found)}, and should not have {sorted(found - expected)}")


def packages(folder: Path) -> tuple[Path, Path]:
    """The wheel and the sdist in a folder, of which there is one each."""
    (wheel,), (sdist,) = folder.glob("*.whl"), folder.glob("*.tar.gz")
    return wheel, sdist


def by_pip(python: str, home: Path, package: str) -> Path:
    """Into a virtual environment."""
    run(python, "-m", "venv", home / "env")
    run(home / "env/bin/pip", "install", "--quiet", package)
    run(home / "env/bin/pip", "check")
    return home / "env/bin"


def by_uv(python: str, home: Path, package: str) -> Path:
    """Into a virtual environment of uv."""
    run(TOOLS / "uv", "venv", "--quiet", "--python", python, home / "env")
    run(TOOLS / "uv", "pip", "install", "--quiet", "--python", home / "env", package)
    return home / "env/bin"


def by_uv_tool(python: str, home: Path, package: str) -> Path:
    """As a command of its own, by uv."""
    os.environ |= {"UV_TOOL_DIR": str(home / "tools"), "UV_TOOL_BIN_DIR": str(home / "bin")}
    run(TOOLS / "uv", "tool", "install", "--quiet", "--python", python, package)
    return home / "bin"


def by_pipx(python: str, home: Path, package: str) -> Path:
    """As a command of its own, by pipx."""
    os.environ |= {
        "PIPX_HOME": str(home / "pipx"),
        "PIPX_BIN_DIR": str(home / "bin"),
        "PIPX_MAN_DIR": str(home / "man"),
    }
    run(TOOLS / "pipx", "install", "--quiet", "--python", python, package)
    return home / "bin"


WAYS: dict[str, Way] = {"pip": by_pip, "uv": by_uv, "uv-tool": by_uv_tool, "pipx": by_pipx}


def use(commands: Path, home: Path) -> dict[str, object]:
    """What came of a search with an installed NeuralFinder, which is far from the source."""
    ours = commands / "neuralfinder"
    version = run(ours, "--version", home=home).split()[-1]
    run(ours, "search", *SEARCH, "--run", "run", "--quiet", home=home)
    result = json.loads((home / "run" / "result.json").read_text("utf-8"))
    if not result["test_accuracy"] > LEAST:
        sys.exit(f"{' '.join(SEARCH)} gave a test accuracy of {result['test_accuracy']}; expected more than {LEAST}")
    run(ours, "top", "run", home=home)
    run(ours, "report", "run", home=home)
    rows = json.loads(run(ours, "predict", "run", FORMATS / "new.npz", "--format", "json", home=home))
    if len(rows) != len(json.loads((FORMATS / "record-1-model-1/pictures/answers.json").read_text("utf-8"))):
        sys.exit(f"{len(rows)} answers, others than the samples")
    return {
        "version": version,
        "torch": result["versions"]["torch"],
        "networks": result["candidates"]["trained"],
        "accuracy": f"{100 * result['test_accuracy']:.2f} %",
        "search": f"{result['seconds']['total']:.0f} s",
    }


def check_types(commands: Path, home: Path) -> None:
    """A user's file has no error that `mypy --strict` finds, with nothing but the package's own annotations."""
    shutil.copy(USER, home)
    words = ["--strict", "--config-file=", "--cache-dir", home / "types", "--python-executable", commands / "python"]
    run(TOOLS / "mypy", *words, USER.name, home=home)


def rows(folder: Path, pythons: list[str], ways: list[str]) -> Iterator[dict[str, object]]:
    """A row for each environment, as soon as it is through; the sdist and the types are tried in the first alone."""
    wheel, sdist = packages(folder)
    plan = [(python, way, wheel) for python in pythons for way in ways]
    for number, (python, way, package) in enumerate([*plan, (pythons[0], ways[0], sdist)]):
        with tempfile.TemporaryDirectory() as scratch:
            home, began = Path(scratch), time.monotonic()
            commands = WAYS[way](python, home, str(package))
            installed = f"{time.monotonic() - began:.0f} s"
            if not number:
                check_types(commands, home)
            name = run(python, "-c", "import platform; print(platform.python_version())").strip()
            kind = "sdist" if package == sdist else "wheel"
            yield {"python": name, "by": way, "from": kind, "installed in": installed, **use(commands, home)}


def main() -> None:
    """Build, read, install, use."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--dist", type=Path, help="folder with wheel and sdist; without it they are built")
    parser.add_argument("--python", nargs="+", default=[sys.executable], help="Pythons to install for [this one]")
    parser.add_argument("--ways", nargs="*", default=[*WAYS], choices=[*WAYS], help="to install, pip or uv first [all]")
    asked = parser.parse_args()
    if "PIP_FIND_LINKS" in os.environ:
        os.environ["UV_FIND_LINKS"] = os.environ["PIP_FIND_LINKS"]
    os.environ |= {f"{tool}_CONSTRAINT": str(ROOT / "constraints.txt") for tool in ("PIP", "UV")}
    with tempfile.TemporaryDirectory() as scratch:
        folder = asked.dist or Path(scratch)
        if not asked.dist:
            build(folder)
        print(run(sys.executable, "-m", "twine", "--no-color", "check", "--strict", *packages(folder)).strip())  # noqa: T201
        for number, row in enumerate(rows(folder.resolve(), asked.python, asked.ways)):
            if not number:
                print(f"| {' | '.join(row)} |\n|{'---|' * len(row)}")  # noqa: T201
            print(f"| {' | '.join(map(str, row.values()))} |", flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
