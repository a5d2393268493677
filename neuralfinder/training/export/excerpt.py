"""Definitions of our own as they stand, with all that they need, for files that run without the package."""

from __future__ import annotations

import ast
import importlib
import inspect
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cache
from types import ModuleType

PACKAGE = __name__.split(".", maxsplit=1)[0]


@dataclass(slots=True)
class Excerpt:
    """Source text of definitions, each after what it needs.

    Attributes:
        definitions: by (module, name), in order.
        imports: the lines of imports from elsewhere, by the name that each of them binds.
    """

    definitions: dict[tuple[str, str], str] = field(default_factory=dict)
    imports: dict[str, str] = field(default_factory=dict)

    @classmethod
    def of(cls, wanted: Sequence[object]) -> Excerpt:
        """What is needed to run these functions and classes of the package.

        Args:
            wanted: defined at the top of modules that can be imported again.
        """
        excerpt = cls()
        for each in wanted:
            module = inspect.getmodule(each)
            assert module is not None  # noqa: S101 - what is defined in a module has one
            excerpt.add(module, getattr(each, "__name__", ""))
        return excerpt

    def add(self, module: ModuleType, name: str) -> None:
        """Add a definition and what it needs, unless it is there."""
        source = inspect.getsource(module)
        top = _top(source)
        needed, found = [name], dict[int, str]()
        while needed:
            each = needed.pop()
            if each in top.imports:
                self._import(each, top.imports[each])
            elif each in top.definitions and top.definitions[each] not in found:
                place = top.definitions[each]
                found[place] = each
                needed += _names(top.statements[place])
        lines = source.splitlines()
        for place in sorted(found):
            key = module.__name__, found[place]
            self.definitions.setdefault(key, "\n".join(lines[slice(*_span(top.statements, place))]))

    def _import(self, name: str, statement: ast.Import | ast.ImportFrom) -> None:
        alias = next(each for each in statement.names if name in (each.asname, each.name.split(".")[0]))
        if isinstance(statement, ast.ImportFrom) and (statement.module or "").split(".")[0] == PACKAGE:
            self.add(importlib.import_module(str(statement.module)), alias.name)
            return
        named = f"{alias.name} as {alias.asname}" if alias.asname else alias.name
        of = f"from {statement.module} " if isinstance(statement, ast.ImportFrom) else ""
        self.imports[name] = f"{of}import {named}"


@dataclass(frozen=True, slots=True)
class _Top:
    """The statements at the top of a module, and the places of those that define a name; imports by the name bound."""

    statements: list[ast.stmt]
    definitions: dict[str, int]
    imports: dict[str, ast.Import | ast.ImportFrom]

    @classmethod
    def of(cls, tree: ast.Module) -> _Top:
        definitions, imports = dict[str, int](), dict[str, ast.Import | ast.ImportFrom]()
        for place, statement in enumerate(tree.body):
            match statement:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name):
                    definitions[name] = place
                case ast.Assign(targets=targets):
                    definitions |= {node.id: place for target in targets for node in _stored(target)}
                case ast.AnnAssign(target=ast.Name(id=name)):
                    definitions[name] = place
        for node in ast.walk(tree):
            if isinstance(node, ast.Import | ast.ImportFrom) and getattr(node, "module", "") != "__future__":
                imports |= {alias.asname or alias.name.split(".")[0]: node for alias in node.names}
        return cls(tree.body, definitions, imports)


@cache
def _top(source: str) -> _Top:
    """Of a module of the package: read once, however many files are made of it."""
    return _Top.of(ast.parse(source))


def _stored(target: ast.expr) -> Iterator[ast.Name]:
    return (node for node in ast.walk(target) if isinstance(node, ast.Name))


def _names(statement: ast.stmt) -> list[str]:
    """The names that a statement uses, in annotations too."""
    return [node.id for node in ast.walk(statement) if isinstance(node, ast.Name)]


def _span(statements: Sequence[ast.stmt], place: int) -> tuple[int, int]:
    """First and last line of a definition, from 0 and the last left out: with decorators, and the text below it."""
    statement = statements[place]
    decorators = [each.lineno for each in getattr(statement, "decorator_list", ())]
    after = statements[place + 1] if place + 1 < len(statements) else None
    match after:
        case ast.Expr(value=ast.Constant(value=str())) if not isinstance(statement, ast.FunctionDef | ast.ClassDef):
            end = after.end_lineno
        case _:
            end = statement.end_lineno
    return min([statement.lineno, *decorators]) - 1, end or statement.lineno
