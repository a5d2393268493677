"""Tables and lines from a record made by hand."""

from __future__ import annotations

import csv
import dataclasses
import io
import json
import re
from types import SimpleNamespace

import pytest

from neuralfinder.errors import InputError, RunFolderError
from neuralfinder.networks.forms import from_seed
from neuralfinder.networks.genome import parse
from neuralfinder.search.events import candidate_row
from neuralfinder.search.record import Record
from neuralfinder.show.page.story import layers
from neuralfinder.show.report import (
    as_csv,
    as_table,
    beginning,
    improvements,
    show_candidate,
    show_run,
    structure,
    summary,
    top,
)
from neuralfinder.show.side_by_side import side_by_side
from neuralfinder.types import Candidate, Fidelity, Result, Shape

FIGURES = {
    "genome": "C32 > G",
    "parameters": 1234567,
    "macs": 2_500_000,
    "validation_accuracy": 0.95,
    "test_accuracy": 0.9,
    "test_interval": [0.85, 0.94],
    "test_balanced_accuracy": 0.89,
    "data": {"train": 1200, "validation": 300},
    "baselines": {"majority class": {"test_accuracy": 0.1}, "logistic regression": None},
    "refit": False,
    "retrained": [],
    "candidates": {"requested": 9, "trained": 5, "stopped": 2, "failed": 2, "cached": 1, "infeasible": 1},
    "seconds": {"search": 10.0, "finish": 4.6, "total": 15.2},
}

RUN = {"data": "toys", "fingerprint": "f", "settings": {"seed": 0}, "address": {}, "version": "0"}

LIVES = [  # id, genome, operator, parents, score, macs
    (0, "C16 M > G", "init", (), 0.8, 20),
    (1, "C32 M > G", "init", (), 0.9, 40),
    (2, "C16 C32 M > G", "cross", ("C16 M > G", "C32 M > G"), 0.9, 30),
    (3, "C64 M > G", "mutate", ("C16 C32 M > G",), None, 50),
    (4, "C16 M > G", "copy", ("C16 M > G",), 0.9, 20),
]


@pytest.fixture
def record(tmp_path):
    """Four networks; the first was trained twice, with the mean score 0.85; the last is still in training."""
    with Record(tmp_path / "run.sqlite") as record:
        settings = {"seed": 0, "preset": "fast", "minutes": None, "options": {}}
        record.append("run", [{**RUN, "settings": settings}])
        record.append("plan", [{"task": {"shape": {"channels": 1, "height": 8, "width": 8}, "classes": 10}}])
        for id_, key, operator, parents, score, macs in [*LIVES, (5, "C128 M > G", "init", (), None, 0)]:
            candidate = Candidate(id_, parse(key), operator, parents, 7, Fidelity(1), repeat=int(id_ == 4))
            notes = [{"kind": "infeasible:cap"}] if id_ == 2 else [{"kind": "round"}]
            record.append("asked", [{"n": 1, "candidates": [candidate_row(candidate)], "notes": notes}])
            if id_ < 5:
                failure = ("diverged", "the loss is nan in epoch 1") if score is None else (None, "")
                result = Result(id_, score, *failure, curve=(0.5, score or 0.0), seconds=1.5, parameters=100, macs=macs)
                record.append("result", [dataclasses.asdict(result)])
        yield record


def test_top_ranks_by_mean_score_then_cost(record):
    rows = json.loads(top(record, 10, "json"))
    assert [(row["rank"], row["id"], row["name"], row["genome"]) for row in rows] == [
        (1, 2, "cross-3", "C16 C32 M > G"),
        (2, 1, "init-2", "C32 M > G"),
        (3, 0, "init-1", "C16 M > G"),
    ]
    assert [row["validation_accuracy"] for row in rows] == pytest.approx([0.9, 0.9, 0.85])


def test_top_in_the_form_of_2017_can_be_read_back(record):
    lines = top(record, 2, "seed").splitlines()
    assert lines[0] == (
        "('cross-3', '0.900000', [('conv', [('nb_filter', 16)]), ('conv', [('nb_filter', 32)]), "
        "('maxp', [('pool_size', 2)]), ('head', [('text', 'G')])])"
    )
    assert [from_seed(line)[0].key for line in lines] == ["C16 C32 M > G", "C32 M > G"]


