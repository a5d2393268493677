"""What strangers try at the doors of `dashboard` and `serve`: what comes of it is what docs/security.md says."""

from __future__ import annotations

from pathlib import Path

import doors
import pytest

from neuralfinder.search.record import Record

PAGE = Path(doors.__file__).with_name("security.md")

RUN = {"data": "toys", "fingerprint": "", "settings": {"seed": 0}, "address": {}, "version": "0"}


@pytest.mark.thorough
def test_the_table_of_what_was_tried_is_as_it_comes(model, tmp_path):
    """With a tenth of the times that are waited."""
    with Record(tmp_path / "run.sqlite") as record:
        record.append("run", [RUN])
    model.save(tmp_path / "model")
    written = PAGE.read_text(encoding="utf-8").splitlines()
    assert [line for line in doors.table(tmp_path, 0.1) if line not in written] == []
