from __future__ import annotations

import pytest

from neuralfinder.networks.cost import Cost, cost, layer_parameters, shapes
from neuralfinder.networks.genome import PUBLISHED_BEST, parse
from neuralfinder.types import Shape

CIFAR = Shape(3, 32, 32)


def test_published_best_has_the_computed_size():
    """Closed-form counts of 3x3 kernels with bias, FC 512 and 10 classes; MACs without biases."""
    found = cost(PUBLISHED_BEST, CIFAR, 10)
    assert (found.parameters, found.macs) == (2_447_242, 567_514_112)


def test_published_best_convolutions_alone():
    head = 768 * 512 + 512 + 512 * 10 + 10
    assert cost(PUBLISHED_BEST, CIFAR, 10).parameters - head == 2_048_384


def test_shapes_of_the_published_best():
    after = shapes(PUBLISHED_BEST, CIFAR)
    assert after[0] == Shape(32, 32, 32)
    assert after[3] == Shape(192, 16, 16)
    assert after[-1] == Shape(192, 2, 2)
    assert str(after[-1]) == "192x2x2"


def test_odd_sides_are_floored_down_to_nothing():
    assert shapes(parse("C4 M M M"), Shape(1, 7, 5)) == [
        Shape(4, 7, 5),
        Shape(4, 3, 2),
        Shape(4, 1, 1),
        Shape(4, 0, 0),
    ]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        # 9*1*4 + 4 biases; head 4*6*6 -> 5 -> 3
        ("C4 > F5", Cost(40 + (144 * 5 + 5 + 5 * 3 + 3), 36 * 36 + 144 * 5 + 5 * 3, 36 + 144, 3)),
        # normalisation: scale and shift instead of the bias, the map read and written once more
        ("C4.bn > G", Cost(36 + 8 + 4 * 3 + 3, 36 * 36 + 4 * 3, 36 + 144 + 2 * 144, 3, 36 * 4)),
        # the second convolution works on a 3x3 map
        (
            "C4 M C2 > G",
            Cost(40 + (9 * 4 * 2 + 2) + 2 * 3 + 3, 36 * 36 + 72 * 9 + 6, (36 + 144) + (144 + 36) + (36 + 18), 4),
        ),
    ],
)
def test_cost_by_hand(text, expected):
    assert cost(parse(text), Shape(1, 6, 6), 3) == expected


def test_parameters_of_each_layer_by_hand():
    # a kernel for each of 4 channels, then 1x1 to 8 with scale and shift; groups halve what a filter sees
    found = layer_parameters(parse("C4 C8.sep.bn M I.bn C6.g2.k1 > F5"), Shape(1, 6, 6), 3)
    assert found == [40, 36 + 32 + 16, 0, 16, 6 * 4 + 6, (6 * 9 * 5 + 5) + (5 * 3 + 3)]
    line = Shape(16, 1, 12, 100)
    assert layer_parameters(parse("C4.k5 > GM"), line, 2) == [16 * 5 * 4 + 4, 4 * 2 + 2]
    assert cost(parse("C4.k5 > GM"), line, 2).parameters == 100 * 16 + 324 + 10
