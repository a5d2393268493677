"""The finish: full training, choice by validation, honest baselines, one look at the test part."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from neuralfinder.errors import InputError, NothingTrainedError
from neuralfinder.job.baselines import majority
from neuralfinder.job.calibration import calibration_error, fit_temperature, reliability
from neuralfinder.job.factories import make_space
from neuralfinder.job.figures import Samples
from neuralfinder.job.finish import finish, unlike
from neuralfinder.job.forecast import LAST_SHARE, PATIENCE, Forecast, rounds, winners_share
from neuralfinder.job.plan import (
    FinishStage,
    LooksStage,
    Plan,
    SearchStage,
    Speed,
    Task,
    TrainingStage,
    WorldStage,
)
from neuralfinder.job.race import Entrant
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.job.trainer import Trainer
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import parse
from neuralfinder.networks.portfolio import small_network
from neuralfinder.search.archive import Archive
from neuralfinder.search.executors import in_process
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.training.batches import Part, Scaling, Views
from neuralfinder.training.build import build
from neuralfinder.training.clock import Clock, Tally
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.model import Model
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup
from neuralfinder.training.trunk import Trunk
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity, Result, Shape

CLASSES = ("zero", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine")
SHAPE = Shape(1, 8, 8)


def part(rows: np.ndarray) -> Part:
    digits = load_digits()
    return Part.of(digits.images[:, None].astype(np.uint8), digits.target.astype(np.int64), rows, torch.device("cpu"))


ORDER = np.random.default_rng(0).permutation(1797)
TEST_ROWS = ORDER[1200:]


@dataclasses.dataclass(frozen=True)
class Bench:
    """A finish that begins: what it is called with, and short names for what tests look at."""

    trainer: Trainer
    forecast: Forecast
    setup: Setup

    @property
    def store(self) -> WeightStore:
        return self.trainer.store

    @property
    def record(self) -> Record:
        return self.trainer.record

    @property
    def space(self) -> ChainSpace:
        return self.forecast.space

    def with_(self, pace: float = 1.0, left: float = math.inf, mac: float = 1e-9, **finish: Any) -> Bench:
        """With other numbers of the plan's finish, another speed and other knowledge of the time."""
        plan = self.forecast.plan
        plan = dataclasses.replace(plan, speed=Speed(Rates(mac=mac)), finish=dataclasses.replace(plan.finish, **finish))
        known = dataclasses.replace(self.forecast, plan=plan, tally=Tally(1.0, pace, 5), work=left)
        return dataclasses.replace(self, forecast=known)

    def finish(
        self,
        archive: Archive,
        look: Callable[[], Part] = lambda: part(TEST_ROWS),
        classes: tuple[Any, ...] = CLASSES,
    ) -> tuple[Model, dict[str, Any]]:
        return finish(self.trainer, self.forecast, self.setup, Samples(classes, 1, look), archive)


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    recipe = dataclasses.replace(RECIPES["fast"], batch_size=32)
    train, validation = part(ORDER[:800]), part(ORDER[800:1200])
    setup = Setup(train, validation, 10, Scaling.of(train), recipe, 32, clock=Clock(math.inf))
    plan = Plan(
        Task(800, 400, len(TEST_ROWS), SHAPE, 10),
        Speed(Rates(mac=1e-9)),
        TrainingStage(32),
        SearchStage(2, True, Fidelity(1)),
        WorldStage(3, 3),
        FinishStage(finalists=2, epochs=4, fixed=True),
        LooksStage(),
    )
    space = make_space(Settings(), SHAPE, 10, plan.speed.rates, math.inf)
    with in_process() as executor, Record(tmp_path / "run.sqlite") as record:
        trainer = Trainer(executor, WeightStore(tmp_path / "weights"), record, Seeds(0), Status())
        yield Bench(trainer, Forecast(plan, space, recipe, recipe), setup)


def archive_of(bench: Bench, *genomes: str) -> Archive:
    archive = Archive()
    for id_, text in enumerate(genomes):
        candidate = Candidate(id_, parse(text), "init", (), id_, Fidelity(1))
        archive.add(candidate, evaluate(candidate, bench.setup, bench.store, falls=False))
    return archive


