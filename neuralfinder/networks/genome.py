"""The genome: genes (layers) in order, a head, and how it is trained; its short text is the identity of a network."""

from __future__ import annotations

import dataclasses
import re
from abc import ABC, abstractmethod
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, ClassVar

from neuralfinder.errors import InputError
from neuralfinder.networks.recipe_genes import RecipeGenes, in_order, parse_recipe
from neuralfinder.plugins import Registry
from neuralfinder.types import Shape

if TYPE_CHECKING:
    from torch import nn

ACTIVATIONS = ("relu", "leaky", "elu", "gelu", "silu", "tanh", "sigmoid", "linear")
"""What may follow a convolution; `linear` is nothing."""

RISING = frozenset(ACTIVATIONS) - {"gelu", "silu"}
"""Those that change places with a maximum without a difference."""

BORDERS = ("same", "valid")
"""Zeros round the map, so that it keeps its size; or none, so that it loses what no whole kernel fits on."""

INITIALISATIONS = ("glorot", "he", "dirac")
"""How fresh kernels are drawn, see `Recipe.initialisation`."""

KERNELS, STRIDES = (1, 3, 5, 7), (1, 2, 4)
"""Sides of kernels, and strides of convolutions."""

USUAL_SIDE = 64
"""The longer side, in pixels, of what a network looks at where its genome names no other: larger pictures are made
smaller. Enough for most of what is in the middle of a photograph, at a twelfth of the cost of 224."""

MOST_SIDE = 2048
"""The largest side that a genome may name."""

MOST_COPIES = 9
"""Networks of a kind that may answer together: one digit of the text."""

MOST_GENES, MOST_LETTERS = 1000, 100_000
"""Layers, and letters of the text, that a genome may have where it is read. Networks of more than a hundred layers gain
nothing here, and what is asked about a genome may take time by the square of them."""

JOINS = ("add", "cat", "in")
"""How skips come in: added to the output, put beside it as further channels, or, side by side, as the input."""


@dataclass(frozen=True, slots=True)
class Conv:
    """Convolution, then normalisation, skips and activation.

    Zero padding keeps the size of the map, where it is not left out; a stride of 2 halves it, rounded up. A pool that
    follows directly comes before normalisation and activation.

    Skips: the outputs of genes so many places before this one come in, those that there are. Added or beside the
    output, maps are pooled to its size, and to be added channels are filled up with zeros or left out; as the input,
    where the picture counts as the gene before the first, they take the place of the gene right before, and smaller
    maps are filled up with zeros.

    Attributes:
        filters: outputs, 1 or more.
        norm: whether batch normalisation follows.
        kernel: side of the kernel, or its height where it is not square; odd.
        wide: width of a kernel that is not square, odd; 0 for one that is.
        stride: 1, 2 or 4.
        activation: one of `ACTIVATIONS`.
        groups: groups of channels that do not see each other; as many as divide inputs and outputs, see `cost.groups`.
        separable: a kernel for each input channel, then a convolution of side 1 (depthwise-separable).
        skips: places back, ascending; empty for none.
        join: one of `JOINS`.
        border: one of `BORDERS`.
        initialisation: one of `INITIALISATIONS`, empty for that of the recipe.
    """

    filters: int
    norm: bool = False
    kernel: int = 3
    wide: int = 0
    stride: int = 1
    activation: str = "relu"
    groups: int = 1
    separable: bool = False
    skips: tuple[int, ...] = ()
    join: str = "add"
    border: str = "same"
    initialisation: str = ""

    def __str__(self) -> str:
        words = [
            f"C{self.filters}",
            f"k{self.kernel}x{self.wide}" if self.wide else f"k{self.kernel}" if self.kernel != 3 else "",
            f"s{self.stride}" if self.stride != 1 else "",
            f"g{self.groups}" if self.groups != 1 else "",
            "sep" if self.separable else "",
            "valid" if self.border == "valid" else "",
            self.initialisation,
            "bn" if self.norm else "",
            self.activation if self.activation != "relu" else "",
            _written(self.join, self.skips),
        ]
        return ".".join(filter(None, words))

    @property
    def sides(self) -> tuple[int, int]:
        """Height and width of the kernel."""
        return self.kernel, self.wide or self.kernel


