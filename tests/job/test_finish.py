"""The finish: full training, choice by validation, honest baselines, one look at the test part."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.datasets import load_digits

from neuralfinder.errors import InputError, NothingTrainedError
from neuralfinder.job.baselines import majority
from neuralfinder.job.factories import make_space
from neuralfinder.job.figures import Samples
from neuralfinder.job.finish import finish
from neuralfinder.job.forecast import BASELINE_SHARE, Forecast
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
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.job.trainer import Trainer
from neuralfinder.networks.chains import ChainSpace, small_network
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import parse
from neuralfinder.search.archive import Archive
from neuralfinder.search.executors import in_process
from neuralfinder.search.record import Record
from neuralfinder.seeds import Seeds
from neuralfinder.training.batches import Part, Scaling, Views
from neuralfinder.training.build import build
from neuralfinder.training.clock import Clock
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.model import Model
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup
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
        return dataclasses.replace(self, forecast=dataclasses.replace(self.forecast, plan=plan, pace=pace, left=left))

    def finish(
        self,
        archive: Archive,
        look: Callable[[Any], Part] = lambda _: part(TEST_ROWS),
        classes: tuple[Any, ...] = CLASSES,
    ) -> tuple[Model, dict[str, Any]]:
        def whole(setup: Setup) -> Setup:
            return dataclasses.replace(setup, train=setup.train.joined(setup.validation))

        return finish(self.trainer, self.forecast, self.setup, Samples(classes, whole, look), archive)


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
        FinishStage(finalists=2, epochs=4),
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
        archive.add(candidate, evaluate(candidate, bench.setup, bench.store))
    return archive


def test_winner_is_the_best_finalist_on_validation_and_its_test_figures_are_right(bench: Bench, tmp_path: Path) -> None:
    archive = archive_of(bench, "C8.bn M > G", "C16.bn C16.bn M C32.bn > G")
    looks = []

    def look(_: object) -> Part:  # comes from another thread
        with Record(tmp_path / "run.sqlite", readonly=True) as record:
            looks.append([event.data["name"] for event in record.read() if event.kind == "final"])
        return part(TEST_ROWS)

    model, figures = bench.finish(archive, look)
    assert looks == [["final-0", "final-1", "baseline"]]  # once, when everything was decided
    finals = {e.data["genome"]: e.data["result"]["score"] for e in bench.record.read() if e.data["name"] != "baseline"}
    assert figures["genome"] == max(finals, key=lambda genome: finals[genome])
    assert figures["validation_accuracy"] >= max(finals.values())  # more when several views of a picture help

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
    assert baselines["small network"]["genome"] == "C32.bn M C64.bn M C128.bn > G"


def test_finish_is_not_done_twice(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(bench, "C8.bn M > G")
    first = bench.finish(archive)[1]
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", None)  # training again would fail
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


def test_weights_of_another_training_are_not_taken_for_those_of_the_recorded_one(bench: Bench) -> None:
    """The weights of a recorded training go; a first kill comes when new ones are there and nothing says so."""
    archive = archive_of(bench, "C8.bn M > G")
    first = bench.finish(archive)[1]
    row = next(event.data for event in bench.record.read() if event.data["name"] == "final-0")
    other = Candidate(-1, parse("C8.bn M > G"), "final", (), 5, Fidelity(1))
    evaluate(other, bench.setup, bench.store, "final-0")  # has other weights, and as many of them
    again = bench.finish(archive)[1]
    rows = [event.data for event in bench.record.read() if event.data["name"] == "final-0"]
    assert len(rows) == 2
    assert rows[1]["result"]["score"] == row["result"]["score"]
    assert again == first


def test_a_recorded_training_of_another_genome_is_not_taken(bench: Bench) -> None:
    bench.finish(archive_of(bench, "C8.bn M > G"))
    _, figures = bench.finish(archive_of(bench, "C16.bn M > G"))
    assert figures["genome"] == "C16.bn M > G"


def test_when_nothing_can_be_trained_it_says_so(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise MemoryError

    monkeypatch.setattr("neuralfinder.training.evaluate.train", fail)
    with pytest.raises(NothingTrainedError, match=r"no network could be trained; .* lists the reasons"):
        bench.finish(Archive())


def fake_finals(scores: dict[str, float]) -> Callable[..., Result]:
    """Trainings that end with given scores, weights and all."""

    def train(candidate: Candidate, setup: Setup, store: WeightStore, name: str) -> Result:
        with torch.random.fork_rng():
            store.save(name, candidate.genome, build(candidate.genome, SHAPE, 10).state_dict())
        return Result(-1, scores.get(name, 0.5))

    return train


@pytest.mark.parametrize(("final", "winner"), [(0.93, "final"), (0.5, "search")])
def test_lucky_search_score_wins_only_over_a_clearly_worse_final(
    bench: Bench, monkeypatch: pytest.MonkeyPatch, final: float, winner: str
) -> None:
    candidate = Candidate(0, parse("C8.bn M > G"), "init", (), 0, Fidelity(1))
    evaluate(candidate, bench.setup, bench.store)
    archive = Archive()
    archive.add(candidate, Result(0, 0.95))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_finals({"final-0": final}))
    _, figures = bench.finish(archive)
    assert figures["epochs"] == (4 if winner == "final" else 1.0)


def test_an_unforeseen_error_costs_one_finalist(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(bench, "C8.bn M > G", "C16.bn M > G")
    second = archive.best(2)[1].genome
    save = WeightStore.save

    def full_once(store: WeightStore, name: str, *rest: Any) -> None:
        if name == "final-0":
            raise OSError(28, "No space left on device")
        save(store, name, *rest)

    monkeypatch.setattr(WeightStore, "save", full_once)
    _, figures = bench.finish(archive)
    assert figures["genome"] == second.key
    reasons = [(e.data["name"], e.data["result"]["failure"]) for e in bench.record.read() if e.kind == "final"]
    assert reasons == [("final-0", "error"), ("final-1", None), ("baseline", None)]
    assert any("final-0" in said and "No space left on device" in said for said in bench.trainer.status.lines)


def test_a_candidate_that_the_clock_cut_short_is_trained_fully(bench: Bench) -> None:
    candidate = Candidate(0, parse("C8.bn M > G"), "init", (), 0, Fidelity(4))  # as long as the final training
    archive = Archive()
    result = evaluate(candidate, bench.setup, bench.store)
    archive.add(candidate, dataclasses.replace(result, done=0.25, ended="deadline"))
    bench.finish(archive)
    assert "final-0" in {event.data["name"] for event in bench.record.read() if event.kind == "final"}


def test_fully_trained_candidates_are_not_trained_again(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = archive_of(bench, "C8.bn M > G")
    bench = bench.with_(epochs=1, retrainings=2)
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_finals({}))
    _, figures = bench.finish(archive)
    names = [event.data["name"] for event in bench.record.read()]
    assert names == ["baseline", "retrain-0", "retrain-1"]
    assert figures["genome"] == "C8.bn M > G"
    assert len(figures["retrained"]) == 2


@pytest.mark.parametrize("text", ["C64.bn C64.bn C64.bn > G", "C8.bn > G"])
def test_hand_made_network_trains_as_many_epochs_but_no_longer_than_its_share(
    text: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    candidate = Candidate(0, parse(text), "init", (), 0, Fidelity(1))
    archive = Archive()
    archive.add(candidate, Result(0, 0.9))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_finals({"final-0": 0.95}))
    bench = bench.with_(mac=1e-6, epochs=40)
    bench.finish(archive)
    epochs = {event.data["name"]: event.data["epochs"] for event in bench.record.read()}
    macs = [bench.space.cost(g).macs for g in (candidate.genome, small_network(bench.space))]
    assert epochs["final-0"] == 40
    affordable = 40 * BASELINE_SHARE * macs[0] / macs[1]
    assert epochs["baseline"] == pytest.approx(max(1, min(40, affordable)), rel=0.15)


@pytest.mark.parametrize(
    ("pace", "text"), [(1.0, "C64.bn C64.bn M > G"), (2.0, "C64.bn C64.bn M > G"), (1.0, "C8.bn > G")]
)
def test_finals_fill_the_time_at_the_pace_of_the_search(
    pace: float, text: str, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Finalist and network by hand together are predicted to take the time there is, whatever each one needs of it."""
    archive = Archive()
    archive.add(Candidate(0, parse(text), "init", (), 0, Fidelity(1)), Result(0, 0.9))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_finals({"final-0": 0.95}))
    bench = bench.with_(pace, 1250.0, 1e-7, finalists=1, epochs=10**6)
    bench.finish(archive)
    seconds = [
        bench.forecast.full(parse(e.data["genome"]), e.data["epochs"])
        for e in bench.record.read()
        if e.data["name"] in ("final-0", "baseline")
    ]
    assert len(seconds) == 2
    assert sum(seconds) == pytest.approx(1250, rel=0.02)


