"""All methods on the same data, minutes and seeds, one after the other, each in a process of its own."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import multiprocessing
import os
from collections.abc import Callable, Mapping
from contextlib import suppress
from importlib.metadata import version
from multiprocessing.connection import Connection
from pathlib import Path
from typing import Any

from neuralfinder.comparison.references import REFERENCES
from neuralfinder.data import Divided, Source, source_of
from neuralfinder.errors import InputError, MachineError, NeuralFinderError, RunFolderError, unknown_name
from neuralfinder.job.settings import Settings
from neuralfinder.networks.genome import parse
from neuralfinder.networks.rules import RULES
from neuralfinder.search.events import Whole
from neuralfinder.search.process_executor import end_with_the_caller
from neuralfinder.search.record import Record, as_written
from neuralfinder.strategies import STRATEGIES

Row = dict[str, Any]
"""What one method reached with one seed."""

Measure = Callable[[str, Divided, Settings, Path], Row]
"""Method, data, settings and an empty folder -> the figures of a row."""


def known_methods() -> list[str]:
    """Names of all methods; beside these, any genome is one."""
    return [*STRATEGIES, *REFERENCES, *RULES]


def method_of(text: str) -> str:
    """The name of a method, or a genome as it is always written.

    Raises:
        InputError: an unknown name, or no genome.
    """
    known = known_methods()
    if text in known:
        return text
    if text[:1].islower():  # genes begin with capitals, and networks without any with the arrow before the head
        raise unknown_name("method", text, known)
    return parse(text).key


@dataclasses.dataclass(frozen=True, slots=True)
class Comparison:
    """What is compared.

    Attributes:
        source: where the data come from.
        limit: most pictures beside the test part, `None` for all.
        methods: names of strategies, hand-made networks and rules of thumb, and genomes.
        seeds: each method is run with each; the same seed splits the data alike for all methods.
        settings: minutes, preset, device and whatever else all methods share.
    """

    source: Source
    limit: int | None
    methods: tuple[str, ...]
    seeds: tuple[int, ...]
    settings: Settings

    def __post_init__(self) -> None:
        """Check the methods; genomes are kept as they are always written.

        Raises:
            InputError: an unknown method, one twice, or none.
        """
        object.__setattr__(self, "methods", tuple(map(method_of, self.methods)))
        twice = [name for name in dict.fromkeys(self.methods) if self.methods.count(name) > 1]
        if twice or not self.methods or not self.seeds:
            raise InputError(
                "methods", given=", ".join(twice) + " twice" if twice else "none", expected="each once",
                mend="as in --methods artificial-life,random,resnet-20",
            )  # fmt: skip

    def plain(self) -> dict[str, Any]:
        """Plain values for the record."""
        own = {field.name: getattr(self, field.name) for field in dataclasses.fields(self)}
        own |= {"source": self.source.address, "fingerprint": self.source.fingerprint()}
        plain: dict[str, Any] = json.loads(json.dumps({**own, "settings": self.settings.plain()}))
        return plain


@dataclasses.dataclass(frozen=True, slots=True)
class Compared(Whole):
    """A comparison began: `Comparison.plain`."""

    kind = "compare"
    comparison: Mapping[str, Any]


@dataclasses.dataclass(frozen=True, slots=True)
class Measured(Whole):
    """A method was measured with a seed."""

    kind = "measured"
    row: Mapping[str, Any]


def compare(comparison: Comparison, folder: Path, say: Callable[[str], None]) -> list[Row]:
    """Measure what the folder has not yet; the same call goes on after a kill.

    Seeds come first: after each round every method has been run equally often.

    Args:
        comparison: what is compared.
        folder: for the record `compare.sqlite` and a run folder for each search.
        say: is told every result in a line.

    Returns:
        A row for each method and seed, in this order: `method`, `seed`, `task` (what the data are, and the device), and
        either `failure` or the figures.

    Raises:
        RunFolderError: the folder belongs to another comparison.
        MachineError: the machine failed, and no method; rows that are whole are kept.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with Record(folder / "compare.sqlite") as record:
        with as_written(folder):
            began, rows = record.latest(Compared), {(row["method"], row["seed"]): row for row in measured(record)}
            known = {key: _line(row) for key, row in rows.items()}
        wanted = comparison.plain()
        # more methods and seeds may be asked for later
        core = [name for name in wanted if name not in ("methods", "seeds")]
        if began is None:
            record.write(Compared(wanted))
        elif different := [name for name in core if began.comparison.get(name) != wanted[name]]:
            raise RunFolderError(
                str(folder), given=f"a comparison with other {', '.join(different)}", expected="the same",
                mend="give another --run",
            )  # fmt: skip
        for seed in comparison.seeds:
            for method in comparison.methods:
                if (method, seed) not in rows:
                    row = rows[method, seed] = in_a_process(comparison, method, seed, folder)
                    record.write(Measured(row))
                say(known.get((method, seed)) or _line(rows[method, seed]))
    return [rows[method, seed] for method in comparison.methods for seed in comparison.seeds]


