"""What twice as many data would bring, in words: a power law through what the winner reached with shares of them."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from neuralfinder.plain import counted
from neuralfinder.search.events import Extrapolated

Floats = npt.NDArray[np.float64]

EXPONENTS = np.linspace(0.05, 1.0, 20)
"""Of the power law: 0.07 to 0.35 was measured on many tasks (Hestness et al. 2017), 0.5 and 1 are those of theory."""

POINTS_FOR_A_FLOOR = 4
"""Points from which the error is fitted to have a floor that no data remove; three numbers need more than three."""

DRAWS, RANGE = 200, (0.05, 0.95)
"""How often the fit is made again, with errors as they might have been measured, and the quantiles that are told."""

HARDLY = 0.005
"""Gain in accuracy that nobody would collect as many data again for. A guess."""


def gains(samples: Floats, errors: Floats, noise: Floats) -> tuple[float, float]:
    """What twice the largest number of samples would add to the accuracy, 0..1: the ends of a range of 90 %.

    The law is `error = a + b n^-c` with a, b >= 0 (Hestness et al. 2017; Viering & Loog 2021, section 4), without the
    floor `a` where points are few. Its uncertainty is that of the measured errors, taken as independent, and larger
    where these scatter more about the law than that: by the square root of chi^2 a degree of freedom, as the Particle
    Data Group does, for trainings have luck of their own. That the law holds beyond the data is taken for granted.

    Args:
        samples: `(m,)` rising, m >= 3.
        errors: `(m,)` 0..1.
        noise: `(m,)` their standard errors, above 0.
    """
    rng = np.random.default_rng(0)
    shares = samples / samples[-1]
    _, off = _fitted(shares, errors, noise)
    wide = noise * max(1.0, off / np.sqrt(max(1, len(errors) - 2)))
    drawn = np.clip(rng.normal(errors, wide, (DRAWS, len(errors))), 0, 1)
    low, high = np.quantile([_fitted(shares, row, noise)[0] for row in drawn], RANGE)
    return float(low), float(high)


def _fitted(shares: Floats, errors: Floats, noise: Floats) -> tuple[float, float]:
    """The fall of the error from one to two by the law that fits best, and how far it is off: the root of chi^2."""
    from scipy.optimize import nnls  # here, for importing it takes a moment

    best, least = 0.0, np.inf
    for exponent in EXPONENTS:
        columns = [shares**-exponent]
        if len(shares) >= POINTS_FOR_A_FLOOR:
            columns.append(np.ones_like(shares))
        (slope, *_), off = nnls(np.stack(columns, axis=1) / noise[:, np.newaxis], errors / noise)
        if off < least:
            best, least = float(slope * (1 - 2**-exponent)), float(off)
    return best, least


def curve_lines(found: Extrapolated) -> list[str]:
    """What was reached with each share of the training part, and what is to be expected of twice as many data."""
    lines = [f"enough?   the winner trained anew on shares of the training part, {found.steps:,} steps on each"]
    for share in found.shares:
        reached = share.why if share.score is None else f"{share.score:.2%} +- {_noise(share.score, found):.2%}"
        lines.append(f"  {counted(share.samples, 'sample')}: {reached}")
    return [*lines, f"  twice the data: {_verdict(found)}"]


def _noise(score: float, found: Extrapolated) -> float:
    """The standard error of an accuracy, of two more answers, one of them right: none is without noise then."""
    n = found.validation
    share = (score * n + 1) / (n + 2)
    return float(np.sqrt(share * (1 - share) / n))


def _verdict(found: Extrapolated) -> str:
    scored = [(share.samples, share.score) for share in found.shares if share.score is not None]
    if len(scored) < 3 or scored[-1][0] != found.shares[-1].samples:
        return "cannot be told: fewer than three shares could be trained; give more minutes"
    samples, scores = np.array(scored, dtype=float).T
    noise = np.array([_noise(score, found) for score in scores])
    if scores[-1] + 2 * np.hypot(noise[-1], _noise(found.reached, found)) < found.reached:
        return f"cannot be told after so little training: the run itself came to {found.reached:.1%}; give more minutes"
    low, high = gains(samples, 1 - scores, noise)
    if high < HARDLY:
        return "more data of this kind would hardly help"
    if scores[-1] - scores[0] <= 2 * np.hypot(noise[0], noise[-1]):
        return f"cannot be told: the noise of {found.validation:,} validation samples is larger"
    now = float(scores[-1])
    return f"{now + low:.1%} to {min(1.0, now + high):.1%} expected (now {now:.1%})"
