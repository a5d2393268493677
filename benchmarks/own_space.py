"""A table of our own space: many networks x small tasks x amounts of training, trained once and looked up ever after.

    python benchmarks/own_space.py train FOLDER ROWS [--task NAME ...] [--seconds S] [--part 0/1] [--first GENOME ...]

`train` takes the tasks that `benchmarks/own_tasks.py FOLDER` made and appends a line of JSON to the file ROWS for each
training; what is there is not trained again, so it may be killed at any moment and goes on. Networks and their order
follow from a fixed seed, so that any beginning is a fair sample; next is the task that has had the fewest seconds.
`--part 1/3` takes the second of three shares of the networks, for several machines, each with ROWS of its own;
`--first` puts networks of one's choice, recipe genes and all, before the others, which are a fair sample without them.
`benchmarks/own_table.py` makes one small file of them and reads it.

A training is of one of two kinds. A `trunk` rises for a thirty-second of its steps and keeps its rate; at a sixteenth,
an eighth, ... of its steps a copy of it falls to zero within a fifth more steps and is measured; the trunk goes on as
if nothing had happened. A `one-cycle` training is one as the package trains, of one of these lengths. A row has for
each point: the share of the steps, right answers of the trunk as it is and of its averaged weights (on the samples
seen), of the copy that fell (on those seen, and on the judging ones), and the mean loss since the point before.
"""

from __future__ import annotations

import argparse
import copy
import dataclasses
import hashlib
import itertools
import json
import math
import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from own_networks import LONGER, PICTURES_BY_HAND, TEXTS_BY_HAND, networks

from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.genome import parse
from neuralfinder.seeds import Seeds, torch_seed


@dataclass(frozen=True, slots=True)
class Sizes:
    """How many samples of a task are trained on, seen by a search, and judge; steps of a full training, and batch.

    Trainings that are `longer` than others are of networks by hand alone, whatever they take.
    """

    train: int
    seen: int
    judging: int
    steps: int
    batch: int
    longer: bool = False


TASKS = {
    "digits": Sizes(700, 180, 550, 256, 32),
    "cifar": Sizes(4000, 800, 2000, 256, 128),
    "language": Sizes(3000, 750, 2000, 256, 128),
    "trec": Sizes(2000, 500, 2000, 160, 64),
    "glyphs": Sizes(2500, 600, 2000, 256, 128),
    "signals": Sizes(2000, 500, 2000, 320, 128),
    "docstrings": Sizes(1000, 250, 1100, 96, 64),
    "boards": Sizes(3000, 750, 2000, 320, 128),
    "animals": Sizes(2000, 500, 2000, 256, 128),
    "sections": Sizes(3000, 750, 2000, 192, 64),
    "thumbs": Sizes(8000, 1500, 2000, 320, 128),
    "digits28": Sizes(400, 120, 2000, 256, 32),
    "tongues": Sizes(2000, 500, 2000, 160, 64),
    "tiles": Sizes(2500, 600, 2000, 256, 128),
    "pictures": Sizes(9000, 1000, 3000, 2048, 128, longer=True),
    "mosaics": Sizes(5000, 1000, 2000, 1024, 128, longer=True),
    "drawings": Sizes(1600, 219, 700, 1024, 64, longer=True),
}
"""Steps are a multiple of 16, networks gain little from more; batches as the package has them for so many samples."""

POINTS = (1 / 16, 1 / 8, 1 / 4, 1 / 2, 1)
"""Shares of a full training's steps at which it is measured."""

RISE, FALL = 1 / 32, 0.2
"""Share of a trunk's steps in which its rate rises; steps of a fall, as a share of those before it."""

MOST_SECONDS, MOST_BY_HAND = 15, 40
"""About the seconds of a full training on one core beyond which a network is left out of a task; of those by hand."""

RATES = Rates(step=0.001, layer=0.0005, mac=1.5e-9, activation=2e-7, update=8e-11)
"""One core with bf16, batches of 128: only to leave out what is too large, so that all machines leave out the same."""

AVERAGED = 9
"""Averaged weights are a mean of about the last tenth of the steps (Shamir & Zhang 2013, section 4, eta = 9)."""