@pytest.mark.thorough
def test_winner_is_the_best_finalist_on_validation_and_its_test_figures_are_right(bench: Bench, tmp_path: Path) -> None:
    archive = archive_of(bench, "C8.bn M > G", "C16.bn C16.bn M C32.bn > G", bench.forecast.by_hand.key)
    bench = bench.with_(epochs=12)
    looks: list[list[str]] = []

    def look() -> Part:  # comes from another thread
        with Record(tmp_path / "run.sqlite", readonly=True) as record:
            looks.append([event.data["name"] for event in record.read() if event.kind == "final"])
        return part(TEST_ROWS)

    model, figures = bench.finish(archive, look)
    assert [names[0] for names in looks] == ["final-0-0"]  # once
    assert looks[0][-1] == "last"
    *rounds, last = [event.data for event in bench.record.read()]
    scores = {row["genome"]: row["result"]["score"] for row in rounds}
    assert figures["genome"] == max(scores, key=scores.__getitem__) == last["genome"]
    assert figures["validation_accuracy"] == last["result"]["score"]

    test = part(TEST_ROWS)
    answers = model.probabilities(test.pictures.numpy()).argmax(1)
    right = int((answers == test.labels.numpy()).sum())
    assert figures["test_accuracy"] == right / 597 > 0.9
    # Wilson 1927: centre and half width of the 95 % interval
    p, n, z = right / 597, 597, 1.959964
    centre = (p + z * z / (2 * n)) / (1 + z * z / n)
    half = z * math.sqrt(p * (1 - p) / n + z * z / (4 * n * n)) / (1 + z * z / n)
    assert figures["test_interval"] == pytest.approx([centre - half, centre + half], abs=1e-5)
    recalls = [(answers[test.labels.numpy() == k] == k).mean() for k in range(10)]
    assert figures["test_balanced_accuracy"] == pytest.approx(np.mean(recalls))

    guess = majority(bench.setup.train.labels.numpy(), 10)
    baselines = figures["baselines"]
    assert baselines["majority class"]["test_accuracy"] == int((test.labels == guess).sum()) / 597
    assert 0.8 < baselines["logistic regression"]["test_accuracy"] < 0.99
    for name, rival in baselines.items():
        gap = rival["only_winner_right"] - rival["only_this_right"]
        assert gap == right - round(597 * rival["test_accuracy"]), name
        assert 0 <= rival["only_this_right"] <= 597 - right, name
    by_hand = baselines["small network"]
    assert by_hand["genome"] == "C32.bn M C64.bn M C128.bn > G"
    assert by_hand["winner_then"]["epochs"] == pytest.approx(by_hand["epochs"], abs=0.2)


@pytest.mark.thorough
@pytest.mark.parametrize(("left", "known"), [(19.0, False), (21.0, True)])
def test_rivals_are_looked_at_only_where_there_is_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, left: float, known: bool
) -> None:
    """The look at the winner takes ten seconds, so two more are thought to take twenty."""
    archive = archive_of(bench, "C32.bn C32.bn M C64.bn > G", bench.forecast.by_hand.key)
    now = [0.0]

    def look() -> Part:
        now[0] = 0.0
        monkeypatch.setattr("neuralfinder.job.figures.time", SimpleNamespace(monotonic=lambda: now[0]))
        monkeypatch.setattr(Clock, "left", lambda _: left - now[0] + 10.0)
        return part(TEST_ROWS)

    def slowly(model: Model, part: Part, bf16: bool = False) -> np.ndarray:
        now[0] += 10.0
        return np.eye(10)[part.labels.numpy()]

    monkeypatch.setattr(Model, "logits", slowly)
    _, figures = bench.with_(finalists=1).finish(archive, look)
    found = figures["baselines"]["small network"]
    assert ("test_accuracy" in found, "test_accuracy" in found["winner_then"]) == (known, known)
    assert found["winner_then"]["validation_accuracy"] > 0.5 < found["validation_accuracy"]


def test_finish_is_not_done_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(bench, "C8.bn M > G")
    first = bench.finish(archive)[1]

    def fail(*_: object, **__: object) -> Result:
        raise AssertionError("trained again")

    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fail)
    assert bench.finish(archive)[1] == first


