"""Networks of the table of our own space."""

from __future__ import annotations

import itertools

from own_networks import networks


def test_random_networks_span_what_the_space_has():
    text, pictures = ([g.key for g in itertools.islice(networks(kind), 300)] for kind in (True, False))
    for word in (".bn", ".add", ".k5", ".k1", ".gelu", ".sep", ".s2", "> GM", "> F0", "> F128-64", "I > F0", "A", "M3"):
        assert any(word in key for key in pictures), word
    for word in ("I > G", "> GM.d50", "> F0", ".k7", ".cat1", ".add1", ".tanh"):
        assert any(word in key for key in text), word
    assert len(set(pictures)) > 200