def test_top_as_a_table(record):
    assert top(record, 1, "table").splitlines() == [
        "rank  name     short score  full training  test  parameters  multiply-adds    s  parents         genome",
        f"   1  cross-3       90.00%{' ' * 30}100          0.0 M  1.5  init-1, init-2  C16 C32 M > G",
        "without a score: 1 failed (1 x diverged), 1 in training; --all lists them",
        "in names, cross has two parents",
        "in genomes, C128 a convolution with 128 filters; M halves the map by its maxima; > what answers; "
        "all: neuralfinder list genes",
    ]


def test_top_lists_those_without_a_score_where_all_are_asked_for(record):
    lines = top(record, 9, "table", everything=True).splitlines()
    place = lines.index("")
    assert lines[place + 1].split() == ["name", "status", "s", "genome", "reason"]
    assert lines[place + 2].split("  ")[-1].strip() == "diverged: the loss is nan in epoch 1"
    assert lines[place + 3].split() == ["init-6", "in", "training", "0.0", "C128", "M", ">", "G"]
    assert not [line for line in lines if line.startswith("without a score")]
    rows = json.loads(top(record, 9, "json", everything=True))
    assert [(row["name"], row["parents"], row["status"], row["seconds"]) for row in rows] == [
        ("cross-3", [0, 1], "trained", 1.5),
        ("init-2", [], "trained", 1.5),
        ("init-1", [], "trained", 3.0),
        ("mutate-4", [2], "failed", 1.5),
        ("init-6", [], "in training", 0.0),
    ]
    assert all(row.keys() == rows[0].keys() for row in rows)
    assert len(top(record, 9, "csv", everything=True).splitlines()) == 1 + len(rows)


def test_networks_side_by_side(record):
    lines = side_by_side(record, ["2", "mutate-4"])
    assert [line.split() for line in lines[-4:]] == [["layers", "C16", "C64"], ["C32", "M"], ["M", "G"], ["G"]]
    cells = {line[:13].strip(): re.split(r" {2,}", line[13:].strip()) for line in lines}
    assert cells["status"] == ["trained", "failed"]
    assert cells["short score"] == ["90.00%"]
    assert cells["parents"] == ["init-1, init-2", "cross-3"]
    assert cells["reason"] == ["diverged: the loss is nan in epoch 1"]
    with pytest.raises(InputError, match="candidate is nobody-9; .*a name such as init-1"):
        side_by_side(record, ["2", "nobody-9"])


def raced(record, name, genome, score):
    result = dataclasses.asdict(Result(-1, score, seconds=1.0))
    row = {"name": name, "genome": genome, "epochs": 1.0, "weights": None, "result": result}
    record.append("final", [row])


def test_top_tells_short_scores_full_trainings_and_the_winners_test_apart(record):
    for place, score in enumerate((0.91, 0.93)):
        raced(record, f"final-0-{place}", "C16 M > G", score)
    raced(record, "final-1-0", "C32 M > G", 0.92)
    raced(record, "last", "C16 M > G", 0.99)  # may have learned from the validation part
    record.append("finished", [{**FIGURES, "genome": "C16 M > G"}])
    keys = ("genome", "short_score", "full_training", "test_accuracy", "winner")
    rows = json.loads(top(record, 3, "json"))
    assert [tuple(row[key] for key in keys) for row in rows] == [
        ("C16 C32 M > G", 0.9, None, None, False),
        ("C32 M > G", 0.9, 0.92, None, False),
        ("C16 M > G", pytest.approx(0.85), 0.95, 0.9, True),
    ]
    assert all(row["validation_accuracy"] == row["short_score"] for row in rows)
    assert set(top(record, 1, "csv").splitlines()[0].split(",")) == rows[0].keys()
    first, winner = top(record, 1, "table").splitlines()[1:3]
    assert first.startswith("   1  cross-3              90.00%                                100 ")
    assert winner.startswith("   3  init-1, winner       85.00%         95.00%  90.00%         100 ")


