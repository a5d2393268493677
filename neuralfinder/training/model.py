"""The trained network that answers in the user's labels, and goes anywhere as its files."""

from __future__ import annotations

import copy
import dataclasses
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from neuralfinder.data.arrays import Values
from neuralfinder.data.dataset import Array
from neuralfinder.data.files import as_path
from neuralfinder.data.inputs import inputs_of
from neuralfinder.data.tokens import Tokens
from neuralfinder.errors import InputError, MachineError, some
from neuralfinder.networks.cost import cost
from neuralfinder.networks.drawing import card, drawing
from neuralfinder.networks.genome import Genome
from neuralfinder.plain import check_regular
from neuralfinder.training.bag import BAG
from neuralfinder.training.batches import Part, Preparation, Scaling, Views
from neuralfinder.training.build import bag_of, build
from neuralfinder.training.files import write
from neuralfinder.training.inheritance import State
from neuralfinder.training.model_files import PAPER, WEIGHTS, Content, Saved, files_of, saved_in, whole
from neuralfinder.training.train import PLAIN, predict_logits
from neuralfinder.types import FITS, Shape

CLASSES_SHOWN = 20
"""Classes that a card names, at most."""

TEXTS_AT_ONCE = 1024
"""Texts that are answered at once: their lines take up to 100 MB."""


