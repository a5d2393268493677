"""What recipe genes do to a training."""

from __future__ import annotations

import dataclasses
from itertools import islice
from pathlib import Path

import numpy as np
import pytest
import torch
from setups import setup_of_digits

from neuralfinder.data.arrays import from_arrays
from neuralfinder.job.figures import with_views
from neuralfinder.job.prepare import divided, make_setup
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status
from neuralfinder.networks.genome import parse
from neuralfinder.networks.recipe_genes import KINDS
from neuralfinder.training import train as training
from neuralfinder.training.batches import Part, Views
from neuralfinder.training.build import build
from neuralfinder.training.clock import Clock
from neuralfinder.training.evaluate import evaluate
from neuralfinder.training.model import Model
from neuralfinder.training.optimizers import Optimizer
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import PLAIN, Setup, train
from neuralfinder.training.weights import WeightStore
from neuralfinder.types import Candidate, Fidelity, Shape

NETWORK = "C8.bn M C16.bn > G"


def test_genes_take_the_place_of_values_or_multiply_them() -> None:
    fast = RECIPES["fast"]
    assert fast.with_genes(()) is fast
    changed = fast.with_genes(parse("C8 | shift0 mirror0 turn10 erase0.25 smooth0 rate0.3 decay3").recipe)
    assert dataclasses.asdict(changed) == pytest.approx(
        {
            **dataclasses.asdict(fast), "shift": 0.0, "flip": False, "rotation": 10.0, "cutout": 0.25,
            "label_smoothing": 0.0, "learning_rate": 0.06, "kernel_rate": 0.015, "weight_decay": 1.5e-3,
        }
    )  # fmt: skip
    assert RECIPES["text"].with_genes(parse("C8 | adversarial0").recipe).adversarial == 0


@pytest.mark.parametrize(("name", "texts"), [("fast", False), ("text", True), ("seed-2017", False)])
def test_a_recipe_as_genes_is_what_it_has(name: str, texts: bool) -> None:
    usual = RECIPES[name].as_genes(texts, mirror=True, shifts=True)
    assert [gene.name for gene in usual] == [
        name for name, kind in KINDS.items() if (kind.texts if texts else kind.pictures)
    ]
    assert RECIPES[name].with_genes(usual) == RECIPES[name]
    assert "mirror" not in {gene.name for gene in RECIPES[name].as_genes(texts, mirror=False, shifts=True)}
    assert "small" not in {gene.name for gene in RECIPES[name].as_genes(texts, mirror=True, shifts=True, large=False)}
    assert all(KINDS[name].texts or KINDS[name].pictures for name in KINDS)


def batches(setup: Setup) -> torch.Tensor:
    """All pictures of an epoch, as they come."""
    drawn = training._batches(setup, setup.steps(), torch.Generator().manual_seed(0))
    return torch.cat([pictures for pictures, _ in islice(drawn, setup.steps())])


@pytest.mark.parametrize("gene", ["shift0", "mirror0", "turn10", "erase0.25"])
def test_augmenting_genes_change_the_batches(gene: str) -> None:
    setup = dataclasses.replace(setup_of_digits(), flip=True)
    own = setup.of(parse(f"{NETWORK} | {gene}"))
    assert not torch.equal(batches(setup), batches(own))
    assert torch.equal(batches(own), batches(own))


def test_without_shift_and_mirror_pictures_come_as_they_are() -> None:
    setup = dataclasses.replace(setup_of_digits(), flip=True).of(parse(f"{NETWORK} | shift0 mirror0"))
    plain = setup.preparation.apply(setup.train.pictures)
    assert set(map(bytes, batches(setup).numpy())) <= set(map(bytes, plain.contiguous().numpy()))


def test_data_that_forbid_it_are_never_mirrored() -> None:
    setup = setup_of_digits(RECIPES["seed-2017"])
    assert torch.equal(batches(setup), batches(setup.of(parse(f"{NETWORK} | mirror1"))))


def test_the_rate_is_the_optimisers() -> None:
    setup, network = setup_of_digits(), build(parse(NETWORK), Shape(1, 8, 8), 10)
    rates = []
    for words in ("", " | rate3"):
        optimizer = Optimizer(network, setup.of(parse(NETWORK + words)).recipe)
        rates.append([group.rate for group in optimizer._groups])
    assert len(rates[0]) == 4
    assert rates[1] == pytest.approx([3 * rate for rate in rates[0]])


