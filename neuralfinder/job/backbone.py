"""A network that others trained, frozen: samples as they were read -> features.

The only file that imports transformers. Nothing that it finds is run: weights are safetensors, the network's code is
the library's. Of a folder nothing is asked of the Hub.
"""

from __future__ import annotations

import time
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

from neuralfinder.data import Dataset
from neuralfinder.data.dataset import Array
from neuralfinder.data.sources.hub import PREFIX
from neuralfinder.errors import InputError, lacking, some

OPTION = "--pretrained"

BATCH = 32
"""Samples that it looks at together: larger ones are no faster on a processor, and take the memory of long texts."""

IMAGENET = ((0.485, 0.456, 0.406), (0.229, 0.224, 0.225))
"""Mean and deviation of the pictures that most such networks were trained on: assumed where none are given."""

USUAL = 224
"""Side of pictures where none is given: that of most such networks."""

LONGEST = 512
"""Tokens of a text at most. The usual limit; those that take more need time and memory that grow faster than texts."""

BICUBIC = 3
"""The number of this filter in Pillow, by which configurations name it."""

NO_LENGTH = 1_000_000
"""Lengths beyond this stand for none in the library's tokenizers."""

RANGED = 1000
"""Samples of the training part whose values tell the range of all."""

TRIAL_SECONDS = 2.0
"""A first batch that took longer says enough of the time: what is set up with it is little of that."""


class Look(Protocol):
    """How a network looks at samples: n of them as they were read -> what it takes, on its device.

    `note` says it in words; `cut` counts the texts of which it took the beginning alone.
    """

    note: str
    cut: int

    def __call__(self, samples: Array) -> dict[str, Tensor]:  # noqa: D102 - said above
        ...


@dataclass(slots=True)
class Backbone:
    """A frozen network that others trained.

    Attributes:
        name: as people know it.
        network: the part of it that looks at such samples.
        look: how it looks at them.
        pooled: whether to take what the network pools itself.
    """

    name: str
    network: Any
    look: Look
    pooled: bool

    @classmethod
    def load(cls, given: str, data: Dataset, rows: Array, device: torch.device) -> Backbone:
        """The network that the user named, for samples such as these.

        Args:
            given: a folder written by `save_pretrained`, or `hf:NAME` for one that the Hub has.
            data: as read, texts as str.
            rows: of the training part.
            device: where it computes.

        Raises:
            InputError: the library is not installed, there is no such network, its weights are no safetensors or not
                whole, or it cannot look at such samples.
        """
        place, local = _place(given)
        try:
            from transformers import AutoModel
        except ImportError as error:
            raise lacking(OPTION, "transformers", "pretrained", "leave it out") from error
        with _quiet(), _in_words(given, "a network that can be read"):
            network, report = AutoModel.from_pretrained(
                place, local_files_only=local, use_safetensors=True, trust_remote_code=False, dtype=torch.float32,
                output_loading_info=True,
            )  # fmt: skip
        missing = sorted(report["missing_keys"])
        if lost := [key for key in missing if "pooler" not in key]:
            raise InputError(
                OPTION, given=f"{given}, which lacks weights ({some(lost)})", expected="all weights of the network",
                mend="save the network that was trained, by `save_pretrained`",
            )  # fmt: skip
        network = _part_for(network, data.is_text, given).to(device).eval()
        with _quiet(), _in_words(given, f"one that takes {data.kind}s as they are here"):
            look = (
                _Reading(place, local, network.config, device)
                if data.is_text
                else _Looking(_statistics(place, local), network.config, data.samples, rows, device)
            )
            found = cls(Path(given).name if local else place, network, look, not missing and not data.is_text)
            found.features(data.samples[rows[:1]])
        return found

    @property
    def notes(self) -> tuple[str, str]:
        """What it is, and how it looks at samples, in sentences."""
        million = sum(each.numel() for each in self.network.parameters()) / 1e6
        named = f"pre-trained {self.name}: {type(self.network).__name__}, {million:,.3g} M parameters"
        return named, f"pre-trained {self.name}: {self.look.note}"

    def features(self, samples: Array) -> Array:
        """What the network makes of n samples as they were read, `(n, features)` float32.

        Of pictures what it pools itself, where it was trained to; else, and of texts, the mean over all places. The
        pooled output of networks of texts was trained for another task or not at all, and means of tokens are better
        (Reimers and Gurevych 2019).
        """
        with torch.inference_mode(), _quiet():
            inputs = self.look(samples)
            answer = self.network(**inputs)
            pooled = getattr(answer, "pooler_output", None)
            if not self.pooled or pooled is None:
                pooled = _mean(answer.last_hidden_state, inputs.get("attention_mask"))
            return np.asarray(pooled.flatten(1).float().cpu().numpy())

    def tried(self, samples: Array) -> tuple[float, int]:
        """Seconds that it takes for one of these samples, at most a batch, and how many features it makes."""
        samples = samples[:BATCH]
        for _ in range(2):
            began = time.monotonic()
            made = self.features(samples)
            took = time.monotonic() - began
            if took > TRIAL_SECONDS:
                break
        self.look.cut = 0
        return took / len(samples), made.shape[1]


