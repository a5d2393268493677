"""Genomes that build the same network are one."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
from test_chains import EVERYTHING, RICH, TEXTS

from neuralfinder.networks.genome import parse
from neuralfinder.seeds import torch_seed
from neuralfinder.training.build import build
from neuralfinder.types import Shape


def test_genomes_that_build_the_same_network_are_one_whatever_pools_and_borders():
    space = replace(EVERYTHING, shape=Shape(3, 11, 11))
    assert space.canonical(parse("C16.bn.valid C16.bn.k1.valid > G")) == parse("C16.bn.valid C16.bn.k1 > G")
    assert space.canonical(parse("C16.bn.relu M3.s3 > GM")) == parse("C16.bn M3.s3 > GM")  # a pool before the norm
    assert space.canonical(parse("C16 M3.s3 > GM")) == parse("C16 > GM")  # -1 to 1, 2 to 4, 5 to 7, 8 to 10
    assert space.canonical(parse("C16 M > GM")) == parse("C16 M > GM")  # nobody sees the eleventh
    assert space.canonical(parse("C16 M5.s1 M3.s1 > GM")) == parse("C16 > GM")


def test_genomes_that_build_the_same_network_are_one():
    """Skips to before the first gene are none, groups are as many as divide."""
    assert RICH.canonical(parse("C16.bn.add3 C16.bn.add1 C16.bn.cat2 > G")) == parse(
        "C16.bn C16.bn.add1 C16.bn.cat2 > G"
    )
    assert RICH.canonical(parse("C16.g4.bn C32.g4.bn > G")) == parse("C16.bn C32.g4.bn > G")  # 3 channels come in


@pytest.mark.parametrize(
    ("genome", "same"),
    [
        ("C8 M M > GM.d50", "C8 > GM.d50"),
        ("C8 M3 > GM.d50", "C8 > GM.d50"),
        ("C8.k5 D10 M > GM.d50", "C8.k5 D10 > GM.d50"),
        ("C8 M M M M > GM.d50", "C8 M M M M > GM.d50"),  # of 3 tokens the last pool drops one
        ("C8 M M M M3 > GM.d50", "C8 > GM.d50"),
        ("C8.gelu M M > GM.d50", "C8.gelu M > GM.d50"),  # GELU falls before it rises
        ("C8.bn M M > GM.d50", "C8.bn M > GM.d50"),  # normalisation may turn the sign
        ("C8 M C8 > GM.d50", "C8 M C8 > GM.d50"),
        ("C8 M M > G", "C8 M M > G"),
        ("C8 M A > GM.d50", "C8 M A > GM.d50"),
    ],
)
def test_pools_before_a_maximum_over_the_whole_line_are_none(genome, same):
    given, canonical = parse(genome), parse(same)
    assert TEXTS.canonical(given) == canonical
    tokens = torch.randint(0, 50, (40, 1, 2, 24), generator=torch.Generator().manual_seed(0))
    answers = []
    for each in (given, canonical):
        with torch_seed(0):
            network = build(each, TEXTS.shape, 3).eval()
            answers.append(network(tokens))
    torch.testing.assert_close(*answers)


def test_genes_that_do_nothing_go_where_there_are_others():
    for text, same in (("I C16 > G", "C16 > G"), ("I I > F0", "I > F0"), ("I M > F0", "I M > F0"),
                       ("C16 I C16.add1 > G", "C16 I C16.add1 > G"), ("I.bn > F0", "I.bn > F0")):  # fmt: skip
        assert RICH.canonical(parse(text)) == parse(same)
