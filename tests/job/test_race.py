"""The race of the finalists: it keeps to its time, is fair, and the best go on."""

from __future__ import annotations

import dataclasses
import math
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from setups import setup_of_digits

from neuralfinder.job.factories import make_space
from neuralfinder.job.forecast import (
    FIRST_ROUND,
    LAST_ROUND,
    LEAST_LAST,
    Forecast,
    first_round,
    noise,
    rounds,
    winners_share,
)
from neuralfinder.job.plan import FinishStage, LooksStage, Plan, SearchStage, Speed, Task, TrainingStage, WorldStage
from neuralfinder.job.race import AS_FOUND, ONCE_MORE, PIECES, WORSE, Entrant, best_first, last_trainings, race
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.job.team import LEAST_GROWTH
from neuralfinder.job.trainer import Trained
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.expectation import Expectation, Past
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup
from neuralfinder.types import Fidelity, Shape

SETUP = setup_of_digits()
GENOMES = [parse(key) for key in ("C8.bn > G", "C16.bn M C32.bn > G", "C32.bn C64.bn > G", "C64.bn C128.bn C64.bn > G")]
LEAST = 0.1
"""Epochs of the shortest training."""


@dataclasses.dataclass
class Fake:
    """A trainer in name alone: each training takes as long as predicted, times `slower`.

    Attributes:
        forecast: what predicts.
        scores: validation accuracy by name of entrant, one for each of its trainings in turn; `None` for a failure.
        at_once: how many it trains beside each other.
    """

    forecast: Forecast
    scores: dict[str, list[float | None]]
    slower: float = 1.0
    trained: list[tuple[str, float, float]] = dataclasses.field(default_factory=list)
    status: Status = dataclasses.field(default_factory=Status)
    at_once: int = 1

    def train(
        self,
        name: str,
        genome: Genome,
        epochs: float,
        setup: Setup,
        share: float,
        goes_on: Trained | None = None,
        *,
        falls: bool = True,
    ) -> Trained | None:
        """Name, epochs and seconds go to `trained`."""
        seconds = self.slower * self.forecast.seconds(genome, epochs, setup.recipe)
        self.trained.append((name, epochs, seconds))
        assert falls is (name == "last")
        if self.slower == 1.0:
            assert setup.in_all == (0.0 if name == "last" else self.forecast.in_all(genome))
        score = 0.5 if name == "last" else self._score(*name.rsplit("-", 1))
        macs = self.forecast.space.cost(genome).macs
        before = goes_on.epochs if goes_on else 0.0
        ended = "complete"
        return score and Trained(name, genome, score, macs, before + epochs, (score,), ended, math.nan, seconds)

    def _score(self, name: str, number: str) -> float | None:
        """After the last of those given it stays as it is."""
        return self.scores[name][min(int(number), len(self.scores[name]) - 1)]


class Known(Expectation):
    """Expects these normal scores, however long is trained."""

    def __init__(self, values: dict[str, float]) -> None:
        steps = 60 * SETUP.steps()
        super().__init__([], [], Past(len(SETUP.train), SETUP.shape, 10), lambda _: steps)
        self.values = values

    def _mean(self, genomes: Sequence[Genome], steps: Sequence[float]) -> np.ndarray:
        return np.array([self.values[genome.key] for genome in genomes])


def forecast_of(left: float, longest: float = 60, retrainings: int = 0) -> Forecast:
    plan = Plan(
        Task(len(SETUP.train), len(SETUP.validation), 100, Shape(1, 8, 8), 10),
        Speed(Rates(step=1e-3, mac=1e-8)),
        TrainingStage(SETUP.batch_size),
        SearchStage(9, True, Fidelity(1)),
        WorldStage(3, 3),
        FinishStage(3, longest, left, retrainings),
        LooksStage(),
    )
    space = make_space(Settings(), Shape(1, 8, 8), 10, plan.speed.rates, math.inf)
    return Forecast(plan, space, RECIPES["fast"], RECIPES["final"], work=left)


SCORES = st.lists(st.one_of(st.none(), st.floats(0.1, 0.99)), min_size=3, max_size=3)


NONE = st.just(0)


@st.composite
def races(draw: st.DrawFn, retrainings: st.SearchStrategy[int] = NONE) -> tuple[Fake, Forecast, list[Entrant]]:
    """One to four entrants of any cost and any scores, with a second to ten minutes."""
    genomes = draw(st.lists(st.sampled_from(GENOMES), min_size=1, max_size=4))
    entrants = [Entrant(f"final-{place}", genome) for place, genome in enumerate(genomes)]
    forecast = forecast_of(draw(st.floats(1, 600)), draw(st.sampled_from([3, 20, 500])), draw(retrainings))
    return Fake(forecast, {entrant.name: draw(SCORES) for entrant in entrants}), forecast, entrants


