"""Weights of classes."""

from __future__ import annotations

import numpy as np
import torch
from hypothesis import given, settings
from hypothesis import strategies as st


@settings(max_examples=30)
@given(st.lists(st.integers(0, 4), min_size=1, max_size=50))
def test_class_weights_by_definition(labels):
    from neuralfinder.training.train import class_weights

    weights = class_weights(torch.tensor(labels), 5)
    totals = [float(weights[label]) * labels.count(label) for label in set(labels)]
    np.testing.assert_allclose(totals, len(labels) / len(set(labels)), rtol=1e-5)
    assert all(weights[label] == 0 for label in range(5) if label not in labels)
