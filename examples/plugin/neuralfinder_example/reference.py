"""A network by hand."""

from __future__ import annotations

from collections import OrderedDict

from torch import nn

from neuralfinder.comparison.references import Reference
from neuralfinder.types import Shape
from neuralfinder_example.modules import SqueezeExcitation


def squeezed_cnn(shape: Shape, classes: int) -> nn.Module:
    """Two convolutions, each with a pool, squeeze and excitation between them."""
    return nn.Sequential(
        OrderedDict(
            first=nn.Conv2d(shape.channels, 16, 3, padding=1),
            relu=nn.ReLU(),
            pool=nn.MaxPool2d(2),
            squeeze=SqueezeExcitation(16, 4),
            second=nn.Conv2d(16, 32, 3, padding=1),
            relu2=nn.ReLU(),
            mean=nn.AdaptiveAvgPool2d(1),
            flat=nn.Flatten(),
            head=nn.Linear(32, classes),
        )
    )


SQUEEZED_CNN = Reference("squeezed-cnn", "two convolutions, squeeze and excitation", squeezed_cnn, 5_566, None, "", 2)