@dataclass(frozen=True, slots=True)
class Identity:
    """Passes its input on; normalisation, skips and activation as those of `Conv`."""

    norm: bool = False
    activation: str = "linear"
    skips: tuple[int, ...] = ()
    join: str = "add"

    def __str__(self) -> str:
        activation = self.activation if self.activation != "linear" else ""
        return ".".join(filter(None, ["I", "bn" if self.norm else "", activation, _written(self.join, self.skips)]))


def _written(join: str, skips: tuple[int, ...]) -> str:
    return join + "+".join(map(str, skips)) if skips else ""


@dataclass(frozen=True, slots=True)
class MaxPool:
    """Maximum over a window; of 3x3, and no other, with a border of one round the map.

    Last rows and columns that fill no window are dropped; the border makes the half of an odd side round up.

    Attributes:
        size: side of the window, 2, 3 or 5.
        stride: 1 to `size`; in the text what is not written is 2, and 3 for a window of 5.
    """

    size: int = 2
    stride: int = 2

    def __str__(self) -> str:
        return _pool_text("M", self)


@dataclass(frozen=True, slots=True)
class AvgPool:
    """Mean over a window of 2x2 or 3x3, as `MaxPool`; the border does not count."""

    size: int = 2
    stride: int = 2

    def __str__(self) -> str:
        return _pool_text("A", self)


def _pool_text(letter: str, pool: MaxPool | AvgPool) -> str:
    size = "" if pool.size == 2 else f"{pool.size}"
    return f"{letter}{size}" + ("" if pool.stride == USUAL_STRIDES.get(pool.size) else f".s{pool.stride}")


USUAL_STRIDES = {2: 2, 3: 2, 5: 3}
"""Sides of pools, and the stride of each that is not written: 5x5 at stride 3 is MetaQNN's."""


class Layer(ABC):
    """A gene that needs to know of nothing but the map that comes in: what packages bring, and our own of that kind.

    A subclass is a frozen dataclass with an entry point in the group `neuralfinder.genes`; `testing.GeneContract` is
    what it has to keep. Its text, `str(gene)`, is one word without `>` and comma, says all of it, and is read as
    nothing else. A space has such genes where its setting `layers` names them.

    Attributes:
        form: how its text is written, for `neuralfinder list genes`.
        meaning: what it does, in a line.
    """

    __slots__ = ()
    __dataclass_fields__: ClassVar[dict[str, dataclasses.Field[Any]]]
    form: ClassVar[str]
    meaning: ClassVar[str]

    @classmethod
    @abstractmethod
    def read(cls, word: str) -> Layer | None:
        """The gene whose text a word is, `None` for the text of another kind."""

    def shape_after(self, before: Shape) -> Shape:
        """The shape of what comes out; of a line, whose height is 1, a line again. A side of 0 is not legal."""
        return before

    def parameters(self, before: Shape) -> int:
        """Trainable numbers, where a map of this shape comes in."""
        return 0

    def buffers(self, before: Shape) -> int:
        """Numbers that are kept with the weights and not trained, such as the means and variances of a normalisation.

        One of eight bytes counts as two.
        """
        return 0

    def macs(self, before: Shape) -> int:
        """Multiply-adds for one sample."""
        return 0

    def module(self, before: Shape) -> nn.Module:
        """What is trained: maps `(n, *before)` -> maps `(n, *shape_after)`; only here is torch imported.

        A bare convolution or dense layer gets the first weights of the recipe; what is within a module keeps its own.
        """
        raise NotImplementedError


@dataclass(frozen=True, slots=True)
class Dropout(Layer):
    """Each number is left out with a probability of so many percent while training."""

    percent: int = 25

    form: ClassVar[str] = "D<percent>"
    meaning: ClassVar[str] = "dropout"

    @classmethod
    def read(cls, word: str) -> Dropout | None:
        """`D1` to `D99`."""
        found = re.fullmatch(r"D([1-9]\d?)", word)
        return cls(int(found[1])) if found else None

    def __str__(self) -> str:
        return f"D{self.percent}"


@dataclass(frozen=True, slots=True)
class Choice:
    """One of the numbered operations of a tabular benchmark, which knows its networks by such numbers alone."""

    value: int

    def __str__(self) -> str:
        return str(self.value)


@dataclass(frozen=True, slots=True)
class DenseHead:
    """Flatten, up to two dense layers with ReLU and dropout 0.5, linear to the classes; one of 512 was 2017's.

    Attributes:
        units: outputs of the first dense layer, 0 for none.
        second: outputs of the second one, 0 for none.
    """

    units: int = 512
    second: int = 0

    def __str__(self) -> str:
        return f"F{self.units}-{self.second}" if self.second else f"F{self.units}"


