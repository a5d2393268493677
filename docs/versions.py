"""The quick suite with the lowest and the newest versions that are allowed: `python docs/versions.py lowest FOLDER`.

Makes an environment in FOLDER, installs this package there with the extras of `EXTRAS`, prints the versions and runs
the quick suite, or what else is said to pytest behind FOLDER. `newest` takes the newest versions that the registry has.
torch is in both what constraints.txt says, since its builds are for one kind of machine each.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
import venv
from collections.abc import Mapping, Sequence
from pathlib import Path

ROOT = Path(__file__).parents[1]

EXTRAS = ("dashboard", "serve", "tables")
"""Extras whose libraries are tried beside what is always needed; the others bring bounds of their own for these."""

TOOLS = (
    "hypothesis", "httpx", "matplotlib", "pandas", "pytest", "pytest-timeout", "pytest-xdist", "ruff", "setuptools",
)  # fmt: skip

WITHOUT = ("tests/search/test_ray.py",)
"""Tests of a library that is not there; all others see that by themselves."""


def bounds(extras: Sequence[str] = EXTRAS) -> dict[str, str]:
    """The lowest version of each library that pyproject.toml allows, of several the highest."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    found: dict[str, str] = {}
    for line in [
        *project["dependencies"],
        *(line for name in extras for line in project["optional-dependencies"][name]),
    ]:
        if told := re.fullmatch(r"([\w.-]+)>=([\d.]+)", line):
            name, version = told.groups()
            found[name] = max(found.get(name, "0"), version, key=_numbers)
    return dict(sorted(found.items()))


def _numbers(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


def made(folder: Path, lowest: bool) -> Path:
    """The Python of an environment with the versions that are to be tried."""
    venv.create(folder, with_pip=True, clear=True)
    pins = [f"{name}=={version}" for name, version in bounds().items() if name != "torch"] if lowest else []
    constraints = folder / "constraints.txt"
    constraints.write_text("\n".join([(ROOT / "constraints.txt").read_text(encoding="utf-8"), *pins]), encoding="utf-8")
    python = folder / "bin" / "python"
    what = ["--editable", f"{ROOT}[{','.join(EXTRAS)}]", *TOOLS]
    subprocess.run([python, "-m", "pip", "install", "--quiet", "--constraint", constraints, *what], check=True)  # noqa: S603
    return python


def installed(python: Path) -> dict[str, str]:
    """The versions that are there, by library."""
    listed = subprocess.run(  # noqa: S603
        [python, "-m", "pip", "list", "--format", "json"], check=True, capture_output=True, text=True
    ).stdout
    return {each["name"].lower().replace("_", "-"): each["version"] for each in json.loads(listed)}


def table(versions: Mapping[str, str]) -> list[str]:
    """Lines of Markdown: each library, its lowest version that is allowed, and the one that was tried."""
    lines = [f"| {name} | {lowest} | {versions[name]} |" for name, lowest in bounds().items()]
    return ["| library | lowest that is allowed | in this environment |", "|---|---|---|", *lines]


def main(which: str, folder: str, *tests: str) -> int:
    """Make the environment, unless it is there, and run the tests; gives the exit code of pytest."""
    python = Path(folder).absolute() / "bin" / "python"
    if not python.exists():
        python = made(Path(folder).absolute(), {"lowest": True, "newest": False}[which])
    print("\n".join(table(installed(python))), flush=True)  # noqa: T201
    command = [python, "-m", "pytest", *(f"--ignore={ROOT / path}" for path in WITHOUT), *tests]
    if which == "lowest":
        command += ["--override-ini", "filterwarnings=default"]  # an old library warns of the newer ones that it uses
    return subprocess.run(command, cwd=ROOT, check=False).returncode  # noqa: S603


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
