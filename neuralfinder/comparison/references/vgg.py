"""VGG: Simonyan & Zisserman, "Very deep convolutional networks for large-scale image recognition", 2015.

In the form for CIFAR: normalisation after every convolution, and one dense layer. The convolutions' biases, void before
a normalisation, are kept as in the networks whose errors are quoted.
"""

from __future__ import annotations

from torch import nn

from neuralfinder.comparison.references.blocks import chain, normed, numbers
from neuralfinder.types import Shape

WIDTHS = (64, 128, 256, 512, 512)


def vgg(shape: Shape, classes: int, depths: tuple[int, ...]) -> nn.Module:
    """Five blocks of so many convolutions of 3x3, each ended by a pool; 32x32 becomes 1x1."""
    layers, inputs = list[nn.Module](), shape.channels
    for width, depth in zip(WIDTHS, depths, strict=True):
        for _ in range(depth):
            layers += normed(inputs, width, bias=True)
            inputs = width
        layers.append(nn.MaxPool2d(2))
    layers.append(nn.Flatten())
    return chain(layers, nn.Linear(numbers(layers, shape), classes))