@dataclass(frozen=True, slots=True)
class PoolHead:
    """Mean over the map, linear to the classes; a linear model may stand beside the network and answer with it.

    Of texts that is a bag, linear in n-grams of tokens and of letters, hashed (Joulin et al. 2017, fastText); of
    pictures one of all pixels, for what the place of things says. Wide and deep (Cheng et al. 2016), but each learns by
    itself; `I > G.bag18` is little else than the bag.

    Attributes:
        largest: the maximum instead of the mean, as for texts (Kim 2014, section 2).
        dropout: percent left out before the classes while training.
        bag: logarithm to base 2 of the rows that n-grams are hashed to, 1 to 24; 0 for no bag.
        pixels: whether a linear model of all pixels stands beside the network.
    """

    largest: bool = False
    dropout: int = 0
    bag: int = 0
    pixels: bool = False

    def __str__(self) -> str:
        dropout, bag = (f".{word}{value}" if value else "" for word, value in (("d", self.dropout), ("bag", self.bag)))
        return ("GM" if self.largest else "G") + dropout + bag + (".lin" if self.pixels else "")


Pool = MaxPool | AvgPool
Gene = Conv | Identity | Pool | Choice | Layer
Head = DenseHead | PoolHead

GENES: dict[str, tuple[type[Gene] | type[Head], str]] = {
    "C<filters>": (
        Conv,
        "3x3 convolution and ReLU; .k1 .k5 .k7 .k3x7 other kernels, .s2 .s4 strides, .g<n> groups, .sep "
        f"depthwise-separable, .valid no border, .{' .'.join(INITIALISATIONS)} initial weights, .bn batch "
        f"normalisation, .{' .'.join(ACTIVATIONS[1:])} other activations, .add<k> .cat<k> a skip, .in<k>+<l> other "
        "inputs",
    ),
    "I": (Identity, "nothing; .bn .relu .add<k> and so on as for a convolution"),
    "M": (MaxPool, "2x2 max-pooling, stride 2; M3 of 3x3, M5 of 5x5 with stride 3; .s1 and so on other strides"),
    "A": (AvgPool, "2x2 mean-pooling, stride 2; A3 of 3x3; .s1 and so on other strides"),
    Dropout.form: (Dropout, Dropout.meaning),
    "<value>": (Choice, "operation of a tabular benchmark by its number; cannot be built"),
    "> F<units>": (
        DenseHead,
        "head: flatten, dense, ReLU, dropout 0.5, classes (F512 when none is written); F0, F512-256",
    ),
    "> G": (
        PoolHead,
        "head: mean over the map, classes; GM the maximum, .d50 dropout before the classes, .bag18 for texts a linear "
        "bag of n-grams of tokens and letters beside it, hashed to 2^18 rows; .lin for pictures a linear model of all "
        "pixels beside it",
    ),
}
"""Text form -> (type, meaning): what `neuralfinder list genes` shows, beside those of packages."""

LAYERS = Registry(
    "genes",
    {"dropout": Dropout},
    lambda found: isinstance(found, type) and issubclass(found, Layer),
    "a class derived from networks.genome.Layer",
)
"""Kinds of genes that know of nothing but the map that comes in."""

PUBLISHED_HEAD = DenseHead(512)
"""What 2017 ended with, and a text that names no head."""