def test_top_has_a_winner_that_the_search_did_not_train(record):
    record.append("finished", [{**FIGURES, "baselines": {"small network": {"genome": "C32 > G"}}}])
    line = top(record, 1, "table").splitlines()[2]
    assert line.endswith("  C32 > G")
    assert line.split()[:5] == ["by", "hand,", "winner", "95.00%", "90.00%"]


def test_csv_survives_commas_quotes_and_line_breaks():
    rows = [{"a": 'x,"y"\nz', "b": 1, "c": "left out"}]
    assert list(csv.DictReader(io.StringIO(as_csv(("a", "b"), rows)))) == [{"a": 'x,"y"\nz', "b": "1"}]


def test_tables_without_rows_have_a_head():
    assert as_table(("a", "bc"), []) == "a  bc"


def test_show_a_candidate_with_family_and_its_mean_scores(record):
    lines = show_candidate(record, 2)
    assert lines[:4] == [
        "candidate 2, cross",
        "genome    C16 C32 M > G",
        "score     90.00% on validation after a short training, 1.5 s",
        "curve     50.0% 90.0%",
    ]
    assert lines[-4:-1] == [
        "parent    C16 M > G (85.00%)",
        "parent    C32 M > G (90.00%)",
        "child     3 C64 M > G, mutate",
    ]


def test_show_a_failure_and_one_in_training(record):
    assert show_candidate(record, 3)[2] == "failed    diverged: the loss is nan in epoch 1"
    assert show_candidate(record, 5)[2] == "state     in training when the record ends"
    with pytest.raises(InputError, match=r"is 6; expected an id of this run \(0 to 5\), or a name such as init-1; see"):
        show_candidate(record, 6)


def test_structure_follows_the_shape_through_the_layers():
    lines = structure(parse("C16 M C32.bn > G"), Shape(3, 9, 8), 10)
    assert [line.split() for line in lines[:5]] == [
        ["layers", "picture", "3x9x8"],
        ["C16", "16x9x8"],
        ["M", "16x4x4"],
        ["C32.bn", "32x4x4"],
        ["G", "10"],
    ]
    # 3*16*9+16, 16*32*9 and two each of 32, 32*10+10 by hand
    parameters = (3 * 16 * 9 + 16) + (16 * 32 * 9 + 2 * 32) + (32 * 10 + 10)
    assert lines[5].startswith(f"cost      {parameters:,} parameters")


def test_structure_and_page_say_what_a_network_sees_of_a_larger_picture():
    genome, shape = parse("@128 C16.s2 > G"), Shape(3, 168, 224)
    assert [line.split() for line in structure(genome, shape, 10)[1:3]] == [
        ["@128", "3x96x128"],
        ["C16.s2", "16x48x64"],
    ]
    assert layers(genome, shape, 10)[:2] == [
        ["side", 0, "@128", [], "3x96x128", 0],
        ["conv", 16, "C16.s2", [], "16x48x64", 3 * 9 * 16 + 16],
    ]
    assert layers(parse("C16 > G"), shape, 10)[0] == ["side", 0, "@64", [], "3x48x64", 0]
    assert layers(parse("C16 > G"), Shape(3, 9, 8), 10)[0][0] == "conv"


def test_show_a_run_that_goes_on(record):
    assert show_run(record) == [
        "data      toys",
        "settings  seed 0, preset fast",
        "state     not finished: 5 candidates trained so far",
        "failed    1 x diverged, first mutate-4: the loss is nan in epoch 1",
        "failed    1 x infeasible:cap",
    ]


def test_show_a_finished_run(record):
    record.append("finished", [FIGURES])
    assert show_run(record)[2:] == [
        *summary(FIGURES),
        "failed    1 x diverged, first mutate-4: the loss is nan in epoch 1",
        "failed    1 x infeasible:cap",
    ]


