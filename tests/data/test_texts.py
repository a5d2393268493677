"""Texts: tables, folders and lists in; tokens; training; predictions out."""

from __future__ import annotations

import csv
import json

import numpy as np
import pytest
import torch
from click.testing import CliRunner
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import fingerprint, load

from neuralfinder import NeuralFinder, cli
from neuralfinder.data import Divided
from neuralfinder.data.sources.docstrings import LIBRARIES, docstrings
from neuralfinder.data.splits import split
from neuralfinder.data.texts import as_texts, from_texts, is_texts
from neuralfinder.data.tokens import EMBEDDING, Tokens, tokenized
from neuralfinder.errors import InputError
from neuralfinder.job.baselines import fit_words
from neuralfinder.job.prepare import grown
from neuralfinder.job.presets import Settings
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.batches import Part
from neuralfinder.training.build import build
from neuralfinder.training.model import Model
from neuralfinder.training.recipes import RECIPES
from neuralfinder.training.train import Setup, train
from neuralfinder.types import Fidelity, Shape

SUBJECTS = {"sea": ["ship", "wave", "harbour", "sailor", "tide"], "wood": ["oak", "fern", "badger", "moss", "owl"]}


def made(count=120, seed=0):
    """Texts whose class is that of one word among others."""
    rng = np.random.default_rng(seed)
    others = [f"word{n}" for n in range(30)]
    texts, labels = [], []
    for row in range(count):
        label = ("sea", "wood")[row % 2]
        words = [*rng.choice(others, int(rng.integers(1, 8))), str(rng.choice(SUBJECTS[label]))]
        texts.append(" ".join(rng.permutation(words)))
        labels.append(label)
    return texts, labels


def write_csv(path, rows, header=("text", "label")):
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([header, *rows])
    return path


# tables


@pytest.fixture
def forms(tmp_path):
    texts, labels = made(20)
    rows = list(zip(texts, labels, strict=True))
    write_csv(tmp_path / "a.csv", rows)
    (tmp_path / "a.tsv").write_text("text\tlabel\n" + "\n".join("\t".join(row) for row in rows), encoding="utf-8")
    lines = [json.dumps({"label": label, "text": text}) for text, label in rows]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    pyarrow = pytest.importorskip("pyarrow")
    from pyarrow import parquet

    parquet.write_table(pyarrow.table({"text": texts, "label": labels}), tmp_path / "a.parquet")
    return tmp_path, texts, labels


@pytest.mark.parametrize("suffix", ["csv", "tsv", "jsonl", "parquet"])
def test_every_kind_of_table_gives_the_same(forms, suffix):
    folder, texts, labels = forms
    data = load(folder / f"a.{suffix}")
    assert data.samples.tolist() == texts
    assert [data.classes[i] for i in data.labels] == labels
    assert data.is_text
    assert data.fingerprint == fingerprint(folder / f"a.{suffix}")


def test_a_second_table_is_the_test_part(tmp_path):
    texts, labels = made(20)
    rows = list(zip(texts, labels, strict=True))
    train, test = write_csv(tmp_path / "train.csv", rows), write_csv(tmp_path / "test.csv", rows[:4])
    data = load(train, test=test)
    assert data.given_test.tolist() == [False] * 20 + [True] * 4


def test_columns_are_found_by_their_names_or_named(tmp_path):
    rows = [(str(n), "yes" if n % 2 else "no", f"words of {n}") for n in range(12)]
    path = write_csv(tmp_path / "a.csv", rows, ("id", "Category", "Review"))
    data = load(path)
    assert data.samples[3] == "words of 3"
    assert "Texts are in column 'Review', labels in 'Category'" in " ".join(data.notes)
    named = load(path, text="id")
    assert named.samples[3] == "3"


def test_of_two_columns_one_name_is_enough(tmp_path):
    path = write_csv(tmp_path / "a.csv", [(f"x{n}", n % 3) for n in range(12)], ("what", "class"))
    assert load(path).samples[2] == "x2"


