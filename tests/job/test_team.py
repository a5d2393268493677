"""Networks of one kind that share the winner's minutes: when, for how long, and that they answer together."""

from __future__ import annotations

import dataclasses
import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from test_finish import ORDER, Bench, archive_of, bench, part  # noqa: F401 - a fixture
from test_race import GENOMES, SCORES, SETUP, Fake, forecast_of, seconds_of

from neuralfinder.errors import InputError
from neuralfinder.job.factories import make_space
from neuralfinder.job.finish import WORSE_TOGETHER
from neuralfinder.job.forecast import LAST_SHARE, Forecast, noise
from neuralfinder.job.interrupts import Interrupts
from neuralfinder.job.race import TOGETHER, Entrant, last_trainings, race
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.job.team import Turns, brought_by, coming, copies
from neuralfinder.job.trainer import Asked, Processes, Trained
from neuralfinder.job.workers import beside, most_beside
from neuralfinder.networks.cost import cost, file_bytes
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.networks.recipe_genes import SMALL
from neuralfinder.search.record import Record
from neuralfinder.training.build import Team, build
from neuralfinder.training.clock import Clock
from neuralfinder.training.model import Model
from neuralfinder.training.threads import THREADS
from neuralfinder.training.train import Setup
from neuralfinder.types import Shape


def looked(*scores: float, epochs: float = 20.0, genome: Genome = GENOMES[1]) -> list[Trained]:
    """A network after trainings of which each is twice as long as the one before."""
    return [
        Trained(str(place), genome, score, 1, epochs * 2**place, (score,), "complete", 1.0, 1.0)
        for place, score in enumerate(scores)
    ]


def with_copies(forecast: Forecast, count: int, **caps: Any) -> Forecast:
    finish = dataclasses.replace(forecast.plan.finish, copies=count)
    plan, space = dataclasses.replace(forecast.plan, finish=finish), dataclasses.replace(forecast.space, **caps)
    return dataclasses.replace(forecast, plan=plan, space=space)


@given(st.floats(0, 2), st.floats(0.1, 1000), st.floats(1, 1000), st.floats(0, 4), st.floats(0, 4))
def test_more_training_brings_more_the_less_there_was(
    brought: float, passes: float, steps: float, one: float, more: float
) -> None:
    assert coming(brought, passes, steps, 0.0) == 0.0
    assert coming(brought, passes, steps, one + more) >= coming(brought, passes, steps, one)
    assert coming(brought, passes, steps, one) >= coming(brought, 2 * passes, steps, one)


@given(st.floats(0.1, 0.9), st.floats(0.1, 0.9), st.floats(0.5, 50))
def test_many_samples_say_what_a_doubling_brought_and_few_what_is_usual(one: float, two: float, epochs: float) -> None:
    before, now = looked(one, two, epochs=epochs)
    few, some, many = (brought_by(before, now, samples) for samples in (2, 500, 10_000_000))
    seen = max(0.0, math.log(two / (1 - two)) - math.log(one / (1 - one)))
    assert many == pytest.approx(seen, abs=0.01)
    assert min(few, many) <= some <= max(few, many)


@pytest.mark.parametrize(
    ("scores", "affordable", "expected"),
    [
        ((0.70, 0.70), 160.0, 4),  # brings nothing more, and there is time for four
        ((0.70, 0.70), 85.0, 2),  # for two
        ((0.70, 0.70), 60.0, 1),  # for one and a half
        ((0.50, 0.80), 160.0, 1),  # still learns fast
        ((0.70,), 85.0, 2),  # nobody knows what more brings: as usual after forty passes
        ((0.999, 0.999), 160.0, 1),  # nothing is left to be put right
        ((0.11, 0.11), 160.0, 1),  # knows nothing yet
    ],
)
def test_time_is_shared_where_more_training_brings_little(scores: Any, affordable: float, expected: int) -> None:
    forecast = with_copies(forecast_of(1000.0), 4)
    looks = looked(*scores, epochs=40.0 / len(scores))
    assert copies(forecast, looks, affordable, 10_000.0, 0.1, past_best=False) == expected
    assert copies(with_copies(forecast, 1), looked(*scores), affordable, 10_000.0, 0.1, past_best=False) == 1