def run(fake: Fake, forecast: Forecast, entrants: list[Entrant]) -> tuple[list[Entrant], Trained | None]:
    standing, forecast = race(fake, forecast, SETUP, entrants)  # type: ignore[arg-type]
    if not standing[0].trained:
        return standing, None
    fake.forecast = forecast
    return standing, last_trainings(fake, forecast, SETUP, standing[0], 1.0)[0]  # type: ignore[arg-type]


def least_spare(forecast: Forecast, entrants: list[Entrant]) -> float:
    return min(forecast.spare(entrant.genome) for entrant in entrants)


def seconds_of(fake: Fake) -> float:
    """Of all trainings that were not the shortest that there are."""
    return sum(seconds for _, epochs, seconds in fake.trained if epochs > LEAST)


@settings(max_examples=200, deadline=None)
@given(races())
def test_a_race_takes_no_longer_than_there_is_time(drawn: Any) -> None:
    fake, forecast, entrants = drawn
    run(fake, forecast, entrants)
    assert seconds_of(fake) <= forecast.left + 1e-6


@settings(max_examples=200, deadline=None)
@given(races(st.integers(1, 3)))
def test_a_race_leaves_the_retrainings_their_time(drawn: Any) -> None:
    fake, forecast, entrants = drawn
    forecast = forecast.for_race()
    run(fake, forecast, entrants)
    assert seconds_of(fake) <= forecast.left + 1e-6


@settings(max_examples=200, deadline=None)
@given(races())
def test_no_round_takes_the_time_of_those_to_come(drawn: Any) -> None:
    fake, forecast, entrants = drawn
    race(fake, forecast, SETUP, entrants)  # type: ignore[arg-type]
    field = rounds(len(entrants), first_round(len(entrants), least_spare(forecast, entrants)))
    by_round = defaultdict[int, list[float]](list)
    for name, epochs, seconds in fake.trained:
        if epochs > LEAST:
            by_round[int(name.rpartition("-")[2])].append(seconds)
    for number, each in by_round.items():
        # what earlier rounds left over may be had in later ones
        assert sum(each) <= sum(count * share for count, share in field[: number + 1]) * forecast.left + 1e-6


@settings(max_examples=200, deadline=None)
@given(races())
def test_the_best_go_on_and_come_out_in_order(drawn: Any) -> None:
    fake, forecast, entrants = drawn
    standing, _ = race(fake, forecast, SETUP, entrants)  # type: ignore[arg-type]
    assert {entrant.name for entrant in standing} == {entrant.name for entrant in entrants}
    for number, (count, _) in enumerate(rounds(len(entrants))):
        ran = {name.rpartition("-")[0] for name, _, _ in fake.trained if name.endswith(f"-{number}")}
        assert len(ran) <= count
    first, *others = standing
    if first.trained:
        for other in others:
            last = max(other.rounds, default=-1)
            then = [trained for number, trained in first.rounds.items() if number <= last]
            failed = None in fake.scores[other.name][: len(other.rounds) + 1]  # and stayed as it was before
            assert not other.rounds or not then or failed or then[-1].score >= other.rounds[last].score
    else:
        assert not any(entrant.trained for entrant in entrants)


def test_who_is_clearly_behind_leaves_before_the_half_is_full() -> None:
    forecast = forecast_of(100.0)
    entrants = [Entrant(f"final-{place}", genome) for place, genome in enumerate(GENOMES)]
    close, far = 0.9 - 0.9 * noise(0.9, len(SETUP.validation)), 0.9 - 1.1 * noise(0.9, len(SETUP.validation))
    for second, goes_on in ((close, True), (far, False)):
        scores = dict(zip([each.name for each in entrants], [[0.9] * 3, [second] * 3, [0.2], [0.2]], strict=True))
        fake = Fake(forecast, scores)  # type: ignore[arg-type]
        standing, _ = race(fake, forecast, SETUP, entrants)  # type: ignore[arg-type]
        names = [name for name, _, _ in fake.trained]
        assert ("final-1-1" in names) is goes_on
        assert standing[0].name == "final-0"
        assert not {"final-2-1", "final-3-1"} & set(names)


def test_the_winner_has_its_share_of_the_time() -> None:
    forecast = forecast_of(100.0, longest=10_000)
    entrants = [Entrant(f"final-{place}", GENOMES[1]) for place in range(4)]
    fake = Fake(forecast, {entrant.name: [0.9] * 3 for entrant in entrants})
    standing, last = run(fake, forecast, entrants)
    names = {name for name, _, _ in fake.trained if name.startswith((standing[0].name, "last"))}
    own = sum(seconds for name, _, seconds in fake.trained if name in names)
    assert own == pytest.approx(winners_share(4) * 100, rel=0.03)
    assert last
    assert last.epochs == pytest.approx(sum(e for name, e, _ in fake.trained if name in names))


