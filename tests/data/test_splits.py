"""The three parts: disjoint, complete, stratified, and a function of label indices and seed only."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.data import from_arrays
from neuralfinder.data.splits import split
from neuralfinder.errors import InputError

NONE_GIVEN = np.zeros(60, dtype=bool)


def parts(result):
    return [result.train, result.validation, result.test]


def check_share(labels, rows, part, share, left):
    """Every class has its share of `rows` in `part`, rounded down or up, at least 1, unless too few are left."""
    sizes, taken = np.bincount(labels[rows]), np.bincount(labels[part], minlength=labels.max() + 1)
    for size, count in zip(sizes, taken, strict=True):
        assert min(1, max(0, size - left)) <= count <= max(0, size - left)
        assert abs(count - size * share) < 1 or count in (0, 1, size - left)


@given(
    st.lists(st.integers(1, 40), min_size=2, max_size=8).filter(lambda counts: max(counts) >= 3),
    st.floats(0.02, 0.9),
    st.floats(0.02, 0.9),
    st.integers(0, 2**40),
)
def test_without_a_given_test_part(counts, validation, test, seed):
    labels = np.random.default_rng(seed).permutation(np.repeat(np.arange(len(counts)), counts))
    result = split(labels, np.zeros(len(labels), dtype=bool), seed, validation, test)
    assert sorted(np.concatenate(parts(result)).tolist()) == list(range(len(labels)))
    check_share(labels, np.arange(len(labels)), result.test, test, left=2)
    rest = np.concatenate([result.train, result.validation])
    check_share(labels, rest, result.validation, validation, left=1)
    assert all(part.dtype == np.int64 for part in parts(result))


@given(
    st.lists(st.integers(1, 30), min_size=2, max_size=6).filter(lambda counts: max(counts) >= 2),
    st.integers(1, 20),
    st.integers(0, 2**40),
)
def test_a_given_test_part_is_used_as_it_is(counts, tested, seed):
    labels = np.concatenate([np.repeat(np.arange(len(counts)), counts), np.zeros(tested, dtype=int)])
    given_test = np.arange(len(labels)) >= sum(counts)
    result = split(labels, given_test, seed)
    assert sorted(result.test.tolist()) == np.flatnonzero(given_test).tolist()
    rest = np.concatenate([result.train, result.validation])
    assert sorted(rest.tolist()) == np.flatnonzero(~given_test).tolist()
    check_share(labels, rest, result.validation, 0.2, left=1)


def test_h03_names_do_not_matter():
    rng = np.random.default_rng(1)
    X, y = rng.integers(0, 256, (60, 8, 8), dtype=np.uint8), rng.integers(0, 2, 60)
    forms = [y, np.eye(2)[y], np.array(["NG", "OK"])[y], y.astype(bool), y.astype(float)[:, np.newaxis]]
    splits = [split(data.labels, data.given_test, 0) for data in (from_arrays(X, form) for form in forms)]
    for other in splits[1:]:
        for one, two in zip(parts(splits[0]), parts(other), strict=True):
            np.testing.assert_array_equal(one, two)


def test_seeds_differ_and_rows_are_shuffled():
    labels = np.repeat([0, 1], 30)
    first, again, other = (split(labels, NONE_GIVEN, seed) for seed in (0, 0, 1))
    np.testing.assert_array_equal(first.train, again.train)
    assert set(first.test.tolist()) != set(other.test.tolist())
    for part in parts(first):
        assert part.tolist() != sorted(part.tolist())
        assert labels[part].tolist() != sorted(labels[part].tolist())


@pytest.mark.parametrize(
    ("n", "tested", "sizes"),
    [
        (60_000, 10_000, [45_000, 5_000, 10_000]),  # CIFAR-10
        (11_000, 1_010, [7_992, 1_998, 1_010]),  # 9,990 beside the test part: a fifth
        (12_500, 0, [9_000, 1_000, 2_500]),
        (1_000, 0, [640, 160, 200]),
    ],
)
def test_default_shares(n, tested, sizes):
    labels = np.arange(n) % 10
    result = split(labels, np.arange(n) >= n - tested, 3)
    assert [len(part) for part in parts(result)] == sizes


def test_shares_hold_over_all_classes_where_each_alone_would_round_down():
    labels = np.arange(70) % 10  # 7 of each: a fifth is 1.4
    result = split(labels, np.zeros(70, dtype=bool), 0)
    assert len(result.test) == 14


@pytest.mark.parametrize("shares", [{"test": 0.0}, {"test": 1}, {"validation": -0.1}, {"validation": 2.0}])
def test_shares_out_of_range_are_refused(shares):
    (name, value), *_ = shares.items()
    with pytest.raises(InputError, match=rf"{name} is {value}; expected a share between 0 and 1.*change it"):
        split(np.repeat([0, 1], 30), NONE_GIVEN, 0, **shares)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 30), st.booleans()), min_size=8, max_size=80),
    st.booleans(),
    st.integers(0, 2**40),
)
def test_copies_are_on_one_side(rows, tested, seed):
    labels, groups, given_test = (np.array(column) for column in zip(*rows, strict=True))
    given_test = given_test & tested
    try:
        result = split(labels, given_test, seed, groups=groups)
    except InputError as error:
        assert "copies count once" in str(error)
        return
    where = [set(groups[part].tolist()) for part in parts(result)]
    assert not where[0] & where[1] | where[0] & where[2] | where[1] & where[2]
    assert all(len(part) for part in parts(result))
    left_out = set(range(len(rows))) - set(np.concatenate(parts(result)).tolist())
    assert left_out == {row for row in range(len(rows)) if groups[row] in groups[given_test] and not given_test[row]}


def test_without_copies_groups_change_nothing():
    labels = np.repeat([0, 1], 30)
    for one, two in zip(
        parts(split(labels, NONE_GIVEN, 5)),
        parts(split(labels, NONE_GIVEN, 5, groups=np.arange(60)[::-1])),
        strict=True,
    ):
        np.testing.assert_array_equal(one, two)


def test_small_classes_stay_in_training():
    labels = np.array([0] * 20 + [1] + [2, 2])
    result = split(labels, np.zeros(23, dtype=bool), 0)
    assert 20 in result.train
    assert {21, 22} == (set(result.train.tolist()) | set(result.validation.tolist())) & {21, 22}
    assert (labels[result.test] == 0).all()


@pytest.mark.parametrize(
    ("labels", "given_test", "message"),
    [
        ([0, 0, 1, 1], [0, 0, 0, 0], r"2 samples of each class at most; expected at least 3 of one class.*add samples"),
        ([0, 1, 1, 1], [0, 0, 1, 1], r"1 samples of each class at most; expected at least 2"),
        ([0, 1], [1, 1], r"no row beside the test part"),
        ([0, 1, 1], [0, 0], r"shapes \(3,\), \(2,\) and \(3,\).*one entry per picture"),
    ],
)
def test_too_few_rows_are_refused(labels, given_test, message):
    with pytest.raises(InputError, match=message):
        split(np.array(labels), np.array(given_test, dtype=bool), 0)
