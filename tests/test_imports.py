"""Imports: start-up is light, heavy packages have few homes, and modules look one way."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
import time
from functools import cache
from graphlib import TopologicalSorter
from pathlib import Path

import pytest
from architecture import MODULES, imports

import neuralfinder

ROOT = Path(neuralfinder.__file__).parent

ROOMS = ["networks", "data", "strategies", "training", "search", "job", "show", "serve", "comparison", "testing"]
"""From the ground up: a room imports from the rooms below it. The ground lies beneath them all, the faces above."""

GROUND = {"errors", "types", "seeds", "plugins", "plain"}

HOMES = {
    "torch": "training job comparison strategies.controller",
    "safetensors": "training.model_files training.weights",
    "sqlite3": "search.record",
    "click": "cli",
    "rich": "show.terminal",
    "filelock": "job.run",
    "starlette": "show.gate show.page.server serve",
    "uvicorn": "show.gate show.connections",
    "python_multipart": "serve.reading",
    "ray": "search.ray_executor",
    "PIL": "data.pairs data.pictures data.sources.clocks",
    "datasets": "",
    "tokenizers": "",
    "pyarrow": "",
    "onnx": "",
    "onnxscript": "",
    "openvino": "",
    "mlflow": "",
    "transformers": "",
    "pandas": "",
    "IPython": "",
}
"""Which rooms or modules may import what at the top of the file."""

LIGHT = "training.clock training.metrics training.recipes job.presets job.plan job.status job.verdict"
"""Modules of rooms that have torch which must load without it."""

INSIDE_FUNCTIONS = {
    "torch": "seeds estimator testing.networks show.trackers",
    "sqlite3": "", "safetensors": "testing.networks", "tokenizers": "data.tokens",
    "pyarrow": "data.tables show.predictions",
    "datasets": "data.sources.hub", "onnx": "training.export.onnx", "onnxscript": "training.export.onnx",
    "openvino": "training.export.openvino", "mlflow": "show.trackers",
    "transformers": "job.backbone", "pandas": "show.run", "IPython": "show.notebook",
}  # fmt: skip
"""Who else may import it within a function."""


@cache
def imported(path, top_only):
    """As `imports`, each file read once for all tests."""
    return tuple(imports(path, top_only=top_only))


def room_of(module):
    return module.split(".")[0]


def height(module):
    """The ground is 0, the faces are on top."""
    room = room_of(module)
    return 0 if room in GROUND else ROOMS.index(room) + 1 if room in ROOMS else len(ROOMS) + 1


def is_in(module, homes):
    return any(module == home or module.startswith(f"{home}.") for home in homes.split())


def below(module):
    """Modules of the package that a module imports when it is imported."""
    used = {name.removeprefix("neuralfinder.") for name in imported(MODULES[module], True)}
    return {name for name in used & MODULES.keys() if not module.startswith(f"{name}.")}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_room_imports_from_below(module):
    wrong = {name for name in below(module) if height(name) > height(module)}
    assert not wrong, f"{module} imports {wrong} from above"


def test_there_is_no_circle():
    assert list(TopologicalSorter({module: below(module) for module in MODULES}).static_order())


def test_the_tree_is_as_drawn():
    assert {room_of(module) for module in MODULES} == {*GROUND, *ROOMS, "estimator", "cli", "__main__"}


@pytest.mark.parametrize("folder", [*ROOMS, "strategies/artificial_life", "training/export", "show/page", "cli"])
def test_a_room_says_what_is_in_it(folder):
    text = ast.get_docstring(ast.parse((ROOT / folder / "__init__.py").read_text(encoding="utf-8"))) or ""
    inside = {path.stem for path in (ROOT / folder).glob("*.py")} - {"__init__"}
    inside |= {path.parent.name for path in (ROOT / folder).glob("*/__init__.py")}
    assert not [name for name in inside if not re.search(rf"\b{name}\b", text)]


def test_tests_have_the_same_rooms():
    """And files that can be read in one sitting."""
    tests = Path(__file__).parent
    folders = {path.parent.name for path in tests.glob("*/test_*.py")}
    assert {*ROOMS} <= folders <= {*ROOMS, "benchmarks"}
    files = [path for path in tests.rglob("*.py") if path.name != "conftest.py"]
    assert len({path.name for path in files}) == len(files)
    assert not [path for path in files if len(path.read_text(encoding="utf-8").splitlines()) > 900]


@pytest.mark.thorough
@pytest.mark.parametrize("package", sorted(HOMES))
def test_heavy_packages_have_few_homes(package):
    def users(top_only):
        return {
            module
            for module, path in MODULES.items()
            if any(name.split(".")[0] == package for name in imported(path, top_only))
        }

    assert not [module for module in users(top_only=True) if not is_in(module, HOMES[package])]
    if package in INSIDE_FUNCTIONS:
        homes = f"{HOMES[package]} {INSIDE_FUNCTIONS[package]}"
        assert not [module for module in users(top_only=False) if not is_in(module, homes)]


def python(*arguments):
    started = time.perf_counter()
    done = subprocess.run([sys.executable, *arguments], capture_output=True, text=True, check=False)
    return done, time.perf_counter() - started


def loaded(text):
    """Top-level packages in the output of `-X importtime`."""
    return {
        line.rpartition("|")[2].strip().split(".")[0] for line in text.splitlines() if line.startswith("import time")
    }


def test_importing_the_package_costs_nothing():
    done, seconds = python("-X", "importtime", "-c", "import neuralfinder")
    assert done.returncode == 0
    assert "neuralfinder" in loaded(done.stderr)
    assert not loaded(done.stderr) & {"torch", "numpy", "sklearn", "scipy", "PIL", "rich", "click"}
    assert seconds < 1


@pytest.mark.parametrize("arguments", [["--help"], ["--version"], ["search", "--help"]])
def test_help_is_quick_and_light(arguments):
    script = "import sys; from neuralfinder.cli import main; main()"
    done, seconds = python("-X", "importtime", "-c", script, *arguments)
    assert done.returncode == 0
    assert not loaded(done.stderr) & {"torch", "numpy", "sklearn", "scipy", "PIL", "rich"}
    assert seconds < 1.5  # half a second where nothing else runs


BLOCKED = """
import sys

