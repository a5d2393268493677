"""Recipe genes: their text, the steps between them, and how they are inherited."""

from collections import Counter
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.errors import InputError
from neuralfinder.job.factories import make_space
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.forms import from_json, from_seed, to_json, to_seed
from neuralfinder.networks.genome import Conv, DenseHead, Genome, MaxPool, PoolHead, parse
from neuralfinder.networks.recipe_genes import KINDS, SMALL, RecipeGene, steps
from neuralfinder.networks.variation import cross, distance, one_change, replicate, train_otherwise, vary
from neuralfinder.training.recipes import RECIPES
from neuralfinder.types import Shape

GENE = st.sampled_from([RecipeGene(name, value) for name, kind in KINDS.items() for value in kind.values])
RECIPE = st.lists(GENE, unique_by=lambda gene: gene.name).map(tuple)
GENOMES = st.builds(
    Genome,
    st.lists(st.sampled_from([Conv(16), Conv(32, norm=True), MaxPool()]), max_size=5).map(tuple),
    st.sampled_from([PoolHead(), DenseHead(512), DenseHead(0)]),
    RECIPE,
)
USUAL = RECIPES["fast"].as_genes(texts=False, mirror=True, shifts=True)
SPACE = ChainSpace(Shape(3, 32, 32), 10, recipe_genes=("all",), usual_recipe=USUAL, head=PoolHead())
PLAIN = replace(SPACE, recipe_genes=())


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def recipe(words: str) -> tuple[RecipeGene, ...]:
    return parse(f"C16 | {words}").recipe if words else ()


def test_other_forms_say_them_and_refuse_what_is_none():
    genome = parse("C32 > G | shift0 rate3")
    assert to_json(genome)["recipe"] == {"shift": 0.0, "rate": 3.0}
    assert to_seed(genome, "init-1", 0.5)[2][-1] == ("recipe", [("shift", 0.0), ("rate", 3.0)])
    with pytest.raises(InputError, match="hue"):
        from_json(to_json(genome) | {"recipe": {"hue": 1.0}})
    with pytest.raises(InputError, match="shift of 0"):
        from_seed(("init-1", "0.5", [("recipe", [("shift", 3.0)])]))


def test_the_text_is_as_before_without_them_and_in_one_order_with_them():
    assert parse("C32.bn M C64.bn > G | rate3   shift0").key == "C32.bn M C64.bn > G | shift0 rate3"
    assert parse("C32|smooth0.2").key == "C32 | smooth0.2"
    assert Genome((Conv(32),), PoolHead()).key == "C32 > G"
    assert parse("C32 > G | rate3") != parse("C32 > G")


@pytest.mark.parametrize(
    ("words", "said"),
    [("", "''"), ("shift", "'shift'"), ("shift0.5", "shift of 0 0.0625 0.125"), ("hue1", "shift, mirror"),
     ("rate3 rate1", "rate twice"), ("Rate3", "'Rate3'")],
)  # fmt: skip
def test_what_is_no_recipe_gene_is_refused(words, said):
    with pytest.raises(InputError, match=said):
        parse(f"C32 > G | {words}")


def test_a_mutation_moves_one_step_and_back_to_what_is_usual():
    shift = tuple(gene for gene in USUAL if gene.name == "shift")
    assert steps((), shift) == [recipe("shift0"), recipe("shift0.125")]
    assert steps(recipe("shift0"), shift) == [()]
    assert steps(recipe("shift0 rate3"), shift) == [recipe("rate3")]
    between = (RecipeGene("shift", 0.1),)
    assert steps((), between) == [recipe("shift0.0625"), recipe("shift0.125")]
    assert steps(recipe("shift0.0625"), between) == [recipe("shift0"), ()]


def test_every_recipe_gene_is_reached_and_all_steps_are_legal():
    genome, generator, met = parse("C16 > G"), rng(), Counter[str]()
    for _ in range(2000):
        genome = train_otherwise(genome, SPACE, generator)
        assert SPACE.infeasible(genome) is None
        assert SPACE.canonical(genome) == genome
        met.update(map(str, genome.recipe))
    usual = set(USUAL)
    named = {RecipeGene(name, value) for name, kind in KINDS.items() if kind.pictures for value in kind.values}
    assert set(met) == set(map(str, named - usual))