def _place(given: str) -> tuple[str, bool]:
    """Where the library finds it, and whether that is a folder of this machine."""
    if given.startswith(PREFIX):
        return given.removeprefix(PREFIX), False
    folder = Path(given).expanduser()
    wanted, mend = f"a folder written by `save_pretrained`, or {PREFIX}NAME for one of the Hub", "name such a one"
    if not folder.is_dir():
        raise InputError(OPTION, given=f"{given}, no such folder", expected=wanted, mend=mend)
    if not (folder / "config.json").is_file():
        raise InputError(OPTION, given=f"{given}, a folder without config.json", expected=wanted, mend=mend)
    if not any(folder.glob("*.safetensors")):
        raise InputError(
            OPTION, given=f"{given}, a folder without safetensors", expected="weights as safetensors",
            mend="load the network where you trust it, and save it by `save_pretrained`",
        )  # fmt: skip
    return str(folder), True


def _part_for(network: Any, texts: bool, given: str) -> Any:
    """The part of a network that looks at such samples alone: of one for pictures and texts, of one that translates."""
    part = getattr(network, "text_model" if texts else "vision_model", network)
    if getattr(part.config, "is_encoder_decoder", False):
        part = part.get_encoder()
    if part.main_input_name != ("input_ids" if texts else "pixel_values"):
        wanted = "texts" if texts else "pictures"
        raise InputError(
            OPTION, given=f"{given}, a {type(network).__name__}, which takes {part.main_input_name}",
            expected=f"a network of {wanted}", mend="name one, or leave it out",
        )  # fmt: skip
    return part


def _statistics(place: str, local: bool) -> Mapping[str, Any]:
    """What stands in `preprocessor_config.json`; nothing where there is none."""
    from transformers.image_processing_base import ImageProcessingMixin

    try:
        found, _ = ImageProcessingMixin.get_image_processor_dict(place, local_files_only=local)
    except OSError:
        return {}
    return dict(found)


class _Looking:
    """Looks at whole pictures, stretched to the network's square; of grey ones at three equal channels.

    Of uint8 that reach beyond half their type 0 to 255 become 0 to 1; else the range of values that there is does.
    """

    def __init__(self, told: Mapping[str, Any], config: Any, samples: Array, rows: Array, device: torch.device) -> None:
        self.cut = 0
        self._device, self._channels = device, int(getattr(config, "num_channels", 3))
        if samples.shape[1] not in (1, self._channels):
            raise InputError(
                "pictures", given=f"of {samples.shape[1]} channels", expected=f"1 or {self._channels} for {OPTION}",
                mend="leave it out",
            )  # fmt: skip
        self._low, self._high = _range(samples[np.sort(rows[:RANGED])])
        self._side, known = _side(told, config)
        self._full = 255 * float(told.get("rescale_factor", 1 / 255)) if told.get("do_rescale", True) else 255.0
        self._mode = "bicubic" if told.get("resample") == BICUBIC else "bilinear"
        normalised = told.get("do_normalize", True)
        given = not normalised or ("image_mean" in told and "image_std" in told)
        mean, std = (told.get("image_mean"), told.get("image_std")) if given else IMAGENET
        if not normalised:
            mean, std = (0.0,), (1.0,)
        self._mean, self._std = (torch.tensor(values, device=device).view(1, -1, 1, 1) for values in (mean, std))
        assumed = [
            *([] if known else [f"{self._side} pixels"]), *([] if given else ["mean and deviation of ImageNet"])
        ]  # fmt: skip
        self.note = f"it looks at pictures of {self._side} x {self._side} pixels"
        if (self._low, self._high) != (0.0, 255.0):
            self.note += f", of values from {self._low:g} to {self._high:g}"
        if assumed:
            self.note += f"; assumed, for it does not say: {' and '.join(assumed)}"

    def __call__(self, samples: Array) -> dict[str, Tensor]:
        seen = (torch.as_tensor(samples, device=self._device).float() - self._low) / (self._high - self._low)
        seen = F.interpolate(seen, size=(self._side, self._side), mode=self._mode, antialias=True).clamp(0, 1)
        seen = (self._full * seen).expand(-1, self._channels, -1, -1)
        return {"pixel_values": (seen - self._mean) / self._std}