@dataclass(frozen=True, slots=True)
class Job:
    """One training: what a row begins with.

    Attributes:
        kind: `trunk` or `one-cycle`.
        length: share of the steps of a full training.
        rate: learning rate as a multiple of the recipe's.
        shift, mirror: whether pictures are shifted and mirrored.
        adversarial: whether embeddings are moved for a second gradient, as the recipe for texts has it.
        small: share of the steps, the first, on pictures of half the side, `train.SMALL_STEPS` each.
    """

    task: str
    genome: str
    kind: str = "trunk"
    length: float = 1.0
    rate: float = 1.0
    shift: bool = False
    mirror: bool = False
    adversarial: bool = False
    small: float = 0.0
    seed: int = 0


AMOUNTS = "rate", "small"
"""Recipe genes of which there is more or less; the others are on or off."""


def chosen_jobs(task: str, prepared: Prepared, keys: Sequence[str]) -> Iterator[list[Job]]:
    """For each of these networks that the task has room for: as it comes."""
    text = bool(prepared.space.shape.vocabulary)
    for key in keys:
        given = parse(key)
        genome = prepared.space.canonical(prepared.space.mend(dataclasses.replace(given, recipe=())))
        usual = {"shift": not text, "mirror": prepared.mirror, "adversarial": text}
        changed = {gene.name: gene.value if gene.name in AMOUNTS else bool(gene.value) for gene in given.recipe}
        fits = prepared.space.infeasible(genome) is None and changed.keys() <= {*AMOUNTS, *usual}
        yield [Job(task, genome.key, **{**usual, **changed})] if fits else []  # type: ignore[arg-type]


def jobs(task: str, prepared: Prepared) -> Iterator[list[Job]]:
    """For each network that the task has room for: as it comes, and for some in other ways; without end."""
    rng, text = Seeds(0).stream("jobs", task), bool(prepared.space.shape.vocabulary)
    there: set[str] = set()
    for number, drawn in enumerate(networks(text)):
        genome = prepared.space.canonical(prepared.space.mend(drawn))
        other = Job(
            task, genome.key, rate=float(rng.choice([0.1, 0.3, 1.0, 3.0])), shift=not text and rng.random() < 0.5,
            mirror=not text and (rng.random() < 0.25) != prepared.mirror, adversarial=text and rng.random() < 0.5,
        )  # fmt: skip
        space = prepared.space
        if drawn.key in (*PICTURES_BY_HAND, *TEXTS_BY_HAND):
            space = dataclasses.replace(space, max_step_seconds=space.max_step_seconds * MOST_BY_HAND / MOST_SECONDS)
        if genome.key in there or space.infeasible(genome):
            yield []
            continue
        there.add(genome.key)
        usual = Job(task, genome.key, shift=not text, mirror=prepared.mirror, adversarial=text)
        batch = [usual]
        if number % 5 in (0, 2) and other != usual:  # those by hand are every third: some of them in each way
            batch.append(other)
        if number % 5 == 3:
            batch += [dataclasses.replace(usual, kind="one-cycle", length=length) for length in (1.0, 0.25, 0.0625)]
        if number % 5 == 1:
            batch.append(dataclasses.replace(usual, seed=1))
        yield batch


@dataclass(frozen=True, slots=True)
class Prepared:
    """A task ready to be trained on.

    Attributes:
        setup: training part; those seen and judging together as validation part.
        space: what fits into it.
        mirror: whether pictures are mirrored as usual.
        fingerprint: of samples and labels: rows of other ones are not of this task.
    """

    setup: Any
    space: ChainSpace
    sizes: Sizes
    mirror: bool
    fingerprint: str