def test_a_space_without_them_has_none():
    genome = parse("C16 > G | shift0")
    assert PLAIN.infeasible(genome) == "infeasible:recipe"
    assert PLAIN.mend(genome) == parse("C16 > G")
    assert "recipe" not in PLAIN.operators
    assert train_otherwise(parse("C16 > G"), PLAIN, rng()) == parse("C16 > G")
    some = replace(SPACE, recipe_genes=("rate",))
    assert some.mend(parse("C16 > G | shift0 rate3")) == parse("C16 > G | rate3")


def test_what_says_the_usual_is_left_out():
    assert SPACE.canonical(parse("C16 > G | shift0.0625 rate1 smooth0")) == parse("C16 > G | smooth0")


def test_draws_mostly_train_as_usual():
    drawn = [SPACE.sample(rng_) for rng_ in map(np.random.default_rng, range(400))]
    chains, layers = (replace(SPACE, founders_are=kind).founders(200, rng()) for kind in ("chain", "layer"))
    for genomes in (drawn, chains, layers):
        otherwise = [[gene for gene in genome.recipe if gene.name != "small"] for genome in genomes]
        assert 0.1 < np.mean([bool(genes) for genes in otherwise]) < 0.3
        assert max(map(len, otherwise)) == 1
        small = [genome for genome in genomes if SMALL[0] in genome.recipe]
        possible = [genome for genome in genomes if SPACE.mend(replace(genome, recipe=SMALL)).recipe]
        assert 0.95 < len(small) / len(possible) <= 1
        assert all(SPACE.infeasible(genome) is None for genome in small)


def test_small_pictures_first_are_for_networks_that_take_them():
    assert SPACE.infeasible(parse("C16 M M M M > G | small0.4")) is None
    for text in ("C16 M M M M M > G", "C16 > F64", "I > F0"):
        assert SPACE.infeasible(parse(text)) is None
        genome = parse(f"{text} | small0.4 smooth0")
        assert SPACE.infeasible(genome) == "infeasible:recipe"
        assert SPACE.mend(genome) == parse(f"{text} | smooth0")
    valid = replace(SPACE, borders=("same", "valid"), kernels=(7,), strides=(1,))
    assert valid.infeasible(parse("C16.k7.valid M C16.k7.valid > G | small0.4")) == "infeasible:recipe"
    for side, there in ((23, False), (24, True)):
        names = {gene.name for gene in make_space(Settings(), Shape(1, side, 90), 2, Rates(), 1.0).changeable_recipe}
        assert ("small" in names) == there


def test_children_are_trained_as_one_of_their_parents():
    a, b, generator = parse("C16 C32 > G | shift0"), parse("C64 C96 C16 > G | rate3 smooth0"), rng()
    met = {child.recipe for _ in range(50) for child in cross(a, b, SPACE, generator)}
    assert met == {a.recipe, b.recipe}
    assert replicate(a).recipe == a.recipe


@given(GENOMES.filter(lambda genome: len(genome) > 0), st.integers(0, 1000))
def test_a_step_keeps_the_recipe_or_changes_it_alone(genome, seed):
    genome = SPACE.canonical(SPACE.mend(genome))
    name, other = vary(genome, SPACE, np.random.default_rng(seed))
    assert (
        (other.genes == genome.genes and other.head == genome.head)
        if name == "recipe"
        else (other.recipe == genome.recipe)
    )


def test_they_count_in_distance_features_and_single_changes():
    a, b = parse("C16 > G | shift0"), parse("C16 > G | shift0.125 rate3")
    assert distance(a, b) == 2
    assert distance(a, parse("C16 > G")) == 1
    plain, low, high = (SPACE.features(parse(f"C16 > G{words}")) for words in ("", " | shift0", " | shift0.125"))
    assert sorted(low - plain)[0] == -1
    assert sorted(high - plain)[-1] == 1
    assert np.count_nonzero(low - plain) == np.count_nonzero(high - plain) == 1
    assert len(plain) == len(PLAIN.features(parse("C16 > G"))) + len(USUAL)
    assert parse("C16 > G | rate3") in one_change(parse("C16 > G"), SPACE)
