"""The archive: one score a genome, of whole trainings alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from neuralfinder.networks.genome import Conv, Genome, parse
from neuralfinder.search.archive import Archive, scores_by_genome
from neuralfinder.types import BEHIND, RUNGS, Candidate, Fidelity, Result, worth_of

GENOMES = tuple(map(parse, ("C16 > G", "C32 > G", "C64 > G")))

SHARES = st.floats(0, 1)


@st.composite
def results(draw: st.DrawFn) -> tuple[Candidate, Result]:
    """A training of one of three genomes that ended well, failed or was stopped early."""
    id_ = draw(st.integers(0, 999))
    candidate = Candidate(id_, draw(st.sampled_from(GENOMES)), "init", (), 0, Fidelity(1))
    match draw(st.sampled_from(["whole", "failed", "stopped"])):
        case "whole":
            return candidate, Result(id_, draw(SHARES))
        case "failed":
            return candidate, Result(id_, None, "diverged")
        case _:
            rungs = tuple(draw(st.lists(SHARES, min_size=1, max_size=len(RUNGS))))
            return candidate, Result(id_, None, rungs=rungs, done=0.5, ended=BEHIND)


@given(st.lists(results(), max_size=12))
def test_the_score_of_a_genome_is_the_mean_of_its_whole_trainings(trainings):
    archive = Archive()
    for candidate, result in trainings:
        archive.add(candidate, result)
    whole = [(c.genome, r.score) for c, r in trainings if r.failure is None and not r.rungs]
    expected = {
        genome: sum(scores) / len(scores)
        for genome in GENOMES
        if (scores := [score for other, score in whole if other == genome])
    }
    entries = archive.best(99)
    assert {entry.genome: entry.score for entry in entries} == pytest.approx(expected)
    assert scores_by_genome(trainings) == pytest.approx({g.key: score for g, score in expected.items()})
    assert [entry.score for entry in entries] == sorted((entry.score for entry in entries), reverse=True)
    assert len(archive) == len(archive.best(99)) >= len(archive.front())


@given(st.lists(results(), min_size=1, max_size=6))
def test_what_has_a_score_is_worth_more_than_what_has_none(trainings):
    def rank(result: Result) -> tuple[float, float]:
        """Whole trainings first, then the later stopped; failures last."""
        if result.score is not None:
            return len(RUNGS) + 1, result.score
        return (0, 0.0) if result.failure else (len(result.rungs), result.rungs[-1])

    some = [result for _, result in trainings]
    assert sorted(some, key=lambda result: result.worth) == sorted(some, key=rank) or any(
        one.worth == other.worth for one in some for other in some if one is not other
    )
    scores = [result.score for result in some if result.score is not None]
    assert (worth_of(some) >= 0) == bool(scores)
    assert all(-1 <= result.worth < 0 for result in some if result.score is None)


@pytest.mark.parametrize("amiss", [{"failure": "diverged"}, {"ended": BEHIND, "rungs": (0.5,)}])
def test_a_score_of_what_has_none_is_refused(amiss):
    with pytest.raises(ValueError, match="result 3 has a score of 0.5, but"):
        Result(3, 0.5, **amiss)


NETWORKS = st.lists(st.tuples(st.integers(1, 5), st.integers(1, 4), st.integers(1, 4)), min_size=1, max_size=12)


@given(networks=NETWORKS)
def test_the_front_is_what_no_other_beats(networks: list[tuple[int, int, int]]):
    """Against the definition: no other is as good in all three and better in one."""
    archive = Archive()
    for id_, (score, parameters, milliseconds) in enumerate(networks):
        result = Result(id_, score / 10, parameters=parameters, milliseconds=(float(milliseconds), 9.0))
        archive.add(Candidate(id_, Genome((Conv(1 + id_),)), "init", (), 0, Fidelity(1)), result)
    values = {id_: (-score, parameters, ms) for id_, (score, parameters, ms) in enumerate(networks)}
    beaten = {
        a
        for a, x in values.items()
        for y in values.values()
        if x != y and all(v <= w for v, w in zip(y, x, strict=True))
    }
    front = {entry.candidates[0].id for entry in archive.front()}
    assert front.isdisjoint(beaten)
    # of networks alike in all three one is enough
    assert {values[id_] for id_ in front} == {values[id_] for id_ in values.keys() - beaten}