def test_a_candidate_is_trained_by_its_own_recipe(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    recipes = []

    def noted(network: torch.nn.Module, setup: Setup, *rest: object, **how: bool) -> training.Training:
        recipes.append(setup.recipe)
        return train(network, setup, *rest, **how)

    monkeypatch.setattr("neuralfinder.training.evaluate.train", noted)
    setup, store = setup_of_digits(), WeightStore(tmp_path)
    genome = parse(f"{NETWORK} | shift0 rate0.3")
    result = evaluate(Candidate(1, genome, "init", (), 11, Fidelity(1), rate=2.0), setup, store)
    assert result.failure is None
    assert store.load("1").genome == genome
    assert (recipes[0].shift, recipes[0].learning_rate) == (0.0, pytest.approx(0.6 * setup.recipe.learning_rate))


def test_its_model_is_loaded_and_predicts(tmp_path: Path) -> None:
    setup = setup_of_digits()
    genome = parse(f"{NETWORK} | shift0 rate3")
    network = build(genome, Shape(1, 8, 8), 10)
    done = train(network, setup.of(genome), Fidelity(2), 0)
    model = Model.of(genome, done.state, setup.shape, setup.preparation, tuple(range(10)))
    model.save(tmp_path / "model")
    again = Model.load(tmp_path / "model")
    assert again.genome == genome
    part = setup.validation
    assert np.array_equal(again.answers(part), model.answers(part))


def test_views_are_moved_and_mirrored_as_training_was(monkeypatch: pytest.MonkeyPatch) -> None:
    setup = dataclasses.replace(setup_of_digits(), flip=True, recipe=RECIPES["final"])
    looked: list[Views] = []

    @dataclasses.dataclass(frozen=True)
    class Fake:
        views: Views = PLAIN

        def logits(self, part: Part, bf16: bool) -> np.ndarray:
            looked.append(self.views)
            return np.zeros((len(part), 10))

    for words in ("", " | shift0", " | mirror0", " | shift0 mirror0"):
        with_views(setup.of(parse(NETWORK + words)), Fake(), 10)
    others = [views for views in looked if views != PLAIN]
    assert others == [Views(True, True), Views(True, False), Views(False, True)]


@pytest.mark.parametrize(("left", "views"), [(14.0, None), (16.0, Views(True)), (46.0, Views(True, True))])
def test_there_are_as_many_views_as_the_clock_leaves_time_for(
    left: float, views: Views | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, looked = [0.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    setup = dataclasses.replace(setup_of_digits(), flip=True, recipe=RECIPES["final"], clock=Clock(2.0 + left))

    @dataclasses.dataclass(frozen=True)
    class Slow:
        views: Views = PLAIN

        def logits(self, part: Part, bf16: bool) -> np.ndarray:
            looked.append(self.views)
            now[0] += 2.0
            return np.zeros((len(part), 10))

    with_views(setup, Slow(), 2 * len(setup.validation))
    assert looked == [PLAIN, *([views] if views else [])]


def test_few_pictures_have_other_light_and_parts_of_others_unless_the_place_is_the_meaning():
    few = RECIPES["fast"].suited(shifts=True, few=True)
    assert (few.colour, few.mix) == (0.25, 0.5)
    assert RECIPES["fast"].suited(shifts=True, few=False) == RECIPES["fast"]
    assert RECIPES["fast"].suited(shifts=False, few=True) == dataclasses.replace(RECIPES["fast"], shift=0.0)
    assert RECIPES["seed-2017"].suited(shifts=True, few=True) == RECIPES["seed-2017"]
    own = dataclasses.replace(RECIPES["seed-2017"], colour=0.5)
    assert own.suited(shifts=True, few=True) == own
    usual = {gene.name: gene.value for gene in RECIPES["fast"].as_genes(False, True, True, few=True)}
    assert (usual["colour"], usual["mix"], usual["zoom"]) == (0.25, 0.5, 0.0)


@pytest.mark.parametrize(("count", "few"), [(1500, True), (1797, True), (2700, False)])
def test_few_are_those_for_training_and_choosing_up_to_two_thousand(count, few):
    rng = np.random.default_rng(0)
    pictures, labels = rng.integers(0, 256, (count, 4, 4), dtype=np.uint8), np.arange(count) % 2
    data = divided(from_arrays(pictures, labels), Settings())
    status = Status()
    setup = make_setup(data, Settings(), torch.device("cpu"), status)
    assert setup.few == few
    assert setup.of(None).recipe.mix == (0.5 if few else 0.0)
    assert any("pictures are few" in line for line in status.lines) == few


@pytest.mark.parametrize(("most", "views"), [(6, Views(True, True)), (5, Views(True)), (2, Views(True)), (1, PLAIN)])
def test_where_there_is_no_time_for_all_views_there_are_mirrored_ones(most: int, views: Views) -> None:
    setup = dataclasses.replace(setup_of_digits(), flip=True)
    assert setup.several(most) == views
    assert len(list(views.of(torch.zeros(1, 1, 8, 8)))) == views.count <= most
    still = setup.of(parse(NETWORK + " | mirror0"))
    assert still.several(most) == (Views(shift=True) if most >= 3 else PLAIN)
