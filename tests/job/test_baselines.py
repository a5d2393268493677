"""What the winner must beat."""

from __future__ import annotations

from sentences import sentences
from setups import setup_of_texts

from neuralfinder.job.baselines import fit_words


def test_tf_idf_is_a_fair_rival():
    setup = setup_of_texts(*sentences(200))
    words = fit_words(setup.train)
    assert (words.predict(setup.validation) == setup.validation.labels.numpy()).mean() > 0.9