def test_without_candidates_the_hand_made_network_comes_back(bench: Bench) -> None:
    _, figures = bench.finish(Archive())
    assert figures["genome"] == small_network(bench.space).key


@pytest.mark.parametrize(
    "limits",
    [{"max_parameters": 20_000}, {"max_size_mb": 0.02}, {"max_latency_ms": 20.0}, {"max_parameters": 400}],
)
def test_the_network_by_hand_keeps_the_limits(bench: Bench, limits: dict[str, float]) -> None:
    """It is what comes back when no candidate was trained; by itself it would have 93,706 parameters and take 61 ms."""
    space = make_space(Settings(options=limits), SHAPE, 10, Rates(), math.inf, Rates(mac=1e-7))
    assert space.infeasible(parse("C32.bn M C64.bn M C128.bn > G")) == "infeasible:cap"
    bench = dataclasses.replace(bench, forecast=dataclasses.replace(bench.forecast, space=space))
    _, figures = bench.finish(Archive())
    assert space.infeasible(parse(figures["genome"])) is None
    assert figures["baselines"]["small network"]["genome"] == figures["genome"]


def test_a_network_by_hand_measured_to_be_too_slow_is_not_handed_over(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("neuralfinder.training.evaluate.forward_seconds", lambda *_: 2e-3)
    space = make_space(Settings(options={"max_latency_ms": 1.5}), SHAPE, 10, Rates(), math.inf, Rates())
    bench = dataclasses.replace(bench, forecast=dataclasses.replace(bench.forecast, space=space))
    with pytest.raises(NothingTrainedError, match=r"takes 2 ms a sample; expected 1\.5 ms at most; allow more"):
        bench.finish(Archive())


def test_one_measured_to_be_too_slow_in_the_race_leaves_its_place_to_the_next(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    scores = {"final-0-0": 0.8, "final-1-0": 0.95, "by-hand-0": 0.97}
    fake = fake_trainings(scores)

    def train(candidate: Candidate, **rest: Any) -> Result:
        milliseconds = 1.0 if candidate.genome.key == "C8.bn M > G" else 2.0
        return dataclasses.replace(fake(candidate, **rest), milliseconds=(milliseconds, 9.0))

    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", train)
    space = make_space(Settings(options={"max_latency_ms": 1.5}), SHAPE, 10, Rates(), math.inf, Rates())
    bench = dataclasses.replace(bench, forecast=dataclasses.replace(bench.forecast, space=space))
    archive = found(("C8.bn M > G", 0.9), ("C16.bn M > G", 0.89), (bench.forecast.by_hand.key, 0.88))
    _, figures = bench.with_(finalists=2, epochs=12).finish(archive)
    assert set(scores) <= set(epochs_of(bench))  # all of them ran
    assert figures["genome"] == "C8.bn M > G"


def test_weights_of_another_training_are_not_taken_for_those_of_the_recorded_one(bench: Bench) -> None:
    """The weights of a recorded training go; a first kill comes when new ones are there and nothing says so."""
    archive, bench = archive_of(bench, "C8.bn M > G"), bench.with_(epochs=6)
    first = bench.finish(archive)[1]
    row = next(event.data for event in bench.record.read() if event.data["name"] == "final-0-0")
    other = Candidate(-1, parse("C8.bn M > G"), "final", (), 5, Fidelity(1))
    evaluate(other, bench.setup, bench.store, "final-0-0")  # has other weights, and as many of them
    again = bench.finish(archive)[1]
    rows = [event.data for event in bench.record.read() if event.data["name"] == "final-0-0"]
    assert len(rows) == 2
    assert rows[1]["result"]["score"] == row["result"]["score"]
    assert again == first


def test_a_recorded_training_of_another_genome_is_not_taken(bench: Bench) -> None:
    bench = bench.with_(epochs=6)
    bench.finish(archive_of(bench, "C8.bn M > G"))
    bench.finish(archive_of(bench, "C16.bn M > G"))
    rows = [event.data["genome"] for event in bench.record.read() if event.data["name"] == "final-0-0"]
    assert rows == ["C8.bn M > G", "C16.bn M > G"]


def test_when_nothing_can_be_trained_it_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object, **__: object) -> None:
        raise MemoryError

    monkeypatch.setattr("neuralfinder.training.evaluate.train", fail)
    with pytest.raises(NothingTrainedError, match=r"no network could be trained: .* lists them"):
        bench.finish(Archive())


def fake_trainings(
    scores: dict[str, float],
    taken: list[tuple[str, float]] | None = None,
    seconds: Callable[[Candidate], float] = lambda _: 0.0,
) -> Callable[..., Result]:
    """Trainings that end with given scores, weights and all; `taken` gets their names and the time left to each."""

    def train(
        candidate: Candidate, setup: Setup, store: WeightStore, name: str, goes_on: str | None, falls: bool, **_: object
    ) -> Result:
        assert goes_on is None or store.trunk_path(goes_on).exists()
        assert falls == (name == "last")
        with torch.random.fork_rng():
            state = build(candidate.genome, SHAPE, 10).state_dict()
        store.save(name, candidate.genome, state, None if falls else Trunk(1, {}, {}, {}))
        if taken is not None:
            taken.append((name, setup.clock.left()))
        return Result(-1, scores.get(name, 0.5), seconds=seconds(candidate))

    return train


def epochs_of(bench: Bench) -> dict[str, float]:
    return {event.data["name"]: event.data["epochs"] for event in bench.record.read() if event.kind == "final"}


def found(*networks: tuple[str, float]) -> Archive:
    """What a search found: genomes and scores, trained for a quarter of an epoch."""
    archive = Archive()
    for id_, (text, score) in enumerate(networks):
        archive.add(Candidate(id_, parse(text), "init", (), 0, Fidelity(1, 0.25)), Result(id_, score))
    return archive


def test_the_worse_half_leaves_after_each_round_and_what_is_clearly_behind_with_it(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = found(
        ("C8.bn M > G", 0.9), ("C16.bn M > G", 0.89), ("C24.bn M > G", 0.88), (bench.forecast.by_hand.key, 0.87)
    )
    scores = {
        "final-0-0": 0.9,
        "final-1-0": 0.93,
        "final-2-0": 0.91,
        "by-hand-0": 0.94,
        "final-1-1": 0.95,
        "final-1-2": 0.95,
    }
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_trainings({**scores, "by-hand-1": 0.94}))
    _, figures = bench.with_(finalists=3, epochs=12).finish(archive)
    assert [*epochs_of(bench)][4:] == ["by-hand-1", "final-1-1", "final-1-2", "last"]
    assert figures["genome"] == "C16.bn M > G"


def test_one_that_is_far_ahead_has_the_rest_of_the_time_alone(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = found(
        ("C8.bn M > G", 0.9), ("C16.bn M > G", 0.89), ("C24.bn M > G", 0.88), (bench.forecast.by_hand.key, 0.87)
    )
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_trainings({"final-2-0": 0.95, "final-2-2": 0.96}))
    bench.with_(finalists=3, epochs=12).finish(archive)
    assert [*epochs_of(bench)][4:] == ["final-2-2", "last"]


@pytest.mark.parametrize(("behind", "enters"), [(0.02, True), (0.2, False)])
def test_the_network_by_hand_runs_while_it_is_not_clearly_behind(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, behind: float, enters: bool
) -> None:
    archive = found(("C8.bn M > G", 0.9), (bench.forecast.by_hand.key, 0.9 - behind))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_trainings({}))
    bench.with_(finalists=1, epochs=12).finish(archive)
    assert ("by-hand-0" in epochs_of(bench)) == enters


