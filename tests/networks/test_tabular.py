"""Tabular benchmarks: the files are read as they are, equal networks are one, and strategies search them."""

from __future__ import annotations

import csv
import itertools
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from neuralfinder.errors import InputError
from neuralfinder.job.presets import PRESETS
from neuralfinder.networks.genome import parse
from neuralfinder.networks.tabular import OPERATIONS, Row, Table, read_macro, read_nasbench201
from neuralfinder.seeds import Seeds
from neuralfinder.strategies import STRATEGIES, ArtificialLife
from neuralfinder.testing import SpaceContract, StrategyContract, drive
from neuralfinder.training.build import build
from neuralfinder.types import Candidate, Fidelity, Result, Shape


def made_up() -> Table:
    """4 operations in 6 places; the score grows with each operation 3, and with a 2 in the last place."""
    rows = {}
    for values in itertools.product(range(4), repeat=6):
        score = 0.5 + 0.07 * values.count(3) + 0.05 * (values[-1] == 2)
        rows[" ".join(map(str, values))] = Row((score,), score, parameters=1 + sum(values), macs=100)
    return Table("made up", 4, 6, rows)


def macro_form() -> dict[str, dict[str, object]]:
    """All 6,561 keys of NAS-Bench-Macro; numbers depend on what the network computes."""
    form = {}
    for digits in itertools.product("012", repeat=8):
        stages = (digits[:2], digits[2:5], digits[5:])
        same = [(stage[0], *sorted(stage[1:], key=lambda digit: digit == "0")) for stage in stages]
        worth = sum((place + 1) * int(digit) for place, digit in enumerate(itertools.chain(*same)))
        accuracies = [50 + worth / 3, 51 + worth / 3, 52 + worth / 3]
        form["".join(digits)] = {
            "test_acc": accuracies,
            "mean_acc": 51 + worth / 3,
            "params": worth,
            "flops": 2 * worth,
        }
    return form


@pytest.fixture
def macro(tmp_path: Path) -> Table:
    path = tmp_path / "macro.json"
    path.write_text(json.dumps(macro_form()))
    return read_macro(path)


class TestMadeUpTable(SpaceContract):
    def make(self) -> Table:
        return made_up()


@pytest.mark.thorough
class TestLifeOnATable(StrategyContract):
    """No strategy knows about convolutions."""

    def make(self, seed: int) -> ArtificialLife:
        settings = {**PRESETS["fast"].life, "size": 4, "foresight": 10}
        return ArtificialLife(made_up(), Seeds(seed), Fidelity(1), rounds=1000, **settings)

    def test_memory_is_learned_from_failures(self) -> None:
        """A table's networks never run out of memory."""


def test_macro_has_3969_different_networks(macro: Table):
    """specification G.1: identities behind the first place of a stage move to its end; 6,561 keys, 3,969 networks."""
    assert len(macro.rows) == len(list(macro.genomes())) == 3969
    assert macro.canonical(parse("0 1 0 0 2 1 0 1")) == parse("0 1 0 2 0 1 1 0")
    assert macro.canonical(parse("0 1 0 2 0 1 1 0")) == parse("0 1 0 2 0 1 1 0")
    assert (macro.infeasible(parse("0 1")), macro.infeasible(parse("0 1 0 2 0 1 1 3"))) == (
        "infeasible:length",
        "infeasible:gene",
    )


def test_macro_rows_are_those_of_the_file(macro: Table):
    row = macro.rows["2 1 0 1 0 2 2 0"]
    given = macro_form()["21010220"]
    assert [100 * seen for seen in row.seen] == pytest.approx(given["test_acc"])
    assert (100 * row.judged, row.parameters, row.macs) == pytest.approx(
        (given["mean_acc"], given["params"], given["flops"])
    )
    assert macro.best == max(row.judged for row in macro.rows.values())
    assert macro.regret(parse("2 2 2 2 2 2 2 2")) == 0
    # an equal network written another way
    assert macro.regret(parse("2 1 0 0 1 2 2 0")) == macro.regret(parse("2 1 0 1 0 2 2 0")) > 0


def test_each_training_sees_one_of_the_accuracies_by_its_seed(macro: Table):
    genome = parse("2 1 0 1 0 2 2 0")
    answers = [macro.answer(Candidate(0, genome, "init", (), seed, Fidelity(1))).score for seed in range(60)]
    assert set(answers) == set(macro.rows[genome.key].seen)
    assert min(answers.count(seen) for seen in set(answers)) > 8
    again = [macro.answer(Candidate(1, genome, "copy", (), seed, Fidelity(1))).score for seed in range(60)]
    assert again == answers


