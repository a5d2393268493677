"""Commands that use what was found: `predict`, `serve` and `export`."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

import click

from neuralfinder.cli.folders import as_written, record_of, recorded
from neuralfinder.cli.options import run_folder
from neuralfinder.cli.program import EXIT_INPUT, EXIT_RECEIPT, cli, examples, say
from neuralfinder.errors import InputError, check_range, lacking

PREDICTIONS = ("table", "csv", "json", "jsonl", "parquet")


@cli.command(
    epilog=examples(
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
        say(f"neuralfinder: {tally}", err=True)
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


@cli.command(epilog=examples("serve runs/photos", "serve runs/photos/model --host 0.0.0.0 --port 8080"))
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
    serve_model(folder, host, port, given, say)


@cli.command(epilog=examples("export runs/photos", "export runs/photos --to code,onnx --out cats/ --quantize int8"))
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
        with record_of(folder) as record:
            data = recorded(record, folder)
    out = out or folder / "export"
    done = hand_over(folder, to, out, data, int8=quantize is not None)
    if (folder / "run.sqlite").exists():
        with as_written(folder):
            write_card(folder, out)
    say(*done.files)
    for each in done.receipts:
        say(f"receipt   {each.said}", err=bool(each.failure))
    if done.quantized:
        say(f"int8      {done.quantized.said}")
    if no_receipt:
        say("receipt   none: nothing was tried")
    if any(each.failure for each in done.receipts):
        sys.exit(EXIT_RECEIPT)