@pytest.mark.parametrize(("fixed", "entrants"), [(True, {"final-0"}), (False, {"final-0", "final-1", "final-2"})])
def test_where_there_is_time_more_run_than_planned(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, fixed: bool, entrants: set[str]
) -> None:
    archive = found(*((f"C{width}.bn M > G", 0.9) for width in (8, 16, 24, 32)), (bench.forecast.by_hand.key, 0.2))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_trainings({}))
    bench.with_(finalists=1, epochs=12, fixed=fixed).finish(archive)
    assert {name.rpartition("-")[0] for name in epochs_of(bench) if name != "last"} == entrants


@pytest.mark.thorough
def test_a_race_goes_on_from_what_the_search_trained(bench: Bench) -> None:
    candidate = Candidate(0, bench.forecast.by_hand, "init", (), 0, Fidelity(2))
    recipe = dataclasses.replace(bench.setup.recipe, measures=1)
    setup = dataclasses.replace(bench.setup, recipe=recipe)
    result = evaluate(candidate, setup, bench.store, falls=False)
    archive = Archive()
    archive.add(candidate, result)
    bench = bench.with_(finalists=1, epochs=12)
    _, figures = bench.finish(archive)
    assert epochs_of(bench)["final-0-0"] == pytest.approx((1 - LAST_SHARE) * 12 - 2)
    assert figures["epochs"] == pytest.approx(12)
    assert figures["genome"] == candidate.genome.key
    assert figures["curve"][0] == result.score < figures["validation_accuracy"]


