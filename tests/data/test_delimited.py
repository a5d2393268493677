"""Tables as programs and offices save them: every row is read as it was meant, or the line is named."""

from __future__ import annotations

import csv

import pytest
from hypothesis import given
from hypothesis import strategies as st
from loading import load
from scenes import pictures_of
from sentences import sentences

from neuralfinder.data import tables
from neuralfinder.data.delimited import decoded, read_delimited
from neuralfinder.errors import InputError

TEXTS, LABELS = sentences(60)


def written(path, rows, separator=",", encoding="utf-8", first=""):
    lines = [separator.join(row) for row in rows]
    path.write_text(first + "\n".join(lines) + "\n", encoding=encoding)
    return path


def plain_rows(texts=TEXTS):
    return [(text.replace(",", ""), label) for text, label in zip(texts, LABELS, strict=True)]


HEADER = ("text", "label")


@pytest.mark.parametrize("last", ["", '"', ' of 4"'])
@pytest.mark.parametrize("swap", [False, True])
@pytest.mark.parametrize(("suffix", "separator"), [("tsv", "\t"), ("csv", ","), ("csv", ";")])
def test_h13_an_open_quotation_mark_costs_no_row(tmp_path, suffix, separator, last, swap):
    rows = plain_rows()
    rows[7] = '"5 inch pipe', rows[7][1]
    rows[40] = rows[40][0] + last, rows[40][1]
    rows = [HEADER, *rows]
    data = load(written(tmp_path / f"a.{suffix}", [row[::-1] for row in rows] if swap else rows, separator))
    assert data.samples.tolist() == [row[0] for row in rows[1:]]
    assert [data.classes[label] for label in data.labels] == LABELS
    assert "Quotation marks of a." in " ".join(data.notes)
    assert "from line 9 on; each line was taken as a row" in " ".join(data.notes)


@pytest.mark.parametrize("end", ["", '"', '" now'])
def test_h13_its_line_is_named_where_quoting_is_needed(tmp_path, end):
    rows = plain_rows()
    rows[7] = '"5 inch pipe', rows[7][1]
    rows[30] = rows[30][0] + end, rows[30][1]
    rows[50] = '"with a comma, quoted"', rows[50][1]
    with pytest.raises(InputError, match=r"quotation mark in line 9 that is not closed .* double it"):
        load(written(tmp_path / "a.csv", [HEADER, *rows]))


def test_a_mark_that_swallows_nearly_all_is_seen(tmp_path):
    rows = plain_rows()
    rows[0], rows[-1] = ('"' + rows[0][0], rows[0][1]), (rows[-1][0] + '"', rows[-1][1])
    assert len(load(written(tmp_path / "a.tsv", [HEADER, *rows], "\t")).samples) == 60


def test_within_a_line_it_costs_no_cell(tmp_path):
    rows = [(text, "a" if row % 2 else '"b') for row, (text, _) in enumerate(plain_rows())]
    rows[4] = '"5 inch', 'a"'
    data = load(written(tmp_path / "a.tsv", [HEADER, *rows], "\t"))
    assert data.samples[4] == '"5 inch'
    assert len(data.samples) == 60


@given(
    st.lists(
        st.tuples(
            st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\0\r"), min_size=1),
            st.sampled_from("AB"),
        ),
        min_size=3,
        max_size=12,
    ),
    st.sampled_from([",", "\t", ";"]),
    st.sampled_from([csv.QUOTE_MINIMAL, csv.QUOTE_ALL]),
    st.sampled_from(["\n", "\r\n"]),
)
def test_what_is_quoted_by_the_rules_comes_back(tmp_path_factory, rows, separator, quoting, end):
    path = tmp_path_factory.getbasetemp() / ("quoted.tsv" if separator == "\t" else "quoted.csv")
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file, delimiter=separator, quoting=quoting, lineterminator=end).writerows([HEADER, *rows])
    table, findings = read_delimited(path, {"text", "label"}, numbered=False)
    assert [*zip(*table.values(), strict=True)] == rows
    assert not [finding for finding in findings if finding.kind == "quotation marks"]


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_mail_over_several_lines_stays_one_text(tmp_path, end):
    texts = [f"Hello, Tom {n}{end}{end}Thanks, all{end}see, you" for n in range(12)]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *((text, "ab"[n % 2]) for n, text in enumerate(texts))])
    assert load(tmp_path / "a.csv").samples.tolist() == texts


