"""Tables of texts, and of paths of pictures."""

from __future__ import annotations

import json

import numpy as np
import pytest
from loading import fingerprint, load, write_csv
from scenes import pictures_of
from sentences import sentences

from neuralfinder.data.pictures import decode
from neuralfinder.data.splits import split
from neuralfinder.data.tokens import EMBEDDING, tokenized
from neuralfinder.errors import InputError
from neuralfinder.types import Shape


@pytest.fixture
def forms(tmp_path):
    texts, labels = sentences(20)
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
    texts, labels = sentences(20)
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
    texts, labels = sentences(72)
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
    assert done.shape == Shape(EMBEDDING, 1, done.tokens.length, done.tokens.vocabulary)
    assert "1 of 81 texts are longer and were truncated" in " ".join(done.notes)


def test_rows_without_a_label_are_left_out_and_counted(tmp_path):
    texts, labels = sentences(20)
    rows = [*zip(texts, labels, strict=True), ("lost", ""), ("too",)]
    data = load(write_csv(tmp_path / "a.csv", rows))
    assert len(data.samples) == 20
    assert "2 rows of a.csv have no label and were left out: row 20, row 21. Label them to use them." in data.notes


@pytest.mark.parametrize(
    ("name", "content", "words"),
    [
        (
            "a.csv",
            "text,label\nGr\u00fc\u00dfe \u4e2d\u6587,1\n".encode()[:-6] + b"\xff,1\n",
            "no UTF-8 .*save it as UTF-8",
        ),
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


@pytest.mark.parametrize("header", [("path", "label"), ("image", "class"), ("File", "Category")])
def test_a_table_of_paths_is_the_same_as_a_folder(tmp_path, header):
    rows = pictures_of(tmp_path)
    data = load(write_csv(tmp_path / "a.csv", rows, header))
    assert data.classes == ("day", "night")
    assert data.shape == Shape(3, 10, 12)
    assert data.names[3] == "files/03.png"
    for row, (path, _) in enumerate(rows):
        np.testing.assert_array_equal(data.samples[row], decode(tmp_path / path, data.shape))


def test_a_table_of_paths_in_parquet_with_labels_that_are_numbers_and_a_test_table(tmp_path):
    parquet = pytest.importorskip("pyarrow.parquet")
    pyarrow = pytest.importorskip("pyarrow")
    rows = pictures_of(tmp_path, 16)
    for name, part in (("a", rows[:12]), ("b", rows[12:])):
        columns = {"where": [path for path, _ in part], "what": [7 + (kind == "day") for _, kind in part]}
        parquet.write_table(pyarrow.table(columns), tmp_path / f"{name}.parquet")
    named = {"image": "where", "target": "what"}
    data = load(tmp_path / "a.parquet", test=tmp_path / "b.parquet", **named)
    assert data.classes == (7, 8)
    assert data.given_test.tolist() == [False] * 12 + [True] * 4
    assert data.name_of(13) == "files/13.png of the test part"


def test_paths_that_lead_nowhere_are_told(tmp_path):
    rows = pictures_of(tmp_path)
    data = load(write_csv(tmp_path / "a.csv", [*rows, ("files/none.png", "day")], ("path", "label")))
    assert "1 unreadable pictures were left out: files/none.png (no such file)." in " ".join(data.notes)
    with pytest.raises(InputError, match="row 12 is without a path"):
        load(write_csv(tmp_path / "b.csv", [*rows, ("", "day")], ("path", "label")))
    with pytest.raises(InputError, match="both"):
        load(tmp_path / "a.csv", text="path", image="path")
