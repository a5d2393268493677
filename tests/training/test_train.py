"""The training loop learns, repeats itself bit for bit, keeps the right weights and ends when it should."""

from __future__ import annotations

import dataclasses
import time

import pytest
import torch
from setups import setup_of_digits

from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.batches import Part, Views
from neuralfinder.training.build import build
from neuralfinder.training.clock import Clock, Pace
from neuralfinder.training.recipes import RECIPES, Recipe
from neuralfinder.training.train import (
    LEVEL,
    Cancelled,
    Diverged,
    Setup,
    Training,
    predict_logits,
    rate_share,
    score,
    train,
)
from neuralfinder.types import Fidelity, Shape

NETWORK = parse("C8.bn M C16.bn > G")


def run(setup: Setup, fidelity: Fidelity, seed: int = 0, genome: str = NETWORK.key) -> Training:
    with torch_seed(seed):
        network = build(parse(genome), Shape(1, 8, 8), 10, setup.recipe.initialisation)
        return train(network, setup, fidelity, seed)


def test_fast_recipe_learns_digits() -> None:
    training = run(setup_of_digits(), Fidelity(12))
    assert training.score > 0.9
    assert training.ended == "complete"
    assert training.curve[-1] == training.score


def test_recipe_of_2017_learns_digits() -> None:
    training = run(setup_of_digits(RECIPES["seed-2017"]), Fidelity(8), genome="C16 M C32 > F64")
    assert training.score > 0.85
    assert len(training.curve) == 8


def test_equal_seeds_give_equal_weights_and_others_do_not() -> None:
    setup = setup_of_digits()
    first, again, other = (run(setup, Fidelity(1), seed) for seed in (0, 0, 1))
    assert first.curve == again.curve
    assert all(torch.equal(first.state[name], again.state[name]) for name in first.state)
    assert not torch.equal(first.state["0_conv.weight"], other.state["0_conv.weight"])


def test_training_leaves_global_randomness_alone() -> None:
    torch.manual_seed(3)
    expected = torch.rand(1)
    torch.manual_seed(3)
    run(setup_of_digits(), Fidelity(1))
    assert torch.equal(torch.rand(1), expected)


def test_share_shortens_the_epoch() -> None:
    setup = setup_of_digits()
    assert setup.steps() == 600 // 32
    assert setup.steps(0.5) == 300 // 32
    assert setup.steps(0.001) == 1


def test_score_best_keeps_the_weights_of_the_best_epoch() -> None:
    recipe = dataclasses.replace(RECIPES["seed-2017"], learning_rate=0.05, patience=None)
    setup = setup_of_digits(recipe, count=200)
    with torch_seed(0):
        network = build(parse("C8 M > F32"), Shape(1, 8, 8), 10)
        training = train(network, setup, Fidelity(12), 0)
    assert training.score == max(training.curve)
    assert score(network, setup.validation, setup) == training.score


def test_patience_ends_training() -> None:
    recipe = dataclasses.replace(RECIPES["seed-2017"], learning_rate=1e-9, patience=3, chance_epochs=None)
    training = run(setup_of_digits(recipe), Fidelity(50), genome="C4 M > F8")
    assert training.ended == "patience"
    assert training.done * 50 <= 3 + 2 * training.curve.index(training.score) + 1


def test_network_at_chance_is_stopped() -> None:
    setup = setup_of_digits(dataclasses.replace(RECIPES["seed-2017"], learning_rate=0.0))
    constant = torch.full_like(setup.validation.labels, 3)
    setup = dataclasses.replace(setup, validation=Part(setup.validation.pictures, constant))
    training = run(setup, Fidelity(50), genome="C4 M > F8")
    assert training.ended == "chance"
    assert training.done == 5 / 50


def test_divergence_before_any_measurement_is_raised() -> None:
    with pytest.raises(Diverged, match=r"loss is (nan|inf) in epoch 1"):
        run(setup_of_digits(dataclasses.replace(RECIPES["seed-2017"], learning_rate=1e12)), Fidelity(2))


def shares(steps: int, before: int = 0, falls: bool = True) -> list[float]:
    pace, found = Pace(steps, Clock(), 0), []
    while not pace.over:
        found.append(rate_share(RECIPES["fast"], pace, before, falls))
        pace.step()
    return found


def test_a_trunk_rises_once_and_falls_where_it_is_told_so() -> None:
    first, second, last = shares(100, 0, False), shares(100, 100, False), shares(200, 200)
    assert first == sorted(first)
    assert set(second) == {first[-1]} == {LEVEL}
    assert last == sorted(last, reverse=True)
    assert last[: 200 - round(0.2 * 400)] == [LEVEL] * 120
    assert last[-1] < 0.02
    few = shares(12)
    assert max(few) == pytest.approx(LEVEL)
    assert few[-1] < 0.5 * LEVEL


