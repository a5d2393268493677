"""The trained network as files that run anywhere, and back."""

from __future__ import annotations

import copy
import dataclasses
import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load, save
from torch import Tensor, nn

from neuralfinder.data.arrays import Values
from neuralfinder.data.dataset import Array
from neuralfinder.data.files import as_path
from neuralfinder.data.inputs import inputs_of
from neuralfinder.data.tokens import Tokens
from neuralfinder.errors import InputError, check_allowed
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.training.bag import BAG
from neuralfinder.training.batches import Part, Preparation, Scaling, Views
from neuralfinder.training.build import bag_of, build
from neuralfinder.training.inheritance import State
from neuralfinder.training.train import PLAIN, predict_logits
from neuralfinder.types import FITS, Shape

FORMAT = 4
"""Of what is written. In the first one a network looked at pictures as large as they were, whatever its genome says; in
the second one texts had no pieces, and pictures were stretched; in the third one probabilities had no temperature."""

WEIGHTS, PAPER, TOKENIZER = "model.safetensors", "preprocessing.json", "tokenizer.json"
"""Names of the files of a model."""

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
        """Class indices `(n,)` of a part, computed where the part is, in bf16 if asked."""
        return np.asarray(self.logits(part, bf16).argmax(1))

    def logits(self, part: Part, bf16: bool = False) -> np.ndarray:
        """Logits `(n, classes)` float32 of a part, computed where the part is, in bf16 if asked."""
        network = copy.deepcopy(self.network).to(part.labels.device)
        network.to(memory_format=torch.channels_last)  # type: ignore[call-overload]  # torch's stub lacks the keyword
        return np.asarray(predict_logits(network, part, self.preparation, bf16, self.views).cpu().numpy())


