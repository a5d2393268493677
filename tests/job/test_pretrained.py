"""The pre-trained rival: it sees what the winner sees, keeps its time, and says what it was fitted to."""

from __future__ import annotations

import dataclasses
import math
import re
import time
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sklearn.datasets import load_digits

from neuralfinder.data import Divided, from_arrays
from neuralfinder.job.finish import _probe
from neuralfinder.job.pretrained import BATCH, MARGIN, SHARE, Rival, _of_all_classes
from neuralfinder.job.status import Status
from neuralfinder.seeds import Seeds
from neuralfinder.training.clock import Clock
from neuralfinder.training.metrics import METRICS, Metric
from neuralfinder.training.train import Cancelled

RNG = np.random.default_rng


class Pixels:
    """In the place of a network: its features are the pixels. It notes what it was shown."""

    name = "pixels"

    def __init__(self, seconds: float = 0.0) -> None:
        self.look, self.shown, self._seconds = SimpleNamespace(cut=0), list[np.ndarray](), seconds

    def features(self, samples: np.ndarray) -> np.ndarray:
        time.sleep(self._seconds)
        self.shown += [*samples]
        return samples.reshape(len(samples), -1).astype(np.float32)


def rival_of_digits(each: float = 1e-4, seconds: float = 0.0) -> Rival:
    digits = load_digits()
    data = Divided.of(from_arrays(digits.images.astype(np.uint8), digits.target), 0)
    return Rival(Pixels(seconds), data, each, 1e-5)  # type: ignore[arg-type]


def rows_of(rival: Rival, shown: list[np.ndarray]) -> set[int]:
    """The rows of the data that these pictures are."""
    known = {picture.tobytes(): row for row, picture in enumerate(rival.data.raw.samples)}
    return {known[picture.tobytes()] for picture in shown}


@pytest.mark.parametrize("refit", [True, False])
def test_it_learns_from_what_the_winner_has_and_sees_the_test_part_last(refit: bool) -> None:
    rival = rival_of_digits()
    parts, backbone = rival.data.split, rival.backbone
    probe = rival.fit(math.inf, Clock(), refit, RNG(0))
    assert rows_of(rival, backbone.shown) == {*parts.train, *parts.validation}  # type: ignore[attr-defined]
    assert probe.figures["samples"] == len(parts.train) + refit * len(parts.validation)
    assert "test_accuracy" not in probe.figures
    figures, logits = probe.judged()
    assert rows_of(rival, backbone.shown[-len(parts.test) :]) == {*parts.test}  # type: ignore[attr-defined]
    assert figures.keys() == {"name", "samples", "strength", "validation_accuracy"}
    assert logits is not None
    assert 0.9 < (logits.argmax(1) == rival.data.raw.labels[parts.test]).mean() < 1


def test_the_validation_part_alone_chooses_the_strength(monkeypatch: pytest.MonkeyPatch) -> None:
    """Where strong regularisation is best on the validation part, it is taken whatever the training part says."""
    rival, rng = rival_of_digits(), RNG(0)
    labels = rival.data.raw.labels.copy()
    labels[rival.data.split.train] = rng.integers(0, 10, len(rival.data.split.train))
    raw = dataclasses.replace(rival.data.raw, labels=labels)
    noisy = dataclasses.replace(rival, data=dataclasses.replace(rival.data, raw=raw))
    scores = iter([0.1, 0.4, 0.3, 0.4])
    monkeypatch.setattr(Metric, "score", lambda *_: next(scores))
    probe = noisy.fit(math.inf, Clock(), True, rng, METRICS["macro-f1"])
    assert (probe.figures["strength"], probe.figures["validation_macro_f1"]) == (0.01, 0.4)


def test_in_little_time_it_is_fitted_to_fewer_samples_of_all_classes() -> None:
    rival = rival_of_digits(each=0.01)
    parts, labels = rival.data.split, rival.data.raw.labels
    seconds = MARGIN * (0.01 * len(parts.test) + 0.01001 * 600)
    probe = rival.fit(seconds, Clock(), True, RNG(0))
    assert 598 <= probe.figures["samples"] <= 602
    shown = [*rows_of(rival, rival.backbone.shown)]  # type: ignore[attr-defined]
    assert len(shown) == probe.figures["samples"]
    assert not {*shown} & {*parts.test}
    whole = np.bincount(labels[np.concatenate([parts.train, parts.validation])])
    assert np.abs(np.bincount(labels[shown]) - whole * len(shown) / whole.sum()).max() < 3