@dataclass(frozen=True, slots=True)
class Genome:
    """A network's blueprint: the size at which it looks, genes in order, a head, and how its training is otherwise.

    Attributes:
        genes: the layers.
        head: what follows them.
        recipe: what its training has otherwise than the task's recipe, in the order of `recipe_genes.KINDS`.
        side: the longer side, in pixels, to which larger pictures are made smaller first; 0 for `USUAL_SIDE`.
        copies: how many networks of this kind, each with weights of its own, answer together.
        key: the short text: identity of the network and key of every cache. Equal genomes have equal keys.

    Example:
        >>> neuralfinder.Genome(neuralfinder.parse("C32.bn M > G").genes).key
        'C32.bn M'
    """

    genes: tuple[Gene, ...]
    head: Head = PUBLISHED_HEAD
    recipe: RecipeGenes = ()
    side: int = 0
    copies: int = 1
    key: str = field(init=False, compare=False, repr=False)

    def __post_init__(self) -> None:
        """Write the key once: it is asked for more often than anything else.

        Raises:
            InputError: recipe genes that are none, or twice there.
        """
        begins = [f"{self.copies}x"] * (self.copies > 1) + [f"@{self.side}"] * (self.side > 0)
        text = " ".join([*begins, *map(str, self.genes)])
        if self.head != PUBLISHED_HEAD:
            text += f" > {self.head}"
        if self.recipe:
            object.__setattr__(self, "recipe", in_order(self.recipe))
            text += f" | {' '.join(map(str, self.recipe))}"
        object.__setattr__(self, "key", text)

    def __hash__(self) -> int:
        return hash(self.key)

    def __str__(self) -> str:
        return self.key

    def __len__(self) -> int:
        return len(self.genes)

    @property
    def alone(self) -> Genome:
        """One network of its copies.

        Example:
            >>> neuralfinder.parse("3x C32.bn M > G").alone.key
            'C32.bn M > G'
        """
        return dataclasses.replace(self, copies=1) if self.copies > 1 else self

    def seen(self, shape: Shape) -> Shape:
        """What the network looks at, of samples of this shape.

        Example:
            >>> str(neuralfinder.parse("@32 C16 > G").seen(Shape(3, 224, 224)))
            '3x32x32'
        """
        return shape.at(self.side or USUAL_SIDE)

    @property
    def convolutions(self) -> int:
        """Number of convolution genes.

        Example:
            >>> neuralfinder.parse("C32.bn C64.s2 M > G").convolutions
            2
        """
        return sum(isinstance(gene, Conv) for gene in self.genes)

    @property
    def pools(self) -> int:
        """Number of pooling genes.

        Example:
            >>> neuralfinder.parse("C32.bn C64.s2 M > G").pools
            1
        """
        return sum(isinstance(gene, Pool) for gene in self.genes)

    @property
    def halvings(self) -> int:
        """How often the map is halved: by pools and strides; a third counts as twice, as a quarter does.

        Example:
            >>> neuralfinder.parse("C32.bn C64.s2 M > G").halvings
            2
        """
        return sum(halvings(gene) for gene in self.genes)


def halvings(gene: Gene) -> int:
    """How often a gene halves the map: the logarithm of its stride to base 2, rounded up."""
    return (gene.stride - 1).bit_length() if isinstance(gene, Conv | MaxPool | AvgPool) else 0


def value_of(gene: Gene, name: str) -> Any:
    """An attribute; of skips the longest, negative for one that puts maps side by side, 0 for none."""
    value = getattr(gene, name)
    if name == "skips" and isinstance(gene, Conv):
        return max(value, default=0) * (-1 if gene.join == "cat" else 1)
    return value


def with_value(gene: Gene, name: str, value: Any) -> Gene:
    """The gene whose `value_of` an attribute is this one."""
    if name == "skips":
        return dataclasses.replace(gene, skips=(abs(value),) if value else (), join="cat" if value < 0 else "add")
    return dataclasses.replace(gene, **{name: value})


def parse(text: str) -> Genome:
    """Read the short text; `parse(genome.key) == genome`.

    Raises:
        InputError: a word that is no number of copies, side, gene, head or recipe gene, or too many or too large
            numbers of these.

    Example:
        >>> genome = neuralfinder.parse("C32.bn M C64.bn > G")
        >>> len(genome), str(genome.head)
        (3, 'G')
    """
    if len(text) > MOST_LETTERS or re.search(r"\d{10}", text):
        raise InputError(
            "genome", given=text, expected=f"at most {MOST_LETTERS:,} letters, and numbers of nine digits",
            mend="make it smaller",
        )  # fmt: skip
    network, bar, words = text.partition("|")
    body, arrow, tail = network.partition(">")
    begins = re.match(r"\s*(?:([2-9])x(?=\s|$))?\s*(?:@([1-9]\d{0,3})(?=\s|$))?", body)
    copies, side = (int(number or 0) for number in begins.groups()) if begins else (0, 0)
    if side > MOST_SIDE:
        raise InputError(f"side of {text!r}", given=f"@{side}", expected=f"@1 to @{MOST_SIDE}", mend="make it smaller")
    genes = tuple(parse_gene(word, text) for word in body[begins.end() if begins else 0 :].split())
    if len(genes) > MOST_GENES:
        given = f"of {len(genes):,} layers"
        raise InputError("genome", given=given, expected=f"at most {MOST_GENES:,}", mend="make it smaller")
    head = parse_head(tail.strip(), text) if arrow else PUBLISHED_HEAD
    return Genome(genes, head, parse_recipe(words, text) if bar else (), side, copies or 1)


