"""Settings of Hypothesis, how it draws genomes (tests ask for `Genome` by its type), and a machine not measured."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import torch
from hypothesis import settings
from hypothesis import strategies as st

from neuralfinder.cost import Rates
from neuralfinder.genome import Choice, Conv, DenseHead

# Derandomised: a failure in CI is the same failure at home.
settings.register_profile("neuralfinder", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("neuralfinder")

st.register_type_strategy(Conv, st.builds(Conv, st.integers(1, 2048), norm=st.booleans()))
st.register_type_strategy(Choice, st.builds(Choice, st.integers(0, 99)))
st.register_type_strategy(DenseHead, st.builds(DenseHead, st.sampled_from((1, 64, 512, 4096))))


@pytest.fixture
def quick_machine(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """No measuring of the machine, and one thread: the networks here are too small for two."""
    monkeypatch.setattr("neuralfinder.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(threads)