def test_part_of_an_epoch_is_used(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    archive = Archive()
    archive.add(Candidate(0, parse("C64.bn C64.bn M > G"), "init", (), 0, Fidelity(1, 0.25)), Result(0, 0.9))
    given: list[Fidelity] = []
    train = fake_finals({"final-0": 0.95})

    def note(candidate: Candidate, setup: Setup, store: WeightStore, name: str) -> Result:
        given.append(candidate.fidelity)
        return train(candidate, setup, store, name)

    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", note)
    bench = bench.with_(mac=1e-7, finalists=1, epochs=60)
    left = 0.9 * bench.forecast.full(parse("C64.bn C64.bn M > G"), 2) * (1 + BASELINE_SHARE)
    bench = bench.with_(left=left, mac=1e-7, finalists=1, epochs=60)
    bench.finish(archive)
    assert given[0].epochs == 2
    assert 0.75 < given[0].share < 1


def test_large_finalists_get_what_small_ones_leave(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """All trainings together are predicted to fill the time, and only what needs less gets less than the others."""
    archive = Archive()
    for id_, text in enumerate(["C8.bn M > G", "C256.bn C256.bn M > G", "C384.bn C256.bn M > G"]):
        archive.add(Candidate(id_, parse(text), "init", (), 0, Fidelity(1)), Result(id_, 0.9 - 0.1 * id_))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_finals({"final-1": 0.95}))
    bench = bench.with_(left=20_000.0, mac=1e-7, finalists=3, epochs=200)
    bench.finish(archive)
    rows = [event.data for event in bench.record.read()]
    epochs = {row["name"]: row["epochs"] for row in rows}
    seconds = {row["name"]: bench.forecast.full(parse(row["genome"]), row["epochs"]) for row in rows}
    assert epochs["final-0"] == 200
    assert epochs["final-2"] < epochs["final-1"] < 200
    assert seconds["final-1"] == pytest.approx(seconds["final-2"], rel=0.05)
    assert sum(seconds.values()) == pytest.approx(20_000, rel=0.05)


def test_without_time_left_finalists_get_an_epoch(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """The search may have used up all that was planned; what is found with less than an epoch is trained for one."""
    archive = Archive()
    archive.add(Candidate(0, parse("C8.bn M > G"), "init", (), 0, Fidelity(1, 0.25)), Result(0, 0.9))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_finals({"final-0": 0.95}))
    bench.with_(left=-1.0).finish(archive)
    assert [event.data["epochs"] for event in bench.record.read() if event.data["name"] == "final-0"] == [1]


def test_a_slow_finalist_leaves_the_network_by_hand_its_share(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    allowed: dict[str, float] = {}

    def train(candidate: Candidate, setup: Setup, store: WeightStore, name: str) -> Result:
        allowed[name] = setup.clock.left()
        return fake_finals({})(candidate, setup, store, name)

    archive = Archive()
    archive.add(Candidate(0, parse("C8.bn M > G"), "init", (), 0, Fidelity(1)), Result(0, 0.9))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", train)
    setup = dataclasses.replace(bench.setup, clock=Clock(time.monotonic() + 1000))
    dataclasses.replace(bench, setup=setup).finish(archive)
    assert allowed["final-0"] == pytest.approx(1000 / (1 + BASELINE_SHARE), rel=0.01)
    assert allowed["baseline"] == pytest.approx(1000, rel=0.01)


def test_what_the_search_trained_to_the_end_may_win(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    """A leader that needs no further training stands beside one that was trained fully, and wins by its score."""
    archive = Archive()
    for id_, (text, score, epochs) in enumerate([("C8.bn M > G", 0.95, 4), ("C16.bn M > G", 0.9, 1)]):
        candidate = Candidate(id_, parse(text), "init", (), 0, Fidelity(epochs))
        evaluate(candidate, bench.setup, bench.store)
        archive.add(candidate, Result(id_, score, ended="complete"))
    monkeypatch.setattr("neuralfinder.job.trainer.evaluate", fake_finals({"final-1": 0.93}))
    _, figures = bench.finish(archive)
    assert figures["genome"] == "C8.bn M > G"


def test_model_survives_its_files(bench: Bench, tmp_path: Path) -> None:
    classes = ("cat", "chien", "猫", 3, 2.5, True, "g", "h", "i", "j")
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
