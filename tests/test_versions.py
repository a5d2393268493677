"""The page of versions names what pyproject.toml allows."""

from __future__ import annotations

import versions


def test_the_page_has_the_lowest_versions_that_are_allowed():
    page = (versions.ROOT / "docs" / "versions.md").read_text(encoding="utf-8").splitlines()
    rows = [[cell.strip() for cell in line.split("|")[1:3]] for line in page if line.startswith("| ")]
    assert dict(rows[1:]) == versions.bounds(), "run `make versions`, and write down what came"


def test_bounds_are_those_of_the_extras_too():
    assert versions.bounds(()).keys() < versions.bounds(("serve", "dashboard")).keys()
    assert versions.bounds()["starlette"] == "0.44"
    assert versions.table(dict.fromkeys(versions.bounds(), "9"))[2] == "| click | 8.1 | 9 |"