def prepare(path: Path, sizes: Sizes) -> Prepared:
    """Read a task, divide it, learn tokens or means from the training part."""
    import torch

    from neuralfinder.data.arrays import from_arrays
    from neuralfinder.data.changes import harmless_changes
    from neuralfinder.data.texts import from_texts
    from neuralfinder.data.tokens import tokenized
    from neuralfinder.training.batches import Part, Scaling
    from neuralfinder.training.machine import has_bf16
    from neuralfinder.training.recipes import RECIPES
    from neuralfinder.training.train import Setup

    with np.load(path) as file:
        X, y = file["X"], file["y"]
    rows = np.arange(sizes.train + sizes.seen + sizes.judging)
    if len(rows) > len(y):
        raise SystemExit(f"{path} has {len(y)} samples, {len(rows)} are needed")
    data = from_texts(X.astype(object), y) if X.ndim == 1 else from_arrays(X, y)
    own, others = rows[: sizes.train], rows[sizes.train :]
    data = tokenized(data, own)
    device = torch.device("cpu")
    train, rest = (Part.of(data.samples, data.labels, part, device) for part in (own, others))
    recipe = RECIPES["text" if data.is_text else "fast"]
    preparation = data.tokens or Scaling.of(train)
    rng = Seeds(0).stream("mirror")
    mirror = not data.is_text and harmless_changes(data.samples[own], data.labels[own], recipe.shift, rng).mirror
    setup = Setup(train, rest, len(data.classes), preparation, recipe, sizes.batch, True, has_bf16(device))
    seconds = math.inf if sizes.longer else MOST_SECONDS / sizes.steps * 128 / sizes.batch
    space = ChainSpace(
        data.shape, len(data.classes), rates=RATES, max_step_seconds=seconds, pool_first=True,
        max_parameters=10_000_000 if data.is_text else 4_000_000,
    )  # fmt: skip
    fingerprint = hashlib.blake2b(X.tobytes() + y.tobytes(), digest_size=4).hexdigest()
    return Prepared(setup, space, sizes, bool(mirror), fingerprint)


def trained(job: Job, prepared: Prepared) -> dict[str, Any]:
    """Train, and say what came of it; a failure is a row, too."""
    import torch

    from neuralfinder.training.build import build

    started, processor = time.monotonic(), time.process_time()
    recipe = dataclasses.replace(
        prepared.setup.recipe,
        shift=prepared.setup.recipe.shift if job.shift else 0.0,
        flip=job.mirror,
        adversarial=prepared.setup.recipe.adversarial if job.adversarial else 0.0,
    ).times(job.rate)
    setup = dataclasses.replace(prepared.setup, recipe=recipe)
    genome, shape, classes = parse(job.genome), prepared.space.shape, prepared.setup.classes
    number = Seeds(job.seed).number("training", job.task, job.genome)
    with torch_seed(number):
        network = build(genome, shape, classes, recipe.initialisation).to(memory_format=torch.channels_last)
        run = _Run(network, setup, prepared.sizes, number, job.small)
        try:
            ended = run.trunk() if job.kind == "trunk" else run.one_cycle(job.length)
        except (MemoryError, RuntimeError) as error:
            ended = f"{type(error).__name__}: {str(error).splitlines()[0]}"
    cost = prepared.space.cost(genome)
    return {
        **dataclasses.asdict(job),
        "ended": ended,
        "points": run.points,
        "step_ms": round(1000 * run.seconds / max(1, run.steps), 3),
        "steps": run.steps,
        "parameters": cost.parameters,
        "macs": cost.macs,
        "seconds": [round(time.process_time() - processor, 2), round(time.monotonic() - started, 2)],
    }


