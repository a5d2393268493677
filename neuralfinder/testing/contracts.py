"""The contracts of strategies, spaces and executors: a subclass supplies `make`, and all tests come with it."""

from __future__ import annotations

import inspect
import json
import math
import os
import subprocess
import sys
from concurrent.futures import wait
from contextlib import AbstractContextManager
from typing import Any

import numpy as np

from neuralfinder.errors import CallOrderError
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.networks.space import Space
from neuralfinder.networks.variation import vary
from neuralfinder.search.events import candidate_row
from neuralfinder.search.executors import Executor
from neuralfinder.strategies.base import Strategy
from neuralfinder.testing.toy import TOY, Answer, ToyTask, drive
from neuralfinder.types import OUT_OF_MEMORY, Candidate, Fidelity, Result


def check(holds: bool, message: str) -> None:
    """An assertion that also holds under `python -O` and speaks without pytest's rewriting."""
    if not holds:
        raise AssertionError(message)


def _name(candidate: Candidate) -> tuple[str, int]:
    return candidate.genome.key, candidate.repeat


_ELSEWHERE = """
import json, runpy, sys
suite = runpy.run_path(sys.argv[1])[sys.argv[2]]()
print(json.dumps(suite.proposals(0)))
"""


class StrategyContract:
    """What every strategy keeps; a subclass named `Test...` at the top of a test module supplies `make`.

    Attributes:
        task: gives the scores; `make` need not use its space, but a space of at least some hundred networks.
    """

    task: ToyTask = TOY

    def make(self, seed: int) -> Strategy:
        """A fresh strategy whose run has the root seed `seed`; it must be good for 300 candidates."""
        raise NotImplementedError

    def proposals(self, seed: int) -> list[dict[str, Any]]:
        """The first 50 candidates of a run with this seed, as plain values."""
        return [candidate_row(candidate) for candidate in drive(self.make(seed), self.task.answer, 50, batch=4)]

    def test_same_seed_gives_the_same_proposals(self) -> None:
        """Nothing but the seed decides."""
        first = self.proposals(0)
        check(len(first) == 50, f"{len(first)} proposals; expected 50")
        check(self.proposals(0) == first, "the same seed gave other proposals the second time")

    def test_another_seed_gives_other_proposals(self) -> None:
        """The seed is used: seeds 0, 1 and 2 differ in what they propose, not only in the training seeds."""
        genomes = [tuple(p["genome"] for p in self.proposals(seed)) for seed in (0, 1, 2)]
        check(len(set(genomes)) == 3, "two seeds gave the same genomes")

    def test_a_fresh_process_gives_the_same_proposals(self) -> None:
        """No order of a set or hash of a string leaks into a run."""
        here = self.proposals(0)
        hash_seed = "1" if os.environ.get("PYTHONHASHSEED") == "2" else "2"
        done = subprocess.run(  # noqa: S603 - runs this interpreter on the suite's own file
            [sys.executable, "-c", _ELSEWHERE, inspect.getfile(type(self)), type(self).__name__],
            env={**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": os.pathsep.join(filter(None, sys.path))},
            capture_output=True,
            text=True,
            check=False,
        )
        check(done.returncode == 0, done.stderr)
        check(json.loads(done.stdout) == here, "a process with another PYTHONHASHSEED gave other proposals")

    def test_ask_keeps_to_its_number_and_counts_ids(self) -> None:
        """At most `n` at once; ids are 0, 1, 2, ... over all asks."""
        strategy, ids = self.make(0), list[int]()
        for n in [1, 7, 2, 30, 5] * 4:
            candidates = strategy.ask(n)
            check(len(candidates) <= n, f"ask({n}) returned {len(candidates)}")
            ids += [candidate.id for candidate in candidates]
            strategy.tell([self.task.answer(candidate) for candidate in candidates])
        check(ids == list(range(len(ids))), f"ids are {ids}; expected 0, 1, 2, ...")
        check(len(ids) >= 20, f"20 asks gave {len(ids)} candidates in all")

    def test_ask_without_tell_ends(self) -> None:
        """Nothing is asked twice while results are out; a strategy that needs results returns none."""
        strategy = self.make(0)
        asked = [candidate for _ in range(10) for candidate in strategy.ask(20)]
        check(len(set(map(_name, asked))) == len(asked), "a genome was asked twice while pending")
        check(strategy.pending, "candidates are out but `pending` is false")
        strategy.tell([self.task.answer(candidate) for candidate in asked])
        check(not strategy.pending, "all candidates were told but `pending` is true")

    def test_nothing_is_asked_twice_and_everything_is_legal(self) -> None:
        """No genome and repeat returns; every genome fits the space."""
        strategy = self.make(0)
        asked = drive(strategy, self.task.answer, 200, batch=3)
        check(len(set(map(_name, asked))) == len(asked), "a genome was asked twice")
        for candidate in asked:
            reason = strategy.space.infeasible(candidate.genome)
            check(reason is None, f"{candidate.genome.key} was asked but is {reason}")

    def test_training_seeds_depend_on_run_seed_and_genome_only(self) -> None:
        """Neither the order of asks nor the scores change what a network learns; the run's seed does."""

        def seeds(seed: int, answer: Answer, batch: int) -> dict[tuple[str, int], int]:
            return {_name(c): c.seed for c in drive(self.make(seed), answer, 100, batch)}

        one = seeds(0, self.task.answer, 1)
        other = seeds(0, lambda c: Result(c.id, 1 - self.task.score(c.genome)), 8)
        shared = one.keys() & other.keys()
        check(len(shared) > 0, "two runs of one seed share no genome")
        check(all(one[name] == other[name] for name in shared), "a training seed depends on the order or the scores")
        check(len(set(one.values())) == len(one), "two trainings have the same seed")
        check(not set(one.values()) & set(seeds(1, self.task.answer, 1).values()), "training seeds ignore the run's")

    def test_a_result_out_of_place_is_refused(self) -> None:
        """Unknown ids and second results raise `CallOrderError`, and the others can still be told."""
        strategy = self.make(0)
        candidates = strategy.ask(3)
        first = self.task.answer(candidates[0])
        strategy.tell([first])
        for wrong in (first, Result(10_000, 0.5), Result(-1, 0.5)):
            try:
                strategy.tell([wrong])
            except CallOrderError as error:
                check(f"result {wrong.id} " in str(error), f"the message does not name the result: {error}")
            else:
                check(False, f"a result for id {wrong.id}, which is not pending, was accepted")
        strategy.tell([self.task.answer(candidate) for candidate in candidates[1:]])
        check(not strategy.pending, "all candidates were told but `pending` is true")

    def test_results_come_in_any_order(self) -> None:
        """Shuffled, one by one or late by a batch: each pending candidate can be told once, and more are asked."""
        rng = np.random.default_rng(0)
        strategy, out, told = self.make(0), list[Candidate](), 0
        for step in range(120):
            out += strategy.ask(6)
            late = out if step % 3 == 0 else [out[i] for i in rng.permutation(len(out))[: len(out) // 2 + 1]]
            told += len(late)
            answers = [self.task.answer(late[i]) for i in rng.permutation(len(late))]
            for part in (answers,) if step % 2 else ([answer] for answer in answers):
                strategy.tell(part)
            gone = {candidate.id for candidate in late}
            out = [candidate for candidate in out if candidate.id not in gone]
            check(strategy.pending == bool(out), f"`pending` is {strategy.pending}; {len(out)} are out")
        check(told >= 120, f"only {told} candidates in 120 asks")

    def test_failures_do_not_stop_it(self) -> None:
        """When every candidate fails, it goes on proposing and can be looked at."""
        strategy = self.make(0)
        asked = drive(strategy, lambda c: Result(c.id, None, "diverged", "loss is NaN"), 40, batch=4)
        check(len(asked) == 40, f"{len(asked)} candidates, then nothing; expected 40")
        check(strategy.counts["failed"] == 40, f"{strategy.counts['failed']} counted as failed; expected 40")
        json.dumps(strategy.view(), allow_nan=False)

    def test_random_scores_do_not_break_it(self) -> None:
        """300 candidates with noise for scores, a tenth of them failures."""
        rng = np.random.default_rng(0)

        def noise(candidate: Candidate) -> Result:
            lost = rng.random() < 0.1
            return Result(candidate.id, None, "diverged") if lost else Result(candidate.id, float(rng.random()))

        strategy = self.make(0)
        asked = drive(strategy, noise, 300, batch=5)
        check(len(asked) == 300, f"{len(asked)} candidates, then nothing; expected 300")
        ended = {name: strategy.counts[name] for name in ("trained", "failed", "cached", "infeasible")}
        check(strategy.counts["requested"] == sum(ended.values()), f"counts do not add up: {strategy.counts}")
        check(ended["trained"] + ended["failed"] == 300, f"300 were scored; counted {ended}")

    def test_what_was_stopped_early_counts_by_its_rank_alone(self) -> None:
        """Accuracies on rungs are no scores: were all smaller, in the same order, nothing would change."""
        high, low = (drive(self.make(0), self.task.stopping(size), 60, batch=3) for size in (1.0, 0.01))
        check(high == low, "an accuracy of a training that was stopped early was taken for a score")

    def test_replay_gives_the_same_run(self) -> None:
        """The same asks and tells in the same order rebuild the state: resuming is replay."""
        rng = np.random.default_rng(1)
        first, second, out = self.make(0), self.make(0), list[Candidate]()
        for step in range(60):
            n = int(rng.integers(1, 9))
            asked, again = first.ask(n), second.ask(n)
            check(asked == again, f"ask {step} of the replay gave {again}; expected {asked}")
            check(json.dumps(first.notes) == json.dumps(second.notes), f"ask {step} of the replay gave other notes")
            out = [(out + asked)[i] for i in rng.permutation(len(out + asked))]
            told, out = out[: len(out) // 2 + 1], out[len(out) // 2 + 1 :]
            results = [self.task.answer(candidate) for candidate in told]
            first.tell(results)
            second.tell(results)
        check(json.dumps(first.view()) == json.dumps(second.view()), "the replay ended in another state")

    def test_memory_is_learned_from_failures(self) -> None:
        """A machine that holds networks up to some size: nothing as large as what it refused is asked again."""
        strategy = self.make(0)

        def size(candidate: Candidate) -> int:
            return strategy.space.cost(candidate.genome).parameters

        limit = int(np.median([size(candidate) for candidate in drive(self.make(0), self.task.answer, 20)]))
        refused, later = math.inf, 0
        for _ in range(40):
            candidates = strategy.ask(3)
            for candidate in candidates:
                check(size(candidate) < refused, f"{size(candidate)} parameters asked; {refused} did not fit")
                later += refused < math.inf
            too_large = [candidate for candidate in candidates if size(candidate) > limit]
            strategy.tell([Result(candidate.id, None, OUT_OF_MEMORY) for candidate in too_large])
            strategy.tell([self.task.answer(candidate) for candidate in candidates if candidate not in too_large])
            refused = min([refused, *map(size, too_large)])
        check(refused < math.inf, "the test's limit refused nothing: give `make` a larger space")
        check(later > 0, "nothing was asked after the first candidate ran out of memory")

    def test_what_is_shown_and_noted_is_plain(self) -> None:
        """`view` and `notes` go into the record as JSON at any moment."""
        strategy = self.make(0)
        json.dumps(strategy.view(), allow_nan=False)
        for _ in range(60):
            candidates = strategy.ask(4)
            json.dumps([strategy.notes, strategy.view()], allow_nan=False)
            check(all(isinstance(note.get("kind"), str) for note in strategy.notes), "a note has no kind")
            strategy.tell([self.task.answer(candidate) for candidate in candidates])


class SpaceContract:
    """What every space keeps; a subclass named `Test...` supplies `make`."""

    def make(self) -> Space:
        """The space; one of at least some hundred networks."""
        raise NotImplementedError

    def some(self) -> list[Genome]:
        """Founders, draws, and what small steps lead to from them."""
        space, rng = self.make(), np.random.default_rng(0)
        genomes = space.founders(20, rng) + [space.sample(rng) for _ in range(20)]
        return genomes + [vary(genome, space, rng)[1] for genome in genomes]

    def test_what_it_proposes_is_legal(self) -> None:
        """As many founders as asked, all of them legal, as are draws and small steps."""
        space = self.make()
        check(len(space.founders(7, np.random.default_rng(1))) == 7, "7 founders were asked")
        for genome in self.some():
            reason = space.infeasible(genome)
            check(reason is None, f"{genome.key} was proposed but is {reason}")

    def test_the_generator_alone_decides(self) -> None:
        """Equal generators give equal genomes, others give others."""
        space = self.make()
        for draw in (lambda seed: space.sample(np.random.default_rng(seed)).key, self._founders):
            check(draw(3) == draw(3), "equal generators gave different genomes")
            check(len({draw(seed) for seed in range(20)}) > 1, "the generator is not used")

    def _founders(self, seed: int) -> str:
        return str([genome.key for genome in self.make().founders(20, np.random.default_rng(seed))])

    def test_keys_are_read_back(self) -> None:
        """The key in the record is the whole genome."""
        for genome in self.some():
            check(parse(genome.key) == genome, f"{genome.key} is read as another genome")

    def test_small_steps_go_somewhere(self) -> None:
        """Every operator that is named leads from some genome to another legal one."""
        space, rng = self.make(), np.random.default_rng(0)
        reached = {vary(genome, space, rng)[0] for genome in self.some() for _ in range(20)}
        check(reached == set(space.operators), f"steps were {sorted(reached)}; expected {sorted(space.operators)}")

    def test_alternatives_are_others(self) -> None:
        """No gene is among its alternatives, and its neighbours are alternatives."""
        space = self.make()
        for gene in {gene for genome in self.some() for gene in genome.genes}:
            others = list(space.alternatives(gene))
            check(gene not in others and len(set(others)) == len(others), f"{gene} has the alternatives {others}")
            check(set(space.neighbours(gene)) <= set(others), f"a neighbour of {gene} is no alternative")

    def test_features_are_numbers_of_one_length(self) -> None:
        """Equal genomes have equal features; most others have others."""
        space, genomes = self.make(), {genome.key: genome for genome in self.some()}
        rows = np.array([space.features(genome) for genome in genomes.values()])
        check(rows.ndim == 2 and bool(np.isfinite(rows).all()), "features are not finite numbers of one length")
        again = np.array([space.features(genome) for genome in genomes.values()])
        check(np.array_equal(rows, again), "features changed")
        check(len(np.unique(rows, axis=0)) > 0.8 * len(rows), "most genomes share their features")

    def test_canonical_and_mended_genomes_stay_so(self) -> None:
        """Both are idempotent, legal where the genome was, and alike in parameters, multiply-adds and features."""
        space = self.make()
        for genome in self.some():
            canonical = space.canonical(genome)
            check(space.canonical(canonical) == canonical, f"{canonical.key} has another canonical form")
            check(space.infeasible(canonical) is None, f"the canonical form of {genome.key} is not legal")
            size, same = space.cost(genome), space.cost(canonical)
            alike = (same.parameters, same.macs) == (size.parameters, size.macs)
            check(alike, f"{genome.key} costs another than its canonical form")
            check(space.mend(genome) == genome, f"{genome.key} is legal but was mended")


class ExecutorContract:
    """What every executor keeps; a subclass named `Test...` supplies `make`."""

    task = TOY

    def make(self) -> AbstractContextManager[Executor]:
        """A fresh executor, closed at the end of the block."""
        raise NotImplementedError

    def candidates(self) -> list[Candidate]:
        """Different candidates to be evaluated."""
        rng = np.random.default_rng(0)
        genomes = [self.task.space.sample(rng) for _ in range(12)]
        return [Candidate(id_, genome, "random", (), id_, Fidelity(1)) for id_, genome in enumerate(genomes)]

    def test_results_are_those_of_the_function(self) -> None:
        """Each future holds the result of its own candidate."""
        candidates = self.candidates()
        with self.make() as executor:
            futures = [executor.submit(self.task.answer, candidate) for candidate in candidates]
            results = [future.result(timeout=60) for future in futures]
        check(results == [self.task.answer(candidate) for candidate in candidates], "a result is another's or changed")

    def test_waiting_works_as_in_the_standard_library(self) -> None:
        """`concurrent.futures.wait` takes the futures."""
        with self.make() as executor:
            futures = {executor.submit(self.task.answer, candidate) for candidate in self.candidates()}
            done, pending = wait(futures, timeout=60)
        check(done == futures and not pending, "some futures never ended")

    def test_an_exception_comes_back_with_the_future(self) -> None:
        """An evaluation that raises spoils its own future and no other."""
        first, second = self.candidates()[:2]
        with self.make() as executor:
            broken = executor.submit(_break, first)
            whole = executor.submit(self.task.answer, second)
            check(isinstance(broken.exception(timeout=60), ZeroDivisionError), "the exception was lost")
            check(whole.result(timeout=60) == self.task.answer(second), "the next evaluation was spoiled")


def _break(candidate: Candidate) -> Result:
    raise ZeroDivisionError(candidate.id)
