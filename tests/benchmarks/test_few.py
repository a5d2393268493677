"""What few pictures have of their own can be left out of a search."""

from __future__ import annotations

from pathlib import Path

import few
import pytest
import torch

from neuralfinder.data import Divided, source_of
from neuralfinder.data.splits import limited
from neuralfinder.job.prepare import make_setup
from neuralfinder.job.settings import Settings
from neuralfinder.job.status import Status


@pytest.mark.parametrize(("method", "own"), [(few.AS_IT_COMES, True), (few.WITHOUT, False)])
def test_a_search_without_what_few_pictures_have_is_one_without_it(
    method: str, own: bool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    chosen = Settings(minutes=1.0)
    data = Divided.of(limited(source_of("digits").load(), 100), seed=0)

    def figures(name: str, data: Divided, settings: Settings, folder: Path) -> dict[str, object]:
        setup = make_setup(data, settings, torch.device("cpu"), Status())
        return {"method": name, "few": setup.few, "refit": settings.recipes(setup.shape)[1].refit}

    monkeypatch.setattr(few, "figures", figures)
    assert few.measure(method, data, chosen, tmp_path) == {"method": method, "few": own, "refit": own}