@pytest.mark.parametrize(("drop", "goes_back"), [(0.9, False), (1.1, True)])
def test_who_learns_by_heart_goes_back_to_where_it_was_best(drop: float, goes_back: bool) -> None:
    """By more than noise, that is. For want of others it goes on after all, and back again."""
    forecast, worse = forecast_of(100.0, longest=10_000), 0.9 - drop * WORSE * noise(0.9, len(SETUP.validation))
    fake = Fake(forecast, {"final-0": [0.8, 0.9, worse]})
    (winner,), last = run(fake, forecast, [Entrant("final-0", GENOMES[1])])
    assert winner.past_best is goes_back
    assert winner.trained
    assert last
    own = {name: epochs for name, epochs, _ in fake.trained if name != "last"}
    more = [own.pop(name) for name in list(own) if int(name.rsplit("-", 1)[1]) > ONCE_MORE]
    lengths = [*own.values()]
    assert lengths[1:] == pytest.approx([sum(lengths[:place]) for place in range(1, len(lengths))], rel=0.1)
    if goes_back:
        assert (winner.trained.score, len(lengths)) == (0.9, 3)
        assert more
        assert winner.epochs == pytest.approx(lengths[0] + lengths[1])
        assert last.epochs == pytest.approx((1 + LEAST_LAST) * winner.epochs)
    else:
        assert (winner.trained.score, len(lengths)) == (worse, PIECES)


@settings(deadline=None)
@given(st.floats(0.1, 300))
def test_no_look_follows_a_piece_that_is_too_short_to_tell_anything(before: float) -> None:
    forecast = forecast_of(20.0, longest=10_000)
    found = Trained("0", GENOMES[1], 0.5, 1, before, (0.5,), "complete", math.nan, 1.0)
    fake = Fake(forecast, {"final-0": [0.9] * 3})
    run(fake, forecast, [Entrant("final-0", GENOMES[1], {AS_FOUND: found})])
    *pieces, _rest = (epochs for name, epochs, _ in fake.trained if name != "last")
    for epochs in pieces:
        assert before + epochs > 0.99 * LEAST_GROWTH * before  # epochs are whole tenths
        before += epochs


def test_what_seemed_to_be_learning_by_heart_is_gone_on_from() -> None:
    """Where it was chance, nothing of the training was in vain, and the rest of the time is used."""
    forecast = forecast_of(100.0, longest=10_000)
    fake = Fake(forecast, {"final-0": [0.8, 0.9, 0.7, 0.91]})
    (winner,), last = run(fake, forecast, [Entrant("final-0", GENOMES[1])])
    assert winner.trained
    assert last
    assert (winner.trained.score, winner.past_best) == (0.91, False)
    assert winner.epochs == pytest.approx(sum(epochs for name, epochs, _ in fake.trained if name != "last"))
    assert seconds_of(fake) > 95


@pytest.mark.parametrize(("other", "wins"), [(0.95, True), (0.85, False)])
def test_a_reserve_runs_in_the_time_of_one_that_learns_by_heart(other: float, wins: bool) -> None:
    forecast = forecast_of(100.0, longest=10_000)
    fake = Fake(forecast, {"final-0": [0.8, 0.9, 0.7], "final-1": [other], "final-2": [0.2]})
    first, second, third = (Entrant(f"final-{place}", GENOMES[1]) for place in range(3))
    standing, after = race(fake, forecast, SETUP, [first], [second, third])  # type: ignore[arg-type]
    assert standing[0].name == ("final-1" if wins else "final-0")
    assert ("final-2-0" in {name for name, _, _ in fake.trained}) is not wins  # a winner that still gains has the time
    last = after.seconds(GENOMES[1], LEAST_LAST * standing[0].epochs, SETUP.recipe)
    assert seconds_of(fake) + last <= 100.1


@given(st.integers(2, 9), st.floats(0, 20))
def test_time_that_the_winner_does_not_need_makes_rounds_longer(entrants: int, spare: float) -> None:
    first = first_round(entrants, spare)
    field = rounds(entrants, first)
    last = first * 2 ** (len(field) - 2)
    assert first >= FIRST_ROUND
    assert last <= max(LAST_ROUND, FIRST_ROUND * 2 ** (len(field) - 2))
    if first > FIRST_ROUND:  # the winner has all the time that it gains from
        assert spare * (1 - sum((count - 1) * share for count, share in field)) >= 1 - 1e-9
    assert first_round(entrants, math.inf) == first_round(entrants, 1) == FIRST_ROUND


