"""A model as a file of Python that a person can read: the layers, what is done to samples first, and the answer.

What is ours and already written, the reading of pictures and texts above all, is taken over as it stands (`excerpt`).
"""

from __future__ import annotations

import pprint
import re
import textwrap
from collections import defaultdict
from collections.abc import Iterable
from pathlib import Path

from torch import nn

import neuralfinder
from neuralfinder.data.pictures import decode
from neuralfinder.data.tokens import MOST_LETTERS, Tokens, lines_of
from neuralfinder.errors import InputError
from neuralfinder.networks.cost import cost
from neuralfinder.training.bag import BAG, Bag
from neuralfinder.training.batches import Scaling
from neuralfinder.training.build import Network, Team, bag_of
from neuralfinder.training.export.excerpt import Excerpt
from neuralfinder.training.export.layers import MEMBERS, class_source
from neuralfinder.training.files import write as write_file
from neuralfinder.training.model import Model
from neuralfinder.training.model_files import TOKENIZER, WEIGHTS
from neuralfinder.types import Shape

FILE = "network.py"

OPENED = """
import importlib.util
def opened(folder):
    spec = importlib.util.spec_from_file_location("network", folder / "network.py")
    network = sys.modules["network"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(network)
    return network.CLASSES, network.probabilities, getattr(network, "read", None)
"""
"""How a stranger opens the file, see `forms.Form`."""

WIDTH = 120
"""Letters of a line at most, where it can be broken."""

IMPORTS = {
    "Any": "from typing import Any", "F": "from torch.nn import functional as F",
    "NamedTuple": "from typing import NamedTuple", "Path": "from pathlib import Path",
    "Sequence": "from collections.abc import Sequence", "Tensor": "from torch import Tensor",
    "Tokenizer": "from tokenizers import Tokenizer", "functools": "import functools",
    "load_file": "from safetensors.torch import load_file", "nn": "from torch import nn", "np": "import numpy as np",
    "re": "import re", "sys": "import sys", "torch": "import torch",
}  # fmt: skip
"""What may be needed beside what excerpts need, by the name bound."""

ALWAYS = "Path Any "
"""Names that the head uses."""

OUTSIDE = frozenset(["PIL", "numpy", "safetensors", "tokenizers", "torch"])
"""Packages that it may need; other imports are Python's own."""

HEAD = '''"""{genome}

{size}.
Found by NeuralFinder {version}, which this file does not need; the weights lie beside it, in {weights}.
{use}"""

from __future__ import annotations

{imports}

HERE = Path(__file__).parent

CLASSES: tuple[Any, ...] = {classes}
"""As they were named in training, in the order of the outputs."""
{constants}'''

USE = """
    python network.py {example}    # a line for each file: its name, class and probability
"""

AT_ONCE = '''
AT_ONCE = 64
"""Samples that are answered at once."""
'''

OF_PICTURES = '''
MEAN, STD = {mean}, {std}
"""Of each channel, in training."""
'''

OF_TEXTS = '''
LENGTH, PIECES, MOST_LETTERS = {length}, {pieces}, {letters}
"""Tokens of a line, lines of a text, and letters beside each line, all at most."""
'''

LOAD = '''
@functools.cache
def load() -> Network:
    """The network with its weights, where the layer `conv_0` is named `0_conv`."""
    state = load_file(HERE / "{weights}")
    state = {{{prefix}re.sub(r"\\b(\\d+)_(\\w+)", r"\\2_\\1", name): own for name, own in state.items()}}
    network = Network().eval()
{lines}
    return network
'''

PREPARE = '''
def prepare(pictures: Tensor) -> Tensor:
    """`(n, {shape})` -> `(n, {seen})` as the network sees them."""
    x = pictures.float()
{lines}
    return x
'''

LOOKS = '''
def looks(x: Tensor) -> list[Tensor]:
    """{said}: the answer is the mean of all."""
{lines}
'''

PIECES = '''
def pieces(lines: Tensor) -> list[Tensor]:
    """The tokens of each piece of each text, of one that has fewer some again: the answer is the mean of all."""
    rows, own = torch.arange(len(lines)), (lines[:, :, 0, 0] > 0).sum(1).clamp(min=1)
    places = [(torch.full((len(lines),), (number + 0.5) / PIECES) * own).long() for number in range(PIECES)]
    return [lines[rows, place, 0, :LENGTH] for place in places]
'''

ANSWER = '''
@torch.no_grad()
def probabilities(samples: np.ndarray) -> np.ndarray:
    """`(n, {classes})`, columns as in CLASSES, of {samples}."""
    network, x = load(), torch.from_numpy(samples)
{lines}
    return np.asarray((logits / {temperature}).softmax(1))  # calibrated
'''

