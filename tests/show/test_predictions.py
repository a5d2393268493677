"""Each form of predictions is read back by what others read it with."""

from __future__ import annotations

import csv
import io
import json

import pytest

from neuralfinder import InputError
from neuralfinder.show.predictions import Tally, columns_of, write

HOSTILE = 'a "b", c\n\u2028=1.png'


def row(name, label, probability, **more):
    return {"input": name, "label": label, "probability": probability, **more}


BLOCKS = [
    [
        row("1.png", "cat", 0.75, probabilities={"cat": 0.75, "dog": 0.25}),
        {"input": "2.png", "error": "2.png is unreadable: an empty file; expected a picture file; replace it"},
    ],
    [row(HOSTILE, "a longer name", 1 / 3, probabilities={"cat": 2 / 3, "a longer name": 1 / 3})],
]

LIKELIEST = [{"label": 3, "probability": 0.6}, {"label": 1, "probability": 0.4}]

UNSURE = [[row("1.png", "not sure", 0.6, sure=False, top=LIKELIEST), row("2.png", 1, 0.9, sure=True, top=[])]]


def text(blocks, form, top=None, sure=False):
    out = io.StringIO()
    write(blocks, form, columns_of(top, sure), out, ())
    return out.getvalue()


def test_json_and_json_lines_have_the_rows():
    rows = [row for block in BLOCKS for row in block]
    assert json.loads(text(BLOCKS, "json")) == rows
    assert text(BLOCKS, "json").count("\n") == json.dumps(rows, indent=1).count("\n") + 1
    assert [json.loads(line) for line in text(BLOCKS, "jsonl").splitlines()] == rows


def test_csv_has_a_row_for_each_with_the_same_columns():
    rows = list(csv.DictReader(io.StringIO(text(BLOCKS, "csv"))))
    assert [list(row) for row in rows] == [["input", "label", "probability", "error"]] * 3
    assert [row["input"] for row in rows] == ["1.png", "2.png", HOSTILE]
    assert [row["probability"] for row in rows] == ["0.75", "", repr(1 / 3)]
    assert [bool(row["error"]) for row in rows] == [False, True, False]


def test_csv_says_what_is_not_sure_and_what_was_likeliest():
    rows = list(csv.DictReader(io.StringIO(text(UNSURE, "csv", top=2, sure=True))))
    assert [list(row.values()) for row in rows] == [
        ["1.png", "not sure", "0.6", "false", "3", "0.6", "1", "0.4", ""],
        ["2.png", "1", "0.9", "true", "", "", "", "", ""],
    ]
    assert list(rows[0])[3:] == ["sure", "label_1", "probability_1", "label_2", "probability_2", "error"]


def test_a_table_is_aligned_and_grows_where_it_must():
    blocks = [BLOCKS[0], [row("a-longer-name.png", "dog", 1.0)], [row("x.png", "cat", 0.05)]]
    assert text(blocks, "table").splitlines() == [
        "input  label  probability",
        "1.png  cat         75.00%",
        "2.png  error: 2.png is unreadable: an empty file; expected a picture file; replace it",
        "a-longer-name.png  dog        100.00%",
        "x.png              cat          5.00%",
    ]


def test_rows_are_written_before_the_next_are_asked_for():
    for form in ("table", "csv", "json", "jsonl"):
        out, seen = io.StringIO(), []

        def blocks(out=out, seen=seen):
            for block in BLOCKS:
                seen.append(out.getvalue())
                yield block

        write(blocks(), form, columns_of(None, False), out, ())
        assert ["1.png" in written for written in seen] == [False, True]


@pytest.mark.parametrize(
    ("classes", "kind"),
    [((1, 3), "int64"), (("1", "3"), "string"), ((1, "3"), "string"), ((True, False), "bool"), ((1.0, 3.0), "double")],
)
def test_parquet_has_typed_columns(tmp_path, classes, kind):
    parquet = pytest.importorskip("pyarrow.parquet")
    best = [{"label": classes[1], "probability": 0.6}, {"label": classes[0], "probability": 0.4}]
    blocks = [
        [row("1.png", "not sure", 0.6, sure=False, top=best), row("caf\udce9", classes[0], 0.9, sure=True, top=best)],
        [{"input": "2.png", "error": "gone"}],
    ]
    write(blocks, "parquet", columns_of(2, True), tmp_path / "a.parquet", classes)
    table = parquet.read_table(tmp_path / "a.parquet")
    assert {str(table.schema.field(name).type) for name in ("label", "label_1", "label_2")} == {kind}
    first, second = map(str, classes) if kind == "string" else classes
    assert table.column("input").to_pylist() == ["1.png", "caf\\udce9", "2.png"]
    assert table.column("label").to_pylist() == [None, first, None]
    assert table.column("label_1").to_pylist() == [second, second, None]
    assert table.column("sure").to_pylist() == [False, True, None]
    assert table.column("error").to_pylist() == [None, None, "gone"]


def test_parquet_needs_a_file():
    with pytest.raises(InputError, match="--format parquet is without --out; expected a file"):
        text(BLOCKS, "parquet")


def test_a_file_holds_what_a_stream_would(tmp_path):
    for form in ("table", "csv", "json", "jsonl"):
        write(BLOCKS, form, columns_of(None, False), tmp_path / form, ())
        with (tmp_path / form).open(encoding="utf-8", newline="") as file:
            assert file.read() == text(BLOCKS, form)


def test_failures_are_counted_as_they_pass():
    tally = Tally()
    assert list(tally.over([*BLOCKS, *BLOCKS])) == [*BLOCKS, *BLOCKS]
    assert str(tally).startswith("2 of 6 could not be answered, the first: 2.png is unreadable: an empty file;")
