"""Ablation: the winner again without each of its genes."""

from __future__ import annotations

import re

import pytest
from click.testing import CliRunner
from hypothesis import given
from runs import searched

from neuralfinder.cli import cli
from neuralfinder.job.ablation import Removal, ablation_lines, keep, without
from neuralfinder.networks.genome import Genome, parse
from neuralfinder.search.events import understood
from neuralfinder.search.record import Record
from neuralfinder.show.page.story import told


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    folder = tmp_path_factory.mktemp("ablation") / "run"
    return searched(folder, "--candidates", "1", "--epochs", "2", "--share", "1", "--set", "max_macs=500000")


def show(folder, *words):
    return CliRunner().invoke(cli, ["show", str(folder), *words])


@pytest.mark.slow
def test_every_gene_is_accounted_for_and_recorded(run):
    with Record(run / "run.sqlite", readonly=True) as record:
        before = list(record.read())
    outcome = show(run, "--ablate")
    assert outcome.exit_code == 0, outcome.output
    with Record(run / "run.sqlite", readonly=True) as record:
        *others, last = record.read()
    assert others == before
    removals = [Removal(**row) for row in last.data["rows"]]
    assert "\n".join(ablation_lines(removals)) in outcome.output
    story = told(understood([*others, last]))
    assert story["ablation"] == last.data
    genome = parse(re.search(r"^(?:found|by hand) +(.*)", outcome.output, re.MULTILINE).group(1))
    lines = outcome.output.splitlines()
    start = next(place for place, line in enumerate(lines) if line.startswith("ablation"))
    own = lines[start + 1 :]
    assert len(own) == len(genome)
    for place, (line, gene) in enumerate(zip(own, genome.genes, strict=True)):
        assert line.startswith(f"  gene {place} {gene}: ")
        assert re.search(r"points|not possible|no time left", line)
    again = show(run, "--ablate")
    assert again.output == outcome.output


@pytest.mark.thorough
def test_without_time_all_say_so(run):
    outcome = show(run, "--ablate", "--minutes", "0.0001")
    assert outcome.exit_code == 0, outcome.output
    with Record(run / "run.sqlite", readonly=True) as record:
        last = record.last("ablation")
    assert last is None or last.data["rows"][0]["score"] is not None
    assert "the winner could not be trained again: no time left" in outcome.output


@given(...)
def test_a_genome_without_one_gene(genome: Genome):
    for place in range(len(genome)):
        shorter = without(genome, place)
        assert len(shorter) == len(genome) - 1
        assert shorter.head == genome.head
        assert shorter.genes == tuple(gene for other, gene in enumerate(genome.genes) if other != place)


def test_noise_is_called_noise():
    removals = [
        Removal(None, "", "C8 M > G", 0.9),
        Removal(0, "C8", "M > G", None, "not possible (pool-first)"),
        Removal(1, "M", "C8 > G", 0.89, "", -0.01, 0.02),
        Removal(2, "C9", "C8 M > G", 0.6, "", -0.3, 0.03),
    ]
    assert ablation_lines(removals) == [
        "ablation  90.00% whole, trained as candidates were; without",
        "  gene 0 C8: not possible (pool-first)",
        "  gene 1 M: 89.00%, -1.00 points, within the noise",
        "  gene 2 C9: 60.00%, -30.00 points",
    ]


def test_what_is_known_is_not_replaced_by_less(tmp_path):
    whole, known = Removal(None, "", "C8 M > G", 0.9), Removal(0, "C8", "M > G", 0.5, "", -0.4, 0.1)
    unknown = Removal(0, "C8", "M > G", None, "no time left")
    Record(tmp_path / "run.sqlite").close()
    for removals in ([whole, unknown], [whole, known], [whole, unknown], [Removal(None, "", "C8 M > G", None, "why")]):
        keep(removals, tmp_path)
    with Record(tmp_path / "run.sqlite", readonly=True) as record:
        assert [event.data["rows"][1]["score"] for event in record.read()] == [None, 0.5]