def test_operators_and_foresight_are_shown_against_what_came(tmp_path):
    """Six children of one parent of 0.5: four mutants, three of them better, two crossings, none better."""
    with Record(tmp_path / "run.sqlite") as record:
        record.append("run", [RUN])
        rows = [
            ("init", 0.5, 0.0),
            *[("mutate", s, s) for s in (0.6, 0.7, 0.4, 0.8)],
            ("cross", 0.5, 0.9),
            ("cross", 0.3, -1),
        ]
        for id_, (operator, score, expected) in enumerate(rows):
            candidate = Candidate(id_, parse(f"C{id_ + 1}"), operator, ("C1",) if id_ else (), 7, Fidelity(1))
            note = {"kind": "foresight", "genome": candidate.genome.key, "mean": expected, "spread": 1.0}
            record.append("asked", [{"n": 1, "candidates": [candidate_row(candidate)], "notes": [note] if id_ else []}])
            record.append("result", [dataclasses.asdict(Result(id_, score))])
        assert not [line for line in show_run(record) if line.startswith(("operator", "foresight"))]
        lines = show_run(record, details=True)
    assert lines[-3:-1] == [
        "operator  mutate: 3 of 4 better than their parents",
        "operator  cross: 0 of 2 better than their parents",
    ]
    # ranks expected 3 4 2 5 6 1, real 4 5 2 6 3 1: 1 - 6 * (1 + 1 + 0 + 1 + 9 + 0) / (6 * 35)
    assert lines[-1] == "foresight Spearman's rho 0.66 between what was expected and what came, 6 networks"


def test_the_summary_of_a_run():
    assert summary(FIGURES) == [
        "found     C32 > G",
        "          1,234,567 parameters, 2.5 M multiply-adds a sample",
        "test      90.00% (95 % interval 85.00% to 94.00%), balanced 89.00%; validation 95.00%",
        "  against  10.00%  majority class",
        "  against not run  logistic regression",
        "work      5 candidates trained (2 stopped early), 2 failed, 1 proposed again, 1 not possible; "
        "15 s in all, 5 s for finishing",
        "words     in genomes, C128 a convolution with 128 filters; > what answers; all: neuralfinder list genes",
    ]


def test_the_summary_begins_with_the_verdict():
    lines = summary({"verdict": "It is good.", "cautions": ["Not for cats.", "Few texts."], **FIGURES})
    assert lines[:4] == [
        "verdict   It is good.", "          Not for cats.", "          Few texts.", "found     C32 > G",
    ]  # fmt: skip


def test_what_was_made_by_hand_is_not_called_found():
    by_hand = {"small network": {"genome": "C32 > G", "epochs": 2.0, "validation_accuracy": 0.5}}
    counts = {**FIGURES["candidates"], "trained": 0}
    lines = summary({**FIGURES, "baselines": by_hand, "candidates": counts})
    assert lines[0] == "by hand   C32 > G"
    assert "found" not in " ".join(lines)
    assert any(line.endswith("it is the winner: no other was trained") for line in lines)


def test_the_summary_says_how_far_probabilities_are_off_with_and_without_temperature():
    sure = {"temperature": 1.2345, "bins": 12, "error_before": 0.01, "error_after": 0.0234}
    assert (
        "trust     probabilities are off by 2.34% on the test part, without temperature 1.23 by 1.00% "
        "(calibration error, 12 bins)"
    ) in summary({**FIGURES, "calibration": sure})


def test_the_summary_says_when_a_rival_had_fewer_samples():
    rivals = {"logistic regression": {"test_accuracy": 0.8, "samples": 1000}}
    lines = summary({**FIGURES, "baselines": rivals})
    assert "  against  80.00%  logistic regression, fitted to 1,000 of 1,200 samples" in lines
    lines = summary({**FIGURES, "baselines": rivals, "refit": True})
    assert "  against  80.00%  logistic regression, fitted to 1,000 of 1,500 samples" in lines


BY_HAND = {"test_accuracy": 0.648, "genome": "C8 > G", "epochs": 5.23}


@pytest.mark.parametrize(
    ("by_hand", "terms"),
    [
        ({"winner_then": {"test_accuracy": 0.661, "epochs": 9.0}}, "; the winner had 66.10% after as many seconds"),
        ({}, ""),
        ({"genome": "C32 > G"}, "; it is the winner: none that was found was better"),
    ],
)
def test_the_summary_says_like_with_like_about_the_network_by_hand(by_hand, terms):
    lines = summary({**FIGURES, "baselines": {"small network": BY_HAND | by_hand}})
    assert f"  against  64.80%  small network after 5.23 epochs{terms}" in lines


