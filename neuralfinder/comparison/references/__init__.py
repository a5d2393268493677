"""Hand-made networks of the literature, and the best ones of earlier searches, for small pictures.

One file a family, with the source in its docstring; `blocks` has what several of them share. `REFERENCES` names them.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import torch
from torch import nn

from neuralfinder.comparison.references.alexnet import alexnet
from neuralfinder.comparison.references.all_cnn import all_cnn_c
from neuralfinder.comparison.references.densenet import densenet, densenet_bc
from neuralfinder.comparison.references.fractalnet import FractalNet
from neuralfinder.comparison.references.googlenet import googlenet
from neuralfinder.comparison.references.highway import close_gates, highway19
from neuralfinder.comparison.references.lenet import lenet5
from neuralfinder.comparison.references.maxout import fitnet4, maxout
from neuralfinder.comparison.references.metaqnn import metaqnn
from neuralfinder.comparison.references.nas_v1 import NasV1
from neuralfinder.comparison.references.nin import nin
from neuralfinder.comparison.references.resnet import preact_resnet, resnet, wide_resnet
from neuralfinder.comparison.references.vgg import vgg
from neuralfinder.errors import InputError, unknown_name
from neuralfinder.networks.genome import PUBLISHED_BEST
from neuralfinder.plugins import Registry
from neuralfinder.training.build import build
from neuralfinder.types import Shape

Make = Callable[[Shape, int], nn.Module]


@dataclass(frozen=True, slots=True)
class Reference:
    """A network by hand, or the best of an earlier search.

    Attributes:
        name: as `--methods` takes it.
        summary: one line.
        make: shape of a picture and number of classes -> network, weights as torch draws them.
        parameters: for 32x32 pictures in three channels and ten classes; `None` where published counts are no check.
        error: published test error on CIFAR-10 with shifted and mirrored pictures, in percent.
        source: where the error is from, or the form of the network.
        smallest: side in pixels of the smallest picture it takes.
    """

    name: str
    summary: str
    make: Make
    parameters: int | None
    error: float | None
    source: str
    smallest: int = 4


RES = "He et al., CVPR 2016, table 6"
DENSE = "Huang et al., CVPR 2017, table 2"
ZOO = "kuangliu/pytorch-cifar"
SECOND_ZOO = "bearpaw/pytorch-classification"
QNN = "Baker et al., ICLR 2017, table A2"
WIDE = "Zagoruyko & Komodakis, BMVC 2016, and szagoruyko/wide-residual-networks"
PRE = "He et al., ECCV 2016, table 3"


def _published_best(shape: Shape, classes: int) -> nn.Module:
    return build(PUBLISHED_BEST, shape, classes)


_ALL = (
    Reference("lenet-5", "LeNet-5 for colour, 1998", lenet5, 62_006, None, "LeCun et al., 1998", 16),
    Reference("alexnet", "AlexNet for CIFAR, 2012", alexnet, 2_472_266, 22.78, SECOND_ZOO, 29),
    Reference("maxout", "three maxout convolutions, 2013", maxout, None, 9.38, "Goodfellow et al., 2013, table 5", 8),
    Reference("nin", "network in network, 2014", nin, 966_986, 8.81, "Lin et al., ICLR 2014, table 1"),
    Reference("vgg-16", "VGG-16, normalised", partial(vgg, depths=(2, 2, 3, 3, 3)), 14_728_266, 7.36, ZOO, 32),
    Reference("vgg-19", "VGG-19, normalised", partial(vgg, depths=(2, 2, 4, 4, 4)), 20_040_522, 6.66, SECOND_ZOO, 32),
    Reference("all-cnn-c", "convolutions only, 2015", all_cnn_c, 1_369_738, 7.25, DENSE, 9),
    Reference("fitnet-4", "FitNet-4, 19 layers, without hints", fitnet4, 2_742_102, 8.39, RES),
    Reference("highway-19", "highway network of 19 layers", highway19, 2_244_328, 7.72, RES),
    Reference("googlenet", "GoogLeNet for CIFAR", googlenet, 5_879_066, None, "Szegedy et al., CVPR 2015, table 1"),
    Reference("googlenet-3x3", "the same, two 3x3 for 5x5", partial(googlenet, two=True), 6_166_250, None, ZOO),
    Reference("fractalnet-20", "FractalNet, drop-path", FractalNet, 33_724_618, 4.60, "Larsson et al., ICLR 2017", 32),
    Reference("resnet-20", "residual network", partial(resnet, depth=20), 269_722, 8.75, RES),
    Reference("resnet-32", "residual network", partial(resnet, depth=32), 464_154, 7.51, RES),
    Reference("resnet-44", "residual network", partial(resnet, depth=44), 658_586, 7.17, RES),
    Reference("resnet-56", "residual network", partial(resnet, depth=56), 853_018, 6.97, RES),
    Reference("resnet-110", "residual network", partial(resnet, depth=110), 1_727_962, 6.43, RES),
    Reference("preact-resnet-110", "pre-activation", partial(preact_resnet, depth=110), 1_727_962, 6.37, PRE),
    Reference("preact-resnet-164", "pre-activation", partial(preact_resnet, depth=164), 1_703_258, 5.46, PRE),
    Reference("wrn-16-8", "wide residual network", partial(wide_resnet, depth=16, times=8), 10_961_370, 4.81, DENSE),
    Reference("wrn-28-10", "wide residual network", partial(wide_resnet, depth=28, times=10), 36_479_194, 4.00, WIDE),
    Reference("wrn-40-4", "wide residual network", partial(wide_resnet, depth=40, times=4), 8_949_210, None, WIDE),
    Reference("densenet-40-12", "DenseNet of 40 layers", partial(densenet, depth=40), 1_019_722, 5.24, DENSE),
    Reference("densenet-bc-100-12", "DenseNet-BC of 100 layers", partial(densenet_bc, depth=100), 769_162, 4.51, DENSE),
    *(
        Reference(f"metaqnn-{n}", "found by MetaQNN", partial(metaqnn, network=n - 1), None, error, QNN, smallest)
        for n, error, smallest in ((1, 6.92, 8), (2, 8.78, 12), (3, 8.88, 4), (4, 9.24, 8), (5, 9.48, 11))
    ),
    Reference("nas-v1", "found by reinforcement learning", NasV1, 4_202_266, 5.50, "Zoph & Le, ICLR 2017, table 1"),
    Reference("neuralfinder-2017", "best of 2017", _published_best, 2_447_242, 7.30, "NeuralFinder, 2017", 16),
)

REFERENCES = Registry(
    "references",
    {reference.name: reference for reference in _ALL},
    lambda found: isinstance(found, Reference),
    "a comparison.references.Reference",
)


def build_reference(name: str, shape: Shape, classes: int) -> nn.Module:
    """The network, its weights after He et al. from torch's global generator, biases 0 but of gates.

    Pictures `(n, channels, height, width)` -> logits `(n, classes)`, by a layer that is called `head`.

    Raises:
        InputError: unknown name, or too small a picture.
    """
    if name not in REFERENCES:
        raise unknown_name("reference network", name, REFERENCES)
    reference = REFERENCES[name]
    if min(shape.height, shape.width) < reference.smallest:
        raise InputError(
            name, given=f"pictures of {shape.height}x{shape.width}", expected=f"sides of at least {reference.smallest}",
            mend="scale them up, or take another network",
        )  # fmt: skip
    network = reference.make(shape, classes)
    _initialise(network)
    close_gates(network)
    return network


@torch.no_grad()
def _initialise(network: nn.Module) -> None:
    for module in network.modules():
        if isinstance(module, nn.Conv2d | nn.Linear):
            nn.init.kaiming_normal_(module.weight, nonlinearity="relu")
            if module.bias is not None:
                nn.init.zeros_(module.bias)
