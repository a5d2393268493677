"""A network as the source of a class: a line for each layer, and what the map is after it."""

from __future__ import annotations

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from neuralfinder.errors import InputError
from neuralfinder.training.bag import BAG
from neuralfinder.training.build import PIXELS, PIXELS_SCALE, SAMPLE, WORDS, Inputs, Network, Pixels, Skip, Team
from neuralfinder.types import Shape

FUNCTIONS: dict[type[nn.Module], str] = {
    nn.ReLU: "F.relu({x})",
    nn.LeakyReLU: "F.leaky_relu({x}, {layer.negative_slope})",
    nn.ELU: "F.elu({x})",
    nn.GELU: "F.gelu({x})",
    nn.SiLU: "F.silu({x})",
    nn.Tanh: "torch.tanh({x})",
    nn.Sigmoid: "torch.sigmoid({x})",
    nn.Identity: "{x}",
    nn.Dropout: "F.dropout({x}, {layer.p}, self.training)",
    nn.AdaptiveAvgPool2d: "{x}.mean((2, 3))",
    nn.AdaptiveMaxPool2d: "{x}.amax((2, 3))",
    nn.Flatten: "{x}.flatten(1)",
}
"""What a layer without weights does with `x`; `layer` is the module of torch."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One layer: its name in the class, what makes it, what calls it, and its output without the batch."""

    name: str
    made: str
    called: str
    after: tuple[int, ...]


def identifier(layer: str) -> str:
    """The name of a layer as an attribute: `0_conv` -> `conv_0`."""
    place, _, kind = layer.partition("_")
    return f"{kind}_{place}" if place.isdigit() else layer


def class_source(network: Network | Team, seen: Shape, classes: int) -> str:
    """The source of a class `Network`, which does what the network does with one look at each sample.

    That of the members of a team comes before it.

    Args:
        network: of any weights, on the CPU.
        seen: the shape of what it looks at.
        classes: number of outputs.

    Raises:
        InputError: a layer that is no layer of ours, as packages bring them.
    """
    if isinstance(network, Network):
        return _class_source(network, seen, classes, "Network")
    each = _class_source(network.members[0], seen, classes, ONE)
    return f"{each}\n{TEAM.format(copies=len(network.members), one=ONE, members=MEMBERS)}"


def _class_source(network: Network, seen: Shape, classes: int, name: str) -> str:
    steps = _steps(network, seen)
    pixels, bag = (dict(network.named_children()).get(name) for name in (PIXELS, BAG))
    kept = {source for sources in network.sources.values() for source in sources}
    made = [f"self.{step.name} = {step.made}" for step in steps.values() if step.made]
    lines, before = list[str](), _sides(seen)
    if SAMPLE in kept and not seen.vocabulary:
        lines.append(f"{_kept(SAMPLE)} = x")
    if isinstance(pixels, Pixels):
        made.append(f"self.{PIXELS} = nn.Linear({pixels.in_features}, {classes})")
        lines.append(f"beside = {_pixels(pixels, seen)}")
    for layer, step in steps.items():
        into = f"x = {_kept(layer)} = " if layer in kept else "x = "
        if step.called != "x" or layer in kept:
            size = f"  # {' x '.join(map(str, step.after))}" if step.after != before else ""
            lines.append(f"{into}{step.called}{size}")
        if layer == WORDS and SAMPLE in kept:
            lines.append(f"{_kept(SAMPLE)} = x")
        before = step.after
    # the mean of two answers' probabilities, as logits
    lines.append("return torch.stack([x, beside]).log_softmax(2).logsumexp(0)" if pixels else "return x")
    if bag is not None:
        made.append(f"self.{BAG} = Bag({bag.bits}, {classes})  # n-grams beside the layers, see `probabilities`")
    return _class(name, made, lines, seen, classes)


TEAM = '''
class Network(nn.Module):
    """{copies} networks of this kind, each with weights of its own, that answer together."""

    def __init__(self) -> None:
        super().__init__()
        self.{members} = nn.ModuleList({one}() for _ in range({copies}))

    def forward(self, x: Tensor) -> Tensor:
        """As each of them; the mean of their probabilities, as logits."""
        return torch.stack([member(x) for member in self.{members}], dim=2).log_softmax(1).logsumexp(2)
'''

ONE, MEMBERS = "Member", "members"
"""The class of one network of a team, and the attribute in which the team has them."""


def _class(name: str, made: Sequence[str], lines: Sequence[str], seen: Shape, classes: int) -> str:
    given = f"Tokens `(n, {seen.width})`" if seen.vocabulary else f"`(n, {seen.channels}, {seen.height}, {seen.width})`"
    indented = (textwrap.indent("\n".join(some), " " * 8) for some in (made, lines))
    init, forward = indented
    return (
        f"class {name}(nn.Module):\n"
        '    """The layers in order."""\n\n'
        f"    def __init__(self) -> None:\n        super().__init__()\n{init}\n\n"
        f"    def forward(self, x: Tensor) -> Tensor:\n"
        f'        """{given} -> logits `(n, {classes})`."""\n{forward}\n'
    )


