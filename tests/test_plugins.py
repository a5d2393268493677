"""Registries: our own, what installed packages add, and that a bad package spoils nothing."""

from __future__ import annotations

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import neuralfinder
from neuralfinder.plugins import Registry

ROOT = Path(neuralfinder.__file__).parent.parent


def package(folder, name, entries, code=""):
    """An installed package with these entry points, and a module of its name."""
    (folder / f"{name}.py").write_text(code, encoding="utf-8")
    about = folder / f"{name}-1.0.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: 1.0\n", encoding="utf-8")
    (about / "entry_points.txt").write_text("[neuralfinder.numbers]\n" + "\n".join(entries) + "\n", encoding="utf-8")


@pytest.fixture
def home(tmp_path, monkeypatch):
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for path in tmp_path.glob("*.py"):
        sys.modules.pop(path.stem, None)


def numbers():
    return Registry("numbers", {"one": 1, "two": 2}, lambda found: isinstance(found, int), "a whole number")


def test_packages_add_to_our_own(home):
    package(home, "more_numbers", ["four = more_numbers:FOUR", "three = more_numbers:THREE"], "FOUR, THREE = 4, 3")
    registry = numbers()
    assert dict(registry) == {"one": 1, "two": 2, "three": 3, "four": 4}
    assert list(registry) == ["one", "two", "four", "three"]
    assert ("three" in registry, "five" in registry, len(registry)) == (True, False, 4)
    assert registry.own == {"one": 1, "two": 2}


def test_nothing_is_loaded_for_a_name_of_ours(home):
    package(home, "loud", ["three = loud:THREE"], "raise SystemExit('loaded')")
    assert numbers()["two"] == 2
    assert "loud" not in sys.modules


@pytest.mark.parametrize(
    ("entry", "code", "reason"),
    [
        ("three = bad:THREE", "import nowhere", "it cannot be loaded (ModuleNotFoundError: No module named 'nowhere')"),
        (
            "three = bad:THREE",
            "raise SystemExit('bye\\nbye')",
            "it cannot be loaded (SystemExit: bye); mend or uninstall",
        ),
        ("three = bad:THREE", "", "it cannot be loaded (AttributeError:"),
        ("three = bad:THREE", "THREE = 'iii'", "bad:THREE is 'iii'; expected a whole number"),
        (
            "one = bad:ONE",
            "ONE = 11",
            "neuralfinder has one of this name; give it another in the package's entry points",
        ),
    ],
)
def test_a_bad_package_is_one_line_and_spoils_nothing(home, caplog, entry, code, reason):
    package(home, "bad", [entry], code)
    package(home, "good", ["four = good:FOUR"], "FOUR = 4")
    registry = numbers()
    with caplog.at_level(logging.WARNING):
        assert dict(registry) == {"one": 1, "two": 2, "four": 4}
    (line,) = [record.getMessage() for record in caplog.records]
    assert line.startswith(f"plug-in {entry.split()[0]!r} of package bad is left out of numbers: {reason}")
    assert "\n" not in line


def test_of_two_packages_with_one_name_the_first_has_it(home, caplog):
    for name, value in (("b_numbers", 30), ("a_numbers", 3)):
        package(home, name, [f"three = {name}:THREE"], f"THREE = {value}")
    assert numbers()["three"] == 3
    assert "of package b_numbers is left out of numbers: a_numbers has one of this name" in caplog.text


# the example


@pytest.fixture(scope="module")
def example(tmp_path_factory):
    """The environment of a process in which the example is installed, and nothing of the repository was written."""
    home = tmp_path_factory.mktemp("home")
    source = shutil.copytree(ROOT / "examples" / "plugin", home / "source")  # building writes beside the sources
    site = home / "site"
    install = ["install", "--quiet", "--no-deps", "--no-index", "--no-build-isolation", "--target", site, source]
    subprocess.run([sys.executable, "-m", "pip", *install], check=True, capture_output=True, text=True, timeout=300)
    shutil.copytree(source / "tests", home / "tests")
    return home, {**os.environ, "PYTHONPATH": os.pathsep.join(map(str, (site, ROOT))), "OMP_NUM_THREADS": "1"}


def run(example, *arguments):
    home, environment = example
    done = subprocess.run(
        [sys.executable, *map(str, arguments)], env=environment, cwd=home, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.thorough
def test_the_example_is_listed(example):
    names = ("strategies", "genes", "references", "recipes", "datasets", "settings")
    code = "from neuralfinder.cli import cli; [cli.main(['list', what], standalone_mode=False) for what in {}]"
    marked = code.replace("[cli", "[print(end='\\f') or cli").format(names)
    lists = dict(zip(names, run(example, "-c", marked).split("\f")[1:], strict=True))
    assert "stripes:SIDE" in lists["datasets"]
    assert "tabu-search            Walks from network to network and remembers where it was." in lists["strategies"]
    assert "SE<reduction>" in lists["genes"]
    assert "squeezed-cnn" in lists["references"]
    assert "brief" in lists["recipes"]
    (tenure,) = [line for line in lists["settings"].splitlines() if line.startswith("tenure")]
    assert "strategy tabu-search" in tenure
    assert "a whole number at least 1" in tenure
    assert "the last ones where it was" in tenure


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_the_example_keeps_the_contracts(example):
    home, _ = example
    out = run(example, "-m", "pytest", "-q", "-p", "no:cacheprovider", home / "tests")
    assert " passed" in out


@pytest.mark.thorough
@pytest.mark.timeout(600)
def test_a_search_with_all_that_the_example_brings(example):
    home, _ = example
    settings = {"layers": "SE4,SE8", "filters": "8,16", "max_convolutions": 2, "tenure": 5, "recipe": "brief"}
    options = ["--candidates", 12, "--epochs", 1, "--final-epochs", 1, "--finalists", 1, "--seed", 7, "--quiet",
               "--strategy", "tabu-search", *(f"--set={name}={value}" for name, value in settings.items())]  # fmt: skip
    run(example, "-m", "neuralfinder", "search", "stripes:8", *options, "--run", home / "run")
    result = json.loads((home / "run" / "result.json").read_text("utf-8"))
    assert (result["strategy"], result["candidates"]["trained"]) == ("tabu-search", 12)
    assert result["candidates"]["failed"] == 0
    rows = json.loads(run(example, "-m", "neuralfinder", "top", home / "run", "--format", "json", "--count", 20))
    assert any("SE" in row["genome"] for row in rows)
    run(example, "-m", "neuralfinder", "show", home / "run", next(r["id"] for r in rows if "SE" in r["genome"]))
    run(example, "-m", "neuralfinder", "report", home / "run")


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_comparison_with_the_example_s_network(example):
    home, _ = example
    options = ["--methods", "squeezed-cnn,tabu-search", "--minutes", 0.1, "--seeds", 1, "--run", home / "compared"]
    out = run(example, "-m", "neuralfinder", "compare", "digits", *options)
    assert "squeezed-cnn" in out
    assert "failed" not in out
