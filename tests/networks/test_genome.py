from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given

from neuralfinder.errors import InputError
from neuralfinder.networks.forms import from_json, from_seed, parse_ideal, to_json, to_seed
from neuralfinder.networks.genome import (
    ACTIVATIONS,
    GENES,
    PUBLISHED_BEST,
    AvgPool,
    Choice,
    Conv,
    DenseHead,
    Dropout,
    Genome,
    Identity,
    MaxPool,
    PoolHead,
    parse,
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
    assert {kind for kind, _ in GENES.values()} == {
        Conv, Identity, MaxPool, AvgPool, Dropout, Choice, DenseHead, PoolHead,
    }  # fmt: skip


def test_json_form_is_the_documented_one():
    assert to_json(parse("C32.bn M > G")) == {
        "genes": [{"kind": "conv", "filters": 32, "norm": True}, {"kind": "maxpool", "size": 2}],
        "head": {"kind": "pool"},
    }
    assert to_json(parse("C32"))["head"] == {"kind": "dense", "units": 512}


def test_what_2017_did_not_know_has_keras_s_names():
    form = to_seed(parse("C32.valid.glorot M3.s1 M5"), "init-1", 0.5)
    assert form[2] == [
        ("conv", [("nb_filter", 32), ("border_mode", "valid"), ("init", "glorot")]),
        ("maxp", [("pool_size", 3), ("strides", 1)]),
        ("maxp", [("pool_size", 5), ("strides", 3)]),
    ]


def test_attributes_have_one_order_in_the_key_and_any_in_the_text():
    gene = Conv(32, True, 5, 7, 2, "gelu", 4, True, (2, 3), "cat")
    assert str(gene) == "C32.k5x7.s2.g4.sep.bn.gelu.cat2+3"
    assert parse("C32.cat2+3.gelu.bn.sep.g4.s2.k5x7").genes == (gene,)
    assert str(Conv(32, activation="linear", skips=(1,))) == "C32.linear.add1"
    assert parse("I I.bn.relu.add1+4").genes == (Identity(), Identity(True, "relu", (1, 4)))
    assert parse("C8 M3 A A3 D25 > F0").genes == (Conv(8), MaxPool(3), AvgPool(), AvgPool(3), Dropout(25))
    assert parse("C8.sigmoid.valid.he").genes == (Conv(8, activation="sigmoid", border="valid", initialisation="he"),)
    assert parse("M.s1 M3.s3 M5 M5.s2 A3.s1").genes == (
        MaxPool(2, 1), MaxPool(3, 3), MaxPool(5, 3), MaxPool(5, 2), AvgPool(3, 1),
    )  # fmt: skip
    assert parse("M.s2 M5.s3").key == "M M5"
    assert parse("C8 > F0").head == DenseHead(0)
    assert parse("C8 > F64-32").head == DenseHead(64, 32)
    assert parse("I > GM.d50.bag16").head == PoolHead(largest=True, dropout=50, bag=16)
    assert from_json(to_json(parse("I > G.bag24"))) == parse("I > G.bag24")


def test_the_ideal_dialect_of_the_text_is_translated():
    """Section 2.1 of the 2017 text: normalisation and activation are genes of their own, a convolution is linear."""
    assert parse_ideal("C32 B relu C64.k5 gelu M C16 > G") == parse("C32.bn C64.k5.gelu M C16.linear > G")
    assert parse_ideal("C32") == parse("C32.linear")
    assert {gene.activation for gene in parse_ideal(" ".join(f"C8 {a}" for a in ACTIVATIONS)).genes} == set(ACTIVATIONS)


@pytest.mark.parametrize("text", ["B C32", "C32 relu B", "C32 M B", "C32 B B", "C32 relu gelu", "M relu"])
def test_the_ideal_dialect_has_limits_and_says_so(text):
    with pytest.raises(InputError, match=r"expected B, then an activation, after a conv"):
        parse_ideal(text)


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
        ("C32.k4", "'C32.k4'", "as in 'C32 C64 M > G'"),
        ("C32.bn.bn", "'C32.bn.bn'", "as in 'C32 C64 M > G'"),
        ("C32.relu.gelu", "'C32.relu.gelu'", "as in 'C32 C64 M > G'"),
        ("C32.add1.cat2", "'C32.add1.cat2'", "as in 'C32 C64 M > G'"),
        ("C32.in2+1", "'C32.in2+1'", "as in 'C32 C64 M > G'"),
        ("C32.in1+1", "'C32.in1+1'", "as in 'C32 C64 M > G'"),
        ("C32.k3x3", "'C32.k3x3'", "as in 'C32 C64 M > G'"),
        ("C32.k3.k3x5", "'C32.k3.k3x5'", "as in 'C32 C64 M > G'"),
        ("I.k3", "'I.k3'", "as in 'C32 C64 M > G'"),
        ("M.bn", "'M.bn'", "as in 'C32 C64 M > G'"),
        ("C32.", "'C32.'", "as in 'C32 C64 M > G'"),
        ("C32 M4", "'M4'", "as in 'C32 C64 M > G'"),
        ("C32 M.s3", "'M.s3'", "as in 'C32 C64 M > G'"),
        ("C32 A5", "'A5'", "as in 'C32 C64 M > G'"),
        ("C32.he.glorot", "'C32.he.glorot'", "as in 'C32 C64 M > G'"),
        ("C32.same", "'C32.same'", "as in 'C32 C64 M > G'"),
        ("I.valid", "'I.valid'", "as in 'C32 C64 M > G'"),
        ("C32 D0", "'D0'", "as in 'C32 C64 M > G'"),
        ("C32 D100", "'D100'", "as in 'C32 C64 M > G'"),
        ("C32 > F-1", "'F-1'", "as in 'C32 C64 M > G'"),
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
        (
            {"genes": [{"kind": "lstm"}], "head": {"kind": "pool"}},
            r"lstm.*expected a kind of conv, identity, maxpool.*see",
        ),
        ({"genes": [{"kind": "maxpool", "size": 4}], "head": {"kind": "pool"}}, r"'size': 4.*expected.*see"),
        ({"genes": [{"kind": "dropout", "percent": 2.5}], "head": {"kind": "pool"}}, r"'percent': 2.5.*expected.*see"),
        ({"genes": [{"kind": "conv", "filters": True}], "head": {"kind": "pool"}}, r"'filters': True.*expected.*see"),
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
        (("a", "0.9", [("lstm", [("p", 0.5)])]), r"lstm.*expected one of conv, identity, maxp.*see"),
        (("a", "0.9", [("maxp", [("pool_size", 4)])]), r"pool_size', 4.*expected.*see"),
        ("('a', '0.9', [('dropout', [('p', 0.5)])])", r"gene is .*dropout.*expected a gene.*see"),
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