@dataclass(frozen=True, kw_only=True)
class Predictor:
    """A trained network with what it needs to answer in class indices.

    Attributes:
        network: on the CPU, in evaluation mode.
        preparation: what is done to samples first.
        views: what it looks at to answer.
    """

    network: nn.Module
    preparation: Preparation
    views: Views = PLAIN

    def answers(self, part: Part, bf16: bool = False) -> np.ndarray:
        """Class indices `(n,)` of a part, computed where the part is, in bf16 if asked.

        Example:
            >>> model.answers(part).tolist()
            [0, 1, 2]
        """
        return np.asarray(self.logits(part, bf16).argmax(1))

    def logits(self, part: Part, bf16: bool = False) -> np.ndarray:
        """Logits `(n, classes)` float32 of a part, computed where the part is, in bf16 if asked.

        Example:
            >>> model.logits(part).shape
            (3, 3)
        """
        network = copy.deepcopy(self.network).to(part.labels.device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
        return np.asarray(predict_logits(network, part, self.preparation, bf16, self.views).cpu().numpy())


@dataclass(frozen=True, kw_only=True)
class Model(Predictor):
    """A network that was found, with all it needs to answer in the user's labels. A notebook shows it as a card.

    Attributes:
        genome: its blueprint.
        shape: of the samples it takes.
        classes: labels as the user gave them, in the order of the outputs.
        fit: how files of pictures are brought to the shape, one of `types.FITS`.
        span: what files of pictures of 16-bit grey are scaled by, see `data.pictures.decode`.
        temperature: what logits are divided by before they become probabilities, above 0: see `job.calibration`.

    Example:
        >>> model = neuralfinder.Model.load("runs/bars")
        >>> model.predict(X[:3])
        array([0, 1, 2])
        >>> model.classes
        (0, 1, 2)
    """

    genome: Genome
    shape: Shape
    classes: tuple[Any, ...]
    fit: str = FITS[0]
    span: tuple[int, int] | None = None
    temperature: float = 1.0

    @classmethod
    def of(
        cls,
        genome: Genome,
        state: State,
        shape: Shape,
        preparation: Preparation,
        classes: tuple[Any, ...],
        views: Views = PLAIN,
    ) -> Model:
        """Build the network and give it its weights, and what it has beside them (`Bags.beside`).

        Args:
            genome: its blueprint.
            state: tensors by the names that the network has for them.
            shape: of the samples it takes.
            preparation: what is done to samples first.
            classes: labels in the order of the outputs.
            views: what it looks at to answer.

        Raises:
            ValueError: tensors of another type than the network's.

        Example:
            >>> state = model.network.state_dict()
            >>> twin = Model.of(model.genome, state, model.shape, model.preparation, ("a", "b", "c"))
            >>> twin.predict(X[:3]).tolist()
            ['a', 'b', 'c']
        """
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced
            network = build(genome, shape, len(classes), initialisation=None)
        # copied: weights that were read may lie in a mapped file that goes, and as no others of torch's do in memory,
        # where copies of the model are to give the same answers to the bit
        own = {name: tensor.clone() for name, tensor in state.items() if not name.startswith(f"{BAG}.")}
        for name, tensor in network.state_dict().items():
            if name in own and own[name].dtype != tensor.dtype:
                raise ValueError(f"{name} is {own[name].dtype}, expected {tensor.dtype}")
        network.load_state_dict(own, assign=True)
        if bag := bag_of(network):
            bag.take({name.removeprefix(f"{BAG}."): tensor for name, tensor in state.items() if name not in own})
        preparation = preparation.at(genome.side) if isinstance(preparation, Scaling) else preparation
        return cls(
            network=network.eval(), preparation=preparation, views=views, genome=genome, shape=shape, classes=classes
        )

    @property
    def seen(self) -> Values | None:
        """What pictures were like in training; `None` for texts.

        Example:
            >>> model.seen.dtype
            'uint8'
        """
        own = self.preparation
        return Values(own.mean, own.std, own.dtype) if isinstance(own, Scaling) else None

    def predict(self, X: object) -> Array:
        """Labels `(n,)`, as the user gave them in training; the temperature changes none.

        Args:
            X: as for `predict_proba`.

        Raises:
            InputError: as `predict_proba`.

        Example:
            >>> model.predict(X[:6]).tolist()
            [0, 1, 2, 0, 1, 2]
        """
        answers = [self._logits(samples).argmax(1) for samples in self._samples(X)]
        return np.asarray(np.array(self.classes)[torch.cat(answers).numpy()])

    def predict_proba(self, X: object) -> np.ndarray:
        """Calibrated probabilities `(n, classes)` float32, columns in the order of `classes`.

        Args:
            X: n samples or a single one. Pictures `(n, height, width)`, `(n, height, width, channels)` or
                `(n, channels, height, width)`, values as in training, or paths of files, folders, tables or `.npz`
                files; texts as str, or `Path`s of such; or a data set of torch or of the library `datasets`, whose
                labels, if it has any, are not looked at; or a data frame, of which the column of texts or paths counts.

        Raises:
            InputError: pictures for a network for texts, or the reverse, of another shape, or unreadable.

        Example:
            >>> model.predict_proba(X).sum(axis=1).round(3).tolist() == [1.0] * len(X)
            True
        """
        return np.concatenate([self.probabilities(samples) for samples in self._samples(X)])

    def _samples(self, X: object) -> Iterator[Array]:
        return inputs_of(X, self.shape, self.fit, self.seen, self.span)

    def probabilities(self, samples: Array) -> np.ndarray:
        """Probabilities `(n, classes)` float32 of pictures `(n, channels, height, width)` or texts `(n,)`.

        Example:
            >>> model.probabilities(X[:, np.newaxis]).shape
            (60, 3)
        """
        return np.asarray(_finite((self._logits(samples) / self.temperature).softmax(1)).numpy())

    def _logits(self, samples: Array) -> Tensor:
        """Raises `InputError` where an answer would be no number: no class is the largest of such."""
        return _finite(self._raw_logits(samples))

    def _raw_logits(self, samples: Array) -> Tensor:
        if isinstance(self.preparation, Tokens):
            blocks = (samples[start : start + TEXTS_AT_ONCE] for start in range(0, max(1, len(samples)), TEXTS_AT_ONCE))
            return torch.cat([self._logits_of(self.preparation.encode(block.tolist())[0]) for block in blocks])
        return self._logits_of(np.require(samples, requirements=["C", "W"]))  # torch warns of what cannot be written to

    def _logits_of(self, samples: Array) -> Tensor:
        part = Part(torch.from_numpy(samples), torch.zeros(len(samples), dtype=torch.int64))
        return predict_logits(self.network, part, self.preparation, views=self.views)

    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors` and `preprocessing.json`, and for texts `tokenizer.json` of `tokenizers`.

        Raises:
            MachineError: they cannot be written there; each file is whole, or as it was before.

        Example:
            >>> model.save("bars-model")
            >>> neuralfinder.Model.load("bars-model").genome == model.genome
            True
        """
        folder = as_path(folder)
        try:
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise MachineError.of(error, folder) from error
        for name, content in self._files().items():
            write(folder / name, content)

    def _files(self) -> dict[str, bytes]:
        """What a model is, anywhere: the content of its files by name."""
        state = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        if bag := bag_of(self.network):
            state |= {f"{BAG}.{name}": tensor.contiguous() for name, tensor in bag.state.items()}
        return files_of(
            Saved(
                genome=self.genome, state=state, shape=self.shape, preparation=self.preparation, classes=self.classes,
                views=self.views, fit=self.fit, span=self.span, temperature=self.temperature,
            )
        )  # fmt: skip

    def __reduce__(self) -> tuple[Callable[[Mapping[str, bytes]], Model], tuple[dict[str, bytes]]]:
        """Goes anywhere as the content of its files: no code, and nothing of torch."""
        return _model, (self._files(),)

    def export(self, folder: str | Path, to: Sequence[str] = ("code",)) -> list[Path]:
        """Write the model into a folder, and forms of it that run without this package: see `export.forms.export`.

        Example:
            >>> model.export("bars-alone")
            [PosixPath('bars-alone/network.py')]
        """
        from neuralfinder.training.export.forms import export  # which needs models

        return export(self, as_path(folder), to)

    def _repr_html_(self) -> str:
        """The card that a notebook shows: what it is for, and how it is asked."""
        shape, size = self.shape, cost(self.genome, self.shape, len(self.classes))
        what = "texts" if shape.vocabulary else "pictures"
        pixels = "" if shape.vocabulary else f" of {shape.width} x {shape.height} pixels, channels: {shape.channels}"
        facts = (
            ("takes", what + pixels), ("classes", some(map(repr, self.classes), most=CLASSES_SHOWN)),
            ("network", self.genome.key),
            ("", f"{size.parameters:,} parameters, {size.macs / 1e6:,.1f} M multiply-adds a sample"),
            ("ask it", "model.predict(X), model.predict_proba(X)"),
        )  # fmt: skip
        first = f"A model that tells {len(self.classes)} classes of {what} apart."
        return card(first, (), facts, drawing(self.genome), "The network, from its first layer to its answer.")

    @staticmethod
    def is_in(folder: Path) -> bool:
        """Whether a model lies in `model/` of this run folder, whole or not.

        Example:
            >>> Model.is_in(Path("runs/bars"))
            True
        """
        return all((folder / "model" / name).exists() for name in (WEIGHTS, PAPER))

    @classmethod
    def load(cls, folder: str | Path) -> Model:
        """Read what `save` wrote.

        Args:
            folder: with the files of a model, or a run folder with `model/` in it.

        Raises:
            InputError: no model there, a spoilt one, or one of a newer format.

        Example:
            >>> neuralfinder.Model.load("runs/bars").shape
            Shape(channels=1, height=8, width=8, vocabulary=0)
        """
        folder = as_path(folder)
        if (folder / "model").is_dir():
            folder = folder / "model"
        if not (folder / PAPER).exists() or not (folder / WEIGHTS).exists():
            raise InputError(
                str(folder), given="no model", expected="a folder with model.safetensors and preprocessing.json",
                mend="name the model folder of a finished run",
            )  # fmt: skip

        def content(name: str, most: int) -> bytes:
            check_regular(folder / name)
            with (folder / name).open("rb") as file:
                return file.read(most + 1)

        return cls._of_files(content, str(folder))

    @classmethod
    def _of_files(cls, content: Content, whence: str) -> Model:
        """Read what `_files` gives; errors say whence that is."""
        saved = saved_in(content, whence)
        with whole(WEIGHTS, whence):
            model = cls.of(saved.genome, saved.state, saved.shape, saved.preparation, saved.classes, saved.views)
            model = dataclasses.replace(model, fit=saved.fit, span=saved.span, temperature=saved.temperature)
            model.probabilities(_blank(saved.shape))
            return model


def _finite(answers: Tensor) -> Tensor:
    if not answers.isfinite().all():
        odd = int((~answers.isfinite().all(1)).sum())
        raise InputError(
            "the answer", given=f"no number for {odd} of {len(answers)} samples", expected="numbers",
            mend="give samples as the model was trained on, or take its files from the run again",
        )  # fmt: skip
    return answers


def _model(files: Mapping[str, bytes]) -> Model:
    """The model that `Model.__reduce__` took apart."""
    return Model._of_files(lambda name, _: files[name], "a pickled model")


def _blank(shape: Shape) -> Array:
    """A sample with nothing in it."""
    if shape.vocabulary:
        return np.array([""], dtype=object)
    return np.zeros((1, shape.channels, shape.height, shape.width), np.uint8)