def measured(record: Record) -> list[Row]:
    """The rows in a comparison's record."""
    return [dict(Measured.of(line).row) for line in record.read() if line.kind == Measured.kind]


def _line(row: Row) -> str:
    name = f"{row['method']}, seed {row['seed']}"
    if row.get("failure"):
        return f"{name}: failed: {row['failure']}"
    return f"{name}: {row['test_accuracy']:.2%} test, {row['parameters']:,} parameters, {row['seconds']:.0f} s"


def _folder_of(method: str, seed: int) -> str:
    """A name for the folder of a row; genomes have characters that not all systems allow in names, and are long."""
    known = all(letter.isalnum() or letter in "-_." for letter in method)
    name = method if known else f"genome-{hashlib.blake2b(method.encode(), digest_size=6).hexdigest()}"
    return f"{name}-{seed}"


def figures(method: str, data: Divided, settings: Settings, folder: Path) -> Row:
    """The figures of a row: of a whole search, or of one network trained for all the minutes."""
    if method in STRATEGIES:
        return _search(data, dataclasses.replace(settings, strategy=method), folder)
    from neuralfinder.comparison.by_hand import measure_by_hand

    return measure_by_hand(method, data, settings)


def in_a_process(comparison: Comparison, method: str, seed: int, folder: Path, measure: Measure = figures) -> Row:
    """One row, made by a fresh process: no method inherits threads, memory or random numbers of another.

    Args:
        comparison: data and settings.
        method: what is measured; any name that `measure` knows.
        seed: of the row.
        folder: in which the row has a folder of its own.
        measure: makes the figures; a function at the top of a module.
    """
    own = folder / _folder_of(method, seed)
    own.mkdir(parents=True, exist_ok=True)
    answer = own / "row.json"
    spawn = multiprocessing.get_context("spawn")
    here, there = spawn.Pipe(duplex=False)
    process = spawn.Process(target=_measure, args=(comparison, method, seed, own, answer, measure, there))
    process.start()
    there.close()
    try:
        process.join()
        with suppress(EOFError):
            if here.poll():
                raise here.recv()
    except BaseException:
        process.kill()  # a request to end would have it finish with the best so far; killed, it goes on next time
        process.join()
        raise
    finally:
        here.close()
    if process.exitcode or not answer.exists():
        return {"method": method, "seed": seed, "failure": f"its process ended with exit code {process.exitcode}"}
    row: Row = json.loads(answer.read_text(encoding="utf-8"))
    return row


def _measure(
    comparison: Comparison, method: str, seed: int, folder: Path, answer: Path, measure: Measure, faults: Connection
) -> None:
    """Run one method and write its row, or send the machine's fault; the minutes begin when the data are in memory."""
    try:
        row = _row(comparison, method, seed, folder, measure)
        answer.write_text(json.dumps(row), encoding="utf-8")
    except OSError as error:
        faults.send(MachineError.of(error, folder))


def _row(comparison: Comparison, method: str, seed: int, folder: Path, measure: Measure) -> Row:
    if hasattr(os, "setpgrp"):
        os.setpgrp()  # Ctrl-C is for the parent, who ends this process
    end_with_the_caller()  # however that ends: nobody else would
    from neuralfinder.data.splits import limited
    from neuralfinder.job.prepare import divided
    from neuralfinder.training.machine import describe, find_device

    row: Row = {"method": method, "seed": seed}
    try:
        loaded = comparison.source.load(folder)
        loaded = loaded if comparison.limit is None else limited(loaded, comparison.limit)
        settings = dataclasses.replace(comparison.settings, seed=seed)
        data = divided(loaded, settings)
        seen = data.coded
        row["task"] = {
            "name": seen.name,
            "notes": " ".join(seen.notes),
            "shape": str(seen.shape),
            "classes": len(seen.classes),
            **{part: len(getattr(data.split, part)) for part in ("train", "validation", "test")},
            "device": describe(find_device(settings.device)),
            "torch": version("torch"),
        }
        row |= measure(method, data, settings, folder)
    except MachineError:
        raise
    except NeuralFinderError as error:
        row["failure"] = str(error)
    return row


def _search(data: Divided, settings: Settings, folder: Path) -> Row:
    """Figures of a whole search."""
    from neuralfinder.job.run import run
    from neuralfinder.job.status import Status
    from neuralfinder.search.archive import read_trainings
    from neuralfinder.show.report import improvements, trained_epochs

    _, result = run(source_of(data.raw), settings, folder, Status())
    with Record(folder / "run.sqlite", readonly=True) as record:
        results = [result for _, result in read_trainings(record.events()) if result]
        return {
            **{name: result[name] for name in ("test_accuracy", "test_interval", "test_balanced_accuracy")},
            **{name: result[name] for name in ("validation_accuracy", "parameters", "genome")},
            "trained": result["candidates"]["trained"],
            "epochs": trained_epochs(record),
            "seconds": result["seconds"]["total"],
            "scores": [result.score for result in results if result.score is not None],
            "improvements": improvements(record),
        }
