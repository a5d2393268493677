"""The experience a run begins with: recorded, read from the record, and left by runs that are over."""

from __future__ import annotations

import shutil

import pytest
from runs import searched

from neuralfinder.errors import InputError
from neuralfinder.job.forecast import winners_share
from neuralfinder.job.past_runs import chosen_experience, in_time, of_run
from neuralfinder.job.plan import FinishStage, LooksStage, Plan, SearchStage, Speed, Task, TrainingStage, WorldStage
from neuralfinder.job.settings import Settings
from neuralfinder.networks.chains import ChainSpace
from neuralfinder.networks.cost import Rates
from neuralfinder.networks.expectation import Expectation
from neuralfinder.networks.experience import Experience
from neuralfinder.networks.genome import parse
from neuralfinder.search.archive import Archive, read_archive
from neuralfinder.search.events import Asked, Experienced, Planned
from neuralfinder.search.record import Record
from neuralfinder.types import Fidelity, Shape

RUN = ["--candidates", "8", "--epochs", "1", "--world-size", "3", "--set", "max_macs=2000000"]


@pytest.fixture(scope="module")
def finished(tmp_path_factory, quick_machine_for_all):
    return searched(tmp_path_factory.mktemp("runs") / "first", *RUN)


@pytest.fixture(scope="module")
def quick_machine_for_all():
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("neuralfinder.job.run.measure", lambda *_: Rates(1e-3, 1e-4, 1e-9, 1e-9))
        yield


def test_presets_say_what_they_begin_with():
    shipped = Experience.shipped()
    assert chosen_experience(Settings()) == chosen_experience(Settings(preset="rich")) == shipped
    assert chosen_experience(Settings(preset="seed-2017")) is None
    assert chosen_experience(Settings(preset="seed-2017", experience="default")) == shipped
    assert chosen_experience(Settings(experience="off")) is None


@pytest.mark.parametrize("name", ["nowhere", "empty"])
def test_a_folder_without_a_finished_run_is_refused(name, tmp_path):
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError, match="experience"):
        chosen_experience(Settings(experience=str(tmp_path / name)))


PLAN = Plan(
    Task(1000, 200, 200, Shape(1, 8, 8), 10), Speed(Rates(step=0.01, mac=1e-7)), TrainingStage(50),
    SearchStage(10, False, Fidelity(1)), WorldStage(3), FinishStage(2, 100, 20.0), LooksStage(),
)  # fmt: skip


def test_a_network_is_judged_by_the_steps_that_a_finalist_has_time_for(monkeypatch):
    """Steps of 10 ms and more, for as long as the winner of the race trains; 100 epochs of 20 steps at most."""
    given = []

    def of(self, samples, shape, classes, steps, *, shifts):
        given.append([steps(parse(key)) for key in ("C16.k1 > G", "C16 > G")])

    monkeypatch.setattr(Experience, "expectation", of)
    space = ChainSpace(PLAN.task.shape, 10)
    in_time(Experience(), PLAN, space)
    small, large = given[0]
    macs = [space.cost(parse(key)).macs for key in ("C16.k1 > G", "C16 > G")]
    assert [small, large] == pytest.approx([0.92 * winners_share(3) * 20 / (0.01 + 1e-7 * each) for each in macs])
    assert large < small < 2000


@pytest.mark.thorough
def test_a_run_records_its_experience_and_goes_by_it(finished):
    with Record(finished / "run.sqlite", readonly=True) as record:
        known, planned = record.latest(Experienced), record.latest(Planned)
        asked = [c.genome for event in record.events() if isinstance(event, Asked) for c in event.candidates]
    assert Experience.of(known.experience) == Experience.shipped()
    space = ChainSpace(Plan.read(planned.plan).task.shape, 10)
    found = in_time(Experience.shipped(), Plan.read(planned.plan), space)
    assert isinstance(found, Expectation)
    assert asked[1] == parse("C32.bn M C64.bn M C128.bn > G")
    assert found.mean(asked[:1])[0] == pytest.approx(found.mean(asked[:8]).max())


@pytest.mark.thorough
def test_a_run_that_goes_on_does_not_ask_for_the_packages_experience(finished, tmp_path, monkeypatch):
    """Its search is replayed from the record though the package has come to know something else."""
    folder = tmp_path / "again"
    shutil.copytree(finished, folder)
    with Record(folder / "run.sqlite") as record:
        record._base.execute("DELETE FROM events WHERE kind IN ('stop', 'final', 'answers', 'finished')")
        record._base.commit()
        before = read_archive(record.events())
    monkeypatch.setattr(Experience, "shipped", lambda: pytest.fail("the package was asked"))
    searched(folder, *RUN)
    with Record(folder / "run.sqlite", readonly=True) as record:
        assert keys(read_archive(record.events())) == keys(before)


def keys(archive: Archive) -> list[str]:
    return [entry.genome.key for entry in archive.best(100)]


@pytest.mark.thorough
def test_without_experience_founders_are_as_the_space_draws_them(tmp_path, quick_machine):
    folder = searched(tmp_path / "off", *RUN, "--experience", "off")
    with Record(folder / "run.sqlite", readonly=True) as record:
        assert record.latest(Experienced) is None


@pytest.mark.thorough
def test_finished_runs_add_their_networks(finished):
    with Record(finished / "run.sqlite", readonly=True) as record:
        own, archive = of_run(record), read_archive(record.events())
    assert len(own.tasks) == 1
    assert {entry.genome.key for entry in archive.best(100)} <= {row.genome for row in own.rows}
    assert {row.steps for row in own.rows} == {own.tasks[0].samples // 64}
    for folder in (finished, finished.parent):
        assert chosen_experience(Settings(experience=str(folder))) == Experience.shipped() + own
