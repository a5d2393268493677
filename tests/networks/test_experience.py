"""Experience: it ranks networks as they turned out elsewhere, founders come best first, files are read as written."""

from __future__ import annotations

import dataclasses
import json

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr

from neuralfinder.networks.chains import ALPHABETS, ChainSpace
from neuralfinder.networks.expectation import (
    BEYOND,
    FADING,
    GAINS,
    SMALLER,
    UNMOVED,
    WEIGHTS,
    Expectation,
    Past,
    Row,
    normal_scores,
)
from neuralfinder.networks.experience import FILE, MOST_ROWS, Experience
from neuralfinder.networks.genome import Genome, PoolHead, parse
from neuralfinder.networks.portfolio import small_network
from neuralfinder.types import Shape

DIGITS, TEXTS = Shape(1, 8, 8), Shape(256, 1, 16, 9000)
SPACE = ChainSpace(DIGITS, 10, ALPHABETS["fast"], norm=True, head=PoolHead(), founders_are="chain")
FEW = [f"C{width}.bn M C{width}.bn > {head}" for width in (16, 32, 64, 128) for head in ("G", "F64")]


def worth(key: str, steps: float) -> float:
    """Pooled heads are better than flattened ones, wide networks than narrow ones, long trainings than short ones."""
    width = parse(key).genes[0].filters
    return (0.3 + 0.1 * np.log2(width) / 9 + 0.02 * np.log2(steps)) * (1.5 if key.endswith("G") else 1.0)


def past(tasks: int = 3, noise: float = 0.01, upside_down: bool = False) -> Experience:
    rng = np.random.default_rng(0)
    rows = [
        Row(task, key, steps, (-1 if upside_down else 1) * worth(key, steps) + noise * rng.normal() + 0.05 * task)
        for task in range(tasks)
        for key in FEW
        for steps in (16, 64, 256)
    ]
    return Experience(tuple(Past(1000 * (1 + task), DIGITS, 10) for task in range(tasks)), tuple(rows))


def expected(experience: Experience, steps: float = 256) -> Expectation:
    found = experience.expectation(1500, DIGITS, 10, lambda _: steps)
    assert found is not None
    return found


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def test_networks_are_ranked_as_they_turned_out_elsewhere():
    others = [f"C{width}.bn M C{width}.bn > {head}" for width in (24, 48, 96) for head in ("G", "F64", "F128")]
    mean, spread = expected(past()).predict([parse(key) for key in others])
    assert spearmanr(mean, [worth(key, 256) for key in others]).statistic > 0.8
    assert (spread > 0.3).all()


def test_a_network_that_gets_fewer_steps_is_worth_less():
    found = past().expectation(1500, DIGITS, 10, lambda genome: 16 if genome.genes[0].filters == 128 else 256)
    assert found is not None
    wide, narrow = found.mean([parse(FEW[6]), parse(FEW[4])])
    assert wide < narrow
    assert np.diff(expected(past()).mean([parse(FEW[4]), parse(FEW[6])])) > 0


def test_more_steps_than_any_row_has_are_worth_less_by_each_doubling():
    means = [expected(past(), steps).mean([parse(FEW[4])])[0] for steps in (256, 512, 1024)]
    assert np.diff(means) == pytest.approx([BEYOND, BEYOND * FADING])
    assert expected(past(), 1024).predict([parse(FEW[4])])[0] == pytest.approx(means[2:])


def test_small_pictures_cost_what_their_steps_seem_to_bring():
    known, genome = past(), parse("C16.bn M C16.bn > G")
    large, small = (
        Expectation(known.tasks, known.rows, Past(1000, Shape(3, side, side), 10), lambda _: 200.0) for side in (64, 32)
    )
    closer = dataclasses.replace(genome, side=32)
    assert large.mean([closer])[0] == pytest.approx(small.mean([genome])[0] - SMALLER)
    assert small.mean([closer]) == pytest.approx(small.mean([genome]))  # it is as large as they are


@pytest.mark.parametrize("spared", ["shift0", "mirror0"])
def test_what_is_learned_by_heart_sooner_is_worth_less_the_less_was_trained(spared: str):
    pair = [parse(FEW[0]), parse(f"{FEW[0]} | {spared}")]
    early, late = (expected(past(), 256).worths(pair, [0.6, 0.6], [steps] * 2, samples=1000) for steps in (32, 256))
    begun, experienced, longer = (expected(past(), steps).mean(pair) for steps in (32, 256, 1024))
    longer, gains = longer - experienced, experienced - begun
    known = 8 * WEIGHTS[0] * (experienced[0] - experienced[1]) + GAINS[0] * (gains[0] - gains[1])
    assert early[0] - early[1] - known == pytest.approx(3 * UNMOVED)
    assert late[0] - late[1] == pytest.approx(WEIGHTS[0] * (experienced[0] - experienced[1]))
    assert longer[0] - longer[1] == pytest.approx(2 * UNMOVED)