def nasbench201(path: Path) -> Path:
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["arch", "cellstr", "cifar10-test", "cifar10-val"])
        for number, cell in enumerate(itertools.product(OPERATIONS, repeat=6)):
            a, b, c, d, e, f = cell
            text = f"|{a}~0|+|{b}~0|{c}~1|+|{d}~0|{e}~1|{f}~2|"
            writer.writerow([number, text, number / 200, number / 250])
    return path


def test_nasbench201_is_read_edge_by_edge(tmp_path: Path):
    table = read_nasbench201(nasbench201(tmp_path / "cells.csv"), "cifar10")
    assert len(table.rows) == 5**6
    row = table.rows["3 0 1 2 4 0"]  # the number of the row, in base 5
    assert row.judged == pytest.approx((3 * 5**5 + 0 + 1 * 125 + 2 * 25 + 4 * 5 + 0) / 200 / 100)
    assert row.seen == (pytest.approx(row.judged * 200 / 250),)


def broken_json(path: Path) -> Path:
    path.write_text('{"0": {"test_acc": [1]}}')
    return path


@pytest.mark.parametrize(
    ("read", "make"),
    [
        (read_macro, lambda folder: folder / "missing.json"),
        (read_macro, lambda folder: broken_json(folder / "broken.json")),
        (lambda path: read_nasbench201(path, "svhn"), lambda folder: nasbench201(folder / "cells.csv")),
    ],
)
def test_an_unfit_file_is_named(tmp_path: Path, read: Callable[[Path], Table], make: Callable[[Path], Path]):
    path = make(tmp_path)
    with pytest.raises(InputError, match=path.name):
        read(path)


def test_a_table_s_network_cannot_be_built():
    with pytest.raises(InputError, match="table|tabular"):
        build(parse("0 1 2"), Shape(3, 8, 8), 10)


OF_LAYERS = ("hill-climbing", "large-scale-evolution", "metaqnn", "nas-rl")
"""Strategies that know what a layer is."""


@pytest.mark.parametrize("name", OF_LAYERS)
def test_strategies_of_layers_refuse_a_table(name: str):
    with pytest.raises(InputError, match=f"strategy {name} is used on a space without layers"):
        STRATEGIES[name](made_up(), Seeds(0), Fidelity(1))


@pytest.mark.parametrize("name", [name for name in STRATEGIES if name not in OF_LAYERS])
def test_every_other_strategy_searches_a_table(name: str):
    table = made_up()
    strategy = STRATEGIES[name](table, Seeds(0), Fidelity(1))
    asked = drive(strategy, table.answer, 120)
    assert len(asked) == 120
    assert all(table.infeasible(candidate.genome) is None for candidate in asked)


def test_equal_networks_are_asked_once(macro: Table):
    strategy = STRATEGIES["random"](macro, Seeds(0), Fidelity(1))
    asked = drive(strategy, macro.answer, 2500, batch=50)
    assert len({candidate.genome.key for candidate in asked}) == 2500
    assert all(macro.canonical(candidate.genome) == candidate.genome for candidate in asked)


@pytest.mark.thorough
def test_foresight_finds_the_best_of_a_table_in_fewer_trainings():
    """The published world, the richer one without and with foresight: mean regret after 60 of 4,096, 10 seeds."""
    table = made_up()

    def regret(seed: int, **settings: object) -> float:
        strategy = ArtificialLife(table, Seeds(seed), Fidelity(1), rounds=1000, size=4, **settings)  # type: ignore[arg-type]
        seen: list[tuple[float, float]] = []

        def answer(candidate: Candidate) -> Result:
            result = table.answer(candidate)
            seen.append((result.score or 0.0, table.regret(candidate.genome)))
            return result

        drive(strategy, answer, 60)
        return max(seen)[1]

    rich = dict(PRESETS["fast"].life)
    published, blind, foreseen = (
        float(np.mean([regret(seed, **settings) for seed in range(10)]))
        for settings in ({}, {**rich, "foresight": 0}, rich)
    )
    assert foreseen < 0.01
    assert foreseen < 0.3 * min(published, blind)