NAMED_TUPLE = Shape.__module__, Shape.__name__
"""What is said shorter there: of our own the file needs three numbers by name."""

SHAPE = '''
class Shape(NamedTuple):
    """Of one picture."""

    channels: int
    height: int
    width: int
'''

READ_PICTURES = '''
def read(paths: Sequence[Encoded]) -> np.ndarray:
    """Files of pictures, or what is in them, as in training: `(n, {shape})` of 0 to 255."""
    return np.stack([decode(path, Shape({channels}, {height}, {width}), "{fit}", {span}) for path in paths])
'''

READ_TEXTS = '''
@functools.cache
def tokenizer() -> Tokenizer:
    """The tokens of training."""
    return Tokenizer.from_file(str(HERE / "{tokenizer}"))


def read(texts: Sequence[str]) -> np.ndarray:
    """Texts as in training: lines of tokens and of letters, `(n, {pieces}, 2, width)`."""
    return lines_of(tokenizer(), texts, LENGTH, PIECES, MOST_LETTERS)[0]
'''

PREDICT = '''
def predict(samples: Sequence[{kind}]) -> list[tuple[Any, float]]:
    """The class of each {what}, and its probability."""
    found = []
    for start in range(0, len(samples), AT_ONCE):
        shares = probabilities(read(samples[start : start + AT_ONCE]))
        found += [(CLASSES[row.argmax()], float(row.max())) for row in shares]
    return found
'''

MAIN = """
if __name__ == "__main__":
    for name in sys.argv[1:]:
        ((label, probability),) = predict([{sample}])
        print(name, label, f"{{probability:.4f}}", sep="\\t")
"""


def write(model: Model, folder: Path) -> Path:
    """Write `network.py` into the folder that has the model's other files.

    Raises:
        InputError: as `source`.
    """
    path = folder / FILE
    write_file(path, source(model))
    return path


def source(model: Model) -> str:
    """The content of `network.py`.

    Raises:
        InputError: a layer of a package, of which there is no source.
    """
    network, bag = model.network, bag_of(model.network)
    if not isinstance(network, Network | Team):
        raise InputError(
            "the model", given=f"a {type(network).__name__}", expected="a network built from a genome",
            mend="export another form than code",
        )  # fmt: skip
    scaling = model.preparation if isinstance(model.preparation, Scaling) else None
    tokens = model.preparation if isinstance(model.preparation, Tokens) else None
    files = scaling is None or model.shape.channels in (1, 3)
    excerpt = Excerpt.of(([Bag] if bag else []) + ([] if not files else [decode, Shape] if scaling else [lines_of]))
    parts = [
        class_source(network, looked_at(model), len(model.classes)),
        _load(network, bag),
        *(_of_texts(model, tokens, bag) if tokens else []),
        *(_of_pictures(model, scaling) if scaling else []),
        *([_predict(scaling)] if files else []),
        *(SHAPE if key == NAMED_TUPLE else text for key, text in excerpt.definitions.items()),
        *([MAIN.format(sample="name" if scaling else "Path(name).read_text(encoding='utf-8-sig')")] if files else []),
    ]
    body = "\n\n\n".join(part.strip("\n") for part in parts) + "\n"
    imports = {**IMPORTS, **excerpt.imports}
    head = _head(
        model, [line for name, line in imports.items() if re.search(rf"\b{name}\b", ALWAYS + body)], files=files
    )
    return f"{head.rstrip()}\n\n\n{body}"


def looked_at(model: Model) -> Shape:
    """What the network gets of each sample."""
    seen = model.preparation.shape(model.shape)
    return seen.half if model.views.half else seen


def _head(model: Model, imports: Iterable[str], *, files: bool) -> str:
    size = cost(model.genome, model.shape, len(model.classes))
    if isinstance(model.preparation, Tokens):
        tokens = model.preparation
        constants = OF_TEXTS.format(length=tokens.length, pieces=tokens.pieces, letters=MOST_LETTERS)
    else:
        constants = OF_PICTURES.format(mean=model.preparation.mean, std=model.preparation.std)
    example = "letter.txt" if isinstance(model.preparation, Tokens) else "picture.jpg"
    return HEAD.format(
        genome=model.genome.key,
        size=f"{size.parameters:,} parameters, {size.macs:,} multiply-adds a sample, {len(model.classes)} classes",
        version=neuralfinder.__version__,
        weights=WEIGHTS,
        use=USE.format(example=f"{example} more") if files else "",
        imports=_sorted(imports),
        classes=pprint.pformat(model.classes, width=WIDTH - len("CLASSES: tuple[Any, ...] = "), compact=True),
        constants=constants + (AT_ONCE if files else ""),
    )