def test_texts_whose_lines_look_like_rows_stay_whole(tmp_path):
    texts = [f"Word {n}, n.:\n\tWhat it means, in short" for n in range(12)]
    with (tmp_path / "a.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([HEADER, *((text, "ab"[n % 2]) for n, text in enumerate(texts))])
    assert load(tmp_path / "a.csv").samples.tolist() == texts


@pytest.mark.parametrize("separator", [";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-8-sig", "cp1252", "utf-32"])
def test_h19_other_separators_and_encodings_are_read_and_told(tmp_path, separator, encoding):
    rows = [HEADER, *((f"Gr\u00fc\u00dfe, {text}", label) for text, label in plain_rows())]
    data = load(written(tmp_path / "a.csv", rows, separator, encoding))
    assert data.samples.tolist() == [row[0] for row in rows[1:]]
    notes = " ".join(data.notes)
    assert f"Cells of a.csv are separated by {separator!r}" in notes
    assert ("a.csv was read as" in notes) == (encoding != "utf-8-sig")


def test_h19_a_line_that_tells_the_separator(tmp_path):
    path = written(tmp_path / "a.csv", [HEADER, *plain_rows()], ";", first="sep=;\n")
    assert load(path).samples.tolist() == [row[0] for row in plain_rows()]
    (path.parent / "b.csv").write_text('sep=;\ntext;label\n"a;b";c;d\n')
    with pytest.raises(InputError, match="3 cells up to line 3"):
        load(path.parent / "b.csv")


@pytest.mark.parametrize("first", ["", "Unnamed: 0"])
def test_h19_a_column_that_counts_rows_is_no_text(tmp_path, first):
    rows = [(str(n), *row) for n, row in enumerate(plain_rows())]
    data = load(written(tmp_path / "a.csv", [(first, "words", "label"), *rows]))
    assert data.samples.tolist() == [row[1] for row in rows]
    assert "The first column of a.csv, which counts the rows, was ignored" in " ".join(data.notes)
    data = load(written(tmp_path / "r.csv", [("words", "label"), *rows]))
    assert data.samples.tolist() == [row[1] for row in rows]


def test_h19_what_an_office_leaves_right_of_a_table(tmp_path):
    rows = [(*row, "", "") for row in [HEADER, *plain_rows()]]
    assert len(load(written(tmp_path / "a.csv", rows, ";")).samples) == 60
    rows[5] = (*rows[5][:2], "x", "y")
    with pytest.raises(InputError, match="named twice"):
        load(written(tmp_path / "a.csv", rows, ";"))


def test_h19_no_line_of_names(tmp_path):
    rows = plain_rows()
    data = load(written(tmp_path / "a.csv", rows))
    assert data.samples.tolist() == [row[0] for row in rows]
    assert "a.csv has no line of names: the first line is a row" in " ".join(data.notes)
    wide = written(tmp_path / "b.csv", [(str(n * 7), *row) for n, row in enumerate(rows)])
    with pytest.raises(InputError, match="'column 0', 'column 1', 'column 2'"):
        load(wide)
    named = load(wide, text="column 1", target="column 2")
    assert named.samples.tolist() == data.samples.tolist()
    assert tables.read_table(tmp_path / "a.csv")[0]["label"] == LABELS


def test_broken_utf_8_is_not_taken_for_windows():
    text = "\u4e2d\u6587 \u00fc" * 9
    with pytest.raises(UnicodeDecodeError):
        decoded(text.encode() + b"\xff")
    assert decoded("na\u00efve \u20ac".encode("cp1252")) == ("na\u00efve \u20ac", "cp1252")


def test_h14_a_column_of_paths_holds_pictures_whatever_it_is_called(tmp_path):
    rows = [("fname", "label"), *pictures_of(tmp_path)]
    data = load(written(tmp_path / "a.csv", [*rows, ("files/gone.png", "day")]))
    assert not data.is_text
    assert len(data.samples) == 12
    assert "files/gone.png (no such file)" in " ".join(data.notes)
    assert load(tmp_path / "a.csv", text="fname").is_text
    with pytest.raises(InputError, match=r"no such file"):
        load(written(tmp_path / "b.csv", [("fname", "label"), *((f"x{n}.jpg", "ab"[n % 2]) for n in range(8))]))
    with pytest.raises(InputError, match=r"names of text files \('x0.txt'\); expected the texts themselves"):
        load(written(tmp_path / "c.csv", [("fname", "label"), *((f"x{n}.txt", "ab"[n % 2]) for n in range(8))]))