def test_in_too_little_time_it_is_left_out_and_says_why() -> None:
    rival = rival_of_digits(each=0.01)
    probe = rival.fit(6.0, Clock(), True, RNG(0))
    why = "its 6.0 s last for 102 of 1,438 samples; give more minutes"
    assert probe.judged() == ({"name": "pixels", "why": why}, None)
    assert not rival.backbone.shown  # type: ignore[attr-defined]


def test_the_clock_ends_what_is_slower_than_it_was() -> None:
    """A batch takes a hundred times as long as it is thought to: what has been looked at is enough, or is left out."""
    began = time.monotonic()
    rival = rival_of_digits(each=1e-4, seconds=0.05)
    probe = rival.fit(1.0, Clock(), True, RNG(0))
    assert 200 <= probe.figures["samples"] < 900
    assert probe.figures["samples"] % BATCH == 288 % BATCH  # all of the validation part, and whole batches
    slow = rival_of_digits(each=1e-4, seconds=0.2).fit(0.7, Clock(), True, RNG(0))
    assert slow.figures["why"].startswith("it was slower than it had been: ")
    assert time.monotonic() - began < 5


def test_without_time_for_the_test_part_there_are_no_figures_of_it() -> None:
    rival = rival_of_digits()
    probe = rival.fit(math.inf, Clock(), True, RNG(0))
    late = dataclasses.replace(probe, clock=Clock(time.monotonic()))
    assert late.judged() == ({"name": "pixels", "why": "there was no time left for its look at the test part"}, None)


def test_the_looks_of_others_take_nothing_of_its_time() -> None:
    """Of ten seconds kept for it six are left before those that others need; its look at the test part comes later."""
    rival, clock = rival_of_digits(), Clock(time.monotonic() + 100)
    plan = SimpleNamespace(budget_seconds=600.0, looks=SimpleNamespace(rival=10.0))
    setup = SimpleNamespace(clock=clock, recipe=SimpleNamespace(refit=True), metric=METRICS["accuracy"], weights=None)
    trainer = SimpleNamespace(seeds=Seeds(0), status=Status())
    probe = _probe(rival, SimpleNamespace(plan=plan), setup, 94.0, trainer)  # type: ignore[arg-type]
    assert probe.clock == clock
    assert probe.seconds == pytest.approx(MARGIN * rival.each * len(rival.data.split.test))
    assert probe.figures["samples"] == 1438
    slow = dataclasses.replace(rival, each=0.01)
    late = _probe(slow, SimpleNamespace(plan=plan), setup, 94.0, trainer)  # type: ignore[arg-type]
    assert re.match(r"its [1-6]\.\d s last for", late.figures["why"])
    assert trainer.status.lines[-1].startswith("pre-trained pixels is left out: its ")


def test_it_stops_when_it_is_told_to() -> None:
    clock = Clock()
    clock.cancelled.set()
    with pytest.raises(Cancelled):
        rival_of_digits().fit(math.inf, clock, True, RNG(0))


def test_it_is_given_what_it_needs_but_its_share_at_most() -> None:
    rival = rival_of_digits(each=0.01)
    need = rival.seconds(math.inf)
    assert need == pytest.approx(MARGIN * (0.01 * 1797 + 1e-5 * 1438))
    assert rival.seconds(60.0) == SHARE * 60
    assert rival.seconds(600.0) == need


@given(counts=st.lists(st.integers(1, 60), min_size=2, max_size=6), data=st.data())
def test_each_beginning_has_the_classes_in_their_shares(counts: list[int], data: Any) -> None:
    labels = np.repeat(np.arange(len(counts)), counts)
    count = data.draw(st.integers(len(counts), len(labels)))
    rows = _of_all_classes(np.arange(len(labels)), labels, count, RNG(0))
    assert len({*rows.tolist()}) == count
    found = np.bincount(labels[rows], minlength=len(counts))
    assert found.min() >= 1
    assert np.abs(found - count * np.array(counts) / len(labels)).max() <= len(counts)
