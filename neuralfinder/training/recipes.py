"""How networks are trained: frozen values, one place."""

from __future__ import annotations

from dataclasses import dataclass, fields, replace
from typing import Any

from neuralfinder.networks.recipe_genes import KINDS, RecipeGene, RecipeGenes
from neuralfinder.plugins import Registry

FEW = 2000
"""Pictures for training and choosing up to which they are few."""

MOST_VIEWS = 6
"""Views of a picture that a network may answer with at most: as it is and moved two ways, each mirrored too; see
`batches.Views`."""

COUNTS_OF_VIEWS = MOST_VIEWS, 3, 2
"""How many views there may be, but for one: with either alone there are three or two."""


@dataclass(frozen=True, slots=True)
class Recipe:
    """One way of training.

    Attributes:
        epochs: passes over the training part when the plan decides nothing else.
        least: passes of a candidate at least. On CIFAR-10 a quarter ranks fresh networks as 7 passes do: Spearman's rho
            0.94, n = 6, `benchmarks/fidelity.py`; on texts it ranks nothing.
        longest: passes of a final training beyond which it gains little.
        batch_size: samples per step; the plan may take less where data are few.
        learning_rate: the peak of the schedule.
        schedule: `trunk` - a short rise, then constant, so that a training can go on from where it ended; the last one
            falls to zero at its end, see `train.rate_share`;
            `inverse-time` - learning_rate / (1 + decay t) with t the number of updates done.
        decay: per update, for `inverse-time`.
        optimizer: `sgd` with Nesterov's correction, or `adam` with decoupled weight decay (Loshchilov & Hutter 2019).
        momentum: of `sgd`.
        kernel_rate: peak rate of Muon for convolutions that a normalisation follows; 0 leaves them to gradient descent.
        weight_decay: L2 pull on all weight matrices and kernels but Muon's, as torch counts it.
        adversarial: how far the embeddings are moved together, up the loss, for a second gradient that is added to the
            first (Miyato, Dai & Goodfellow 2017, equation 3, with one direction for the batch); 0 for none.
        class_l2: lambda of the extra loss term lambda * sum(W^2) on the class layer alone.
        label_smoothing: share of the target spread over all classes, 0..1.
        patience: stop after this many epochs without a better validation accuracy; `None` never.
        chance_epochs: stop when validation accuracy is still at chance after this many epochs; `None` never.
        score: `best` or `last` - which measured epoch is the score, and whose weights are kept.
        measures: how often validation accuracy is measured at most, evenly; `None` after every epoch.
        shift: largest shift in each direction, as a share of the side.
        rotation: largest turn in degrees, either way.
        flip: mirror left to right at random where the data allow it.
        cutout: side of the square blotted out of every picture, as a share of the side.
        zoom: how much closer pictures are seen at most, see `Augmentation`.
        colour: how much their contrast and colours differ at most.
        mix: share of the steps in which a rectangle of each picture is another's, and so is that share of its label
            (Yun et al. 2019, CutMix).
        few_colour, few_mix: at least so much where pictures are few and may be shifted: where the place is the meaning,
            a rectangle of another picture has another.
        small: share of a whole training, its first, on pictures of half the side (progressive resizing:
            Howard 2018, "Training Imagenet in 3 hours for USD 25"); see `train.SMALL_STEPS`.
        anywhere: whether any piece of a text that is read in pieces is trained on, or its first one.
        initialisation: `glorot` uniform, `he` normal, or `dirac`: convolutions that pass on as many channels as come
            in, further ones as `he`; biases zero.
        refit: whether the winner's last training is on training and validation part.
        views: whether finished networks may answer with the mean over several views of a sample, see `Views`.
        mixed_precision: bf16 with channels-last where the machine is faster with it.
    """

    name: str
    epochs: int
    batch_size: int
    learning_rate: float
    least: float = 0.25
    longest: int = 60
    optimizer: str = "sgd"
    schedule: str = "trunk"
    decay: float = 0.0
    momentum: float = 0.9
    kernel_rate: float = 0.0
    weight_decay: float = 0.0
    class_l2: float = 0.0
    adversarial: float = 0.0
    label_smoothing: float = 0.0
    patience: int | None = None
    chance_epochs: int | None = None
    score: str = "last"
    measures: int | None = 10
    shift: float = 0.0
    rotation: float = 0.0
    flip: bool = False
    cutout: float = 0.0
    zoom: float = 0.0
    colour: float = 0.0
    mix: float = 0.0
    few_colour: float = 0.0
    few_mix: float = 0.0
    small: float = 0.0
    anywhere: bool = False
    initialisation: str = "he"
    refit: bool = False
    views: bool = False
    mixed_precision: bool = True

    @property
    def goes_on(self) -> bool:
        """Whether a training can go on from where it ended."""
        return self.schedule == "trunk"

    @property
    def summary(self) -> str:
        """What is not as usual, in a line."""
        own = [entry for entry in fields(self) if entry.name != "name" and getattr(self, entry.name) != entry.default]
        return ", ".join(f"{entry.name} {getattr(self, entry.name)}" for entry in own)

    def times(self, rate: float) -> Recipe:
        """The recipe with its learning rates multiplied."""
        return replace(self, learning_rate=rate * self.learning_rate, kernel_rate=rate * self.kernel_rate)

    def suited(self, shifts: bool, few: bool) -> Recipe:
        """The recipe for pictures that may be shifted, or may not, and for few of them."""
        if not shifts:
            return replace(self, shift=0.0)
        if not few:
            return self
        return replace(self, colour=max(self.colour, self.few_colour), mix=max(self.mix, self.few_mix))

    def with_genes(self, genes: RecipeGenes) -> Recipe:
        """The recipe of a network whose genome has these recipe genes."""
        changes: dict[str, Any] = {
            name: _changed(getattr(self, name), gene) for gene in genes for name in KINDS[gene.name].sets
        }
        return replace(self, **changes) if changes else self

    def as_genes(self, texts: bool, mirror: bool, shifts: bool, large: bool = True, few: bool = False) -> RecipeGenes:
        """What the recipe has, as the genes that change it: of all that matters for texts, or for pictures.

        Args:
            texts: whether samples are texts.
            mirror: whether the data allow to mirror; where not, there is no such gene.
            shifts: whether pictures are usually shifted.
            large: whether pictures are large enough to be made smaller, texts so long that they are read in pieces;
                where not, there is no such gene.
            few: whether they are few.
        """
        usual = self.suited(shifts, few)
        return tuple(
            RecipeGene(name, 1.0 if kind.factor else float(getattr(usual, kind.sets[0])))
            for name, kind in KINDS.items()
            if (kind.texts if texts else kind.pictures)
            and (mirror or name != "mirror")
            and (large or name not in ("small", "anywhere"))
        )


