"""The command `list`: names that others take, and what they mean."""

from __future__ import annotations

import sys
from collections.abc import Sequence

import click

from neuralfinder.cli.program import cli, examples, say, wrapped
from neuralfinder.job.settings import default_of, table

LISTS = ("strategies", "references", "methods", "presets", "recipes", "genes", "datasets", "settings")


@cli.command("list", epilog=examples("list settings", "list genes"))
@click.argument("what", type=click.Choice(LISTS))
def list_(what: str) -> None:
    """Names that other commands take, and what they mean."""
    from neuralfinder.show import report

    if sys.stdout.isatty():
        for name, *others, meaning in _listed(what):
            owner, values, default = others or ("", "", "")
            say(f"{name}  ({owner})" if owner else name, *wrapped(f"    {meaning}", 4))
            if owner:
                say(*wrapped(f"    {values}; if not given: {default}", 4))
        return
    columns = ("name", "owner", "values", "default", "meaning") if what == "settings" else ("name", "meaning")
    say(*report.as_table(columns, [[*row] for row in _listed(what)], left=range(len(columns))).split("\n"))


def _listed(what: str) -> Sequence[tuple[str, ...]]:
    rows: Sequence[tuple[str, ...]]
    match what:
        case "strategies":
            from neuralfinder.strategies import STRATEGIES

            rows = [(name, (strategy.__doc__ or "").strip().splitlines()[0]) for name, strategy in STRATEGIES.items()]
        case "references":
            from neuralfinder.comparison.references import REFERENCES  # needs torch, which takes a moment to load

            rows = [(name, reference.summary) for name, reference in REFERENCES.items()]
        case "methods":
            from neuralfinder.networks.rules import RULES

            rows = [*_listed("strategies"), *((name, rule.summary) for name, rule in RULES.items())]
            rows += [*_listed("references"), ("a genome", "such as C32.bn M C64.bn > G; see list genes")]
        case "presets":
            from neuralfinder.job.presets import PRESETS

            rows = [(name, preset.summary) for name, preset in PRESETS.items()]
        case "recipes":
            from neuralfinder.training.recipes import RECIPES

            rows = [(name, recipe.summary) for name, recipe in RECIPES.items()]
        case "genes":
            from neuralfinder.networks.genome import GENES, LAYERS, MOST_COPIES, USUAL_SIDE
            from neuralfinder.networks.recipe_genes import KINDS

            rows = [
                ("<count>x", f"so many such networks answer together, 2 to {MOST_COPIES}; one if not written"),
                ("@<side>", f"the longer side of pictures as the network sees them, {USUAL_SIDE} if not written"),
            ]
            rows += [(form, meaning) for form, (_, meaning) in GENES.items()]
            rows += [(kind.form, kind.meaning) for kind in LAYERS.foreign.values()]
            rows += [(f"| {name}<value>", kind.described) for name, kind in KINDS.items()]
        case "datasets":
            from neuralfinder.data.sources import SOURCES

            rows = [row for source in SOURCES.values() for row in source.names().items()]
        case _:
            rows = [(row.name, row.owner, row.expected, default_of(row), row.meaning) for row in table()]
    return rows
