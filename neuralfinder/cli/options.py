"""Options and arguments of the command line: made from the settings, in groups in the help, completed by the shell."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

import click
from click.shell_completion import CompletionItem

from neuralfinder.job.settings import DATA, Setting, table

TOPICS = {"run": "The search", "data": "Data", "caps": "Limits", "plan": "Numbers of the plan, for experts"}
"""What options are about, by `Setting.owner`, in the order of the help."""

OTHERS = "Where to, and what is printed"
"""The topic of options that are no settings."""


class Option(click.Option):
    """An option with a topic; `names` gives what it may be completed to."""

    def __init__(
        self, *args: Any, topic: str = OTHERS, names: Callable[[], Iterable[str]] | None = None, **others: Any
    ) -> None:
        super().__init__(*args, **others)
        self.topic, self.names = topic, names

    def shell_complete(self, ctx: click.Context, incomplete: str) -> list[CompletionItem]:
        """The names that begin so."""
        if self.names is None:
            return super().shell_complete(ctx, incomplete)
        return [CompletionItem(name) for name in self.names() if name.startswith(incomplete)]


class ByTopic(click.Command):
    """A command whose help has its options in groups."""

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """A section for each topic."""
        records: dict[str, list[tuple[str, str]]] = {topic: [] for topic in (*TOPICS.values(), OTHERS)}
        for parameter in self.get_params(ctx):
            record = parameter.get_help_record(ctx) if isinstance(parameter, click.Option) else None
            if record:
                records[getattr(parameter, "topic", OTHERS)].append(record)
        for topic, rows in records.items():
            if rows:
                with formatter.section(topic):
                    formatter.write_dl(rows)


def _runs() -> Iterable[str]:
    """The runs that lie here or some levels below."""
    depths = ("*", "*/*", "*/*/*")
    return sorted(path.parent.as_posix() for depth in depths for path in Path().glob(f"{depth}/run.sqlite"))


def _runs_here(_: click.Context, __: click.Parameter, incomplete: str) -> list[CompletionItem]:
    """The runs that begin so; folders where there are none."""
    runs = [CompletionItem(name) for name in _runs() if name.startswith(incomplete)]
    return runs or [CompletionItem(incomplete, type="dir")]


def run_folder(metavar: str) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """The argument of commands that are about a run."""
    return click.argument("folder", metavar=metavar, type=click.Path(path_type=Path), shell_complete=_runs_here)


def _strategies() -> Iterable[str]:
    from neuralfinder.strategies import STRATEGIES

    return STRATEGIES


def _presets() -> Iterable[str]:
    from neuralfinder.job.presets import PRESETS

    return PRESETS


def _settings() -> Iterable[str]:
    return [f"{row.name}=" for row in table()]


NAMES = {"strategy": _strategies, "preset": _presets, "start_from": _runs}
"""What settings may be completed to."""


def options_of(settings: Iterable[Setting]) -> Callable[[Callable[..., None]], Callable[..., None]]:
    """Give a command the options of these settings; what is not given is `None`."""
    types = {"a whole number": int, "a number": float}

    def with_options(command: Callable[..., None]) -> Callable[..., None]:
        for setting in reversed([*settings]):
            unset = f" [{setting.unset if setting.default is None else setting.default}]"
            command = click.option(
                setting.flagged,
                setting.name,
                type=types.get(setting.kind.name, str),
                metavar="COLUMN" if setting.column else None,
                cls=Option,
                topic=TOPICS[setting.owner],
                names=NAMES.get(setting.name),
                help=f"{setting.meaning[0].upper()}{setting.meaning[1:]}.{unset}".replace("`", ""),
            )(command)
        return command

    return with_options


def data_options(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of data; it gets them together with DATA, as `source`."""

    @functools.wraps(command)
    def gathered(*, data: str | None, **others: Any) -> None:
        from neuralfinder.data import source_of

        where = {name: others.pop(name) for name in ("test", *(setting.name for setting in DATA))}
        command(source=source_of("digits" if data is None else data, **where), **others)

    test = click.option(
        "--test", type=click.Path(), cls=Option, topic=TOPICS["data"],
        help="Data of the same kind used as the test part. [a fifth of DATA]",
    )  # fmt: skip
    return test(options_of(DATA)(gathered))


set_option = click.option(
    "--set", "options", multiple=True, metavar="NAME=VALUE", cls=Option, topic=TOPICS["plan"], names=_settings,
    help="A setting from list settings.",
)  # fmt: skip
"""Give a command `--set`, for what has no option of its own."""