def test_time_that_one_network_may_not_use_is_shared_in_any_case() -> None:
    forecast, looks = with_copies(forecast_of(1000.0), 4), looked(0.50, 0.80)
    assert copies(forecast, looks, 160.0, 10_000.0, 0.1, past_best=False) == 1
    assert copies(forecast, looks, 160.0, 41.0, 0.1, past_best=False) > 1
    assert copies(forecast, looked(0.6), 160.0, 10_000.0, 0.1, past_best=True) > 1  # learns by heart
    assert copies(forecast, looked(0.6, epochs=0.4), 160.0, 10_000.0, 0.1, past_best=True) == 1  # by chance, so early


def test_small_pictures_do_not_last_longer_for_those_who_share() -> None:
    """They are two fifths of all that one alone is trained for, and of the half that one of two is."""
    forecast = with_copies(forecast_of(100.0, longest=10_000), 4)
    genome = dataclasses.replace(GENOMES[1], recipe=SMALL)
    in_all = forecast.in_all(genome)
    assert in_all
    for share, expected in ((0.35, 1), (0.18, 2), (0.05, 4)):
        looks = looked(0.7, 0.7, epochs=share * in_all / 2, genome=genome)
        half = [dataclasses.replace(look, half=True) for look in looks]
        assert copies(forecast, half, 0.7 * in_all, 10_000.0, 0.1, past_best=True) == expected


def test_networks_together_keep_the_users_limits() -> None:
    forecast, looks = with_copies(forecast_of(1000.0), 4), looked(0.7, 0.7)
    parameters = forecast.space.cost(GENOMES[1]).parameters
    capped = with_copies(forecast, 4, max_parameters=3 * parameters + 1)
    assert copies(capped, looks, 160.0, 10_000.0, 0.1, past_best=False) == 3
    slow = with_copies(forecast, 4, max_forward_seconds=0.0025)  # each takes a millisecond
    assert copies(slow, looks, 160.0, 10_000.0, 0.1, past_best=False) == 2


@dataclasses.dataclass
class FakeOfTeams(Fake):
    """As `Fake`, of trainings that say how long small pictures last; others of a kind are as good as the first."""

    def train(self, name: str, genome: Genome, epochs: float, setup: Any, share: float, **more: Any) -> Trained | None:
        own = name.removesuffix("-last")
        falls = name == "last" or name != own
        score = 0.5 if falls or own.startswith("mate-") else self._score(*own.rsplit("-", 1))
        seconds = self.slower * self.forecast.seconds(genome, epochs, setup.recipe)
        self.trained.append((name, epochs, seconds))
        assert more.pop("falls", True) is falls
        before = more.get("goes_on")
        epochs += before.epochs if before else 0.0
        return score and Trained(name, genome, score, 1, epochs, (score,), "complete", math.nan, seconds)

    def train_beside(
        self, asked: Sequence[Asked], at_once: int, setup: Setup, share: float, *, falls: bool = True
    ) -> list[Trained | None]:
        """Ended by the clock, in turn; the seconds are written down of all together."""
        assert 1 < at_once <= self.at_once
        assert not falls
        waves, done, nan = math.ceil(len(asked) / at_once), list[Trained | None](), math.nan
        each = share * self.left / waves
        for own in asked:
            whole = self.slower * at_once * self.forecast.seconds(own.genome, own.epochs, setup.recipe)
            epochs = own.epochs * min(1.0, each / whole) + (own.goes_on.epochs if own.goes_on else 0.0)
            seconds = min(each, whole)
            score = self._score(*own.name.rsplit("-", 1)) if own.goes_on else 0.5
            done.append(score and Trained(own.name, own.genome, score, 1, epochs, (score,), "complete", nan, seconds))
        self.trained.append(("beside", len(asked), waves * max(own.seconds for own in done if own)))
        return done

    @property
    def left(self) -> float:
        return self.forecast.left - sum(seconds for *_, seconds in self.trained)