def _changed(usual: float, gene: RecipeGene) -> float:
    return gene.value * usual if KINDS[gene.name].factor else type(usual)(gene.value)


_FAST = Recipe(
    name="fast",
    epochs=20,
    batch_size=128,
    learning_rate=0.2,
    kernel_rate=0.05,
    weight_decay=5e-4,
    label_smoothing=0.1,
    shift=0.0625,
    flip=True,
    few_colour=0.25,
    few_mix=0.5,
    initialisation="dirac",
)
"""Where pictures are few: a thousand of CIFAR-10, 60 epochs, two seeds, 58.4 and 60.0 (with twice the colour) instead
of 52.3 and 53.1 % of the test part; letters and stamps the same; ten thousand, 24 epochs, 76.7 instead of 77.3 %
(docs/LOG.md)."""

_TEXT = Recipe(
    name="text",
    epochs=8,
    batch_size=64,
    learning_rate=0.003,
    least=2.0,
    longest=10,
    optimizer="adam",
    weight_decay=0.01,
    adversarial=2.0,
    anywhere=True,
)
"""Found by cross-validation on questions; word dropout, label smoothing and averaged weights gained nothing there
(docs/LOG.md)."""

_OWN = {
    "fast": _FAST,
    "final": replace(_FAST, name="final", views=True, refit=True),
    "text": _TEXT,
    "text-final": replace(_TEXT, name="text-final", views=True, refit=True),
    # Keras 1.x, as the text of 2017 used it: docs/seed-2017.md says where each value comes from.
    "seed-2017": Recipe(
        name="seed-2017",
        epochs=100,
        batch_size=32,
        learning_rate=0.01,
        schedule="inverse-time",
        decay=1e-6,
        class_l2=0.01,
        patience=10,
        chance_epochs=5,
        score="best",
        measures=None,
        shift=0.1,
        rotation=15.0,
        initialisation="glorot",
        mixed_precision=False,
    ),
}

RECIPES = Registry("recipes", _OWN, lambda found: isinstance(found, Recipe), "a training.recipes.Recipe")