@pytest.mark.thorough
@pytest.mark.parametrize("refit", [False, True])
def test_the_last_training_learns_from_all_data_where_the_recipe_says_so(bench: Bench, refit: bool) -> None:
    recipe = dataclasses.replace(bench.setup.recipe, refit=refit)
    bench = dataclasses.replace(bench, setup=dataclasses.replace(bench.setup, recipe=recipe)).with_(epochs=12)
    model, figures = bench.finish(archive_of(bench, "C16.bn M C32.bn > G"))
    *rounds, last = [event.data for event in bench.record.read()]
    of_winner = [row for row in rounds if row["genome"] == last["genome"]]
    # what has learned from the validation part says nothing by it
    assert figures["refit"] == refit
    judged = of_winner[-1] if refit else last
    assert figures["validation_accuracy"] == judged["result"]["score"]
    found = bench.store.load(judged["name"])
    assert found is not None
    chosen = Model.of(parse(judged["genome"]), found.state, SHAPE, bench.setup.preparation, CLASSES, model.views)
    validation = bench.setup.validation
    temperature = fit_temperature(validation.labels.numpy(), chosen.logits(validation))
    assert temperature == pytest.approx(model.temperature, rel=1e-3)
    assert temperature != pytest.approx(1, rel=0.01)

    test = part(TEST_ROWS)
    told, labels, logits = figures["calibration"], test.labels.numpy(), model.logits(test)
    assert told["temperature"] == model.temperature
    for error, used in (("error_before", logits), ("error_after", logits / model.temperature)):
        expected = calibration_error(reliability(labels, used, told["bins"]))
        assert told[error] == pytest.approx(expected, abs=1e-4)
    shares = model.probabilities(test.pictures.numpy())
    assert figures["answers"]["mistakes"]
    for mistake in figures["answers"]["mistakes"]:
        assert mistake["confidence"] == pytest.approx(shares[mistake["row"]].max(), abs=1e-5)


@pytest.mark.thorough
@pytest.mark.parametrize("refit", [False, True])
@pytest.mark.parametrize(("last", "taken"), [(0.88, True), (0.5, False)])
def test_a_last_training_that_ends_clearly_worse_is_not_taken(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, last: float, taken: bool, refit: bool
) -> None:
    recipe = dataclasses.replace(bench.setup.recipe, refit=refit)
    bench = dataclasses.replace(bench, setup=dataclasses.replace(bench.setup, recipe=recipe))
    monkeypatch.setattr(
        "neuralfinder.job.trainer.evaluate", fake_trainings({"final-0-0": 0.9, "final-0-1": 0.9, "last": last})
    )
    _, figures = bench.with_(finalists=1, epochs=12).finish(found(("C8.bn M > G", 0.9)))
    assert figures["epochs"] == pytest.approx(12 if taken else (1 - LAST_SHARE) * 12, abs=0.25)
    assert figures["refit"] == (refit and taken)


