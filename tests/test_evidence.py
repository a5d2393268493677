"""Every figure on the pages has its evidence: the rule is that of docs/evidence.md."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
EVIDENCE = ROOT / "docs" / "evidence.md"

LEFT_OUT = {"LOG.md", "evidence.md", "settings.md"}
PAGES = [ROOT / "README.md", *(page for page in sorted((ROOT / "docs").glob("*.md")) if page.name not in LEFT_OUT)]

UNITS = (
    "%", r"\+-", "ms", "s", "seconds?", "minutes?", "hours?", "points?", "times", "[kMGT]i?B", "bytes", "pixels",
    "parameters", "multiply-adds", "networks", "candidates", "trainings", "evaluations", "samples", "pictures", "texts",
    "tokens", "requests", "connections", "workers", "filters", "units", "epochs", "tasks", "seeds",
)  # fmt: skip
COUNTS = r"(?: thousand| million| thousand million| M)?"
FIGURE = re.compile(rf"\d[\d.,]*{COUNTS} ?(?:{'|'.join(UNITS)})(?![\w-])")
FRACTION = re.compile(r"(?<![\w.])\d+\.\d+(?![\w.])")
SCRIPT = re.compile(r"\b(?:benchmarks|docs|tests)/[\w/]+\.py\b")


@dataclass(frozen=True)
class Block:
    """A paragraph, an item of a list, a table, or a block of code with its language."""

    text: str
    language: str | None = None

    @property
    def has_figure(self) -> bool:
        text = self.text
        if self.language is not None:
            if self.language not in ("text", "console"):
                return False
            text = re.sub(r"^\$.*$", "", text, flags=re.MULTILINE)
        else:
            text = re.sub(r"`[^`]*`|\]\([^)]*\)", "", text)
        table = self.language is None and text.startswith("|")
        return bool(FIGURE.search(text) or (table and FRACTION.search(text)))


def blocks(page: str) -> Iterator[Block]:
    """What a page consists of, headings left out."""
    for part in re.split(r"^(```.*?^```$)", page, flags=re.MULTILINE | re.DOTALL):
        if part.startswith("```"):
            language, _, text = part.removeprefix("```").removesuffix("```").partition("\n")
            yield Block(text, language)
            continue
        text = re.sub(r"^#.*$", "", part, flags=re.MULTILINE)
        for found in re.split(r"\n\s*\n|\n(?=\s*(?:[*-]|\d+\.) )", text):
            if found.strip():
                yield Block(found.strip())


def plain(text: str) -> str:
    """Without what a page has for the eye, each gap one space."""
    return " ".join(re.sub(r"[*`]", "", text).split())


def tables() -> tuple[list[list[str]], list[list[str]]]:
    """The rows of what was measured, and of what was not."""
    sections = EVIDENCE.read_text("utf-8").split("\n## ")[1:]
    assert [section.partition("\n")[0] for section in sections] == ["Measured", "Not measured"]
    rows = [
        [line.strip("|").split("|") for line in section.splitlines() if line.startswith("|")] for section in sections
    ]
    measured, others = ([[cell.strip() for cell in row] for row in table[2:]] for table in rows)
    return measured, others


MEASURED, OTHERS = tables()


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_figure_has_its_line(page):
    known = [plain(words) for words, name, *_ in (*MEASURED, *OTHERS) if name == page.name]
    head, *sections = re.split(r"^(?=## )", page.read_text("utf-8"), flags=re.MULTILINE)
    bare = [
        block.text
        for section in ([] if SCRIPT.search(head) else [head, *sections])
        if not SCRIPT.search(section)
        for block in blocks(section)
        if block.has_figure and not any(words in plain(block.text) for words in known)
    ]
    assert not bare, f"docs/evidence.md has no line for these, and they name no script: {bare}"


@pytest.mark.parametrize("row", [*MEASURED, *OTHERS], ids=lambda row: f"{row[1]}: {row[0]}")
def test_every_line_is_of_a_figure_that_is_there(row):
    pages = {page.name: page for page in PAGES}
    found = [block for block in blocks(pages[row[1]].read_text("utf-8")) if plain(row[0]) in plain(block.text)]
    assert any(block.has_figure for block in found)
    assert re.search(r"\d", row[0])


@pytest.mark.parametrize("row", MEASURED, ids=lambda row: f"{row[1]}: {row[0]}")
def test_what_was_measured_says_how(row):
    _, _, script, date, machine, n = row
    assert all(path.is_file() for path in (ROOT / name for name in SCRIPT.findall(script)))
    assert SCRIPT.search(script) or "`" in script
    assert re.fullmatch(r"20\d\d-[01]\d-[0-3]\d", date)
    assert machine
    assert n


@pytest.mark.parametrize("row", OTHERS, ids=lambda row: f"{row[1]}: {row[0]}")
def test_what_was_not_measured_says_where_it_stands(row):
    _, _, what, where = row
    assert what
    named = re.findall(r"`([\w./-]+\.(?:py|md|css|json))`", where)
    assert all((ROOT / name).is_file() for name in named)
    assert named


SOME = (
    "12 % of it", "97.08%", "0.5 s", "77 to 103 networks", "1.6 +- 0.2", "6 GB", "3.2 M parameters", "| a | 0.97 |",
)  # fmt: skip
NONE = ("`--minutes 5`", "Python 3.11", "in 2017", "[figures](5s.md)", "a 3x3 map", "| 7 | x |")


@pytest.mark.parametrize("text", SOME)
def test_figures_are_found(text):
    assert Block(text).has_figure


@pytest.mark.parametrize("text", NONE)
def test_what_is_no_figure_is_none(text):
    assert not Block(text).has_figure


PAGE = """\
# 5 %

One
two.
* a 5 %
* b
  c

| x |
|---|
| 1 |

```console
$ run 5 %
5 %
```
```python
x = 5 % 3
```
"""


def test_pages_are_cut_into_blocks():
    found = {block.text.partition("\n")[0]: block.has_figure for block in blocks(PAGE)}
    none = dict.fromkeys(("One", "* b", "| x |", "x = 5 % 3"), False)
    assert found == {"* a 5 %": True, "$ run 5 %": True, **none}