class _Run:
    """One training on the way: its points so far, and seconds of the processor that its steps took."""

    def __init__(self, network: Any, setup: Any, sizes: Sizes, seed: int, small: float) -> None:
        from neuralfinder.training.optimizers import Optimizer

        self.points: list[list[float | None]] = []
        self.seconds, self.steps = 0.0, 0
        self._setup, self._sizes, self._seed = setup, sizes, seed
        self._grows = round(small * sizes.steps)
        self._network = network
        self._optimizer = Optimizer(network, setup.recipe, setup.bf16)

    def trunk(self) -> str:
        network, steps = self._network, self._sizes.steps
        averaged = copy.deepcopy(network)
        means, weights = [*averaged.parameters()], [*network.parameters()]
        batches = {half: self._batches(0, half) for half in (True, False)}
        for share in POINTS:
            loss, count = 0.0, round(share * steps) - self.steps
            started = time.process_time()
            for _ in range(count):
                rate = min(1.0, (self.steps + 1) / (RISE * steps))
                loss += self._step(network, self._optimizer, batches[self._half], rate)
                self.steps += 1
                _average(means, weights, (AVERAGED + 1) / (self.steps + AVERAGED))
            self.seconds += time.process_time() - started
            if not math.isfinite(loss):
                return "diverged"
            with torch_seed(self._seed + self.steps):  # looks draw numbers, too: the trunk shall not notice
                raw = self._right(network, seen=True)[0]
                for own, live in zip(averaged.buffers(), network.buffers(), strict=True):
                    own.copy_(live)
                mean = self._right(self._with_new_norms(averaged), seen=True)[0]
                self.points.append([share, raw, mean, *self._fallen(share), round(loss / count, 4)])
        return "complete"

    def one_cycle(self, length: float) -> str:
        steps, loss = round(length * self._sizes.steps), 0.0
        batches, started = self._batches(0, half=False), time.process_time()
        for step in range(steps):
            progress = step / steps
            loss += self._step(
                self._network, self._optimizer, batches, max(1e-4, min(progress / 0.2, (1 - progress) / 0.8))
            )
            self.steps += 1
        self.seconds = time.process_time() - started
        if not math.isfinite(loss):
            return "diverged"
        self.points.append([length, None, None, *self._right(self._network), round(loss / steps, 4)])
        return "complete"

    def _fallen(self, share: float) -> list[int]:
        """Right answers of a copy whose rate falls to zero."""
        network, optimizer = copy.deepcopy((self._network, self._optimizer))
        network.train()
        steps = max(2, round(FALL * self.steps))
        batches = self._batches(round(1 / share), self._half)
        for step in range(steps):
            self._step(network, optimizer, batches, 1 - (step + 1) / (steps + 1))
        return self._right(network)

    def _step(self, network: Any, optimizer: Any, batches: Iterator[Any], share: float) -> float:
        from neuralfinder.training.train import SMALL_STEPS, gradients

        network.train()
        for batch in itertools.islice(batches, SMALL_STEPS if self._half else 1):
            loss = gradients(network, self._setup, *batch)
            optimizer.step(share)
        return float(loss)

    @property
    def _half(self) -> bool:
        """Whether pictures have half the side now."""
        return self.steps < self._grows

    def _batches(self, stream: int, half: bool) -> Iterator[Any]:
        import torch

        from neuralfinder.training.augmentation import Augmentation
        from neuralfinder.training.batches import training_batches

        setup = self._setup
        augmentation = Augmentation(setup.recipe.shift, setup.recipe.rotation, setup.recipe.flip, setup.recipe.cutout)
        generator = torch.Generator().manual_seed(Seeds(self._seed).number("batches", stream))
        return training_batches(
            setup.train, setup.batch_size, setup.steps(), sys.maxsize, augmentation, setup.preparation, generator, half
        )

    def _with_new_norms(self, network: Any) -> Any:
        """Statistics of normalisations are of other weights than the averaged ones: taken anew from some batches."""
        import torch

        norms = [layer for layer in network.modules() if isinstance(layer, torch.nn.BatchNorm2d)]
        if norms:
            for norm in norms:
                norm.reset_running_stats()
                norm.momentum = None
            network.train()
            with torch.no_grad(), torch.autocast("cpu", torch.bfloat16, enabled=self._setup.bf16):
                for samples, _ in itertools.islice(self._batches(1, self._half), 6):
                    network(samples)
        return network

    def _right(self, network: Any, seen: bool = False) -> list[int]:
        """Right answers among those seen, and among the judging ones unless only the seen ones are asked for."""
        from neuralfinder.training.train import HALF, PLAIN, predict_logits

        setup, count = self._setup, self._sizes.seen
        part = setup.validation.first(count) if seen else setup.validation
        views = HALF if self._half else PLAIN
        right = predict_logits(network, part, setup.preparation, setup.bf16, views).argmax(1) == part.labels
        return [int(right[:count].sum())] if seen else [int(right[:count].sum()), int(right[count:].sum())]


def _average(means: list[Any], weights: list[Any], share: float) -> None:
    import torch

    with torch.no_grad():
        torch._foreach_lerp_(means, weights, share)