@settings(max_examples=300, deadline=None)
@given(st.data())
def test_a_race_with_others_of_the_winners_kind_takes_no_longer_than_there_is_time(data: Any) -> None:
    genomes = data.draw(st.lists(st.sampled_from(GENOMES), min_size=1, max_size=4))
    forecast = with_copies(forecast_of(data.draw(st.floats(1, 600)), data.draw(st.sampled_from([3, 20, 500]))), 4)
    entrants = [Entrant(f"final-{place}", genome) for place, genome in enumerate(genomes)]
    fake = FakeOfTeams(forecast, {entrant.name: data.draw(SCORES) for entrant in entrants})
    fake.at_once = data.draw(st.integers(1, 5))
    standing, after = race(fake, forecast, SETUP, entrants)  # type: ignore[arg-type]
    first = standing[0]
    if not first.trained:
        return
    fake.forecast = after
    lasts = last_trainings(fake, after, SETUP, first, 1.0)  # type: ignore[arg-type]
    assert len(lasts) == 1 + len(first.mates) <= 4
    assert seconds_of(fake) <= forecast.left * (1 + 0.25 * bool(first.mates)) + 1e-6
    assert all(mate.epochs >= 0.5 * first.epochs for mate in first.mates)


@pytest.mark.parametrize("scores", [[0.70, 0.71, 0.71, 0.71], [0.70, 0.71, 0.40, 0.72], [0.70, 0.40, 0.72]])
def test_who_gains_little_is_one_of_several_and_all_the_time_is_used(scores: list[float]) -> None:
    """Also where it seemed to learn by heart before, so that it went back."""
    forecast = with_copies(forecast_of(100.0, longest=10_000), 4)
    fake = FakeOfTeams(forecast, {"final-0": scores})
    (winner,), after = race(fake, forecast, SETUP, [Entrant("final-0", GENOMES[1])])  # type: ignore[arg-type]
    assert 1 <= len(winner.mates) <= 3
    assert {name for name, *_ in fake.trained if name.startswith("mate")} == {mate.name for mate in winner.mates}
    lasts = (1 + len(winner.mates)) * 3 / 7 * after.seconds(GENOMES[1], winner.epochs, SETUP.recipe)
    assert seconds_of(fake) + lasts == pytest.approx(100.0, rel=0.15)


