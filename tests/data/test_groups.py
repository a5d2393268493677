"""Groups that the user gives: each lies in one part, classes are in every part that they can be in, and it is told."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from loading import fingerprint, load, write_csv
from scenes import scene

from neuralfinder import NeuralFinder
from neuralfinder.data import Divided, from_arrays, source_at, source_of
from neuralfinder.data.groups import with_groups
from neuralfinder.data.splits import split
from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.job.run import _check_same_run
from neuralfinder.job.settings import Settings
from neuralfinder.search.events import Planned
from neuralfinder.search.record import Record


def parts(result):
    return [result.train, result.validation, result.test]


def check_apart(groups, result):
    """No group is in two parts."""
    where = [set(groups[part].tolist()) for part in parts(result)]
    assert not where[0] & where[1] | where[0] & where[2] | where[1] & where[2]


def of_one_class(sizes):
    """Labels and groups, from the sizes of the groups of each class."""
    flat = [(label, size) for label, own in enumerate(sizes) for size in own]
    labels = np.concatenate([np.full(size, label) for label, size in flat])
    return labels, np.concatenate([np.full(size, group) for group, (_, size) in enumerate(flat)])


@settings(max_examples=30)
@given(
    st.lists(st.lists(st.integers(1, 30), min_size=1, max_size=8), min_size=2, max_size=5).filter(
        lambda sizes: max(map(len, sizes)) >= 3
    ),
    st.integers(0, 2**40),
)
def test_groups_of_one_class_are_in_every_part_that_there_are_enough_of_them_for(sizes, seed):
    labels, groups = of_one_class(sizes)
    order = np.random.default_rng(seed).permutation(len(labels))
    labels, groups = labels[order], groups[order]
    none = np.zeros(len(labels), dtype=bool)
    result = split(labels, none, seed, groups=groups, whole=True)
    check_apart(groups, result)
    assert sorted(np.concatenate(parts(result)).tolist()) == list(range(len(labels)))
    for label, own in enumerate(sizes):
        there = [(labels[part] == label).any() for part in parts(result)]
        assert there == [True, len(own) >= 2, len(own) >= 3]
    again = split(labels, none, seed, groups=groups, whole=True)
    assert all((one == two).all() for one, two in zip(parts(result), parts(again), strict=True))


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 9), st.booleans()), min_size=8, max_size=80),
    st.booleans(),
    st.integers(0, 2**40),
)
def test_whatever_groups_there_are_they_stay_whole_and_training_has_every_class(rows, tested, seed):
    labels, groups, given_test = (np.array(column) for column in zip(*rows, strict=True))
    given_test = given_test & tested
    try:
        result = split(labels, given_test, seed, groups=groups, whole=True)
    except InputError:
        return
    check_apart(groups, result)
    assert all(len(part) for part in parts(result))
    left_out = set(range(len(rows))) - set(np.concatenate(parts(result)).tolist())
    assert left_out == {row for row in range(len(rows)) if groups[row] in groups[given_test] and not given_test[row]}
    assert set(labels[~given_test].tolist()) == set(labels[result.train].tolist())


@settings(max_examples=30)
@given(st.integers(3, 20), st.integers(2, 5), st.integers(0, 2**40))
def test_persons_who_have_all_classes_are_divided_by_their_share(persons, classes, seed):
    each = 6 * classes
    labels, groups = np.arange(persons * each) % classes, np.arange(persons * each) // each
    result = split(labels, np.zeros(len(labels), dtype=bool), seed, groups=groups, whole=True)
    check_apart(groups, result)
    for part in parts(result):
        assert set(labels[part].tolist()) == set(range(classes))
    assert abs(len(result.test) - 0.2 * len(labels)) <= max(each / 2, each - 0.2 * len(labels))


def test_seeds_choose_other_groups():
    labels, groups = np.arange(400) % 2, np.arange(400) // 10
    tests = {
        tuple(np.unique(groups[split(labels, np.zeros(400, dtype=bool), seed, groups=groups, whole=True).test]))
        for seed in range(5)
    }
    assert len(tests) == 5


def test_groups_that_cannot_be_parted_are_refused():
    none = np.zeros(8, dtype=bool)
    with pytest.raises(InputError, match="2 groups of each class at most; expected at least 3.*one part"):
        split(np.arange(8) % 2, none, 0, groups=np.arange(8) // 4, whole=True)
    labels = np.array([0, 1, 0, 2, 0, 3])  # three groups share a class, and each has one that only it has
    with pytest.raises(InputError, match="3 groups, whose classes cannot be parted.*smaller groups"):
        split(labels, none[:6], 0, groups=np.arange(6) // 2, whole=True)
    tested = np.array([0, 0, 0, 0, 0, 1], dtype=bool)
    with pytest.raises(InputError, match="1 classes have no training sample outside the groups of the test part"):
        split(np.array([0, 0, 0, 0, 1, 1]), tested, 0, groups=np.array([0, 1, 2, 3, 4, 4]), whole=True)


# what the doctor says


def pixels(n, seed=0):
    return np.random.default_rng(seed).integers(0, 256, (n, 8, 8), dtype=np.uint8)


def examined(X, y, groups, **more):
    data = Divided.of(with_groups(from_arrays(X, y, **more), groups), 0)
    return data, {finding.kind: finding for finding in data.coded.findings}


def test_the_doctor_tells_how_many_and_the_largest():
    data, found = examined(pixels(80), np.arange(80) % 2, ["anna"] * 20 + [f"p{i % 10}" for i in range(60)])
    assert found["groups"].text.startswith("The pictures are of 11 groups, the largest 'anna' with 20 of 80;")
    assert found.keys() == {"samples", "groups"}
    check_apart(data.raw.given_groups, data.split)


def test_parts_of_other_sizes_and_classes_in_too_few_groups_are_told():
    y = [0] * 120 + [1] * 60
    groups = ["a"] * 40 + ["b"] * 40 + ["c"] * 40 + ["d"] * 60
    data, found = examined(pixels(180), y, groups)
    assert found["sizes of parts"].names == ("validation 40 in the place of 28",)
    assert found["classes in parts"].names == ("1 (not in validation nor test: its 60 pictures are in 1 group)",)
    assert {len(part) for part in parts(data.split)} == {100, 40}


def test_training_samples_of_groups_in_a_given_test_part_are_left_out_and_told(tmp_path):
    people = [f"p{i % 12}" for i in range(60)]
    rows = [(f"text {i} of {person}", "ab"[i % 5 > 2], person) for i, person in enumerate(people)]
    header = ("text", "label", "person")
    own = write_csv(tmp_path / "own.csv", rows, header)
    test = write_csv(tmp_path / "test.csv", [("new text", "a", "p3"), ("newer", "b", "p7"), ("old", "a", "q")], header)
    data = Divided.of(load(own, test=test, group="person"), 0)
    found = {finding.kind: finding for finding in data.coded.findings}
    assert found["groups across parts"].names == ("p3 (5)", "p7 (5)")
    assert found["groups across parts"].text.startswith("10 training texts are of 2 groups")
    used = np.concatenate([data.split.train, data.split.validation])
    assert not {"p3", "p7"} & set(data.raw.given_groups[used])
    assert len(used) == 50


def test_copies_join_groups_and_copies_may_come_apart_where_groups_may_not():
    X, y = pixels(80), np.arange(80) % 2
    X[40] = X[0]
    groups = np.arange(80) // 4
    data, found = examined(X, y, groups)
    assert found["groups with copies"].names == ("0 = 10",)
    check_apart(np.where(groups == 10, 0, groups), data.split)
    alone = Divided.of(with_groups(from_arrays(X, y), groups), 0, together=False)
    assert "groups with copies" not in {finding.kind for finding in alone.coded.findings}
    check_apart(groups, alone.split)


# where groups come from


def test_a_column_of_a_table(tmp_path):
    rows = [(f"text {i}", "ab"[i % 2], f"p{i % 7}" if i else "") for i in range(42)]
    file = write_csv(tmp_path / "a.csv", rows, ("text", "label", "person"))
    source = source_of(file, group="person")
    data = source.load()
    assert data.given_groups[:3].tolist() == [None, "p1", "p2"]
    assert {finding.kind: finding.names for finding in data.findings}["no group"] == ("row 0",)
    assert "groups in 'person'" in " ".join(data.notes)
    assert source_at(source.address) == source
    assert source.fingerprint() == fingerprint(file)  # the samples are the same; the address tells the runs apart
    check_apart(data.given_groups, Divided.of(data, 0).split)
    for wrong, mend in (
        ("persn", "did you mean 'person'"),
        ("label", "the column of labels"),
        (1, "a column of a.csv"),
    ):
        with pytest.raises(InputError, match=mend):
            load(file, group=wrong)


def test_a_column_of_a_table_of_pictures_some_of_them_unreadable(tmp_path):
    rows = []
    for number in range(24):
        scene(number, (9, 9)).save(tmp_path / f"{number}.png")
        rows.append((f"{number}.png", "ab"[number % 2], number // 3))
    (tmp_path / "3.png").write_bytes(b"")
    data = load(write_csv(tmp_path / "a.csv", rows, ("path", "label", "part")), group="part")
    assert data.given_groups.tolist() == [str(number // 3) for number in range(24) if number != 3]


def folder_of(root, layout):
    for number, place in enumerate(layout):
        path = root / place / f"{number}.png"
        path.parent.mkdir(parents=True, exist_ok=True)
        scene(number, (9, 9)).save(path)
    return root


def test_a_level_of_a_folder(tmp_path):
    layout = [f"{label}/day{i % 2}/p{i % 5}" for label in ("cat", "dog") for i in range(20)]
    root = folder_of(tmp_path / "set", [*layout, "cat"])
    data = load(root, group="2")
    assert set(data.given_groups.tolist()) == {*(f"p{i}" for i in range(5)), None}
    assert len({finding.kind: finding.names for finding in data.findings}["no group"]) == 1
    check_apart(data.given_groups, Divided.of(data, 0).split)
    assert set(load(root, group=1).given_groups.tolist()) == {"day0", "day1", None}
    assert source_of(root, group="2").address["group"] == 2
    for wrong in ("0", "person", "1.5", "-1", True):
        with pytest.raises(InputError, match="number of levels below the class folder, 1 or more"):
            source_of(root, group=wrong)
    with pytest.raises(InputError, match="missing for all 41 pictures"):
        load(root, group=3)


def test_an_array_of_groups():
    X, y, groups = pixels(60), np.arange(60) % 2, np.arange(60) // 5
    source = source_of(X, labels=y, groups=groups)
    check_apart(groups, Divided.of(source.load(), 0).split)
    others = [source_of(X, labels=y), source_of(X, labels=y, groups=groups // 2)]
    assert len({source.fingerprint(), *(other.fingerprint() for other in others)}) == 3
    assert source.fingerprint() == source_of(X, labels=y, groups=groups.astype(str).tolist()).fingerprint()
    beside = source_of(X, labels=y, test=pixels(4, 1), test_labels=[0, 1, 0, 1], groups=groups).load()
    assert beside.given_groups[60:].tolist() == [None] * 4
    assert not any(finding.kind == "no group" for finding in beside.findings)
    for wrong, given_shape in ((groups[:-1], r"of shape \(59,\)"), (np.eye(60), r"of shape \(60, 60\)")):
        with pytest.raises(InputError, match=given_shape):
            source_of(X, labels=y, groups=wrong)
    with pytest.raises(InputError, match="missing for all 60"):
        source_of(X, labels=y, groups=[None] * 60)


def test_groups_where_they_have_no_use_are_refused(tmp_path):
    with pytest.raises(InputError, match="column of a table, or a level of a folder"):
        source_of("digits", group="person")
    with pytest.raises(InputError, match="groups beside samples in memory only"):
        source_of(folder_of(tmp_path / "set", ["a", "b"]), groups=[1, 2])


# a run on groups


def test_a_run_with_another_column_of_groups_is_refused(tmp_path):
    rows = [(f"text {i}", "ab"[i % 2], f"p{i % 7}", i % 6) for i in range(42)]
    file = write_csv(tmp_path / "a.csv", rows, ("text", "label", "person", "place"))
    with Record(tmp_path / "run.sqlite") as record:
        _check_same_run(record, source_of(file, group="person"), Settings(), tmp_path)
        record.write(Planned({}))
        _check_same_run(record, source_of(file, group="person"), Settings(), tmp_path)
        for group in ("place", None):
            with pytest.raises(RunFolderError, match=f"a run with group person; expected group {group}"):
                _check_same_run(record, source_of(file, group=group), Settings(), tmp_path)


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
def test_an_estimator_keeps_groups_together_and_a_folder_with_others_is_refused(tmp_path):
    X, y, groups = pixels(80), np.arange(80) % 2, np.arange(80) // 8
    tiny = {"candidates": 1, "epochs": 1, "finalists": 1, "final_epochs": 1, "verbose": 0, "run": tmp_path / "run"}
    finder = NeuralFinder(**tiny).fit(X, y, groups=groups)
    parts = finder.result_["data"]
    assert (parts["train"], parts["validation"], parts["test"]) == (48, 16, 16)
    NeuralFinder(**tiny).fit(X, y, groups=groups)
    with pytest.raises(RunFolderError, match="other data"):
        NeuralFinder(**tiny).fit(X, y, groups=groups // 2)
