"""What the package's experience is worth on the table that it was made of, each task left out once."""

from __future__ import annotations

import json

import numpy as np
import own_table
import pytest
from experience import Left, of_table

from neuralfinder.networks.experience import Experience

SPACE = own_table.read()


def test_the_packages_experience_is_that_of_the_table():
    shipped = json.loads(json.dumps(of_table(SPACE).plain()))
    assert Experience.shipped() == Experience.of(shipped)


def test_what_is_left_out_is_not_there():
    assert len(of_table(SPACE, "digits").tasks) == len(SPACE.tasks) - 1
    assert len(of_table(SPACE, "digits").rows) < len(of_table(SPACE).rows)


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