@dataclass(frozen=True, kw_only=True)
class Model(Predictor):
    """A network that was found, with all it needs to answer in the user's labels.

    Attributes:
        genome: its blueprint.
        shape: of the samples it takes.
        classes: labels as the user gave them, in the order of the outputs.
        fit: how files of pictures are brought to the shape, one of `types.FITS`.
        temperature: what logits are divided by before they become probabilities, above 0: see `job.calibration`.
    """

    genome: Genome
    shape: Shape
    classes: tuple[Any, ...]
    fit: str = FITS[0]
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
        """Build the network and give it its weights, and what it has beside them (`Bags.beside`)."""
        with torch.device("meta"):  # no memory and no random numbers for weights that are replaced
            network = build(genome, shape, len(classes), initialisation=None)
        # copied: weights that were read may lie in a mapped file that goes, and as no others of torch's do in memory,
        # where copies of the model are to give the same answers to the bit
        own = {name: tensor.clone() for name, tensor in state.items() if not name.startswith(f"{BAG}.")}
        network.load_state_dict(own, assign=True)
        if bag := bag_of(network):
            bag.take({name.removeprefix(f"{BAG}."): tensor for name, tensor in state.items() if name not in own})
        preparation = preparation.at(genome.side) if isinstance(preparation, Scaling) else preparation
        return cls(
            network=network.eval(), preparation=preparation, views=views, genome=genome, shape=shape, classes=classes
        )

    @property
    def seen(self) -> Values | None:
        """What pictures were like in training; `None` for texts."""
        own = self.preparation
        return Values(own.mean, own.std, own.dtype) if isinstance(own, Scaling) else None

    def predict(self, X: object) -> Array:
        """Labels `(n,)`, as the user gave them in training; the temperature changes none.

        Args:
            X: as for `predict_proba`.

        Raises:
            InputError: as `predict_proba`.
        """
        answers = [self._logits(samples).argmax(1) for samples in inputs_of(X, self.shape, self.fit, self.seen)]
        return np.asarray(np.array(self.classes)[torch.cat(answers).numpy()])

    def predict_proba(self, X: object) -> np.ndarray:
        """Calibrated probabilities `(n, classes)` float32, columns in the order of `classes`.

        Args:
            X: n samples or a single one. Pictures `(n, height, width)`, `(n, height, width, channels)` or
                `(n, channels, height, width)`, values as in training, or paths of files, folders, tables or `.npz`
                files; texts as str, or `Path`s of such; or a data set of torch or of the library `datasets`, whose
                labels, if it has any, are not looked at.

        Raises:
            InputError: pictures for a network for texts, or the reverse, of another shape, or unreadable.
        """
        return np.concatenate(
            [self.probabilities(samples) for samples in inputs_of(X, self.shape, self.fit, self.seen)]
        )

    def probabilities(self, samples: Array) -> np.ndarray:
        """Probabilities `(n, classes)` float32 of pictures `(n, channels, height, width)` or texts `(n,)`."""
        return np.asarray((self._logits(samples) / self.temperature).softmax(1).numpy())

    def _logits(self, samples: Array) -> Tensor:
        if isinstance(self.preparation, Tokens):
            blocks = (samples[start : start + TEXTS_AT_ONCE] for start in range(0, max(1, len(samples)), TEXTS_AT_ONCE))
            return torch.cat([self._logits_of(self.preparation.encode(block.tolist())[0]) for block in blocks])
        return self._logits_of(np.require(samples, requirements=["C", "W"]))  # torch warns of what cannot be written to

    def _logits_of(self, samples: Array) -> Tensor:
        part = Part(torch.from_numpy(samples), torch.zeros(len(samples), dtype=torch.int64))
        return predict_logits(self.network, part, self.preparation, views=self.views)

    def save(self, folder: str | Path) -> None:
        """Write `model.safetensors` and `preprocessing.json`, and for texts `tokenizer.json` of `tokenizers`."""
        folder = as_path(folder)
        folder.mkdir(parents=True, exist_ok=True)
        for name, content in self._files().items():
            (folder / name).write_bytes(content)

    def _files(self) -> dict[str, bytes]:
        """What a model is, anywhere: the content of its files by name."""
        state = {name: tensor.contiguous() for name, tensor in self.network.state_dict().items()}
        if bag := bag_of(self.network):
            state |= {f"{BAG}.{name}": tensor.contiguous() for name, tensor in bag.state.items()}
        form = {
            "format": FORMAT,
            "genome": self.genome.key,
            "shape": dataclasses.astuple(self.shape),
            "classes": self.classes,
            "views": dataclasses.asdict(self.views),
            "temperature": self.temperature,
        }
        files = {WEIGHTS: save(state)}
        if isinstance(self.preparation, Tokens):
            files[TOKENIZER] = self.preparation.text.encode()
            form |= {"pieces": self.preparation.pieces}
        else:
            scaling = self.preparation
            form |= {"mean": scaling.mean, "std": scaling.std, "dtype": scaling.dtype, "fit": self.fit}
        # ASCII: the name of a class may come from a folder that is no UTF-8
        return {**files, PAPER: json.dumps(form, indent=1).encode()}

    def __reduce__(self) -> tuple[Callable[[Mapping[str, bytes]], Model], tuple[dict[str, bytes]]]:
        """Goes anywhere as the content of its files: no code, and nothing of torch."""
        return _model, (self._files(),)

    def export(self, folder: str | Path, to: Sequence[str] = ("code",)) -> list[Path]:
        """Write the model into a folder, and forms of it that run without this package: see `export.forms.export`."""
        from neuralfinder.training.export.forms import export  # which needs models

        return export(self, as_path(folder), to)

    @classmethod
    def load(cls, folder: str | Path) -> Model:
        """Read what `save` wrote; `folder` may also be a run folder with `model/` in it.

        Raises:
            InputError: no model there, a spoilt one, or one of a newer format.
        """
        folder = as_path(folder)
        if (folder / "model").is_dir():
            folder = folder / "model"
        if not (folder / PAPER).exists() or not (folder / WEIGHTS).exists():
            raise InputError(
                str(folder), given="no model", expected="a folder with model.safetensors and preprocessing.json",
                mend="name the model folder of a finished run",
            )  # fmt: skip
        try:
            paths = [folder / name for name in (WEIGHTS, PAPER, TOKENIZER)]
            files = {path.name: path.read_bytes() for path in paths if path.exists()}
        except OSError as error:
            raise _spoilt(str(folder), error) from error
        return cls._of_files(files, str(folder))

    @classmethod
    def _of_files(cls, files: Mapping[str, bytes], whence: str) -> Model:
        """Read what `_files` gives; errors say whence that is."""
        try:
            form = json.loads(files[PAPER])
            if form["format"] > FORMAT:
                raise InputError(
                    f"{PAPER} of {whence}", given=f"format {form['format']}", expected=f"{FORMAT} or older",
                    mend="update NeuralFinder",
                )  # fmt: skip
            shape, classes = Shape(*form["shape"]), tuple(form["classes"])
            preparation: Preparation
            if shape.vocabulary:
                tokenizer = files[TOKENIZER].decode()
                preparation = Tokens.read(tokenizer, shape.width, form.get("pieces", 1))
            else:
                dtype = form.get("dtype", "uint8")
                check_allowed("dtype", dtype, ("uint8", "float32"))
                preparation = Scaling(tuple(form["mean"]), tuple(form["std"]), dtype=dtype)
            views, genome = Views(**form["views"]), parse(form["genome"])
            if form["format"] == 1 and shape != genome.seen(shape):
                genome = dataclasses.replace(genome, side=max(shape.height, shape.width))
            state = load(files[WEIGHTS])
            if form["format"] < 3 and "bag.weight" in state:
                state |= {"bag.weight": 180 * state["bag.weight"], "bag.bias": torch.zeros(len(classes))}
            fit = form.get("fit", FITS[0])
            check_allowed("fit", fit, FITS)
            temperature = float(form.get("temperature", 1.0))
            if not 0 < temperature < math.inf:
                raise ValueError(f"temperature {temperature}")
            model = cls.of(genome, state, shape, preparation, classes, views)
            return dataclasses.replace(model, fit=fit, temperature=temperature)
        except (ValueError, TypeError, KeyError, RuntimeError, SafetensorError) as error:
            if isinstance(error, InputError):
                raise
            raise _spoilt(whence, error) from error


def _model(files: Mapping[str, bytes]) -> Model:
    """The model that `Model.__reduce__` took apart."""
    return Model._of_files(files, "a pickled model")


def _spoilt(what: str, error: Exception) -> InputError:
    return InputError(
        what, given=f"no whole model ({next(iter(str(error).splitlines()), type(error).__name__)})",
        expected="model.safetensors and preprocessing.json of one network", mend="take them from the run again",
    )  # fmt: skip
