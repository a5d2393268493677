"""The examples in the docstrings of what the package offers, and the page on its use in Python: they run as shown."""

from __future__ import annotations

import contextlib
import doctest
import inspect
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from test_estimator import bars

import neuralfinder
from neuralfinder import Model, NeuralFinder
from neuralfinder.networks.cost import Rates
from neuralfinder.training.batches import Part
from neuralfinder.types import Shape

FLAGS = doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE


def offered() -> dict[str, Any]:
    """What `__all__` names, and the public methods and properties of its classes that are ours, by their names."""
    found: dict[str, Any] = {}
    for name in neuralfinder.__all__:
        thing = getattr(neuralfinder, name)
        if not callable(thing):
            continue
        found[name] = thing
        for kind in reversed(thing.__mro__) if inspect.isclass(thing) else ():
            if kind.__module__.startswith("neuralfinder"):
                own = {key: value for key, value in vars(kind).items() if not key.startswith("_")}
                found |= {
                    f"{name}.{key}": getattr(value, "__func__", value)
                    for key, value in own.items()
                    if isinstance(value, property | classmethod | staticmethod) or inspect.isfunction(value)
                }
    return found


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """What examples may speak of: pictures of bars and a finder fitted to them, in `runs/bars` from where they run."""
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("examples"))
        patch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))
        X, _ = bars()
        y = np.arange(60) % 3
        X = X[np.argsort(bars()[1], kind="stable").reshape(3, 20).T.reshape(-1)]
        settings = {"candidates": 4, "epochs": 2, "finalists": 1, "final_epochs": 16, "verbose": 0, "experience": "off"}
        finder = NeuralFinder(**settings, run="runs/bars").fit(X, y)
        part = Part(torch.from_numpy(X[:3, np.newaxis]), torch.zeros(3, dtype=torch.int64))
        yield {
            "finder": finder, "model": finder.model_, "X": X, "y": y, "part": part, "neuralfinder": neuralfinder,
            "NeuralFinder": NeuralFinder, "Model": Model, "Shape": Shape, "Path": Path, "np": np,
        }  # fmt: skip


@pytest.mark.parametrize("name", sorted(offered()))
def test_what_is_offered_has_an_example_that_runs(name: str, names: dict[str, Any]) -> None:
    text = inspect.getdoc(offered()[name]) or ""
    examples = doctest.DocTestParser().get_examples(text)
    assert examples, f"{name} has no example"
    said = io.StringIO()
    test = doctest.DocTest(examples, dict(names), name, None, None, text)
    doctest.DocTestRunner(optionflags=FLAGS).run(test, out=said.write)
    assert not said.getvalue()


PAGE = Path(__file__).parent.parent / "docs" / "python.md"


@pytest.mark.slow
def test_the_page_runs_from_top_to_bottom_and_prints_what_it_says(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL)
    names: dict[str, Any] = {}
    for block in blocks:
        said = io.StringIO()
        with contextlib.redirect_stdout(said):
            exec(compile(block, str(PAGE), "exec"), names)  # noqa: S102 - our own page
        expected = re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)
        assert not expected or said.getvalue().splitlines() == expected
    assert len(blocks) == 4