def test_experience_decides_what_little_training_does_not_tell() -> None:
    forecast = dataclasses.replace(forecast_of(1000.0), expectation=Known({GENOMES[0].key: 0.0, GENOMES[1].key: 1.0}))

    def entrant(place: int, score: float, epochs: float) -> Entrant:
        trained = Trained(str(place), GENOMES[place], score, 1, epochs, (score,), "complete", math.nan, 1.0)
        return Entrant(f"final-{place}", GENOMES[place], {-1: trained})

    def first(*scores: float, epochs: float) -> str:
        return best_first(forecast, [entrant(place, score, epochs) for place, score in enumerate(scores)])[0].name

    assert first(0.50, 0.50, epochs=1) == "final-1"
    assert first(0.55, 0.50, epochs=1) == "final-1"
    assert first(0.55, 0.50, epochs=60) == "final-0"
    assert first(0.99, 0.50, epochs=1) == "final-0"
    assert forecast.close([(GENOMES[1], 0.5, 1), (GENOMES[0], 0.5, 1)]) == [True, False]
    assert forecast.close([(GENOMES[1], 0.5, 60), (GENOMES[0], 0.5, 60)]) == [True, True]
    assert forecast.close([(GENOMES[1], 0.5, 60), (GENOMES[0], 0.3, 60)]) == [True, False]


def test_who_went_back_has_nothing_more_to_gain_than_who_went_on() -> None:
    """It has had the training that made it worse: where it is again, it does not stand as one that has yet to go on."""

    class Growing(Known):
        """Expects more of who has more steps."""

        def _mean(self, genomes: Sequence[Genome], steps: Sequence[float]) -> np.ndarray:
            return np.log2(steps)

    forecast = dataclasses.replace(forecast_of(1000.0), expectation=Growing({}))

    def trained(name: str, place: int, score: float, epochs: float) -> Trained:
        return Trained(name, GENOMES[place], score, place, epochs, (score,), "complete", math.nan, 1.0)

    on = Entrant("on", GENOMES[0], {-1: trained("0", 0, 0.45, 5), 0: trained("on-0", 0, 0.52, 10)})
    back = Entrant("back", GENOMES[1], {-1: trained("1", 1, 0.5, 5)}, beyond=trained("back-0", 1, 0.4, 10))
    yet = Entrant("yet", GENOMES[1], {-1: trained("1", 1, 0.5, 5)})
    assert [each.name for each in best_first(forecast, [back, on])] == ["on", "back"]
    assert [each.name for each in best_first(forecast, [yet, on])] == ["yet", "on"]


def test_what_takes_longer_than_predicted_shortens_what_comes() -> None:
    entrants = [Entrant(f"final-{place}", GENOMES[1]) for place in range(4)]
    scores: dict[str, list[float | None]] = {entrant.name: [0.9] * 3 for entrant in entrants}
    for slower in (0.5, 1.0, 2.0, 3.0):
        forecast = forecast_of(100.0, longest=10_000)
        fake = Fake(forecast, scores, slower)
        _, after = race(fake, forecast, SETUP, entrants)  # type: ignore[arg-type]
        assert after.pace == pytest.approx(slower, rel=0.15)
        epochs = after.epochs_within(GENOMES[1], after.left, 10_000, SETUP.recipe)
        last = slower * forecast.seconds(GENOMES[1], epochs, SETUP.recipe)
        assert sum(seconds for *_, seconds in fake.trained) + last <= 115


def test_what_stands_beside_each_other_had_the_same_seconds_also_in_the_search() -> None:
    """A network that comes new into the race has not had what the search gave the others."""
    forecast = forecast_of(1000.0, longest=4)
    searched = Trained("7", GENOMES[1], 0.9, 1, 1.0, (0.9,), "complete", math.nan, 1.0)
    entrants = [Entrant("final-0", GENOMES[1], {-1: searched}), Entrant("by-hand", GENOMES[1])]
    fake = Fake(forecast, {"final-0": [0.95] * 3, "by-hand": [0.5] * 3})
    winner, by_hand = race(fake, forecast, SETUP, entrants)[0]  # type: ignore[arg-type]
    assert winner.beside(by_hand) is None
    both = [dataclasses.replace(entrants[1], rounds={-1: searched}), entrants[0]]
    winner, by_hand = race(fake, forecast, SETUP, both)[0]  # type: ignore[arg-type]
    beside = winner.beside(by_hand)
    assert beside
    assert beside.epochs == pytest.approx(by_hand.epochs, abs=0.1)  # the same network: so many seconds, so many epochs
