"""What NeuralFinder says when it refuses, read from its code: the site's page about it is made of this.

Each message is what the code has, with `...` for what is known only when it is said.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import neuralfinder
from neuralfinder import errors

ROOT = Path(neuralfinder.__file__).parent

TOPICS = {
    "cli": "Commands", "estimator.py": "Commands", "data": "Data", "networks": "Networks and spaces of them",
    "strategies": "Strategies",
    "training": "Training and models", "search": "The search and its record", "job": "The run",
    "show": "Looking at a run", "serve": "Serving", "comparison": "Comparing",
}  # fmt: skip
"""Rooms and faces, and what is in them for a reader; all other files are `ANYWHERE`."""

ANYWHERE = "Anywhere"

GAP = "..."


def messages() -> dict[str, list[str]]:
    """Topic -> the messages that its code raises, sorted, each once, as Markdown."""
    found: dict[str, set[str]] = {topic: set() for topic in (ANYWHERE, *TOPICS.values())}
    for path in sorted(ROOT.rglob("*.py")):
        tree = ast.parse(path.read_text(encoding="utf-8"))
        names = {
            target.id: node.value.value
            for node in tree.body
            if isinstance(node, ast.Assign) and isinstance(node.value, ast.Constant)
            for target in node.targets
            if isinstance(target, ast.Name)
        }
        found[TOPICS.get(path.relative_to(ROOT).parts[0], ANYWHERE)] |= {*_of(tree, names)}
    return {topic: sorted(texts, key=str.lower) for topic, texts in found.items() if texts}


def _of(tree: ast.AST, names: dict[str, object]) -> Iterator[str]:
    """The messages of a module whose constants are `names`."""
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Name)):
            continue
        kind = getattr(errors, node.func.id, None)
        parts = {each.arg: _text(each.value, names) for each in node.keywords}
        if parts.keys() >= {"given", "expected", "mend"}:
            what = _text(node.args[-1], names) if node.args else GAP
            said, mend = f"{what} is {parts['given']}; expected {parts['expected']}", parts["mend"]
        elif isinstance(kind, type) and issubclass(kind, errors.NeuralFinderError) and len(node.args) == 1:
            said, _, mend = _text(node.args[0], names).rpartition("; ")
        else:
            continue
        if said:
            yield f"{_plain(said)}; **{_plain(mend)}**"


def _text(node: ast.expr, names: dict[str, object]) -> str:
    """What an expression says, as far as it is written down."""
    match node:
        case ast.Constant(value):
            return str(value)
        case ast.JoinedStr(values):
            return "".join(_text(value, names) for value in values)
        case ast.Name(name) if name in names:
            return str(names[name])
        case ast.IfExp(_, one, other):
            return " / ".join(dict.fromkeys(_text(each, names) for each in (one, other)))
    return GAP


def _plain(text: str) -> str:
    """The text as Markdown that shows it as it is."""
    return re.sub(r"(^-|[\\`*_{}\[\]<>#|$~])", r"\\\1", re.sub(r"\.\.\.( ?\.\.\.)+", GAP, text)).strip()


def page() -> str:
    """All of them as Markdown, a section a topic."""
    lines = []
    for topic, texts in messages().items():
        lines += [f"## {topic}", "", *(f"* {text}" for text in texts), ""]
    return "\n".join(lines)


if __name__ == "__main__":
    print(page())  # noqa: T201 - what it is for