@pytest.mark.parametrize(
    ("header", "columns", "words"),
    [
        (
            ("id", "a", "b"),
            {},
            "'id', 'a', 'b'; expected a column of texts or of paths of pictures, and one of labels",
        ),
        (("text", "b", "c"), {}, "--target"),
        (("text", "label", "c"), {"text": "texts"}, "did you mean 'text'"),
        (("text", "label", "c"), {"target": "zebra"}, "expected a column of a.csv"),
        (("text", "text", "label"), {}, "named twice"),
    ],
)
def test_columns_that_cannot_be_found_are_listed(tmp_path, header, columns, words):
    path = write_csv(tmp_path / "a.csv", [("1", "2", "3")] * 9, header)
    with pytest.raises(InputError, match=words):
        load(path, **columns)


def test_h04_missing_blank_and_endless_cells(tmp_path):
    texts, labels = made(72)
    odd = [("", "sea")] * 5 + [("  ", "wood"), ("\t", "wood")] + [("nan", "sea")]
    odd.append(("wave " * 30_000, "sea"))
    texts[3] = 'with "quotes", commas\nand a break'
    rows = [*zip(texts, labels, strict=True), *odd]
    data = load(write_csv(tmp_path / "a.csv", rows))
    assert data.samples[3] == texts[3]
    assert "nan" in data.samples
    notes = " ".join(data.notes)
    assert "5 texts are missing and count as empty: row 72, row 73, row 74, row 75, row 76." in notes
    assert "2 texts are blank" in notes
    done = tokenized(data, split(data.labels, data.given_test, 0).train)
    assert done.shape == Shape(EMBEDDING, 1, done.samples.shape[3], done.tokens.vocabulary)
    assert "1 of 81 texts are longer and were truncated" in " ".join(done.notes)


def test_rows_without_a_label_are_left_out_and_counted(tmp_path):
    texts, labels = made(20)
    rows = [*zip(texts, labels, strict=True), ("lost", ""), ("too",)]
    data = load(write_csv(tmp_path / "a.csv", rows))
    assert len(data.samples) == 20
    assert "2 rows of a.csv have no label and were left out: row 20, row 21. Label them to use them." in data.notes


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        ("a.csv", "text,label\nGr\u00fc\u00dfe,1\n".encode("latin-1"), "no UTF-8 .*save it as UTF-8"),
        ("a.csv", b"text,label\na,b,c\n", "3 cells up to line 2; expected 2"),
        ("a.csv", b"", "without any row"),
        ("a.csv", b"text,label\n", "without any row"),
        ("a.jsonl", b'{"text": "a"\n', "line 1 is no object"),
        ("a.jsonl", b"[1, 2]\n", "line 1 is no object"),
        ("a.jsonl", b'{"text": 3, "label": 1}\n' * 8, "row 0 is of type int; expected a text"),
        ("a.parquet", b"PAR1 nothing", "unreadable"),
    ],
)
def test_broken_tables_are_told(tmp_path, name, content, words):
    (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=words):
        load(tmp_path / name)