def test_an_unforeseen_error_costs_one_finalist_and_a_full_disk_none(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = archive_of(bench, "C8.bn M > G", "C16.bn M > G")
    save, faults = WeightStore.save, {"final-0-0": RuntimeError("ours"), "final-1-0": OSError(28, "No space left")}

    def failing(store: WeightStore, name: str, *rest: Any) -> None:
        if name in faults:
            raise faults.pop(name)
        save(store, name, *rest)

    monkeypatch.setattr(WeightStore, "save", failing)
    with pytest.raises(OSError, match="No space left"):
        bench.with_(epochs=12).finish(archive)
    bench.with_(epochs=12).finish(archive)
    reasons = {e.data["name"]: e.data["result"]["failure"] for e in bench.record.read() if e.kind == "final"}
    assert reasons.pop("final-0-0") == "error"
    assert set(reasons.values()) == {None}
    assert any("final-0-0" in said and "ours" in said for said in bench.trainer.status.lines)


@pytest.mark.parametrize("pace", [1.0, 2.0])
def test_a_race_fills_the_time_at_the_pace_of_the_search(
    pace: float, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """All trainings together are predicted to take the time there is, equal seconds for all in a round."""
    by_hand = bench.forecast.by_hand.key
    archive = found(
        ("C8.bn M > G", 0.5), ("C256.bn C256.bn M > G", 0.5), ("C384.bn C256.bn M > G", 0.5), (by_hand, 0.5)
    )
    bench = bench.with_(pace, 2000.0, 1e-7, finalists=3, epochs=10**6)

    def seconds(candidate: Candidate) -> float:
        return bench.forecast.full(candidate.genome, candidate.fidelity.epochs * candidate.fidelity.share)

    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_trainings({}, seconds=seconds))
    bench.finish(archive)
    rows = [event.data for event in bench.record.read()]
    seconds = {row["name"]: bench.forecast.full(parse(row["genome"]), row["epochs"]) for row in rows}
    assert seconds["final-0-0"] == pytest.approx(seconds["by-hand-0"], rel=0.1)
    winner = rows[-1]["genome"]
    own = sum(seconds[row["name"]] for row in rows if row["genome"] == winner)
    assert own == pytest.approx(winners_share(2) * 2000, rel=0.1)
    assert sum(seconds.values()) == pytest.approx(2000, rel=0.1)


def test_without_time_left_the_least_is_trained(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search may have used up all that was planned."""
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_trainings({}))
    bench.with_(left=-1.0).finish(found(("C8.bn M > G", 0.9)))
    assert set(epochs_of(bench).values()) == {0.1}


def test_a_slow_finalist_leaves_the_others_their_time(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    taken: list[tuple[str, float]] = []
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_trainings({}, taken))
    setup = dataclasses.replace(bench.setup, clock=Clock(time.monotonic() + 1000))
    bench = dataclasses.replace(bench, setup=setup).with_(left=900.0, mac=1e-6, finalists=1, epochs=10**6)
    bench.finish(found(("C8.bn M > G", 0.5), (bench.forecast.by_hand.key, 0.5)))
    allowed = dict(taken)
    assert allowed["final-0-0"] == pytest.approx(1000 * PATIENCE * rounds(2)[0][1], rel=0.01)
    looking = bench.forecast.last_looks(parse("C8.bn M > G"))
    assert allowed["last"] == pytest.approx(1000 - looking, rel=0.02)


def test_one_finalist_that_is_slow_leaves_its_last_training_the_time(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[tuple[str, float]] = []
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_trainings({}, taken))
    setup = dataclasses.replace(bench.setup, clock=Clock(time.monotonic() + 1000))
    bench = dataclasses.replace(bench, setup=setup).with_(left=950.0, mac=1e-6, finalists=1, epochs=10**6)
    bench.finish(found(("C8.bn M > G", 0.9)))
    assert dict(taken)["final-0-0"] == pytest.approx(1000 * (1 - LAST_SHARE), rel=0.01)


def test_nearly_the_same_networks_do_not_race_each_other() -> None:
    keys = ["C24.bn M C48.bn > G", "C24.bn M C64.bn > G", "C24.bn M C24.bn > G", "C48.bn M C96.bn > G", "C24.bn > G",
            "C24.bn M C48.bn > G.lin", "C24.bn M C48.bn > G | shift0", "C24.bn M C48.k5.bn > G"]  # fmt: skip
    race, others = unlike([Entrant(key, parse(key)) for key in keys])
    assert [each.name for each in others] == ["C24.bn M C64.bn > G", "C24.bn M C24.bn > G"]
    assert [each.name for each in race] == [key for key in keys if key not in {each.name for each in others}]


class TestAsPublished:
    """A recipe whose trainings cannot go on: every finalist is trained fully from the start."""

    @pytest.fixture
    def bench(self, bench: Bench) -> Bench:
        recipe = dataclasses.replace(RECIPES["seed-2017"], patience=None, chance_epochs=None)
        forecast = dataclasses.replace(bench.forecast, final=recipe)
        return dataclasses.replace(bench, setup=dataclasses.replace(bench.setup, recipe=recipe), forecast=forecast)

    @pytest.mark.parametrize(("final", "epochs"), [(0.93, 4), (0.5, 0.25)])
    def test_lucky_search_score_wins_only_over_a_clearly_worse_final(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch, final: float, epochs: float
    ) -> None:
        candidate = Candidate(0, parse("C8.bn M > G"), "init", (), 0, Fidelity(1, 0.25))
        evaluate(candidate, bench.setup, bench.store)
        archive = Archive()
        archive.add(candidate, Result(0, 0.95))
        monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fully_trained({"final-0": final}))
        assert bench.finish(archive)[1]["epochs"] == epochs

    def test_a_candidate_that_the_clock_cut_short_is_trained_fully(self, bench: Bench) -> None:
        candidate = Candidate(0, parse("C8.bn M > G"), "init", (), 0, Fidelity(4))  # as long as the final training
        archive = Archive()
        result = evaluate(candidate, bench.setup, bench.store)
        archive.add(candidate, dataclasses.replace(result, done=0.25, ended="deadline"))
        bench.finish(archive)
        assert "final-0" in epochs_of(bench)

    def test_fully_trained_candidates_are_not_trained_again(
        self, bench: Bench, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        archive = archive_of(bench, "C8.bn M > G")
        bench = bench.with_(epochs=1, retrainings=2)
        monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fully_trained({}))
        _, figures = bench.finish(archive)
        assert [*epochs_of(bench)] == ["retrain-0", "retrain-1"]
        assert figures["genome"] == "C8.bn M > G"
        assert len(figures["retrained"]) == 2

    def test_what_the_search_trained_to_the_end_may_win(self, bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
        """A leader that needs no further training stands beside one trained fully, and wins by its score."""
        archive = Archive()
        for id_, (text, score, epochs) in enumerate([("C8.bn M > G", 0.95, 4), ("C16.bn M > G", 0.9, 1)]):
            candidate = Candidate(id_, parse(text), "init", (), 0, Fidelity(epochs))
            evaluate(candidate, bench.setup, bench.store)
            archive.add(candidate, Result(id_, score, ended="complete"))
        monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fully_trained({"final-1": 0.93}))
        _, figures = bench.finish(archive)
        assert figures["genome"] == "C8.bn M > G"


def fully_trained(scores: dict[str, float]) -> Callable[..., Result]:
    """Trainings from the start to the end that end with given scores, weights and all."""

    def train(candidate: Candidate, setup: Setup, store: WeightStore, name: str, **_: object) -> Result:
        with torch.random.fork_rng():
            store.save(name, candidate.genome, build(candidate.genome, SHAPE, 10).state_dict())
        return Result(-1, scores.get(name, 0.5))

    return train


def test_model_survives_its_files(bench: Bench, tmp_path: Path) -> None:
    classes = ("cat", "chien", "猫", "3", "2.5", "True", "g", "h|", "\udce9", "")
    model, _ = bench.finish(archive_of(bench, "C8.bn M C16 > G"), classes=classes)
    model = dataclasses.replace(model, views=Views(shift=True))
    model.save(tmp_path / "model")
    loaded = Model.load(tmp_path)
    assert loaded.views == model.views
    pictures = part(TEST_ROWS).pictures.numpy()[:20]
    assert np.array_equal(model.probabilities(pictures), loaded.probabilities(pictures))
    assert [*map(repr, loaded.classes)] == [*map(repr, classes)]
    with pytest.raises(InputError, match=r"no model; expected a folder with model\.safetensors"):
        Model.load(tmp_path / "weights")