def _steps(network: Network, seen: Shape) -> dict[str, _Step]:
    """The layers by name, each tried on one sample for the size of what comes out."""
    shapes: dict[str, tuple[tuple[int, ...], ...]] = {}

    def note(layer: str) -> Any:
        def hook(_: nn.Module, maps: tuple[Tensor, ...], after: Tensor) -> None:
            shapes[layer] = (tuple(after.shape[1:]), *(tuple(each.shape[1:]) for each in maps))

        return hook

    layers = {name: layer for name, layer in network.named_children() if name not in (BAG, PIXELS)}
    hooks = [layer.register_forward_hook(note(name)) for name, layer in layers.items()]
    empty = torch.zeros(1, 1, 2, seen.width) if seen.vocabulary else torch.zeros(1, *_sides(seen))
    with torch.no_grad():
        network.eval().alone(empty)
    for hook in hooks:
        hook.remove()
    steps = dict[str, _Step]()
    pooled = False
    for name, layer in layers.items():
        if pooled and isinstance(layer, nn.Flatten):
            continue  # a mean or a maximum over the map is flat already, as it is written
        pooled = isinstance(layer, nn.AdaptiveAvgPool2d | nn.AdaptiveMaxPool2d)
        after, *inputs = shapes[name]
        after = after[:1] if pooled else after
        earlier = [_kept(source) for source in network.sources.get(name, ())]
        made, called = _layer(layer, name, inputs, earlier, after)
        steps[name] = _Step(identifier(name), made, called, after)
    return steps


def _sides(seen: Shape) -> tuple[int, ...]:
    return seen.channels, seen.height, seen.width


def _kept(source: str) -> str:
    """The variable that keeps a layer's output."""
    return f"after_{identifier(source)}"


def _layer(
    layer: nn.Module, name: str, inputs: Sequence[tuple[int, ...]], earlier: Sequence[str], after: tuple[int, ...]
) -> tuple[str, str]:
    """What makes a layer, empty where nothing is to be made, and what calls it."""
    own = f"self.{identifier(name)}(x)"
    match layer:
        case nn.Embedding():
            made, own = f"nn.Embedding({layer.num_embeddings}, {layer.embedding_dim})", f"{own}.mT.unsqueeze(2)"
        case nn.Conv2d():
            made = _convolution(layer)
        case nn.BatchNorm2d():
            made = f"nn.BatchNorm2d({layer.num_features})"
        case nn.Linear():
            made = f"nn.Linear({layer.in_features}, {layer.out_features})"
        case _:
            made, own = "", _function(layer, name, inputs, earlier, after)
    return made, own


def _function(
    layer: nn.Module, name: str, inputs: Sequence[tuple[int, ...]], earlier: Sequence[str], after: tuple[int, ...]
) -> str:
    """What calls a layer that has no weights."""
    match layer:
        case Skip():
            called = _skip(layer, inputs, earlier)
        case Inputs():
            maps = [_filled(each, own, after) for each, own in zip(earlier, inputs[1:], strict=True)]
            called = maps[0] if len(maps) == 1 else f"torch.cat([{', '.join(maps)}], 1)"
        case nn.MaxPool2d():
            called = f"F.max_pool2d(x, {_window(layer)})"
        case nn.AvgPool2d():
            called = f"F.avg_pool2d(x, {_window(layer)}{', count_include_pad=False' if layer.padding else ''})"
        case _ if type(layer) in FUNCTIONS:
            called = FUNCTIONS[type(layer)].format(x="x", layer=layer)
        case _:
            raise InputError(
                f"layer {name}", given=type(layer).__name__, expected="a layer of NeuralFinder's own",
                mend="export another form than code",
            )  # fmt: skip
    return called


def _convolution(layer: nn.Conv2d) -> str:
    values = {
        "stride": (layer.stride, 1), "padding": (layer.padding, 0), "groups": (layer.groups, 1),
        "bias": (layer.bias is not None, True),
    }  # fmt: skip
    given = [str(layer.in_channels), str(layer.out_channels), str(_shortest(layer.kernel_size))]
    given += [f"{name}={_shortest(value)}" for name, (value, usual) in values.items() if _shortest(value) != usual]
    return f"nn.Conv2d({', '.join(given)})"


def _window(pool: nn.MaxPool2d | nn.AvgPool2d) -> str:
    given = [str(pool.kernel_size)] + ([f"stride={pool.stride}"] if pool.stride != pool.kernel_size else [])
    return ", ".join(given + ([f"padding={pool.padding}"] if _shortest(pool.padding) else []))


def _shortest(value: Any) -> Any:
    """One number for a pair of equal ones."""
    return value[0] if isinstance(value, tuple) and len({*value}) == 1 else value


def _skip(layer: Skip, inputs: Sequence[tuple[int, ...]], earlier: Sequence[str]) -> str:
    (channels, *size), *others = inputs
    maps = []
    for name, (theirs, *sides) in zip(earlier, others, strict=True):
        pooled = name if sides == size else f"F.adaptive_max_pool2d({name}, ({size[0]}, {size[1]}))"
        if layer.join == "add" and theirs > channels:
            pooled = f"{pooled}[:, :{channels}]"
        elif layer.join == "add" and theirs < channels:
            pooled = f"F.pad({pooled}, (0, 0, 0, 0, 0, {channels - theirs}))"
        maps.append(pooled)
    return " + ".join(["x", *maps]) if layer.join == "add" else f"torch.cat([{', '.join(['x', *maps])}], 1)"


def _filled(name: str, own: tuple[int, ...], after: tuple[int, ...]) -> str:
    """A map with zeros on the right and below, so that it is as large as the largest."""
    right, below = after[2] - own[2], after[1] - own[1]
    return f"F.pad({name}, (0, {right}, 0, {below}))" if right or below else name


def _pixels(pixels: Pixels, seen: Shape) -> str:
    enlarged = "x" if pixels.size == (seen.height, seen.width) else f"F.interpolate(x, size={pixels.size})"
    return f"self.{PIXELS}({enlarged}.flatten(1) * {PIXELS_SCALE / pixels.in_features**0.5!r})"