class Blocked:
    def find_spec(self, name, *_):
        if name.split(".")[0] in sys.argv[1].split(","):
            raise ImportError(f"{name} is blocked")

sys.meta_path.insert(0, Blocked())
import importlib
for module in sys.argv[2:]:
    importlib.import_module(f"neuralfinder.{module}")
"""


@pytest.mark.parametrize(
    ("blocked", "modules"),
    [
        (
            "torch,ray,sklearn,scipy,rich,click,PIL",
            f"networks search.record search.archive search.loop show.report strategies {LIGHT}",
        ),
        ("torch,ray,sklearn,scipy", "data testing show.terminal show.run job.status cli"),
    ],
)
def test_what_needs_no_torch_loads_without_it(blocked, modules):
    done, _ = python("-c", BLOCKED, blocked, *modules.split())
    assert (done.returncode, done.stderr) == (0, "")


def test_the_block_blocks():
    done, _ = python("-c", BLOCKED, "torch", "training.train")
    assert done.returncode == 1
    assert "torch is blocked" in done.stderr


def test_public_names_load_on_demand():
    for name in neuralfinder.__all__:
        assert getattr(neuralfinder, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'NeuralFindr'"):
        neuralfinder.NeuralFindr  # noqa: B018 - the look-up is the test


def test_public_names_are_listed_before_they_are_loaded():
    code = "import neuralfinder; print(set(neuralfinder.__all__) <= set(dir(neuralfinder)))"
    done, _ = python("-c", code)
    assert done.stdout == "True\n"
