"""Networks that others trained: what they see, what is taken of them, and what is refused."""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sentences import sentences
from sklearn.datasets import load_digits
from torch.nn import functional as F  # noqa: N812

from neuralfinder import NeuralFinder
from neuralfinder.data import Dataset, from_arrays
from neuralfinder.data.texts import from_texts
from neuralfinder.errors import InputError
from neuralfinder.job.backbone import Backbone
from neuralfinder.show.report import summary

CPU = torch.device("cpu")
STATISTICS = {"image_mean": [0.5, 0.4, 0.3], "image_std": [0.2, 0.3, 0.4], "size": {"height": 32, "width": 32}}


def saved(folder: Path, name: str, **settings: Any) -> Path:
    """A small network of the library that nobody trained, saved as its users save theirs."""
    import transformers

    with torch.random.fork_rng():
        torch.manual_seed(0)
        kind = getattr(transformers, name)
        kind(kind.config_class(**settings)).save_pretrained(folder)
    return folder


SMALL = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


@pytest.fixture(scope="module")
def resnet(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    folder = saved(
        tmp_path_factory.mktemp("nets") / "resnet", "ResNetModel", embedding_size=16, hidden_sizes=[16, 32],
        depths=[1, 1], layer_type="basic",
    )  # fmt: skip
    (folder / "preprocessor_config.json").write_text(json.dumps(STATISTICS))
    return folder


def tokenizer_into(folder: Path, longest: int) -> None:
    """One of whole words, made by hand."""
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    words = ["[PAD]", "[UNK]", *sorted({word for text in sentences()[0] for word in text.split()})]
    whole = Tokenizer(models.WordLevel({word: place for place, word in enumerate(words)}, unk_token=words[1]))
    whole.pre_tokenizer = pre_tokenizers.Whitespace()
    made = PreTrainedTokenizerFast(
        tokenizer_object=whole, unk_token=words[1], pad_token=words[0], model_max_length=longest
    )
    made.save_pretrained(folder)


@pytest.fixture(scope="module")
def bert(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("transformers")
    folder = saved(tmp_path_factory.mktemp("nets") / "bert", "BertModel", vocab_size=100, **SMALL)
    tokenizer_into(folder, 6)
    return folder


def load(folder: Path | str, data: Dataset) -> Backbone:
    return Backbone.load(str(folder), data, np.arange(len(data.samples) // 2), CPU)


def pictures(values: np.ndarray) -> Dataset:
    return from_arrays(values, np.arange(len(values)) % 2)


def texts(*given: str) -> Dataset:
    return from_texts([*given, "sailor", "moss"] * 4, ["sea", "wood"] * (2 * (len(given) + 2)))


GREY = np.random.default_rng(0).integers(0, 256, (16, 8, 8), dtype=np.uint8)
COLOUR = np.random.default_rng(1).integers(0, 256, (16, 40, 24, 3), dtype=np.uint8)


@pytest.mark.thorough
@pytest.mark.parametrize("values", [GREY, COLOUR], ids=["grey", "colour"])
def test_pictures_are_looked_at_as_the_network_was_trained_to(resnet: Path, values: np.ndarray) -> None:
    from transformers import AutoModel

    data = pictures(values)
    backbone = load(resnet, data)
    seen = F.interpolate(torch.tensor(data.samples) / 255, (32, 32), mode="bilinear", antialias=True)
    seen = seen.expand(-1, 3, -1, -1)
    mean, std = (torch.tensor(STATISTICS[name]).view(1, 3, 1, 1) for name in ("image_mean", "image_std"))
    with torch.no_grad():
        expected = AutoModel.from_pretrained(resnet).eval()((seen - mean) / std).pooler_output.flatten(1)
    assert np.allclose(backbone.features(data.samples), expected.numpy(), atol=1e-5)
    count = sum(each.numel() for each in backbone.network.parameters())
    assert backbone.notes == (
        f"pre-trained resnet: ResNetModel, {count / 1e6:.3g} M parameters",
        "pre-trained resnet: it looks at pictures of 32 x 32 pixels",
    )
    assert backbone.tried(data.samples)[1] == 32


@pytest.mark.thorough
def test_what_a_network_does_not_say_is_assumed_aloud(resnet: Path, tmp_path: Path) -> None:
    bare = shutil.copytree(resnet, tmp_path / "bare")
    (bare / "preprocessor_config.json").unlink()
    note = load(bare, pictures(GREY)).notes[1]
    assert note.endswith(
        "224 x 224 pixels; assumed, for it does not say: 224 pixels and mean and deviation of ImageNet"
    )
    cropped = {"size": {"shortest_edge": 40}, "crop_size": 36, "do_center_crop": True, "do_normalize": False}
    (bare / "preprocessor_config.json").write_text(json.dumps(cropped))
    assert load(bare, pictures(GREY)).notes[1].endswith("it looks at pictures of 36 x 36 pixels")


@pytest.mark.thorough
def test_values_of_any_range_are_looked_at_alike(resnet: Path) -> None:
    """Bytes to 16 and floats about 0 are the same pictures; what they range over is said."""
    sixteen = GREY // 16
    sixteen[0, 0, :2] = 0, 15
    low, floats = load(resnet, pictures(sixteen)), load(resnet, pictures(sixteen.astype(np.float32) - 7.5))
    features = low.features(pictures(sixteen).samples)
    assert np.allclose(features, floats.features(pictures(sixteen.astype(np.float32) - 7.5).samples), atol=1e-5)
    assert low.notes[1].endswith(", of values from 0 to 15")
    assert floats.notes[1].endswith(", of values from -7.5 to 7.5")


@pytest.mark.thorough
def test_what_a_network_was_not_trained_to_pool_is_not_taken(tmp_path: Path) -> None:
    """Checkpoints of classifiers have no weights for the pooling of a vision transformer."""
    pytest.importorskip("transformers")
    settings = {**SMALL, "image_size": 16, "patch_size": 8}
    whole, classifier = (
        load(saved(tmp_path / name, name, **settings), pictures(GREY))
        for name in ("ViTModel", "ViTForImageClassification")
    )
    assert (whole.pooled, classifier.pooled) == (True, False)
    samples = pictures(GREY).samples
    with torch.no_grad():
        answer = classifier.network(**classifier.look(samples))
        expected = whole.network(**whole.look(samples)).pooler_output
    assert np.allclose(classifier.features(samples), answer.last_hidden_state.mean(1), atol=1e-6)
    assert np.allclose(whole.features(samples), expected, atol=1e-6)


@pytest.mark.thorough
def test_of_networks_of_both_kinds_one_part_looks(tmp_path: Path) -> None:
    pytest.importorskip("transformers")
    vision, text = {**SMALL, "image_size": 16, "patch_size": 8}, {**SMALL, "vocab_size": 100, "eos_token_id": 2}
    folder = saved(tmp_path / "clip", "CLIPModel", vision_config=vision, text_config=text)
    tokenizer_into(folder, 9)
    assert load(folder, pictures(COLOUR)).features(pictures(COLOUR).samples).shape == (16, 16)
    assert load(folder, texts("owl")).features(texts("owl").samples).shape == (12, 16)


@pytest.mark.thorough
def test_features_of_a_text_are_the_mean_of_its_own_tokens(bert: Path) -> None:
    backbone = load(bert, texts("owl"))
    short, long = "ship wave", "word1 oak word2 word3 fern"
    alone = backbone.features(np.array([short], object))
    assert np.allclose(backbone.features(np.array([long, short], object))[1], alone[0], atol=1e-5)
    with torch.no_grad():
        hidden = backbone.network(**backbone.look(np.array([short], object))).last_hidden_state
    assert np.allclose(alone, hidden.mean(1), atol=1e-6)
    assert np.isfinite(backbone.features(np.array(["", " ", long], object))).all()
    assert np.isfinite(backbone.features(np.array([""], object))).all()


@pytest.mark.thorough
def test_texts_that_are_cut_are_counted(bert: Path) -> None:
    backbone = load(bert, texts("owl"))
    assert backbone.notes[1].endswith("it reads up to 6 tokens of a text; features are their mean")
    six, eight = " ".join(["oak"] * 6), " ".join(["oak"] * 8)
    made = backbone.features(np.array([six, eight, "oak", eight], object))
    assert backbone.look.cut == 2
    assert np.allclose(made[0], made[1], atol=1e-6)


def without_weights(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def with_other_weights(folder: Path) -> None:
    settings = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({**settings, "depths": [2, 2]}))


def broken(folder: Path) -> None:
    (folder / "model.safetensors").write_bytes(b"no weights")


def not_whole(folder: Path) -> None:
    (folder / "config.json").write_text("{")


def with_own_code(folder: Path) -> None:
    """Code that a folder brings is not run."""
    (folder / "config.json").write_text(
        json.dumps({"model_type": "own", "auto_map": {"AutoConfig": "own.Config", "AutoModel": "own.Model"}})
    )
    (folder / "own.py").write_text(f"open({str(folder / 'ran')!r}, 'w').close()")


@pytest.mark.thorough
@pytest.mark.parametrize(
    ("change", "said"),
    [
        (without_weights, "a folder without safetensors; expected weights as safetensors; load the network where"),
        (with_other_weights, "which lacks weights (encoder.stages.0.layers.1."),
        (broken, "expected a network that can be read"),
        (not_whole, "expected a network that can be read"),
        (with_own_code, "expected a network that can be read"),
        (
            lambda folder: (folder / "config.json").unlink(),
            "a folder without config.json; expected a folder written by",
        ),
    ],
)
def test_folders_that_hold_no_safe_network_are_refused(
    resnet: Path, tmp_path: Path, change: Callable[[Path], object], said: str
) -> None:
    folder = shutil.copytree(resnet, tmp_path / "changed")
    change(folder)
    with pytest.raises(InputError) as error:
        load(folder, pictures(GREY))
    assert said in str(error.value)
    assert not (folder / "ran").exists()


@pytest.mark.thorough
def test_networks_of_another_kind_are_refused(resnet: Path, bert: Path, tmp_path: Path) -> None:
    with pytest.raises(InputError, match="a ResNetModel, which takes pixel_values; expected a network of texts"):
        load(resnet, texts("owl"))
    with pytest.raises(InputError, match="a BertModel, which takes input_ids; expected a network of pictures"):
        load(bert, pictures(GREY))
    with pytest.raises(InputError, match="of 4 channels; expected 1 or 3 for --pretrained"):
        load(resnet, pictures(np.repeat(GREY[..., None], 4, 3)))
    mute = shutil.copytree(bert, tmp_path / "mute")
    (mute / "tokenizer.json").unlink()
    (mute / "tokenizer_config.json").unlink()
    with pytest.raises(InputError, match="no tokenizer of its own; expected one that takes texts as they are here"):
        load(mute, texts("owl"))


def test_a_folder_that_is_not_there_is_not_looked_for_elsewhere() -> None:
    with pytest.raises(InputError, match=r"google/vit, no such folder; expected .*, or hf:NAME for one of the Hub"):
        load("google/vit", pictures(GREY))


@pytest.mark.thorough
def test_what_the_hub_does_not_give_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    transformers = pytest.importorskip("transformers")

    def refuse(name: str, **told: Any) -> None:
        assert (name, told["local_files_only"], told["trust_remote_code"]) == ("some/net", False, False)
        assert told["use_safetensors"]
        raise OSError("no such network\nat all")

    monkeypatch.setattr(transformers.AutoModel, "from_pretrained", refuse)
    with pytest.raises(InputError, match="hf:some/net: no such network at all; expected a network that can be read"):
        load("hf:some/net", pictures(GREY))


def test_without_the_library_the_extra_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "transformers", None)
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "model.safetensors").write_bytes(b"")
    with pytest.raises(InputError, match=r"transformers.*neuralfinder\[pretrained\]"):
        load(tmp_path, pictures(GREY))


@pytest.mark.thorough
def test_a_run_names_it_beside_the_winner(resnet: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    digits = load_digits()
    finder = NeuralFinder(candidates=1, pretrained=str(resnet), final_epochs=1, epochs=1, run=tmp_path / "run")
    finder.fit(digits.images, digits.target)
    figures = finder.result_["baselines"]["pre-trained network"]
    assert figures["name"] == "resnet"
    assert figures["samples"] == 1438
    assert figures["test_accuracy"] > 0.6
    lines = summary(finder.result_)
    assert f"  against {figures['test_accuracy']:>7.2%}  pre-trained network resnet" in lines
    assert (
        "pre-trained resnet: it looks at pictures of 32 x 32 pixels, of values from 0 to 16" in capsys.readouterr().out
    )


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:this is very little time")
def test_a_run_of_texts_is_in_time_with_it(bert: Path) -> None:
    finder = NeuralFinder(minutes=0.1, pretrained=str(bert), verbose=0)
    finder.fit(*sentences(400))
    figures = finder.result_["baselines"]["pre-trained network"]
    assert figures.keys() >= {"name", "test_accuracy", "cut"} or "why" in figures
    assert finder.result_["seconds"]["total"] < 0.1 * 60 + 20
