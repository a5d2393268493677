from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from neuralfinder.errors import InputError
from neuralfinder.genome import (
    GENES,
    PUBLISHED_BEST,
    Choice,
    Conv,
    DenseHead,
    Genome,
    MaxPool,
    PoolHead,
    from_json,
    from_seed,
    parse,
    to_json,
    to_seed,
)

# Section 3.2 of the 2017 text, letter by letter, irregular blanks and line breaks included.
PUBLISHED_TUPLE = """
   ('init-1', '0.927000', [('conv', [('nb_filter', 32)]), ('conv',[('nb_filter', 192)]), ('conv', [('nb_filter', 192)]), ('maxp', [('pool_size', 2)]),('conv', [('nb_filter', 128)]), ('conv', [('nb_filter', 192)]), ('maxp',[('pool_size', 2)]), ('conv', [('nb_filter', 128)]), ('conv', [('nb_filter',192)]), ('conv', [('nb_filter', 192)]), ('maxp', [('pool_size', 2)]), ('conv',[('nb_filter', 128)]), ('conv', [('nb_filter', 192)]), ('maxp', [('pool_size',2)])])
"""  # noqa: E501


def test_the_published_tuple_is_read_as_printed():
    genome, name, score = from_seed(PUBLISHED_TUPLE)
    assert genome == PUBLISHED_BEST
    assert genome.key == "C32 C192 C192 M C128 C192 M C128 C192 C192 M C128 C192 M"
    assert (name, score) == ("init-1", 0.927)
    assert (genome.convolutions, genome.pools, len(genome)) == (10, 4, 14)


def test_the_published_tuple_is_written_as_printed():
    written = repr(to_seed(PUBLISHED_BEST, "init-1", 0.927))
    assert written.replace(" ", "") == "".join(PUBLISHED_TUPLE.split())


@given(genome=...)
def test_short_text_round_trips(genome: Genome):
    assert parse(genome.key) == genome
    assert parse(genome.key).key == genome.key


@given(genome=...)
def test_json_round_trips_through_text(genome: Genome):
    assert from_json(json.loads(json.dumps(to_json(genome)))) == genome


@given(genome=...)
def test_seed_tuple_round_trips_as_value_and_as_text(genome: Genome):
    form = to_seed(genome, "cross-17", 0.1234567)
    assert from_seed(form) == (genome, "cross-17", 0.123457)
    assert from_seed(repr(form)) == (genome, "cross-17", 0.123457)
    assert from_seed(json.loads(json.dumps(form)))[0] == genome


@given(one=..., other=...)
def test_key_is_the_identity(one: Genome, other: Genome):
    assert (one.key == other.key) == (one == other)


def test_text_of_every_gene_and_head():
    genome = Genome((Conv(16), Conv(24, norm=True), MaxPool()), PoolHead())
    assert str(genome) == "C16 C24.bn M > G"
    assert Genome(genome.genes, DenseHead(64)).key == "C16 C24.bn M > F64"
    assert Genome(genome.genes).key == "C16 C24.bn M"
    assert parse("  C16   C24.bn M  >  F512 ") == Genome(genome.genes)
    assert {kind for kind, _ in GENES.values()} == {Conv, MaxPool, Choice, DenseHead, PoolHead}


def test_json_form_is_the_documented_one():
    assert to_json(parse("C32.bn M > G")) == {
        "genes": [{"kind": "conv", "filters": 32, "norm": "batch"}, {"kind": "maxpool", "size": 2}],
        "head": {"kind": "pool"},
    }
    assert to_json(parse("C32"))["head"] == {"kind": "dense", "units": 512}


@pytest.mark.parametrize(
    ("text", "given", "mend"),
    [
        ("C32 X7", "'X7'", "as in 'C32 C64 M > G'"),
        ("C0 M", "'C0'", "as in 'C32 C64 M > G'"),
        ("C-3", "'C-3'", "as in 'C32 C64 M > G'"),
        ("C٣", "'C٣'", "as in 'C32 C64 M > G'"),
        ("c32", "'c32'", "as in 'C32 C64 M > G'"),
        ("C32,C64", "'C32,C64'", "as in 'C32 C64 M > G'"),
        ("C32 > H", "'H'", "as in 'C32 C64 M > G'"),
        ("C32 > F0", "'F0'", "as in 'C32 C64 M > G'"),
        ("C32 >", "''", "as in 'C32 C64 M > G'"),
        ("C32 > G > G", "'G > G'", "as in 'C32 C64 M > G'"),
    ],
)
def test_bad_text_names_the_word_and_the_mend(text, given, mend):
    with pytest.raises(InputError, match=r"gene in|head of") as caught:
        parse(text)
    assert f"is {given}; expected" in str(caught.value)
    assert str(caught.value).endswith(mend)


@pytest.mark.parametrize(
    ("form", "match"),
    [
        ({"genes": [{"kind": "dropout"}], "head": {"kind": "pool"}}, r"dropout.*expected a conv, a maxpool.*see"),
        ({"genes": [{"kind": "maxpool", "size": 3}], "head": {"kind": "pool"}}, r"'size': 3.*expected.*see"),
        ({"genes": [{"kind": "conv", "filters": "8"}], "head": {"kind": "pool"}}, r"'filters': '8'.*expected.*see"),
        ({"genes": [{"kind": "conv", "filters": 0}], "head": {"kind": "pool"}}, r"'filters': 0.*expected.*see"),
        ({"genes": [{"kind": "conv", "filters": 8, "norm": "layer"}], "head": {"kind": "pool"}}, r"'norm': 'layer'"),
        ({"genes": [], "head": {"kind": "vote"}}, r"vote.*expected kind dense or pool.*see"),
    ],
)
def test_bad_json_names_the_gene_and_the_mend(form, match):
    with pytest.raises(InputError, match=match):
        from_json(form)


@pytest.mark.parametrize(
    ("form", "match"),
    [
        (("a", "0.9", [("dropout", [("p", 0.5)])]), r"dropout.*expected 'conv' with nb_filter.*see"),
        (("a", "0.9", [("maxp", [("pool_size", 3)])]), r"pool_size', 3.*expected.*see"),
        ("('a', '0.9', [('dropout', [('p', 0.5)])])", r"layer is .*dropout.*expected 'conv' with nb_filter.*see"),
        (("a", "0.9"), r"'a', '0.9'.*expected \(name, score, layers\)"),
        ("('a', '0.9')", r"'a', '0.9'.*expected \(name, score, layers\)"),
        (("a", "good", []), r"'good'.*expected \(name, score, layers\)"),
        ("__import__('os')", r"__import__.*expected \(name, score, layers\)"),
        ("(", r"seed tuple is \(; expected \(name, score, layers\)"),
        ("3", r"seed tuple is 3; expected \(name, score, layers\)"),
    ],
)
def test_bad_seed_tuple_names_the_layer_and_the_mend(form, match):
    with pytest.raises(InputError, match=match):
        from_seed(form)


def test_reading_a_seed_tuple_runs_no_code(tmp_path: Path):
    with pytest.raises(InputError, match="expected"):
        from_seed(f"(open({str(tmp_path / 'touched')!r}, 'w'), '0.9', [])")
    assert not (tmp_path / "touched").exists()