def _sorted(imports: Iterable[str]) -> str:
    """Python's own before others, modules before what is taken from them, each once."""
    names: dict[tuple[bool, bool, str], set[str]] = defaultdict(set)
    for line in imports:
        words = line.split(maxsplit=3)
        taken = words[0] == "from"
        key = words[1].split(".")[0] in OUTSIDE, taken, words[1]
        names[key] |= {each.strip() for each in words[3].split(",")} if taken else {line}
    lines = {
        key: f"from {key[2]} import {', '.join(sorted(some))}" if key[1] else "\n".join(sorted(some))
        for key, some in sorted(names.items())
    }
    blocks = ["\n".join(line for key, line in lines.items() if key[0] is outside) for outside in (False, True)]
    return "\n\n".join(blocks)


def _load(network: nn.Module, bag: Bag | None) -> str:
    lines = ["network.load_state_dict(state)"]
    if bag is not None:
        lines.insert(0, f'network.{BAG}.take({{name: state.pop(f"{BAG}.{{name}}") for name in network.{BAG}.state}})')
    prefix = f'"{MEMBERS}." + ' if isinstance(network, Team) else ""
    return LOAD.format(weights=WEIGHTS, prefix=prefix, lines=_body(lines))


def _of_pictures(model: Model, scaling: Scaling) -> list[str]:
    shape, seen, views = model.shape, scaling.shape(model.shape), model.views
    lines = [] if seen == shape else [f'x = F.interpolate(x, size=({seen.height}, {seen.width}), mode="area")']
    lines += ["x = (x - torch.tensor(MEAN).view(-1, 1, 1)) / torch.tensor(STD).view(-1, 1, 1)"]
    lines += ["x = F.avg_pool2d(x, 2, ceil_mode=True)"] if views.half else []
    looked = looked_at(model)
    moved = views.shift and min(looked.height, looked.width) > 1
    said, look = ["The pictures"], ["found = [x]"]
    if moved:
        said.append("the same moved by a pixel up and left, and down and right")
        end = f"{looked.height}, {looked.width}"
        look = [
            'padded = F.pad(x, (1, 1, 1, 1), mode="reflect")',
            f"found = [x, padded[:, :, :{looked.height}, :{looked.width}], padded[:, :, 2:, 2:]]  # all of ({end})",
        ]
    if views.mirror:
        said.append("all mirrored" if moved else "the same mirrored")
        look.append("found += [each.flip(3) for each in found]")
    several = views.mirror or moved
    answer = "logits = network(prepare(x))"
    if several:
        answer = "logits = torch.stack([network(each) for each in looks(prepare(x))]).mean(0)"
    size = f"{shape.channels}, {shape.height}, {shape.width}"
    what = f"pictures `(n, {size})` as {'`read` gives them' if shape.channels in (1, 3) else 'in training'}"
    found = [
        PREPARE.format(shape=size, seen=f"{looked.channels}, {looked.height}, {looked.width}", lines=_body(lines)),
        *([LOOKS.format(said=", ".join(said), lines=_body([*look, "return found"]))] if several else []),
        ANSWER.format(classes=len(model.classes), samples=what, lines=_body([answer]), temperature=model.temperature),
    ]
    if shape.channels in (1, 3):
        values = {"channels": shape.channels, "height": shape.height, "width": shape.width}
        found.append(READ_PICTURES.format(shape=size, fit=model.fit, span=model.span, **values))
    return found


def _of_texts(model: Model, tokens: Tokens, bag: Bag | None) -> list[str]:
    lines = ["logits = network(x[:, 0, 0, :LENGTH])"]
    if model.views.pieces:
        lines = ["logits = torch.stack([network(each) for each in pieces(x)]).mean(0)"]
    if bag is not None:
        lines.append(f"# the mean of the network's probabilities and those of the {BAG} of n-grams")
        lines.append(f"logits = torch.stack([logits, network.{BAG}(x)]).log_softmax(2).logsumexp(0)")
    return [
        *([PIECES] if model.views.pieces else []),
        ANSWER.format(
            classes=len(model.classes),
            samples="texts as `read` gives them",
            lines=_body(lines),
            temperature=model.temperature,
        ),
        READ_TEXTS.format(tokenizer=TOKENIZER, pieces=tokens.pieces),
    ]


def _predict(scaling: Scaling | None) -> str:
    return PREDICT.format(kind="Encoded" if scaling else "str", what="picture file" if scaling else "text")


def _body(lines: Iterable[str]) -> str:
    return textwrap.indent("\n".join(lines), " " * 4)