class _Reading:
    """Reads texts by the network's own tokenizer, up to as many tokens as it takes."""

    def __init__(self, place: str, local: bool, config: Any, device: torch.device) -> None:
        from transformers import AutoTokenizer

        self.cut, self._device = 0, device
        self._tokenizer = AutoTokenizer.from_pretrained(place, local_files_only=local, trust_remote_code=False)
        if not self._tokenizer.get_vocab().keys() - {*self._tokenizer.all_special_tokens}:
            raise ValueError("it has no tokenizer of its own")  # the library makes an empty one then
        told = self._tokenizer.model_max_length < NO_LENGTH
        # two less than there are positions: some count them from beyond the padding
        positions = max(1, (getattr(config, "max_position_embeddings", None) or LONGEST + 2) - 2)
        self._longest = min(LONGEST, self._tokenizer.model_max_length if told else positions)
        assumed = "" if told else " (assumed, for it does not say)"
        self.note = f"it reads up to {self._longest} tokens of a text{assumed}; features are their mean"

    def __call__(self, samples: Array) -> dict[str, Tensor]:
        coded = self._tokenizer([str(text) for text in samples], truncation=True, max_length=self._longest)
        self.cut += sum(bool(each.overflowing) for each in coded.encodings or ())
        lines = coded["input_ids"]
        ids = torch.full((len(lines), max(1, *map(len, lines))), self._tokenizer.pad_token_id or 0)
        mask = torch.zeros_like(ids)
        for row, line in enumerate(lines):
            ids[row, : len(line)] = torch.tensor(line, dtype=torch.long)
            mask[row, : max(1, len(line))] = 1  # a text without tokens is one of padding
        return {"input_ids": ids.to(self._device), "attention_mask": mask.to(self._device)}


def _range(some_of_them: Array) -> tuple[float, float]:
    """The values that become 0 and 1."""
    low, high = float(some_of_them.min()), float(some_of_them.max())
    if some_of_them.dtype == np.uint8:
        low, high = 0.0, 255.0 if high > 127 else high
    return low, high if high > low else low + 1.0


def _side(told: Mapping[str, Any], config: Any) -> tuple[int, bool]:
    """The side of the square that a network looks at, and whether that is known."""
    size = told.get("crop_size") if told.get("do_center_crop") else None
    for found in (size, told.get("size"), getattr(config, "image_size", None)):
        sides = [*found.values()] if isinstance(found, Mapping) else [*found] if isinstance(found, list) else [found]
        if isinstance(sides[0], int):
            return sides[0], True
    return USUAL, False


def _mean(hidden: Tensor, mask: Tensor | None) -> Tensor:
    """The mean over all places of maps `(n, features, height, width)` or of tokens `(n, tokens, features)`."""
    if hidden.ndim == 4:
        return hidden.mean((2, 3))
    if mask is None:
        return hidden.mean(1)
    weights = mask.unsqueeze(2).to(hidden.dtype)
    return (hidden * weights).sum(1) / weights.sum(1)


@contextmanager
def _in_words(given: str, expected: str) -> Iterator[None]:
    """What the library says of a network that it cannot read or run; it does so by errors of nearly any type."""
    try:
        yield
    except (InputError, KeyboardInterrupt):
        raise
    except Exception as error:
        said = " ".join(str(error).split()) or type(error).__name__
        raise InputError(
            OPTION, given=f"{given}: {said[:300]}", expected=expected, mend="name another, or leave it out"
        ) from error


@contextmanager
def _quiet() -> Iterator[None]:
    """The library says nothing by itself meanwhile; what it was told to say before, it says again afterwards."""
    from transformers.utils import logging

    level, bars = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.set_verbosity(level)
        if bars:
            logging.enable_progress_bar()
