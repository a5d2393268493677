"""Commands that search: `search` and `resume`, what `check` says before, and `compare` beside other methods."""

from __future__ import annotations

import hashlib
import json
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuralfinder import __version__
from neuralfinder.cli.folders import as_written, record_of, recorded
from neuralfinder.cli.options import ByTopic, data_options, options_of, run_folder, set_option
from neuralfinder.cli.program import EXIT_INTERRUPTED, EXIT_MACHINE, cli, examples, say
from neuralfinder.errors import MachineError
from neuralfinder.job.settings import CAPS, RUN, Settings, once, read_options
from neuralfinder.plain import as_json

if TYPE_CHECKING:
    from neuralfinder.data import Source

STARTED = time.monotonic()
"""The budget counts from here, loading of torch included."""


@cli.command(
    cls=ByTopic,
    epilog=examples(
        "search photos/ --minutes 10 --run runs/photos",
        "search reviews.csv --text review --target stars --minutes 5",
        "search photos/ --max-parameters 100000 --set early_stop=off",
    ),
)
@click.argument("data", required=False)
@options_of(setting for setting in (*RUN, *CAPS) if setting.option)
@data_options
@click.option("--run", "folder", type=click.Path(path_type=Path), help="Run folder. [runs/NAME-...]")
@set_option
@click.option("--quiet", is_flag=True, help="Print nothing but the outcome.")
@click.option("--json", "as_json", is_flag=True, help="Print events, one JSON object a line, and nothing else.")
def search(
    source: Source,
    folder: Path | None,
    options: Sequence[str],
    quiet: bool,
    as_json: bool,
    **chosen: Any,
) -> None:
    """Find the best network for DATA and train it.

    DATA is a folder with one sub-folder of pictures, or of text files, per class (or with train/, val/ and test/ parts
    made of such), a zip file of one, a table of texts or of paths of pictures (.csv, .tsv, .jsonl, .parquet), a .npz
    file with X and y, a name from `list datasets`, or nothing for hand-written digits. The same command again resumes;
    a finished run answers at once.
    """
    settings = Settings.of(once(chosen, read_options(options)))
    _search(source, settings, folder or _default_folder(source, settings), quiet, as_json)


@cli.command(cls=ByTopic, epilog=examples("check photos/", "check reviews.csv --text review --format json"))
@click.argument("data", required=False)
@data_options
@click.option("--format", "form", type=click.Choice(["text", "json"]), default="text", show_default=True)
def check(source: Source, form: str) -> None:
    """The data doctor: what is in DATA and what would be done about it, without any training."""
    import tempfile

    from neuralfinder.data import Divided
    from neuralfinder.data.doctor import report

    with tempfile.TemporaryDirectory() as scratch:
        data = Divided.of(source.load(Path(scratch)), seed=0).coded
    if form == "json":
        say(*as_json(report(data), indent=1).split("\n"))
    else:
        say(data.name, *(f"- {note}" for note in data.notes), wrap=True)


@cli.command(
    cls=ByTopic,
    epilog=examples(
        "compare photos/ --methods artificial-life,random,resnet-20 --minutes 5 --seeds 3",
        'compare photos/ --methods "artificial-life,C32.bn M C64.bn > G"',
    ),
)
@click.argument("data")
@click.option("--methods", required=True, metavar="A,B,...", help="From `list methods`; genomes too.")
@click.option(
    "--minutes", type=float, default=5.0, show_default=True, help="Wall-clock budget of each method and seed."
)
@click.option("--seeds", type=click.IntRange(1), default=2, show_default=True, help="How many; they count from 0.")
@click.option("--limit", type=click.IntRange(1), help="Most pictures beside the test part that came with the data.")
@click.option("--published", is_flag=True, help="Add figures from the literature, and the tables of the 2017 text.")
@click.option("--run", "folder", type=click.Path(path_type=Path), help="Folder of the comparison. [runs/compare-...]")
@data_options
@options_of(setting for setting in RUN if setting.name in ("preset", "device"))
def compare(
    source: Source,
    methods: str,
    seeds: int,
    limit: int | None,
    published: bool,
    folder: Path | None,
    **chosen: Any,
) -> None:
    """Run strategies and networks by hand on DATA under the same budget, and say which differences are real.

    A network by hand is one of the literature, a rule of thumb, or any genome such as "C32.bn M C64.bn > G".

    The same command again goes on; more seeds or methods are added to what the folder has.
    """
    from neuralfinder.comparison.compare import Comparison
    from neuralfinder.comparison.pages import compare_and_write
    from neuralfinder.job.interrupts import Interrupts

    names = tuple(name.strip() for name in methods.split(",") if name.strip())
    settings = Settings.of(chosen)
    comparison = Comparison(source, limit, names, tuple(range(seeds)), settings)
    folder = folder or _default_folder(source, settings, "compare-", limit=limit)
    try:
        with Interrupts(_leave).watched():
            text = compare_and_write(comparison, folder, published, say)
    except KeyboardInterrupt:
        say("stopped; the same command goes on", err=True)
        sys.exit(EXIT_INTERRUPTED)
    say(*text.split("\n"))


@cli.command(epilog=examples("resume runs/photos"))
@run_folder("RUN")
@click.option("--quiet", is_flag=True, help="Print nothing but the outcome.")
def resume(folder: Path, quiet: bool) -> None:
    """Go on with RUN where it was stopped, with the settings it was begun with."""
    with record_of(folder) as record:
        source, settings = recorded(record, folder)
    _search(source, settings, folder, quiet)


def _search(source: Source, settings: Settings, folder: Path, quiet: bool, as_json: bool = False) -> None:
    from neuralfinder.job.status import Status
    from neuralfinder.show.card import write_card
    from neuralfinder.show.report import summary
    from neuralfinder.show.terminal import view

    status = Status(started=STARTED, budget_seconds=settings.minutes and settings.minutes * 60)
    status.say(f"NeuralFinder {__version__}: {source}, seed {settings.seed}, preset {settings.preset}, into {folder}")
    try:
        with view(status, quiet, folder / "run.sqlite" if as_json else None):
            from neuralfinder.job.run import run

            _, result = run(source, settings, folder, status)
        with as_written(folder):
            write_card(folder, folder / "model")
    except KeyboardInterrupt:
        say(f"stopped; the same command, or `neuralfinder resume {folder}`, goes on", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except MachineError as error:
        say(f"neuralfinder: {error}; then the same command, or `neuralfinder resume {folder}`, goes on", err=True)
        sys.exit(EXIT_MACHINE)
    if not as_json:
        with as_written(folder):
            lines = summary(result)
        say(*lines, f"files     {folder}/model, {folder}/result.json", wrap=True)


def _leave() -> None:
    raise KeyboardInterrupt


def _default_folder(source: Source, settings: Settings, prefix: str = "", **others: Any) -> Path:
    """A folder for this very command, so that the same command finds it again."""
    name = Path(source.title).stem.encode("utf-8", "replace").decode()
    text = json.dumps([source.address, others, settings.plain()], sort_keys=True)
    return Path("runs") / f"{prefix}{name}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"
