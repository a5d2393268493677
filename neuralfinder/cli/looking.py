"""Commands that look at runs: `runs`, `top`, `show`, and their page as `report` or `dashboard`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import click

from neuralfinder.cli.folders import as_written, record_of, recorded
from neuralfinder.cli.options import run_folder
from neuralfinder.cli.program import cli, examples, say
from neuralfinder.errors import InputError, MachineError, RunFolderError, lacking
from neuralfinder.plain import as_json, counted

if TYPE_CHECKING:
    from neuralfinder.search.record import Record


@cli.command(epilog=examples("runs", "runs elsewhere/ --format json"))
@click.argument("folder", metavar="[FOLDER]", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def runs(folder: Path, form: str) -> None:
    """The runs in FOLDER, or in `runs`: on what, since when, and what came of them; the newest first."""
    from neuralfinder.show import runs as found

    if not folder.is_dir():
        raise InputError(str(folder), given="not there", expected="a folder with runs in it", mend="name another")
    say(*(as_json(found.rows(folder), indent=1) if form == "json" else found.table(folder)).split("\n"))


@cli.command(
    epilog=examples("top runs/photos", "top runs/photos --all", "top runs/photos --count 100 --format csv > top.csv")
)
@run_folder("RUN")
@click.option("--count", type=click.IntRange(1), default=15, show_default=True, help="How many.")
@click.option("--all", "everything", is_flag=True, help="Those without a score too: failed, stopped early, and why.")
@click.option(
    "--format", "form", type=click.Choice(["table", "json", "csv", "seed"]), default="table", show_default=True,
    help="`seed` prints the tuples of 2017.",
)  # fmt: skip
@click.option("--pareto", is_flag=True, help="Only those that no other beats in score, parameters and milliseconds.")
def top(folder: Path, count: int, everything: bool, form: str, pareto: bool) -> None:
    """The best networks of RUN: scores, costs, parents, and what failed and why."""
    from neuralfinder.show import report

    with record_of(folder) as record, as_written(folder):
        text = report.top(record, count, form, pareto, everything)
    say(*text.split("\n"))


@cli.command(
    epilog=examples(
        "show runs/photos",
        "show runs/photos mutate-12                        one network of `top`",
        "show runs/photos mutate-12 init-3                 two of them side by side",
        "show runs/photos --confusions --mistakes wrong.csv",
    )
)
@run_folder("RUN")
@click.argument("networks", metavar="[NETWORK]...", nargs=-1)
@click.option("--confusions", is_flag=True, help="What was taken for what on the test part, all of it.")
@click.option(
    "--mistakes", metavar="FILE", type=click.Path(path_type=Path, dir_okay=False),
    help="Write what was answered wrongly on the test part as a CSV file: name, label, answer, probability.",
)  # fmt: skip
@click.option("--details", is_flag=True, help="How well the search itself did: its operators, its foresight.")
@click.option("--ablate", is_flag=True, help="Train the winner again without each of its genes.")
@click.option("--enough", is_flag=True, help="Train the winner on shares of the data: what would twice as many bring?")
@click.option(
    "--minutes", type=click.FloatRange(0, min_open=True), default=2.0, show_default=True,
    help="For each of --ablate and --enough.",
)  # fmt: skip
def show(
    folder: Path,
    networks: Sequence[str],
    confusions: bool,
    mistakes: Path | None,
    details: bool,
    ablate: bool,
    enough: bool,
    minutes: float,
) -> None:
    """What RUN found; or a NETWORK of it, by its id or its name in `top`: structure, curve, cost, family.

    Several networks are shown side by side.

    What `--ablate` and `--enough` find is kept in the record, unless they had time for less than before: the one is on
    the page from then on, the other among what this command shows.
    """
    from neuralfinder.show import report
    from neuralfinder.show.side_by_side import side_by_side

    with record_of(folder) as record:
        with as_written(folder):
            if len(networks) > 1:
                say(*side_by_side(record, networks))
                lines = []
            else:
                lines = report.show_candidate(record, *networks) if networks else report.show_run(record, details)
            if confusions or mistakes:
                lines += _answers(record, confusions, mistakes)
        if ablate:
            lines += _ablation(record, folder, 60 * minutes)
        if enough:
            lines += _learning_curve(record, folder, 60 * minutes)
        elif not networks:
            with as_written(folder):
                lines += report.show_curve(record)
    say(*lines, wrap=True)


def _answers(record: Record, confusions: bool, out: Path | None) -> list[str]:
    """What the winner had wrong on the test part: in lines, and as a file."""
    from neuralfinder.show import mistakes
    from neuralfinder.show.report import as_csv

    found = mistakes.answered(record)
    lines = mistakes.confusion_lines(found) if confusions else []
    if out:
        rows = mistakes.mistakes(found)
        out.write_text(as_csv(mistakes.COLUMNS, rows) + "\n", encoding="utf-8", errors="backslashreplace")
        lines.append(f"mistakes  {counted(len(rows), 'row')} in {out}")
    return lines


def _ablation(record: Record, folder: Path, seconds: float) -> list[str]:
    from neuralfinder.job import ablation

    source, settings = recorded(record, folder)
    removals = ablation.ablate(source, settings, record, seconds)
    lines = ablation.ablation_lines(removals)
    try:
        ablation.keep(removals, folder)
    except (RunFolderError, MachineError) as error:
        lines.append(f"  not kept for the page: {error}")
    return lines


def _learning_curve(record: Record, folder: Path, seconds: float) -> list[str]:
    from neuralfinder.job import enough
    from neuralfinder.show.learning_curve import curve_lines

    source, settings = recorded(record, folder)
    found = enough.extrapolated(source, settings, record, seconds)
    lines = curve_lines(found)
    try:
        enough.keep(found, folder)
    except (RunFolderError, MachineError) as error:
        lines.append(f"  not kept: {error}")
    return lines


@cli.command("report", epilog=examples("report runs/photos", "report runs/photos --out page.html --figures plots/"))
@run_folder("RUN")
@click.option("--out", type=click.Path(path_type=Path), help="The file. [RUN/report.html]")
@click.option(
    "--figures", metavar="DIR", type=click.Path(path_type=Path), help="Write the main plots as SVG and PNG too."
)
def report_(folder: Path, out: Path | None, figures: Path | None) -> None:
    """Write the page about RUN, finished or not, as one file that needs nothing else."""
    from neuralfinder.show.page.document import offline_page
    from neuralfinder.show.page.figures import save_figures
    from neuralfinder.show.page.story import told

    with record_of(folder) as record, as_written(folder):
        story = told(record.events())
        page = offline_page(story)
        files = save_figures(story, figures) if figures else []
    out = out or folder / "report.html"
    out.write_text(page, encoding="utf-8")
    say(out, *files)


@cli.command(epilog=examples("dashboard runs/photos", "dashboard runs/photos --port 0"))
@run_folder("RUN")
@click.option("--port", type=click.IntRange(0, 65535), default=8517, show_default=True, help="0 takes a free one.")
@click.option("--no-token", is_flag=True, help="Whoever is on this machine may read along.")
def dashboard(folder: Path, port: int, no_token: bool) -> None:
    """Serve the page about RUN on this machine, live while it searches; waits for a RUN to come; Ctrl-C ends it."""
    try:
        from neuralfinder.show.gate import new_token
        from neuralfinder.show.page.server import serve as serve_page
    except ImportError as error:
        raise lacking("dashboard", "its server", "dashboard", "use `neuralfinder report`") from error
    serve_page(folder, port, "" if no_token else new_token(), say)
