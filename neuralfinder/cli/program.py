"""The program: its commands by group, what they say, and the code it ends with."""

from __future__ import annotations

import io
import os
import re
import shutil
import sys
import textwrap

import click

from neuralfinder import __version__
from neuralfinder.errors import OF_THE_MACHINE, InputError, MachineError, NeuralFinderError, NothingTrainedError
from neuralfinder.plain import printable
from neuralfinder.show import listeners

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


def examples(*lines: str) -> str:
    """The end of a command's help."""
    return "\n".join(["\b", "Examples:", *(f"  neuralfinder {line}" for line in lines)])


@click.group(
    cls=_Program,
    epilog=examples(
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
    listeners.open_streams()
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


def say(*lines: object, err: bool = False, wrap: bool = False) -> None:
    """The only way to the terminal for what commands say, a line each; with `wrap` broken between words there."""
    stream, texts = sys.stderr if err else sys.stdout, [*map(printable, lines)]
    if wrap and stream.isatty():
        texts = [part for text in texts for part in wrapped(text, INDENT)]
    listeners.say(stream, *texts)


INDENT = 10
"""Columns before what is said in lines such as `test      98.33%`."""


def wrapped(text: str, indent: int) -> list[str]:
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
    say(f"neuralfinder: {error}", err=True)
    sys.exit(code)