_MODIFIERS = {"k": ("kernel", KERNELS), "s": ("stride", STRIDES), "g": ("groups", None)}
"""Letter before a number -> attribute of a convolution, and the numbers it may be; `None` for any from 1."""

_WORDS: dict[str, tuple[str, Any]] = {
    "bn": ("norm", True),
    "sep": ("separable", True),
    "valid": ("border", "valid"),
    **{word: ("activation", word) for word in ACTIVATIONS},
    **{word: ("initialisation", word) for word in INITIALISATIONS},
}
"""Words -> the attribute that each sets, and to what."""

EXPECTED = "a gene as `neuralfinder list genes` shows them"


def parse_gene(word: str, text: str) -> Gene:
    """The gene that a word of `text` stands for; else an `InputError`."""
    if found := re.fullmatch(r"M([35]?)(?:\.s([1-5]))?|A(3?)(?:\.s([1-3]))?", word):
        size = int(found[1] or found[3] or 2)
        stride = int(found[2] or found[4] or USUAL_STRIDES[size])
        if stride <= size:
            return MaxPool(size, stride) if word[0] == "M" else AvgPool(size, stride)
    name, *modifiers = word.split(".")
    fields = [_parse_modifier(modifier) for modifier in modifiers]
    names = [name for part in fields for name in part or {"": None}]
    attributes = {k: v for part in fields for k, v in (part or {}).items()}
    if not all(fields) or len(set(names)) < len(names):
        pass
    elif found := re.fullmatch(r"C([1-9]\d*)", name):
        return Conv(int(found[1]), **attributes)
    elif name == "I" and attributes.keys() <= {entry.name for entry in dataclasses.fields(Identity)}:
        return Identity(**attributes)
    elif re.fullmatch(r"0|[1-9]\d*", word):
        return Choice(int(word))
    elif layer := next((read for kind in LAYERS.values() if (read := kind.read(word))), None):
        return layer
    raise InputError(
        f"gene in {text!r}", given=repr(word), expected=EXPECTED,
        mend="install the package that it is of, or write it as in 'C32 C64 M > G'",
    )  # fmt: skip


def _parse_modifier(word: str) -> dict[str, Any] | None:
    """The attributes that a modifier sets, `None` for none."""
    if word in _WORDS:
        name, value = _WORDS[word]
        return {name: value}
    if found := re.fullmatch(rf"({'|'.join(JOINS)})([1-9]\d*(?:\+[1-9]\d*)*)", word):
        skips = tuple(map(int, found[2].split("+")))
        return {"skips": skips, "join": found[1]} if list(skips) == sorted(set(skips)) else None
    if found := re.fullmatch(r"k([1357])x([1357])", word):
        return {"kernel": int(found[1]), "wide": int(found[2])} if found[1] != found[2] else None
    if (found := re.fullmatch(r"([a-z])([1-9]\d*)", word)) and found[1] in _MODIFIERS:
        name, allowed = _MODIFIERS[found[1]]
        number = int(found[2])
        if allowed is None or number in allowed:
            return {name: number}
    return None


def parse_head(word: str, text: str) -> Head:
    """The head that a word of `text` stands for; else an `InputError`."""
    if found := re.fullmatch(r"G(M?)(?:\.d([1-9]\d?))?(?:\.bag([1-9]|1\d|2[0-4]))?(\.lin)?", word):
        return PoolHead(bool(found[1]), int(found[2] or 0), int(found[3] or 0), bool(found[4]))
    if found := re.fullmatch(r"F(0|[1-9]\d*)(?:-([1-9]\d*))?", word):
        return DenseHead(int(found[1]), int(found[2] or 0))
    raise InputError(
        f"head of {text!r}",
        given=repr(word),
        expected="F<units>, F<units>-<units>, G or GM",
        mend="as in 'C32 C64 M > G'",
    )


PUBLISHED_BEST = parse("C32 C192 C192 M C128 C192 M C128 C192 C192 M C128 C192 M")
"""The best network of the 2017 text: 92.70 % on CIFAR-10."""
