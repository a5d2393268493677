"""The commands of the command line. Heavy imports wait until one needs them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import re
import shutil
import sys
import textwrap
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from neuralfinder import __version__
from neuralfinder.cli_options import ByTopic, data_options, options_of, run_folder, set_option
from neuralfinder.errors import (
    OF_THE_MACHINE,
    InputError,
    MachineError,
    NeuralFinderError,
    NothingTrainedError,
    RunFolderError,
    check_range,
    lacking,
)
from neuralfinder.job.settings import CAPS, RUN, Settings, default_of, once, read_options, table
from neuralfinder.plain import as_json, counted, printable
from neuralfinder.show.listeners import open_streams, say

if TYPE_CHECKING:
    from neuralfinder.data import Source
    from neuralfinder.search.record import Record

STARTED = time.monotonic()
"""The budget counts from here, loading of torch included."""

EXIT_INPUT, EXIT_NOTHING, EXIT_RECEIPT, EXIT_MACHINE, EXIT_INTERRUPTED = 2, 3, 4, 5, 130
"""What is to be changed: the input; the limits, as no network could be trained; nothing, but a file that was written
answers otherwise; the machine, after which the same command goes on; nothing, as the user asked to stop."""


GROUPS = {
    "Search": ("search", "check", "resume", "compare"),
    "Look at a run": ("runs", "top", "show", "report", "dashboard"),
    "Use what was found": ("predict", "serve", "export"),
    "What there is": ("list",),
}
"""Commands by what they are for, in the order of the help."""


class _Program(click.Group):
    """Commands in groups; a home at the beginning of a path is written out, as most shells do."""

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for each."""
        for title, names in GROUPS.items():
            with formatter.section(title):
                formatter.write_dl([(name, self.commands[name].get_short_help_str(200)) for name in names])

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        """As those of any group; shells leave a home as it is in quotes, or in `--run=~/runs`."""
        parts = [re.fullmatch(r"((?:--[\w-]+=)?)(.*)", given, re.DOTALL) for given in args]
        # PTH111: as the shell does, it leaves a home alone that is nobody's
        return super().parse_args(ctx, [part[1] + os.path.expanduser(part[2]) for part in parts if part])  # noqa: PTH111


def _examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  neuralfinder {line}" for line in lines)])


@click.group(
    cls=_Program,
    epilog=_examples(
        "search                               hand-written digits, five minutes",
        "search photos/ --minutes 10 --run runs/photos",
        "show runs/photos",
        "predict runs/photos new.jpg",
    ),
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
)
@click.version_option(__version__)
def cli() -> None:
    """Grow the best network for labelled pictures or texts in a two-dimensional world of artificial lives."""


def main() -> None:
    """The console script: errors become one line and an exit code."""
    open_streams()
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a name of a file or class may have letters the terminal lacks
            stream.reconfigure(errors="backslashreplace")
    try:
        cli(standalone_mode=True)
    except MachineError as error:
        _fail(error, EXIT_MACHINE)
    except NothingTrainedError as error:
        _fail(error, EXIT_NOTHING)
    except NeuralFinderError as error:
        _fail(error, EXIT_INPUT)
    except OSError as error:
        if error.errno in OF_THE_MACHINE:
            _fail(MachineError.of(error, "what this command writes"), EXIT_MACHINE)
        what, why = error.filename or "a file", error.strerror or error
        mend = "check the path, its permissions and the space left"
        _fail(InputError(str(what), given=f"not usable ({why})", expected="a usable path", mend=mend), EXIT_INPUT)


def _say(*lines: object, err: bool = False, wrap: bool = False) -> None:
    """The only way to the terminal for what commands say, a line each; with `wrap` broken between words there."""
    stream, texts = sys.stderr if err else sys.stdout, [*map(printable, lines)]
    if wrap and stream.isatty():
        texts = [part for text in texts for part in _wrapped(text, INDENT)]
    say(stream, *texts)


