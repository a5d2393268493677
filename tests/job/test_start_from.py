"""A search that starts from a finished run: its best are the first founders, and it rests on nothing outside."""

from __future__ import annotations

import shutil

import pytest
from click.testing import CliRunner
from loading import write_csv
from runs import searched

from neuralfinder.cli import cli
from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.job.past_runs import ancestors, ancestry_lines, earlier_run, of_run
from neuralfinder.job.plan import Task
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.experience import Experience
from neuralfinder.networks.genome import parse
from neuralfinder.search.archive import read_archive
from neuralfinder.search.events import Asked, Descended, Experienced, Finished
from neuralfinder.search.record import Record
from neuralfinder.strategies.base import led_by
from neuralfinder.types import Shape

RUN = ["--epochs", "1", "--world-size", "3", "--set", "max_macs=1000000"]

DIGITS = Task(1000, 200, 200, Shape(1, 8, 8), 10)


@pytest.fixture(scope="module")
def quick():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))
        yield


@pytest.fixture(scope="module")
def first(tmp_path_factory, quick):
    return searched(tmp_path_factory.mktemp("runs") / "first", "--candidates", "5", *RUN)


def asked(folder):
    with Record(folder / "run.sqlite", readonly=True) as record:
        return [c.genome.key for event in record.events() if isinstance(event, Asked) for c in event.candidates]


def start_from(folder, **others):
    return Settings.of({"start_from": str(folder), **others})


@pytest.mark.thorough
def test_the_winner_is_the_first_founder_and_the_run_goes_on_when_the_other_is_gone(first, tmp_path, monkeypatch):
    earlier = shutil.copytree(first, tmp_path / "earlier")
    words = ["--candidates", "6", *RUN, "--seed", "7", "--from", str(earlier)]
    folder = searched(tmp_path / "second", *words)
    with Record(earlier / "run.sqlite", readonly=True) as record:
        winner, own = record.latest(Finished).outcome["genome"], of_run(record)
        best = [entry.genome.key for entry in read_archive(record.events()).best(4)]
    with Record(folder / "run.sqlite", readonly=True) as record:
        descended, experienced = record.latest(Descended), record.latest(Experienced)
    assert descended.genomes[0] == winner
    assert set(descended.genomes) <= {winner, *best}
    assert asked(folder)[: len(descended.genomes)] == list(descended.genomes)
    assert len(set(asked(folder))) == 6
    assert Experience.of(experienced.experience) == Experience.shipped() + own
    shutil.rmtree(earlier)
    with Record(folder / "run.sqlite") as record:
        record._base.execute("DELETE FROM events WHERE kind IN ('stop', 'final', 'answers', 'finished')")
        record._base.commit()
    before = asked(folder)
    searched(folder, *words)
    assert asked(folder) == before
    with pytest.raises(RunFolderError, match="expected a run folder"):
        earlier_run(start_from(earlier), DIGITS)


@pytest.mark.thorough
def test_runs_on_other_data_or_without_an_end_are_refused(first, tmp_path):
    assert earlier_run(Settings(), DIGITS) is None
    found = earlier_run(start_from(first), DIGITS)
    assert len(found.genomes) == len(set(found.genomes)) == 4
    for task, words in (
        (Task(1000, 200, 200, Shape(1, 8, 8), 3), "pictures of 10 classes; expected one on pictures of 3 classes"),
        (Task(1000, 200, 200, Shape(1, 2, 64, 500), 10), "pictures of 10 classes; expected one on texts of 10 classes"),
    ):
        with pytest.raises(InputError, match=words):
            earlier_run(start_from(first), task)
    with pytest.raises(InputError, match="used with strategy random; expected one that begins with founders"):
        earlier_run(start_from(first, strategy="random"), DIGITS)
    assert earlier_run(start_from(first, strategy="aging-evolution"), DIGITS) == found
    half = shutil.copytree(first, tmp_path / "half")
    with Record(half / "run.sqlite") as record:
        record._base.execute("DELETE FROM events WHERE kind = 'finished'")
        record._base.commit()
    with pytest.raises(RunFolderError, match="a run that is not finished"):
        earlier_run(start_from(half), DIGITS)
    rows = [(f"text {number}", "ab"[number % 2]) for number in range(30)]
    words = ["search", str(write_csv(tmp_path / "a.csv", rows)), "--from", str(first), "--run", str(tmp_path / "other")]
    outcome = CliRunner().invoke(cli, [*words, "--candidates", "1", "--quiet"])
    assert "expected one on texts of 2 classes, as the data are" in str(outcome.exception)


def test_what_is_not_legal_here_is_told_and_left_out(tmp_path):
    space = ChainSpace(Shape(1, 8, 8), 10, max_parameters=5000)
    with Record(tmp_path / "run.sqlite") as record:
        assert ancestry_lines(record, space) == ancestors(record, space) == []
        record.write(Descended("runs/a", ("C8 M C16 > G", "C512 C512 > G")))
        assert ancestors(record, space) == [space.canonical(parse("C8 M C16 > G"))]
        (line,) = ancestry_lines(record, space)
        assert line == "from      runs/a: first founders C8 M C16 > G; 1 of its best not possible here, or the same"
        record.write(Experienced(Experience.shipped().plain()))
        assert "runs/a: its trainings are experience; first founders C8 M" in ancestry_lines(record, space)[0]
        record.write(Descended("", ()))
        assert ancestry_lines(record, space) == []


def test_ancestors_lead_and_the_number_of_founders_stays():
    a, b, c = (parse(key) for key in ("C8 > G", "C16 > G", "C32 > G"))
    assert led_by([], [a, b, a]) == [a, b, a]
    assert led_by([b], [a, b, c]) == [b, a, c]
    assert led_by([c], [a, b]) == [c, a]
    assert led_by([a, b, c], [a]) == [a]
    assert led_by([a], [a, a]) == [a, a]