def test_a_training_that_goes_on_is_as_good_as_one_in_one_piece() -> None:
    setup = setup_of_digits()
    pieces, trunk = [], None
    for seed in range(4):
        network = build(NETWORK, Shape(1, 8, 8), 10)
        pieces.append(train(network, setup, Fidelity(3), seed, trunk=trunk, falls=seed == 3))
        trunk = pieces[-1].trunk
    assert [piece.trunk and piece.trunk.steps // setup.steps() for piece in pieces] == [3, 6, 9, None]
    whole = train(build(NETWORK, Shape(1, 8, 8), 10), setup, Fidelity(12), 0)
    assert pieces[-1].score > whole.score - 0.02
    assert pieces[0].score < pieces[1].score < pieces[-1].score


def test_averaged_weights_are_better_than_those_on_the_way() -> None:
    setup = setup_of_digits()
    gains = []
    for seed in range(4):
        torch.manual_seed(seed)
        training = train(build(NETWORK, Shape(1, 8, 8), 10), setup, Fidelity(6), seed, falls=False)
        raw = build(NETWORK, Shape(1, 8, 8), 10)
        raw.load_state_dict(training.trunk.network)
        gains.append(training.score - score(raw, setup.validation, setup))
    assert sum(gains) > 0


def test_a_schedule_is_run_through_when_time_is_short() -> None:
    pace = Pace(1000, Clock(), 0)
    for _ in range(1000):
        pace.step()
    assert pace.progress == pytest.approx(1)
    assert pace.over
    hurried = Pace(10**9, Clock(time.monotonic() + 0.2), 0)
    while not hurried.over:
        hurried.step()
        time.sleep(0.001)
    assert hurried.progress == pytest.approx(1, abs=0.05)


def test_a_slow_first_step_does_not_end_a_training() -> None:
    pace = Pace(100, Clock(time.monotonic() + 1), 0)
    time.sleep(0.3)
    while not pace.over:
        pace.step()
    assert pace.done == 100
    late = Pace(100, Clock(time.monotonic() - 1), 0)
    late.step()
    assert late.over


@pytest.mark.thorough
def test_deadline_is_kept_and_the_network_still_learns() -> None:
    started = time.monotonic()
    training = run(setup_of_digits(clock=Clock(started + 2.5)), Fidelity(10_000))
    assert time.monotonic() - started < 3.5
    assert training.ended == "deadline"
    assert training.score > 0.8


def test_cancelled_training_stops_at_once() -> None:
    clock = Clock()
    clock.cancelled.set()
    with pytest.raises(Cancelled):
        run(setup_of_digits(clock=clock), Fidelity(1))


def test_class_l2_pulls_on_the_class_layer_alone() -> None:
    """Keras' l2(0.01) adds 0.01 * sum(W^2), so its gradient is 0.02 W; with no other force W shrinks by 1 - 0.02 lr."""
    recipe = Recipe("plain", 1, 32, 0.1, schedule="inverse-time", momentum=0.5, class_l2=0.01, initialisation="glorot")
    strong = dataclasses.replace(recipe, class_l2=1.0)
    weak_norm, strong_norm = (
        float(run(setup_of_digits(r), Fidelity(1), genome="C4 M > F8").state["head.weight"].norm())
        for r in (recipe, strong)
    )
    assert strong_norm < weak_norm / 5


def test_answers_are_the_mean_over_the_views() -> None:
    setup, views = setup_of_digits(), Views(mirror=True, shift=True)
    network = build(NETWORK, Shape(1, 8, 8), 10).eval()
    one = setup.validation.first(5)
    with torch.no_grad():
        each = [network(view) for view in views.of(setup.preparation.apply(one.pictures))]
    expected = torch.stack(each).mean(0)
    torch.testing.assert_close(predict_logits(network, one, setup.preparation, views=views), expected)


def test_a_training_below_its_bar_is_stopped_there() -> None:
    setup = setup_of_digits()
    behind = run_with_bars(setup, (0.0, 1.1))
    assert (behind.ended, behind.done) == ("behind", 0.5)
    assert len(behind.rungs) == 2
    assert behind.rungs[-1] == accuracy_of(behind.state, setup)
    assert behind.score is None  # half-trained, on some of the pictures
    whole = run_with_bars(setup, (0.0, 0.0))
    assert (whole.ended, whole.done, whole.rungs) == ("complete", 1.0, behind.rungs)
    assert run(setup, Fidelity(4)).state["0_conv.weight"].equal(whole.state["0_conv.weight"])  # looking changes nothing


def test_each_rung_is_climbed_even_when_both_fall_on_one_step() -> None:
    setup = setup_of_digits(count=64)
    with torch_seed(0):
        training = train(build(NETWORK, Shape(1, 8, 8), 10), setup, Fidelity(1), 0, (0.0, 0.0))
    assert setup.steps() == 2
    assert len(training.rungs) == 2
    assert training.ended == "complete"


def run_with_bars(setup: Setup, bars: tuple[float, ...]) -> Training:
    with torch_seed(0):
        network = build(NETWORK, Shape(1, 8, 8), 10, setup.recipe.initialisation)
        return train(network, setup, Fidelity(4), 0, bars)


def accuracy_of(state: dict[str, torch.Tensor], setup: Setup) -> float:
    network = build(NETWORK, Shape(1, 8, 8), 10)
    network.load_state_dict(state)
    return score(network, setup.validation, setup)
