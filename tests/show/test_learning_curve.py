"""What twice as many data would bring, on curves whose law is known, and in words."""

from __future__ import annotations

import numpy as np
import pytest

from neuralfinder.search.events import Extrapolated, Share
from neuralfinder.show.learning_curve import curve_lines, gains

SAMPLES = np.array([1000.0, 2000, 4000, 8000])


def law(floor, slope, exponent):
    return lambda samples: floor + slope * np.asarray(samples) ** -exponent


@pytest.mark.parametrize("truth", [law(0, 2.5, 0.3), law(0.05, 4.0, 0.5), law(0, 0.5, 0.1), law(0.1, 80.0, 1.0)])
@pytest.mark.parametrize("points", [3, 4])
def test_where_noise_is_small_the_range_is_about_the_truth(truth, points):
    samples = SAMPLES[-points:]
    if points == 3 and truth(1e12) > 0.04:
        pytest.skip("three points have no floor")
    low, high = gains(samples, truth(samples), np.full(points, 1e-4))
    gain = truth(8000) - truth(16000)
    assert low - 2e-4 <= gain <= high + 2e-4
    assert high - low < 0.01


@pytest.mark.thorough
def test_the_range_holds_as_often_as_it_says():
    """It takes errors as independent and laws as known, so it should hold nearly always."""
    rng, held = np.random.default_rng(0), 0
    for _ in range(10):
        truth = law(rng.uniform(0, 0.1), rng.uniform(1, 3), rng.uniform(0.2, 0.5))
        errors = rng.binomial(1000, np.minimum(1, truth(SAMPLES))) / 1000
        low, high = gains(SAMPLES, errors, np.sqrt(errors * (1 - errors) / 1000))
        held += low <= truth(8000) - truth(16000) <= high
    assert held >= 8


def verdict(scores, validation=2000, reached=0.0):
    shares = tuple(Share(1000 * 2**place, score) for place, score in enumerate(scores))
    *_, last = curve_lines(Extrapolated(validation, reached, 100, shares))
    return last


def test_words_for_what_more_data_would_bring():
    assert verdict([0.70, 0.78, 0.84, 0.88]).endswith("expected (now 88.0%)")
    low, high = (float(word.rstrip("%")) for word in verdict([0.70, 0.78, 0.84, 0.88]).split()[3:6:2])
    assert 88.5 < low < 91 < high < 94  # errors fall by a factor of 0.71 to 0.75 each time
    assert verdict([0.9, 0.902, 0.9, 0.901], 20_000) == "  twice the data: more data of this kind would hardly help"
    assert verdict([0.8, 0.9, 0.85, 0.9], 20) == (
        "  twice the data: cannot be told: the noise of 20 validation samples is larger"
    )
    assert "noise of 288 validation samples" in verdict([0.899, 0.931, 0.948, 0.899], 288)  # luck of trainings
    assert verdict([0.70, 0.78, 0.84, 0.88], reached=0.95) == (
        "  twice the data: cannot be told after so little training: the run itself came to 95.0%; give more minutes"
    )
    assert "expected" in verdict([0.70, 0.78, 0.84, 0.88], reached=0.89)
    for scores in ([None, None, 0.8, 0.9], [0.6, 0.7, 0.8, None]):
        assert verdict(scores).endswith("fewer than three shares could be trained; give more minutes")


def test_every_share_is_told_with_its_noise():
    shares = (Share(500, None, "diverged"), Share(1000, 0.5), Share(2000, 1.0))
    assert curve_lines(Extrapolated(98, 0.9, 7, shares))[:-1] == [
        "enough?   the winner trained anew on shares of the training part, 7 steps on each",
        "  500 samples: diverged",
        "  1,000 samples: 50.00% +- 5.05%",
        "  2,000 samples: 100.00% +- 1.01%",
    ]