INDENT = 10
"""Columns before what is said in lines such as `test      98.33%`."""


def _wrapped(text: str, indent: int) -> list[str]:
    """A line as lines of the terminal's width, the further ones indented; no word is broken."""
    head, body = text[:indent], text[indent:]
    if not head.endswith(" ") or body.startswith(" "):  # no title in a column of its own
        body = text.lstrip()
        head = text[: len(text) - len(body)]
    width = max(shutil.get_terminal_size().columns, 2 * indent)
    lines = textwrap.wrap(
        body, width, initial_indent=head, subsequent_indent=" " * indent, break_long_words=False, break_on_hyphens=False
    )
    return lines or [text]


def _fail(error: NeuralFinderError, code: int) -> None:
    _say(f"neuralfinder: {error}", err=True)
    sys.exit(code)


@cli.command(
    cls=ByTopic,
    epilog=_examples(
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


@cli.command(cls=ByTopic, epilog=_examples("check photos/", "check reviews.csv --text review --format json"))
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
        _say(*as_json(report(data), indent=1).split("\n"))
    else:
        _say(data.name, *(f"- {note}" for note in data.notes), wrap=True)


@cli.command(
    cls=ByTopic,
    epilog=_examples(
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
            text = compare_and_write(comparison, folder, published, _say)
    except KeyboardInterrupt:
        _say("stopped; the same command goes on", err=True)
        sys.exit(EXIT_INTERRUPTED)
    _say(*text.split("\n"))


@cli.command(epilog=_examples("resume runs/photos"))
@run_folder("RUN")
@click.option("--quiet", is_flag=True, help="Print nothing but the outcome.")
def resume(folder: Path, quiet: bool) -> None:
    """Go on with RUN where it was stopped, with the settings it was begun with."""
    with _record(folder) as record:
        source, settings = _recorded(record, folder)
    _search(source, settings, folder, quiet)


@cli.command(epilog=_examples("runs", "runs elsewhere/ --format json"))
@click.argument("folder", metavar="[FOLDER]", type=click.Path(path_type=Path), default=Path("runs"))
@click.option("--format", "form", type=click.Choice(["table", "json"]), default="table", show_default=True)
def runs(folder: Path, form: str) -> None:
    """The runs in FOLDER, or in `runs`: on what, since when, and what came of them; the newest first."""
    from neuralfinder.show import runs as found

    if not folder.is_dir():
        raise InputError(str(folder), given="not there", expected="a folder with runs in it", mend="name another")
    _say(*(as_json(found.rows(folder), indent=1) if form == "json" else found.table(folder)).split("\n"))


@cli.command(
    epilog=_examples("top runs/photos", "top runs/photos --all", "top runs/photos --count 100 --format csv > top.csv")
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

    with _record(folder) as record, _as_written(folder):
        text = report.top(record, count, form, pareto, everything)
    _say(*text.split("\n"))


@cli.command(
    epilog=_examples(
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

    with _record(folder) as record:
        with _as_written(folder):
            if len(networks) > 1:
                _say(*side_by_side(record, networks))
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
            with _as_written(folder):
                lines += report.show_curve(record)
    _say(*lines, wrap=True)


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

    source, settings = _recorded(record, folder)
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

    source, settings = _recorded(record, folder)
    found = enough.extrapolated(source, settings, record, seconds)
    lines = curve_lines(found)
    try:
        enough.keep(found, folder)
    except (RunFolderError, MachineError) as error:
        lines.append(f"  not kept: {error}")
    return lines


def _recorded(record: Record, folder: Path) -> tuple[Source, Settings]:
    """Data and settings that a run was begun with."""
    from neuralfinder.data import source_at
    from neuralfinder.show.report import beginning

    began = beginning(record)
    if not began.address:
        raise InputError(str(folder), given="a run on arrays", expected="a run on files", mend="call fit again")
    with _as_written(folder):
        return source_at(began.address), Settings(**began.settings)


@cli.command("report", epilog=_examples("report runs/photos", "report runs/photos --out page.html --figures plots/"))
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

    with _record(folder) as record, _as_written(folder):
        story = told(record.events())
        page = offline_page(story)
        files = save_figures(story, figures) if figures else []
    out = out or folder / "report.html"
    out.write_text(page, encoding="utf-8")
    _say(out, *files)


@cli.command(epilog=_examples("dashboard runs/photos", "dashboard runs/photos --port 0"))
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
    serve_page(folder, port, "" if no_token else new_token(), _say)


@cli.command(epilog=_examples("serve runs/photos", "serve runs/photos/model --host 0.0.0.0 --port 8080"))
@run_folder("MODEL_OR_RUN")
@click.option(
    "--host", default="127.0.0.1", show_default=True, help="0.0.0.0 for other machines, on a trusted network."
)
@click.option("--port", type=click.IntRange(0, 65535), default=8518, show_default=True, help="0 takes a free one.")
@click.option("--no-token", is_flag=True, help="Whoever is on this machine may ask.")
@click.option(
    "--token",
    envvar="NEURALFINDER_TOKEN",
    show_envvar=True,
    help="First part of every path. [a new one]",
)
def serve(folder: Path, host: str, port: int, no_token: bool, token: str | None) -> None:
    """Answer about pictures or texts over HTTP, with a page to try it; Ctrl-C ends it."""
    try:
        from neuralfinder.serve.server import serve as serve_model
        from neuralfinder.show.gate import check_token, new_token
    except ImportError as error:
        raise lacking("serve", "its server", "serve", "use `neuralfinder predict`") from error
    given = "" if no_token else check_token(token) if token else new_token()
    serve_model(folder, host, port, given, _say)


PREDICTIONS = ("table", "csv", "json", "jsonl", "parquet")


@cli.command(
    epilog=_examples(
        "predict runs/photos new.jpg more/",
        "predict runs/photos more/ --threshold 0.9 --out answers.csv",
        "predict runs/reviews new.csv --text review --top 3 --format json",
    )
)
@run_folder("MODEL_OR_RUN")
@click.argument("inputs", metavar="INPUT...", nargs=-1, required=True, type=click.Path())
@click.option("--format", "form", type=click.Choice(PREDICTIONS), help="[what --out ends in, else table]")
@click.option("--out", type=click.Path(path_type=Path, dir_okay=False), help="The file. [standard output]")
@click.option("--top", type=click.IntRange(1), help="Tell of so many of the likeliest classes.")
@click.option("--threshold", type=click.FloatRange(0, 1), help='Probability below which the label is "not sure".')
@click.option("--text", metavar="COLUMN", help="Column of a table with the texts. [found by its name]")
@click.option("--image", metavar="COLUMN", help="Column of a table with paths of pictures. [found by its name]")
def predict(
    folder: Path,
    inputs: Sequence[str],
    form: str | None,
    out: Path | None,
    top: int | None,
    threshold: float | None,
    text: str | None,
    image: str | None,
) -> None:
    """Classes of pictures or texts, with probabilities calibrated on the validation part.

    INPUT is a file, a folder of files, a .npz file with X, or a table of texts or of paths; - stands for a list of such
    on standard input, one path a line, or as `find -print0` writes them.

    Rows come in order, a block at a time. What cannot be read is a row with an error in its place; then the exit code
    is 2, and a line on standard error says how many there are.

    With --threshold, CSV, JSON and Parquet have a field `sure`, and the label of what is not is "not sure"; in Parquet,
    where labels are of one type, it is null. --top still tells the likeliest: as columns label_1, probability_1,
    label_2 and so on, in JSON as a list `top` that takes the place of all `probabilities`.
    """
    from neuralfinder.data.tables import Columns
    from neuralfinder.show import predictions as written
    from neuralfinder.show.terminal import bar
    from neuralfinder.training.model import Model
    from neuralfinder.training.predict import predictions

    if threshold is not None:
        check_range("threshold", threshold, 0, 1)  # no number lies beyond no bound, and so for click within them
    ending = out.suffix.lower().removeprefix(".") if out else ""
    form = form or (ending if ending in PREDICTIONS else PREDICTIONS[0])
    paths, model, tally = _with_listed(inputs), Model.load(folder), written.Tally()
    top = top and min(top, len(model.classes))
    columns = written.columns_of(top, threshold is not None)
    with bar(sys.stderr, sys.stderr.isatty() and not (out is None and sys.stdout.isatty())) as progress:
        rows = predictions(model, paths, Columns(text, image=image), top, threshold, progress)
        written.write(tally.over(rows), form, columns, out or sys.stdout, model.classes)
    if tally.failed:
        _say(f"neuralfinder: {tally}", err=True)
        sys.exit(EXIT_INPUT)


def _with_listed(inputs: Sequence[str]) -> list[str]:
    """The inputs, a `-` replaced by the paths on standard input."""
    if "-" not in inputs:
        return [*inputs]
    given = sys.stdin.buffer.read()
    lines = given.split(b"\0") if b"\0" in given else given.splitlines()  # as `find -print0` ends them
    listed = [os.fsdecode(line) for line in lines if line.strip()]
    if not listed:
        raise InputError("-", given="without a path", expected="a list on standard input, one a line", mend="give one")
    return [path for one in inputs for path in (listed if one == "-" else [one])]


@cli.command(epilog=_examples("export runs/photos", "export runs/photos --to code,onnx --out cats/ --quantize int8"))
@run_folder("RUN")
@click.option(
    "--to", "forms", default="code", show_default=True, metavar="A,B,...", help="Forms: code, onnx, pt2, openvino."
)
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write into. [RUN/export]")
@click.option("--quantize", type=click.Choice(["int8"]), help="The ONNX file in whole numbers, too.")
@click.option("--no-receipt", is_flag=True, help="Don't try the files on samples of the data.")
def export(folder: Path, forms: str, out: Path | None, quantize: str | None, no_receipt: bool) -> None:
    """Write the winner of RUN in forms that run without this package, each tried beside it.

    The folder can be moved anywhere. Every file is tried in a process that has not this package, on 50 samples of the
    validation part and one of each odd kind of file: `receipt.json` says what came of it. For that the data of the run
    are read again.
    """
    from neuralfinder.job.handing_over import hand_over
    from neuralfinder.show.card import write_card

    to = tuple(name.strip() for name in forms.split(",") if name.strip())
    data = None
    if not no_receipt:
        with _record(folder) as record:
            data = _recorded(record, folder)
    out = out or folder / "export"
    done = hand_over(folder, to, out, data, int8=quantize is not None)
    if (folder / "run.sqlite").exists():
        with _as_written(folder):
            write_card(folder, out)
    _say(*done.files)
    for each in done.receipts:
        _say(f"receipt   {each.said}", err=bool(each.failure))
    if done.quantized:
        _say(f"int8      {done.quantized.said}")
    if no_receipt:
        _say("receipt   none: nothing was tried")
    if any(each.failure for each in done.receipts):
        sys.exit(EXIT_RECEIPT)


LISTS = ("strategies", "references", "methods", "presets", "recipes", "genes", "datasets", "settings")


@cli.command("list", epilog=_examples("list settings", "list genes"))
@click.argument("what", type=click.Choice(LISTS))
def list_(what: str) -> None:
    """Names that other commands take, and what they mean."""
    from neuralfinder.show import report

    if sys.stdout.isatty():
        for name, *others, meaning in _listed(what):
            owner, values, default = others or ("", "", "")
            _say(f"{name}  ({owner})" if owner else name, *_wrapped(f"    {meaning}", 4))
            if owner:
                _say(*_wrapped(f"    {values}; if not given: {default}", 4))
        return
    columns = ("name", "owner", "values", "default", "meaning") if what == "settings" else ("name", "meaning")
    _say(*report.as_table(columns, [[*row] for row in _listed(what)], left=range(len(columns))).split("\n"))


def _listed(what: str) -> Sequence[tuple[str, ...]]:
    rows: Sequence[tuple[str, ...]]
    match what:
        case "strategies":
            from neuralfinder.strategies import STRATEGIES

            rows = [(name, (strategy.__doc__ or "").strip().splitlines()[0]) for name, strategy in STRATEGIES.items()]
        case "references":
            from neuralfinder.comparison.references import REFERENCES  # needs torch, which takes a moment to load

            rows = [(name, reference.summary) for name, reference in REFERENCES.items()]
        case "methods":
            from neuralfinder.networks.rules import RULES

            rows = [*_listed("strategies"), *((name, rule.summary) for name, rule in RULES.items())]
            rows += [*_listed("references"), ("a genome", "such as C32.bn M C64.bn > G; see list genes")]
        case "presets":
            from neuralfinder.job.presets import PRESETS

            rows = [(name, preset.summary) for name, preset in PRESETS.items()]
        case "recipes":
            from neuralfinder.training.recipes import RECIPES

            rows = [(name, recipe.summary) for name, recipe in RECIPES.items()]
        case "genes":
            from neuralfinder.networks.genome import GENES, LAYERS, MOST_COPIES, USUAL_SIDE
            from neuralfinder.networks.recipe_genes import KINDS

            rows = [
                ("<count>x", f"so many such networks answer together, 2 to {MOST_COPIES}; one if not written"),
                ("@<side>", f"the longer side of pictures as the network sees them, {USUAL_SIDE} if not written"),
            ]
            rows += [(form, meaning) for form, (_, meaning) in GENES.items()]
            rows += [(kind.form, kind.meaning) for kind in LAYERS.foreign.values()]
            rows += [(f"| {name}<value>", kind.described) for name, kind in KINDS.items()]
        case "datasets":
            from neuralfinder.data.sources import SOURCES

            rows = [row for source in SOURCES.values() for row in source.names().items()]
        case _:
            rows = [(row.name, row.owner, row.expected, default_of(row), row.meaning) for row in table()]
    return rows


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
        with _as_written(folder):
            write_card(folder, folder / "model")
    except KeyboardInterrupt:
        _say(f"stopped; the same command, or `neuralfinder resume {folder}`, goes on", err=True)
        sys.exit(EXIT_INTERRUPTED)
    except MachineError as error:
        _say(f"neuralfinder: {error}; then the same command, or `neuralfinder resume {folder}`, goes on", err=True)
        sys.exit(EXIT_MACHINE)
    if not as_json:
        with _as_written(folder):
            lines = summary(result)
        _say(*lines, f"files     {folder}/model, {folder}/result.json", wrap=True)


def _leave() -> None:
    raise KeyboardInterrupt


def _default_folder(source: Source, settings: Settings, prefix: str = "", **others: Any) -> Path:
    """A folder for this very command, so that the same command finds it again."""
    name = Path(source.title).stem.encode("utf-8", "replace").decode()
    text = json.dumps([source.address, others, settings.plain()], sort_keys=True)
    return Path("runs") / f"{prefix}{name}-{hashlib.blake2b(text.encode(), digest_size=4).hexdigest()}"


@contextmanager
def _as_written(folder: Path) -> Iterator[None]:
    """`search.record.as_written`, loaded when it is needed."""
    from neuralfinder.search.record import as_written

    with as_written(folder):
        yield


@contextmanager
def _record(folder: Path) -> Iterator[Record]:
    """The record of a run folder, for reading."""
    from neuralfinder.search.record import Record

    with Record(folder / "run.sqlite", readonly=True) as record:
        yield record
