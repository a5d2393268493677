"""Labels as given, and back."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.data.labels import encode
from neuralfinder.errors import InputError

PLAIN = st.one_of(
    st.lists(st.integers(-(2**40), 2**40), min_size=1),
    st.lists(st.floats(allow_nan=False, allow_infinity=True), min_size=1),
    st.lists(st.booleans(), min_size=1),
    st.lists(st.text(max_size=5).filter(lambda text: "\0" not in text), min_size=1),
)


@given(PLAIN, st.sampled_from([list, tuple, lambda y: np.array(y, dtype=object), lambda y: [[label] for label in y]]))
def test_labels_come_back_as_they_were_given(y, form):
    encoded = encode(form(y))
    back = [encoded.classes[index] for index in encoded.indices]
    assert back == y
    assert {type(label) for label in back} == {type(label) for label in y}
    assert list(encoded.classes) == sorted(set(y))


@given(st.lists(st.one_of(st.integers(0, 3), st.text(max_size=2), st.none(), st.just(float("nan"))), max_size=20))
def test_any_mixture_of_labels_is_read_or_told(y):
    try:
        encoded = encode(y)
    except InputError as error:
        assert "; expected " in str(error)
    else:
        assert len({type(label) for label in encoded.classes}) == 1


@given(st.integers(2, 5), st.lists(st.integers(0, 4), min_size=1, max_size=20))
def test_one_hot_rows_of_any_type_are_column_numbers(width, y):
    y = [label % width for label in y]
    for kind in (int, float, bool, np.uint8):
        encoded = encode(np.eye(width, dtype=kind)[y])
        assert encoded.indices.tolist() == y
        assert encoded.one_hot
