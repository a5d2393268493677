"""Settings of Hypothesis, and how it draws genomes: tests ask for `Genome` by its type."""

from __future__ import annotations

from hypothesis import settings
from hypothesis import strategies as st

from neuralfinder.genome import Conv, DenseHead

# Derandomised: a failure in CI is the same failure at home.
settings.register_profile("neuralfinder", deadline=None, derandomize=True, database=None, max_examples=100)
settings.load_profile("neuralfinder")

st.register_type_strategy(Conv, st.builds(Conv, st.integers(1, 2048), norm=st.booleans()))
st.register_type_strategy(DenseHead, st.builds(DenseHead, st.sampled_from((1, 64, 512, 4096))))
