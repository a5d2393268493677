"""A text data set that needs no download: which installed library does a docstring come from?"""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import sysconfig
from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path

import numpy as np

from neuralfinder.data.dataset import Dataset
from neuralfinder.data.findings import Finding
from neuralfinder.data.labels import Labelled, encode
from neuralfinder.data.texts import dataset

LIBRARIES = {
    "numpy": "numpy",
    "python": None,
    "rich": "rich",
    "scikit-learn": "sklearn",
    "scipy": "scipy",
    "torch": "torch",
}
"""Class -> package; the standard library is none."""

EACH = 500
"""Docstrings of each library at most."""

SHORTEST = 30
"""Characters below which a paragraph says too little."""

PASSED_OVER = frozenset(["test", "tests", "testing", "idlelib", "lib2to3", "site-packages", "dist-packages", "_vendor"])
"""Folders that are not looked into."""


def docstrings(name: str) -> Dataset:
    """First paragraphs of docstrings, each once, labelled with their library; the same for the same versions."""
    texts: dict[str, str] = {}
    for library, package in LIBRARIES.items():
        count = 0
        for paragraph in _paragraphs(_home(package)):
            if paragraph not in texts:
                texts[paragraph] = library
                count += 1
            if count == EACH:
                break
    samples = np.array(list(texts), dtype=object)
    encoded = encode(list(texts.values()))
    versions = ", ".join(f"{name} {version(name)}" for name, package in LIBRARIES.items() if package)
    text = f"The texts are first paragraphs of docstrings of installed libraries: Python's own, {versions}"
    origin = Finding("origin", text)
    none = np.zeros(len(samples), dtype=bool)
    return dataset(name, samples, Labelled(encoded.indices, encoded.classes, none, None), [origin])


def _home(package: str | None) -> Path:
    spec = importlib.util.find_spec(package) if package else None
    return (
        Path(spec.submodule_search_locations[0])
        if spec and spec.submodule_search_locations
        else Path(sysconfig.get_paths()["stdlib"])
    )


def _paragraphs(home: Path) -> Iterator[str]:
    """First paragraphs of the docstrings below a folder, files in an order that mixes its parts."""
    files = [file for file in home.rglob("*.py") if not PASSED_OVER & set(file.relative_to(home).parts)]
    for file in sorted(files, key=lambda file: hashlib.blake2b(file.relative_to(home).as_posix().encode()).digest()):
        try:
            tree = ast.parse(file.read_bytes())
        except (OSError, SyntaxError, ValueError):
            continue
        for node in ast.walk(tree):
            if isinstance(node, (ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef)):
                paragraph = " ".join((ast.get_docstring(node) or "").split("\n\n")[0].split())
                if len(paragraph) >= SHORTEST:
                    yield paragraph