def test_who_has_more_to_gain_is_worth_more_than_who_was_trained_longer():
    """Of two that are as good now, the one with fewer steps; once both have all that they will have, neither."""
    pair = [parse(FEW[2]), parse(FEW[4])]
    worth = [expected(past(), 256).worths(pair, [0.6, 0.6], steps, samples=1000) for steps in ([64, 16], [64, 64])]
    (first, second), (level, other) = worth
    assert second - first > other - level + 0.1
    ended = expected(past(), 256).worths(pair, [0.6, 0.6], [256, 256], samples=1000)
    beyond = expected(past(), 256).worths(pair, [0.6, 0.6], [900, 256], samples=1000)
    means = expected(past(), 256).mean(pair)
    assert np.diff(ended) == pytest.approx(WEIGHTS[0] * np.diff(means))
    assert beyond == pytest.approx(ended)


def test_a_linear_model_of_pixels_is_learned_by_heart_where_pictures_are_shifted():
    pair, known = [parse("C16.bn M C16.bn > G"), parse("C16.bn M C16.bn > G.lin")], past()

    def ahead(steps: float, shifts: bool) -> float:
        task = Past(1000, DIGITS, 10)
        here = Expectation(known.tasks, known.rows, task, lambda _: 256.0, shifts=shifts)
        first, second = here.worths(pair, [0.6, 0.6], [steps] * 2, samples=1000)
        return first - second

    assert ahead(32, shifts=True) - ahead(32, shifts=False) == pytest.approx(3 * UNMOVED)
    assert ahead(256, shifts=True) == pytest.approx(ahead(256, shifts=False))


def test_a_rate_that_did_better_elsewhere_is_expected_to_be_better():
    rows = [
        Row(task, f"{key}{recipe}", 100, worth(key, 100) + gain)
        for task in range(3)
        for key in FEW
        for recipe, gain in (("", 0.0), (" | rate0.3", 0.3), (" | rate3", -0.3), (" | shift0", 0.1))
    ]
    found = expected(Experience(past().tasks, tuple(rows)))
    usual, slow, fast, still = found.mean(
        [parse(f"C48.bn M C48.bn > F64{r}") for r in ("", " | rate0.3", " | rate3", " | shift0")]
    )
    assert fast < usual < still < slow


def test_what_is_like_nothing_known_is_less_sure():
    _, spread = expected(past()).predict([parse(FEW[0]), parse("C512.k7.gelu C512 C512 C512 C512 C512 > GM.d50")])
    assert spread[1] > 1.2 * spread[0]


def test_the_mean_alone_is_the_mean():
    genomes = [parse(key) for key in FEW]
    assert expected(past()).mean(genomes) == pytest.approx(expected(past()).predict(genomes)[0])


def test_no_experience_of_its_kind_is_none():
    assert past().expectation(1500, TEXTS, 6, lambda _: 100) is None
    assert Experience().expectation(1500, DIGITS, 10, lambda _: 100) is None


@pytest.mark.parametrize("n", [1, 2, 9, 40])
def test_founders_begin_with_the_best_and_have_the_network_by_hand_second(n: int):
    found = expected(past())
    founders = found.founders(SPACE, n, rng())
    assert len(founders) == len(set(founders)) == n
    assert n == 1 or founders[1] == small_network(SPACE)
    assert found.mean(founders[:1])[0] >= np.median(found.mean(founders))
    assert all(SPACE.infeasible(genome) is None for genome in founders)
    assert founders == found.founders(SPACE, n, rng())
    if n == 40:
        drawn = SPACE.founders(100, rng())
        assert found.mean(founders[:20:2]).mean() > found.mean(drawn).mean() + found.mean(drawn).std()


def test_founders_that_are_alike_are_not_all_there_are():
    """Three of one kind that are expected to be best, and one nearly as good that is unlike them."""
    alike = [parse(f"C{width}.bn M C{width}.bn > G") for width in (128, 127, 126)]
    other = parse("C96.k5.bn C96.bn > G")
    found = expected(past())
    mean = found.mean([*alike, other])
    assert mean[3] < mean[:3].min()
    assert mean[:3].min() - mean[3] < 0.1
    assert 3 in found.ranked([*alike, other], 3)


def test_a_space_of_one_network_has_doubles():
    tiny = dataclasses.replace(SPACE, filters=(16,), max_convolutions=1, founders_are="single")
    founders = expected(past()).founders(tiny, 6, rng())
    assert len(founders) == 6
    assert 1 < len(set(founders)) < 6


def test_what_comes_with_the_package_is_small_and_of_both_kinds():
    shipped = Experience.shipped()
    assert FILE.stat().st_size < 200_000
    assert all(0 <= row.accuracy <= 1 and row.steps > 0 for row in shipped.rows)
    assert {row.task for row in shipped.rows} == set(range(len(shipped.tasks)))
    for shape in (DIGITS, TEXTS):
        by_hand = small_network(ChainSpace(shape, 6, head=PoolHead(largest=bool(shape.vocabulary))))
        poor = parse("I > F0" if not shape.vocabulary else "I > G")
        found = shipped.expectation(1000, shape, 6, lambda _: 256)
        assert found is not None
        better, worse = found.mean([by_hand, poor])
        assert better > worse


