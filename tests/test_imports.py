"""Imports: start-up is light, heavy packages have few homes, and modules look one way."""

from __future__ import annotations

import ast
import subprocess
import sys
import time
from pathlib import Path

import pytest

import neuralfinder

ROOT = Path(neuralfinder.__file__).parent
MODULES = {
    ".".join(path.relative_to(ROOT).with_suffix("").parts).removesuffix(".__init__"): path
    for path in ROOT.rglob("*.py")
    if path != ROOT / "__init__.py"
}

LAYERS = [
    "errors types seeds",
    "genome status recipes interrupts",
    "cost forms",
    "space",
    "world networks tables",
    "lineage variation record archive executors ray_executor foresight",
    "breeding",
    "strategies.base",
    "strategies.controller testing.toy",
    "testing.contracts",
    "strategies.random strategies.artificial_life strategies.aging_evolution strategies.hill_climbing "
    "strategies.large_scale_evolution strategies.local_search strategies.metaqnn strategies.nas_rl",
    "strategies testing",
    "presets",
    "data.findings",
    "data.dataset data.folders",
    "data.labels data.pictures data.splits data.tables data.thumbnails data.tokens",
    "data.arrays data.copies data.hub data.mirror data.reading",
    "data.doctor data.texts",
    "data.docstrings data.pairs",
    "data.intake",
    "data data.batches",
    "source build plan baselines optimizers judgement dashboard.story dashboard.document dashboard.figures",
    "inheritance answers dashboard dashboard.server",
    "train weights",
    "evaluate machine model search report",
    "finish predict prepare terminal",
    "budget",
    "run",
    "ablation",
    "references.blocks",
    "references.resnet references.densenet references.lenet references.alexnet references.vgg references.nin "
    "references.all_cnn references.maxout references.highway references.googlenet references.fractalnet "
    "references.nas_v1 references.metaqnn",
    "references",
    "comparison.published comparison.compare comparison.by_hand",
    "comparison.verdict",
    "comparison.pages",
    "estimator cli",
]
"""From the ground up: a module imports from the layers below its own. Modules that are not listed stand on top."""

RANK = {module: rank for rank, layer in enumerate(LAYERS) for module in layer.split()}

HOMES = {
    "torch": "build data.batches optimizers inheritance train evaluate machine model finish baselines prepare run "
    "strategies.controller comparison.by_hand references references.blocks references.resnet references.densenet "
    "references.lenet references.alexnet references.vgg references.nin references.all_cnn references.maxout "
    "references.highway references.googlenet references.fractalnet references.nas_v1 references.metaqnn",
    "safetensors": "model weights",
    "sqlite3": "record",
    "click": "cli",
    "rich": "terminal",
    "filelock": "run",
    "starlette": "dashboard.server",
    "uvicorn": "dashboard.server",
    "ray": "ray_executor",
    "PIL": "data.pairs data.pictures",
    "datasets": "",
    "tokenizers": "",
    "pyarrow": "",
}
"""Who may import what at the top of the file."""

INSIDE_FUNCTIONS = {
    "torch": "seeds estimator", "sqlite3": "", "safetensors": "", "tokenizers": "data.tokens", "pyarrow": "data.tables",
    "datasets": "data.hub",
}  # fmt: skip
"""Who else may import it within a function."""


def imports(path, top_only=False):
    """Names of modules imported by a file, those for type checkers left out."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    for node in ast.walk(tree):
        if isinstance(node, ast.If) and ast.unparse(node.test) == "TYPE_CHECKING":
            node.body = [ast.Pass()]
    for node in tree.body if top_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: relative import"
            module = node.module
            yield from (
                f"{module}.{alias.name}" if f"{module}.{alias.name}" in PACKAGE else module for alias in node.names
            )


PACKAGE = {f"neuralfinder.{module}" for module in MODULES}


@pytest.mark.parametrize("module", sorted(MODULES))
def test_a_module_imports_from_below(module):
    above = len(LAYERS)
    used = {name.removeprefix("neuralfinder.") for name in imports(MODULES[module], top_only=True) if name in PACKAGE}
    wrong = {name for name in used if RANK.get(name, above) >= RANK.get(module, above + 1)}
    assert not wrong, f"{module} imports {wrong} of its own layer or above"


def test_the_layers_name_modules_that_exist():
    assert RANK.keys() <= MODULES.keys()


@pytest.mark.parametrize("package", sorted(HOMES))
def test_heavy_packages_have_few_homes(package):
    def users(top_only):
        return {
            module
            for module, path in MODULES.items()
            if any(name.split(".")[0] == package for name in imports(path, top_only))
        }

    homes = set(HOMES[package].split())
    assert users(top_only=True) <= homes
    if package in INSIDE_FUNCTIONS:
        assert users(top_only=False) <= homes | set(INSIDE_FUNCTIONS[package].split())


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
        ("torch,ray,sklearn,scipy,rich,click,PIL", "record report archive search plan presets strategies testing"),
        ("torch,ray,sklearn,scipy", "data terminal status cli"),
    ],
)
def test_what_needs_no_torch_loads_without_it(blocked, modules):
    done, _ = python("-c", BLOCKED, blocked, *modules.split())
    assert (done.returncode, done.stderr) == (0, "")


def test_the_block_blocks():
    done, _ = python("-c", BLOCKED, "torch", "train")
    assert done.returncode == 1
    assert "torch is blocked" in done.stderr


def test_public_names_load_on_demand():
    for name in neuralfinder.__all__:
        assert getattr(neuralfinder, name) is not None
    with pytest.raises(AttributeError, match="no attribute 'NeuralFindr'"):
        neuralfinder.NeuralFindr  # noqa: B018 - the look-up is the test