class _Heard(Status):
    """A status that knows of which trainings it was told, and at which epochs."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[tuple[str, float]] = []

    def train(self, name: str, genome: str, epoch: float, epochs: float, score: float | None) -> None:
        super().train(name, genome, epoch, epochs, score)
        self.heard.append((name, epoch))


@pytest.mark.thorough
@pytest.mark.parametrize("at_once", [1, 2])
def test_a_finish_hands_over_networks_that_answer_together(
    bench: Bench,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    at_once: int,
) -> None:
    monkeypatch.setattr("neuralfinder.job.race.copies", lambda *_, **__: 2)
    genome = "C8.bn M C8.bn > G"
    archive = archive_of(bench, genome)
    bench = bench.with_(left=4.0, mac=3e-8, epochs=12, finalists=1, copies=2)
    with beside(Interrupts(lambda: None)) as several:
        processes, status = Processes(several, at_once, tmp_path / "shared"), _Heard()
        trainer = dataclasses.replace(bench.trainer, processes=processes, status=status)
        setup = dataclasses.replace(bench.setup, clock=Clock(time.monotonic() + 60))
        bench = dataclasses.replace(bench, trainer=trainer, setup=setup)
        model, figures = bench.finish(archive)
    names = [event.data["name"] for event in bench.record.read() if event.kind == "final"]
    assert {"mate-1", "team", "last", "mate-1-last"} <= set(names)
    assert any(name.endswith(f"-{TOGETHER}") for name in names) is (at_once == 2)
    assert any(name == f"final-0-{TOGETHER}, mate-1" and epoch > 0 for name, epoch in status.heard) is (at_once == 2)
    assert (model.genome.key, figures["genome"], figures["copies"]) == (f"2x {genome}", genome, 2)
    assert figures["parameters"] == 2 * cost(parse(genome), model.shape, 10).parameters
    rows = part(ORDER[1200:1260])
    expected = np.mean([_probabilities(bench, name, model, rows) for name in ("last", "mate-1-last")], axis=0)
    logits = torch.from_numpy(model.logits(rows))
    np.testing.assert_allclose(logits.softmax(1), expected, atol=1e-5)
    again, figures_again = bench.finish(archive)  # as after a kill: nothing is trained again
    assert [event.data["name"] for event in bench.record.read() if event.kind == "final"] == names
    np.testing.assert_array_equal(again.logits(rows), model.logits(rows))
    assert figures_again["test_accuracy"] == figures["test_accuracy"]


def _probabilities(bench: Bench, name: str, model: Model, rows: Any) -> np.ndarray:  # noqa: F811
    alone = Model.of(
        model.genome.alone, bench.store.needed(name).state, model.shape, model.preparation, model.classes, model.views
    )
    return np.asarray(torch.from_numpy(alone.logits(rows)).softmax(1))


@pytest.mark.parametrize(("behind", "count"), [(0.9, 2), (1.1, 1)])
def test_who_is_clearly_worse_together_is_alone(
    bench: Bench,  # noqa: F811
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    behind: float,
    count: int,
) -> None:
    """Together they are so many times the margin behind the first of them."""

    def score(*_: Any) -> float:
        with Record(tmp_path / "run.sqlite", readonly=True) as record:
            trained = [event.data for event in record.read() if event.kind == "final"]
        alone = next(each["result"]["score"] for each in reversed(trained) if each["name"].startswith("final-0"))
        return float(alone - behind * WORSE_TOGETHER * noise(alone, len(bench.setup.validation)))

    monkeypatch.setattr("neuralfinder.job.race.copies", lambda *_, **__: 2)
    monkeypatch.setattr("neuralfinder.job.trainer.score", score)
    archive = archive_of(bench, "C8.bn M C8.bn > G")
    model, figures = bench.with_(left=4.0, mac=3e-8, epochs=12, finalists=1, copies=2).finish(archive)
    names = [event.data["name"] for event in bench.record.read() if event.kind == "final"]
    assert "team" in names
    assert ("mate-1-last" in names) is (count == 2)
    assert (model.genome.copies, figures["copies"]) == (count, count)


@given(st.integers(1, 9), st.integers(1, 16))
def test_who_is_beside_others_takes_less_time_than_who_is_after_them(count: int, most: int) -> None:
    turns = Turns(count, most)
    assert 1 <= turns.at_once <= min(count, most)
    assert turns.taken <= count
    assert (turns.taken < count) is (turns.at_once > 1)
    assert Turns(count, 1).taken == count
    assert turns.taken >= 1 == Turns(1, most).taken


@given(st.integers(2, 9), st.integers(1, 16), st.floats(0, 100), st.floats(0, 100))
def test_who_is_far_ahead_has_no_others_beside_it(count: int, most: int, done: float, left: float) -> None:
    """They could not come near it in the time that is left; one after the other it stops for them."""
    turns = Turns(count, most)
    assert turns.each(done, left) >= (done + left) / count
    assert not turns.pays(10 * left + 1, left)
    assert turns.pays(0.0, 1 + left) is (turns.at_once > 1)
    if turns.pays(done, left):
        assert turns.each(done, left) == left / turns.taken


def test_networks_of_a_kind_train_beside_each_other_and_all_the_time_is_used() -> None:
    """The one that is ahead goes on as one of them; each has more than half of the time that it would have alone."""
    forecast = with_copies(forecast_of(100.0, longest=10_000), 2)
    fake = FakeOfTeams(forecast, {"final-0": [0.70, 0.71, 0.71, 0.71]}, slower=0.75, at_once=2)
    (winner,), after = race(fake, forecast, SETUP, [Entrant("final-0", GENOMES[1])])  # type: ignore[arg-type]
    (mate,) = winner.mates
    assert winner.trained
    assert winner.trained.epochs > mate.epochs > 0.5 * winner.trained.epochs
    assert fake.trained[-1][0] == "beside"
    assert after.left == pytest.approx(LAST_SHARE * 100.0, rel=0.1)
    assert mate.epochs > 0.5 * forecast.epochs_within(GENOMES[1], 0.7 * 100.0, 10_000, SETUP.recipe)


@given(st.integers(2, 4), st.sampled_from(["C4.bn M C6 > G.lin", "@24 C4.bn > GM", "C4 M > F8", "I > F0"]))
def test_a_team_is_so_many_networks_side_by_side(count: int, text: str) -> None:
    genome, shape = dataclasses.replace(parse(text), copies=count), Shape(3, 30, 24)
    team = build(genome, shape, 5)
    assert isinstance(team, Team)
    assert sum(own.numel() for own in team.parameters()) == cost(genome, shape, 5).parameters
    assert file_bytes(genome, shape, 5) >= 4 * cost(genome, shape, 5).parameters
    side = genome.seen(shape)
    pictures = torch.rand(2, side.channels, side.height, side.width)
    with torch.no_grad():
        each = [member.eval()(pictures).softmax(1) for member in team.members]
        torch.testing.assert_close(team.eval()(pictures).softmax(1), torch.stack(each).mean(0))
        assert team.train()(pictures).shape[:2] == (2, 5)
    assert len({each[0, 0].item() for each in each}) == count


def test_where_no_process_can_begin_networks_train_one_after_the_other(bench: Bench, tmp_path: Path) -> None:  # noqa: F811
    def refuses(count: int) -> Any:
        raise OSError("no more of them")

    trainer = dataclasses.replace(bench.trainer, processes=Processes(refuses, 2, tmp_path))
    asked = [Asked(f"mate-{place}", parse("C8.bn > G"), 1.0) for place in range(2)]
    assert [each and each.name for each in trainer.train_beside(asked, 2, bench.setup)] == ["mate-0", "mate-1"]
    assert "one after the other" in bench.trainer.status.lines[-1]


@pytest.mark.parametrize(
    ("given", "most"),
    [
        ({}, 4),
        ({"workers": 1}, 1),
        ({"workers": 2}, 4),
        ({"options": {"max_latency_ms": 5.0}}, 1),
        ({"timed": False}, 1),
    ],
)
def test_networks_are_trained_beside_each_other_where_it_does_no_harm(
    monkeypatch: pytest.MonkeyPatch, given: dict[str, Any], most: int
) -> None:
    monkeypatch.setattr(THREADS, "most", 4)
    forecast = forecast_of(100.0)
    if not given.pop("timed", True):
        finish = dataclasses.replace(forecast.plan.finish, seconds=None)
        forecast = dataclasses.replace(forecast, plan=dataclasses.replace(forecast.plan, finish=finish))
    chosen = Settings(**given)
    space = make_space(chosen, Shape(1, 8, 8), 10, forecast.plan.speed.rates, math.inf)
    forecast = dataclasses.replace(forecast, space=space)
    assert most_beside(chosen, torch.device("cpu"), forecast) == most
    assert most_beside(chosen, torch.device("cuda"), forecast) == 1


def test_texts_are_answered_about_by_one_network() -> None:
    with pytest.raises(InputError, match="2 for texts"):
        build(parse("2x C4 > G"), Shape(4, 1, 16, vocabulary=10), 2)