def test_labels_of_json_keep_their_type(tmp_path):
    lines = [json.dumps({"text": f"t{n}", "label": n % 2 == 0}) for n in range(12)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert load(tmp_path / "a.jsonl").classes == (False, True)


# folders and lists


def test_a_folder_of_text_files(tmp_path):
    texts, labels = made(12)
    for row, (text, label) in enumerate(zip(texts, labels, strict=True)):
        (tmp_path / "d" / label).mkdir(parents=True, exist_ok=True)
        (tmp_path / "d" / label / f"{row:02}.txt").write_text(text, encoding="utf-8")
    (tmp_path / "d" / "sea" / "spoilt.txt").write_bytes(b"\xff\xfe\xff")
    data = load(tmp_path / "d")
    assert data.samples.tolist() == texts[0::2] + texts[1::2]
    assert data.classes == ("sea", "wood")
    assert any(note.startswith("1 unreadable texts were left out: sea/spoilt.txt (no UTF-8).") for note in data.notes)
    assert data.fingerprint == fingerprint(tmp_path / "d")


@pytest.mark.parametrize("form", [list, tuple, np.array, lambda x: np.array(x, dtype=object)])
def test_lists_and_arrays_of_texts(form):
    texts, labels = made(12)
    assert is_texts(form(texts))
    assert from_texts(form(texts), form(labels)).samples.tolist() == texts


@pytest.mark.parametrize("X", [np.array([["a", "b"]]), np.zeros(3), [], [1, 2], "text"])
def test_what_are_no_texts(X):
    assert not is_texts(X)


def test_something_else_among_texts_is_told():
    with pytest.raises(InputError, match="NoneType in row 1; expected texts"):
        as_texts(["a", None])
    with pytest.raises(InputError, match="3 texts and 2 labels"):
        from_texts(["a", "b", "c"], [0, 1])


# tokens


@pytest.mark.parametrize(
    "texts",
    [
        ["the cat sat", "the dog ran"],
        ["\u6211\u7231\u5317\u4eac", "\u5317\u4eac\u5f88\u5927"],
        ["\u6771\u4eac\u306b\u884c\u304d\u307e\u3057\u305f"],
        ["\u0645\u0631\u062d\u0628\u0627 \u0628\u0643"],
        ["\U0001f600 fine \U0001f680\U0001f680"],
        ["", "  "],
    ],
)
def test_any_language_is_encoded_and_nothing_is_unknown(texts):
    tokens = Tokens.learn(texts)
    lines, cut = tokens.encode([*texts, "never seen \u00e9\u4e16\U0001f44d"])
    assert not cut or tokens.length < 30
    assert lines.max() < tokens.vocabulary
    assert (lines[-1] > 0).any()


def test_words_of_the_training_part_are_tokens_and_characters_where_no_space_parts_words():
    tokens = Tokens.learn(["internationally renowned", "\u6211\u7231\u5317\u4eac"])
    lines, _ = tokens.encode(["renowned", "\u5317\u4eac"])
    assert (lines[0] > 0).sum() == 1
    assert (lines[1] > 0).sum() == 2


@settings(max_examples=20)
@given(st.lists(st.text(max_size=30), min_size=1, max_size=8), st.randoms())
def test_equal_texts_in_any_order_give_equal_tokens(texts, random):
    again = list(texts)
    random.shuffle(again)
    assert Tokens.learn(texts) == Tokens.learn(again)


def test_the_vocabulary_knows_the_training_part_alone():
    texts, labels = made(60)
    data = from_texts(texts, labels)
    parts = split(data.labels, data.given_test, 0)
    changed = list(texts)
    for row in (*parts.validation, *parts.test):
        changed[row] = "zyzzyva"
    one, other = (tokenized(from_texts(own, labels), parts.train) for own in (texts, changed))
    assert one.tokens == other.tokens


def test_retrainings_know_the_words_of_the_validation_part_too():
    texts, labels = made(60)
    texts = [f"{text} w{row}w" for row, text in enumerate(texts)]
    raw = from_texts(texts, labels)
    divided = Divided.of(raw, 0)
    data, parts = divided.coded, divided.split
    whole = grown(divided, Settings()).whole
    assert whole.shape.width == data.shape.width

    def pieces(form, row):
        return np.count_nonzero(form.samples[row]) - np.count_nonzero(form.tokens.encode([made(60)[0][row]])[0])

    assert {(pieces(data, row) == 1, pieces(whole, row) == 1) for row in parts.train} == {(True, True)}
    assert {(pieces(data, row) == 1, pieces(whole, row) == 1) for row in parts.validation} == {(False, True)}
    assert {(pieces(data, row) == 1, pieces(whole, row) == 1) for row in parts.test} == {(False, False)}
    for limit in ({"max_parameters": 10**6}, {"max_size_mb": 4.0}):
        assert grown(divided, Settings(options=limit)).whole is data


def test_a_line_is_as_long_as_nearly_all_texts_need():
    texts = ["one two"] * 200 + ["many " * 3000]
    tokens = Tokens.learn(texts)
    assert tokens.length == 8
    assert tokens.encode(texts)[1] == [200]


# training


def setup_of(texts, labels, recipe="text"):
    data = from_texts(texts, labels)
    parts = split(data.labels, data.given_test, 0)
    data = tokenized(data, parts.train)
    own = (Part.of(data.samples, data.labels, rows, torch.device("cpu")) for rows in (parts.train, parts.validation))
    return Setup(*own, len(data.classes), data.tokens, RECIPES[recipe], 16)


def test_a_small_network_learns_texts():
    setup = setup_of(*made(200))
    with torch_seed(0):
        network = build(parse("C32 > GM.d50"), setup.shape, 2)
        assert train(network, setup, Fidelity(8), 0).score == 1.0


def test_moved_embeddings_come_back():
    """The second gradient is taken elsewhere, and counts; the embedding itself only takes the step."""
    from neuralfinder.training.train import gradients

    setup = setup_of(*made(60))
    with torch_seed(0):
        network = build(parse("C8 > GM"), setup.shape, 2)
    embedding = network.get_parameter("words.weight")
    before = embedding.detach().clone()
    batch, labels = setup.train.pictures[:8], setup.train.labels[:8]
    gradients(network, setup, batch, labels)
    assert torch.equal(embedding, before)
    twice = embedding.grad.clone()
    network.zero_grad()
    torch.nn.functional.cross_entropy(network(batch), labels).backward()
    assert twice.norm() > 1.05 * embedding.grad.norm()


def test_tf_idf_is_a_fair_rival():
    setup = setup_of(*made(200))
    words = fit_words(setup.train)
    assert (words.predict(setup.validation) == setup.validation.labels.numpy()).mean() > 0.9


# whole runs


@pytest.mark.usefixtures("quick_machine")
def test_search_and_predict_from_the_command_line(tmp_path):
    texts, labels = made(120)
    path = write_csv(tmp_path / "a.csv", zip(texts, labels, strict=True), ("Sentence", "Kind"))
    arguments = [str(path), "--target", "Kind", "--candidates", "2", "--epochs", "4", "--final-epochs", "6"]
    arguments += ["--run", str(tmp_path / "run"), "--device", "cpu"]
    done = CliRunner().invoke(cli.cli, ["search", *arguments])
    assert done.exit_code == 0, done.output
    assert "texts of" in done.output
    result = json.loads((tmp_path / "run" / "result.json").read_text())
    assert result["refit"]
    assert result["test_accuracy"] >= 0.9
    asked = CliRunner().invoke(cli.cli, ["predict", str(tmp_path / "run"), str(path), "--format", "json"])
    rows = json.loads(asked.output)
    assert np.mean([row["label"] == label for row, label in zip(rows, labels, strict=True)]) > 0.9
    letters = tmp_path / "letters"
    for name in ("b.txt", "a.txt", ".hidden.txt"):
        letters.mkdir(exist_ok=True)
        (letters / name).write_text(texts[0], encoding="utf-8")
    asked = CliRunner().invoke(cli.cli, ["predict", str(tmp_path / "run"), str(letters), "--format", "csv"])
    assert [line.split(",")[0] for line in asked.output.splitlines()[1:3]] == [
        str(letters / n) for n in ("a.txt", "b.txt")
    ]
    assert ".hidden" not in asked.output
    model = Model.load(tmp_path / "run")
    assert result["parameters"] == sum(weights.numel() for weights in model.network.parameters())
    again = model.predict_proba(texts)
    np.testing.assert_allclose(again[:, 0], [row["probabilities"]["sea"] for row in rows], atol=1e-5)
    (tmp_path / "run" / "model" / "tokenizer.json").write_text("{}")
    with pytest.raises(InputError, match="no whole model"):
        Model.load(tmp_path / "run")


@pytest.mark.usefixtures("quick_machine")
def test_the_estimator_takes_lists_of_strings():
    texts, labels = made(100)
    finder = NeuralFinder(candidates=2, epochs=4, final_epochs=6, verbose=0, device="cpu").fit(texts, labels)
    assert finder.predict(texts[0]).tolist() == [labels[0]]
    assert finder.score(np.array(texts), labels) > 0.9
    with pytest.raises(InputError, match="expected texts"):
        finder.predict(np.zeros((2, 8, 8)))


@pytest.mark.thorough
def test_docstrings_are_there_and_always_the_same():
    data = docstrings("docstrings")
    assert data.classes == tuple(sorted(LIBRARIES))
    assert np.bincount(data.labels).min() > 100
    assert len(set(data.samples)) == len(data.samples)
    assert data.fingerprint == fingerprint("docstrings")