def test_the_summary_says_where_there_was_time_for_the_validation_part_alone():
    then = {"validation_accuracy": 0.68, "epochs": 9.0}
    by_hand = {"validation_accuracy": 0.65, "genome": "C8 > G", "epochs": 5.23, "winner_then": then}
    lines = summary({**FIGURES, "baselines": {"small network": by_hand}})
    told = "small network after 5.23 epochs on the validation part; the winner had 68.00% there after as many seconds"
    assert f"  against  65.00%  {told}" in lines


def test_the_summary_gives_mean_and_spread_of_retrainings():
    lines = summary({**FIGURES, "retrained": [0.9, 0.92, 0.94]})
    assert "again     92.00% +- 2.00% test, 3 trainings on training and validation part" in lines


def test_improvements_begin_where_the_run_began_at_last(tmp_path, monkeypatch):
    """As on the page: what came of an earlier beginning, before data or settings were mended, is not counted."""
    moments = iter([100.0, 900.0, 907.0])
    monkeypatch.setattr("neuralfinder.search.record.time", SimpleNamespace(time=lambda: next(moments)))
    with Record(tmp_path / "run.sqlite") as record:
        for name in ("toys", "mended toys"):
            record.append("run", [{**RUN, "data": name}])
        record.append("result", [dataclasses.asdict(Result(0, 0.5))])
        assert improvements(record) == [(7.0, 0.5)]


def test_what_was_stopped_early_is_shown_without_a_score(record):
    bars = (0.4, 0.6)
    candidate = Candidate(6, parse("C16 C16 > G"), "copy", ("C32 M > G",), 7, Fidelity(1), bars=bars)
    record.append("asked", [{"n": 1, "candidates": [candidate_row(candidate)], "notes": []}])
    stopped = Result(6, None, rungs=(0.5, 0.55), done=0.5, ended="behind")
    record.append("result", [dataclasses.asdict(stopped)])
    shown = show_candidate(record, 6)
    assert shown[2] == "stopped   at 55.0% after 50% of its training; others had 60.0% or more there"
    assert not [line for line in shown if line.startswith("score")]
    assert "C16 C16 > G" not in top(record, 99, "table")
    assert "operator  copy: 0 of 1 better than their parents" in show_run(record, details=True)


def test_a_score_of_small_pictures_says_so(record):
    candidate = Candidate(6, parse("C16 > G | small0.4"), "init", (), 7, Fidelity(1))
    record.append("asked", [{"n": 1, "candidates": [candidate_row(candidate)], "notes": []}])
    record.append("result", [dataclasses.asdict(Result(6, 0.5, seconds=2.0, half=True))])
    assert "score     50.00% on validation, pictures at half the side after a short training, 2.0 s" in show_candidate(
        record, 6
    )


def test_the_last_beginning_counts(record, tmp_path):
    assert beginning(record).data == "toys"
    record.append("run", [{**RUN, "data": "mended toys"}])
    assert beginning(record).data == "mended toys"
    with (
        Record(tmp_path / "empty.sqlite") as empty,
        pytest.raises(RunFolderError, match="the record is empty; .*give the `search` command again"),
    ):
        show_run(empty)


def test_a_pretrained_network_stands_beside_the_winner_by_its_name():
    figures = {"name": "resnet-18", "samples": 500, "validation_accuracy": 0.9, "test_accuracy": 0.92}
    lines = summary({**FIGURES, "baselines": {"pre-trained network": figures}})
    assert "  against  92.00%  pre-trained network resnet-18, fitted to 500 of 1,200 samples" in lines


def test_texts_that_a_pretrained_network_saw_the_beginning_of_are_counted():
    figures = {"name": "bert", "samples": 1200, "test_accuracy": 0.8, "cut": 1034}
    lines = summary({**FIGURES, "baselines": {"pre-trained network": figures}})
    assert "  against  80.00%  pre-trained network bert, 1,034 texts cut to its length" in lines


def test_a_pretrained_network_that_was_left_out_says_why():
    figures = {"name": "resnet-18", "why": "its 2.0 s last for 3 of 1,500 samples; give more minutes"}
    lines = summary({**FIGURES, "baselines": {"pre-trained network": figures}})
    assert f"  against not run  pre-trained network resnet-18: {figures['why']}" in lines
