"""What the package's experience is worth on the table that it was made of, each task left out once."""

from __future__ import annotations

import json

import numpy as np
import own_table
import pytest
from experience import Left, of_table
from judgement import Begun, Pairs, print_pairs, told

from neuralfinder.networks.experience import Experience

SPACE = own_table.read()


def test_the_packages_experience_is_that_of_the_table():
    shipped = json.loads(json.dumps(of_table(SPACE).plain()))
    assert Experience.shipped() == Experience.of(shipped)


def test_what_is_left_out_is_not_there():
    assert len(of_table(SPACE, ["digits"]).tasks) == len(SPACE.tasks) - 1
    assert len(of_table(SPACE, ["digits"]).rows) < len(of_table(SPACE).rows)


@pytest.mark.slow
def test_experience_tells_more_beside_a_short_training_than_that_alone():
    pairs = Pairs(SPACE)
    for share in SPACE.shares[:-1]:
        known, weights = pairs.at(share, texts=None)
        assert weights.sum() == pytest.approx(1)
        seen, both = (told(known[:, columns], weights)[0] for columns in ([0], [0, 1]))
        assert both > seen + (0.02 if share == SPACE.shares[0] else -0.01)
    worths = [worth for name in ("digits", "signals", "thumbs", "digits28") for _, _, worth in pairs.agreement(name)]
    assert min(worths) > 0.6


@pytest.mark.slow
def test_both_together_tell_more_pairs_in_what_is_printed(capsys: pytest.CaptureFixture[str]):
    print_pairs(SPACE)
    rows = [line.split() for line in capsys.readouterr().out.splitlines()]
    assert {row[0] for row in rows if row} >= {"all", "pictures", "texts", "digits", "trec"}
    whole, texts = (
        [tuple(map(float, row[3:6])) for row in rows if row and row[0] == kind] for kind in ("all", "texts")
    )
    assert len(whole) == len(texts) == 4
    assert all(both > seen for seen, _, both in [whole[0], *texts])


@pytest.mark.thorough
def test_who_is_begun_alone_has_all_the_time_and_nobody_is_better_than_the_best():
    begun = Begun(SPACE, "digits", 4)
    alone = begun.expectation.ranked(begun.genomes, 1)[0]
    last = [training.points[-1].judged for training in begun.trained]
    assert begun.behind(1, 0) == pytest.approx(100 * (max(last) - last[alone]))
    assert all(begun.behind(count, 1 / 16) >= 0 for count in (2, 3, 4))


@pytest.mark.thorough
def test_experience_of_other_tasks_ranks_networks_and_chooses_better_than_chance():
    agreements, behind, chance = [], [], []
    for name in SPACE.tasks:
        left = Left(SPACE, name, halved=True)
        mean, _ = left.expectation.predict(left.genomes)
        agreements.append(own_table.rank_agreement(list(zip(mean, left.judged, strict=True))))
        behind.append(left.missing(left.expectation.ranked(left.genomes, 2)))
        rng = np.random.default_rng(0)
        chance.append(np.mean([left.missing(rng.permutation(len(mean))[:2]) for _ in range(50)]))
    assert np.median(agreements) > 0.7
    assert np.mean(behind) < 0.3 * np.mean(chance)


@pytest.mark.thorough
def test_without_chance_folds_cost_time_and_one_split_is_what_begins():
    begun, rng = Begun(SPACE, "digits", 4), np.random.default_rng(0)
    assert begun.folds(1, 1 / 8, 80, 1, rng) == pytest.approx(begun.behind(1, 0))
    whole = begun.task["seen"]
    exact = type("Exact", (), {"binomial": lambda self, n, p, size: np.broadcast_to(np.multiply(n, p), size)})()
    assert begun.folds(2, 1 / 8, whole, 1, exact) == pytest.approx(begun.behind(2, 1 / 8))
    assert begun.folds(1, 1 / 8, whole, 4, exact) >= begun.folds(1, 1 / 8, whole, 1, exact)