def this_run(prepared: dict[str, Prepared], first: Sequence[str]) -> dict[str, Any]:
    """Where and with what the rows that follow were made, and which networks of one's choice are among them."""
    import torch

    from neuralfinder.training.machine import has_bf16

    here = Path(__file__).parent
    commit = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],  # noqa: S607
        cwd=here,
        capture_output=True,
        text=True,
        check=False,
    )
    names = [line for line in Path("/proc/cpuinfo").read_text().splitlines() if line.startswith("model name")]
    return {
        "processor": names[0].split(":")[1].strip() if names else "unknown",
        "bf16": has_bf16(torch.device("cpu")),
        "threads": torch.get_num_threads(),
        "torch": torch.__version__,
        "numpy": np.__version__,
        "commit": commit.stdout.strip(),
        "first": [dataclasses.replace(parse(key), recipe=()).key for key in first],
        "tasks": {
            name: {**{size: value for size, value in dataclasses.asdict(each.sizes).items() if value},
                   "shape": dataclasses.astuple(each.space.shape), "classes": each.setup.classes,
                   "mirror": each.mirror, "fingerprint": each.fingerprint}
            for name, each in prepared.items()
        },
    }  # fmt: skip


def key(row: dict[str, Any]) -> Job:
    """The training that a row is of."""
    return Job(**{entry.name: row[entry.name] for entry in dataclasses.fields(Job)})


def read_lines(path: Path) -> Iterator[dict[str, Any]]:
    """The objects of a file of JSON lines, if it is there; a last line that was cut by a kill is passed over."""
    for line in path.read_text(encoding="utf-8").splitlines() if path.exists() else ():
        try:
            yield json.loads(line)
        except ValueError:
            continue


def train(chosen: argparse.Namespace) -> None:
    import torch

    from neuralfinder.training.machine import keep_memory

    torch.set_num_threads(1)
    keep_memory()
    until = time.monotonic() + chosen.seconds
    which, of = map(int, chosen.part.split("/"))
    tasks = {name: prepare(chosen.folder / "tasks" / f"{name}.npz", TASKS[name]) for name in chosen.task}
    rows = [row for path in (chosen.rows, *chosen.beside) for row in read_lines(path) if "genome" in row]
    there = {key(row) for row in rows}
    spent = {name: sum(row["seconds"][0] for row in rows if row["task"] == name) for name in tasks}
    waiting = {}
    for name, each in tasks.items():
        usual = chosen_jobs(name, each, LONGER) if each.sizes.longer else jobs(name, each)
        waiting[name] = enumerate(itertools.chain(chosen_jobs(name, each, chosen.first), usual), -len(chosen.first))
    with chosen.rows.open("a", encoding="utf-8") as file:
        file.write(("\n" if file.tell() else "") + json.dumps(this_run(tasks, chosen.first)) + "\n")
        while waiting:
            task = min(waiting, key=lambda name: spent[name])
            number, batch = next(waiting[task], (math.inf, []))
            if number >= chosen.networks:
                del waiting[task]
                continue
            for job in batch:
                if number % of != which or job in there:
                    continue
                if time.monotonic() > until:
                    return
                row = trained(job, tasks[task])
                there.add(job)
                spent[task] += row["seconds"][0]
                file.write(json.dumps(row) + "\n")
                file.flush()
                os.fsync(file.fileno())
                last = row["points"][-1] if row["points"] else None
                print(f"{number} {row['seconds'][0]:6.1f} s  {row['ended']}  {last}  {job}", flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("train")
    command.set_defaults(do=train)
    command.add_argument("folder", type=Path)
    command.add_argument("rows", type=Path)
    command.add_argument("--task", nargs="+", choices=TASKS, default=list(TASKS))
    command.add_argument("--seconds", type=float, default=math.inf)
    command.add_argument("--networks", type=int, default=240)
    command.add_argument("--part", default="0/1")
    command.add_argument("--first", nargs="*", default=[], metavar="GENOME", help="networks before all others")
    command.add_argument("--beside", nargs="*", type=Path, default=[], help="files whose rows are not made again")
    chosen = parser.parse_args()
    chosen.do(chosen)


if __name__ == "__main__":
    main()