ROWS = st.builds(Row, st.integers(0, 2), st.sampled_from(FEW), st.integers(1, 9999), st.floats(0, 1))


@given(st.lists(ROWS, max_size=20), st.lists(ROWS, max_size=20))
def test_plain_values_are_read_as_written_and_sums_keep_tasks_apart(first: list[Row], second: list[Row]):
    tasks = (Past(100, DIGITS, 2), Past(200, TEXTS, 3), Past(300, Shape(3, 9, 7), 4))
    a, b = Experience(tasks, tuple(first)), Experience(tasks, tuple(second))
    assert Experience.of(a.plain()) == a
    both = a + b
    assert [both.tasks[row.task] for row in both.rows] == [tasks[row.task] for row in (*first, *second)]
    assert Experience.of(both.plain()) == both


@given(st.lists(st.integers(1, 3 * MOST_ROWS), min_size=1, max_size=4))
def test_of_many_trainings_each_task_keeps_an_equal_share(counts: list[int]):
    from neuralfinder.networks.experience import _fewer

    rows = [Row(task, FEW[0], 1 + n, 0.5) for task, count in enumerate(counts) for n in range(count)]
    kept = _fewer(rows)
    assert len(kept) == len(set(kept)) == min(len(rows), MOST_ROWS) or MOST_ROWS - len(kept) < len(counts)
    numbers = [sum(row.task == task for row in kept) for task in range(len(counts))]
    full = [number for number, count in zip(numbers, counts, strict=True) if number < count]
    assert not full or min(full) >= max(numbers) - len(counts)


@given(st.lists(st.floats(0, 1), min_size=1, max_size=30))
def test_normal_scores_keep_the_order_and_have_their_middle_at_0(values: list[float]):
    scores = normal_scores(values)
    if len(set(values)) == len(values):
        assert np.median(scores) == pytest.approx(0, abs=1e-9)
    for a, b in zip(values, scores, strict=True):
        assert all((a < c) == (b < d) for c, d in zip(values, scores, strict=True))


def test_upside_down_experience_ranks_upside_down():
    genomes: list[Genome] = [parse(key) for key in FEW]
    assert spearmanr(expected(past()).mean(genomes), expected(past(upside_down=True)).mean(genomes)).statistic < -0.8


def test_a_task_of_chosen_networks_tells_which_are_better_and_not_how_good_they_are():
    """Half of the ranks of a task are below 0; of good networks that says nothing against the worse half of them."""
    good = [parse(key) for key in FEW if key.endswith("G")]
    known, upwards = past(), {genome.key: 0.1 * place for place, genome in enumerate(good)}
    more = dataclasses.replace(known, tasks=(*known.tasks, Past(1500, DIGITS, 10)))

    def with_rows(accuracies: dict[str, float], *, drawn: bool) -> np.ndarray:
        rows = tuple(Row(3, key, 256, accuracy, drawn) for key, accuracy in accuracies.items())
        return expected(dataclasses.replace(more, rows=(*known.rows, *rows))).mean(good)

    before, chosen, fair = expected(known).mean(good), *(with_rows(upwards, drawn=each) for each in (False, True))
    downwards = with_rows({key: 1 - accuracy for key, accuracy in upwards.items()}, drawn=False)
    assert abs((chosen - before).mean()) < abs((fair - before).mean()) / 3
    assert np.ptp(chosen) > np.ptp(before) > downwards[-1] - downwards[0]


def test_networks_of_somebodys_choice_do_not_move_the_scores_of_others():
    drawn = [0.1, 0.3, 0.5, 0.7]
    rows = [Row(0, f"C{16 * place} > G", 100, accuracy) for place, accuracy in enumerate(drawn, start=1)]
    chosen = [Row(0, f"C{16 * place} C16 > G", 100, 0.4 + place / 10, drawn=False) for place in range(4)]
    values, is_drawn = np.array([row.accuracy for row in [*rows, *chosen]]), np.array([True] * 4 + [False] * 4)
    scores = normal_scores(values, is_drawn)
    assert scores[:4] == pytest.approx(normal_scores(drawn))
    assert scores[4] == pytest.approx(scores[1:3].mean())  # 0.4 lies halfway
    assert (scores[5], scores[7]) == (pytest.approx(scores[2]), pytest.approx(scores[3]))
    assert normal_scores(values[4:] + 0.3, is_drawn[4:]) == pytest.approx(normal_scores(values[4:]))
    beyond = normal_scores(np.array([*drawn, 0.9]), np.array([True] * 4 + [False]))
    assert beyond[4] > beyond[3]
    known = Experience((Past(100, Shape(1, 8, 8), 2),), (*rows, *chosen))
    assert Experience.of(json.loads(json.dumps(known.plain()))) == known
