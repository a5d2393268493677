"""Everything that can be set: one table, from which command line, estimator, `list settings` and docs/settings.md come.

What is said here of the run, the plan, the caps and the data is said nowhere else. What strategies and the space of
networks have of their own is read off these: name and default from the signature, the values from `ranges`, the meaning
from the docstring.

Nothing heavy is imported here before it is needed: the command line's help comes from this table.
"""

from __future__ import annotations

import dataclasses
import inspect
import math
import operator
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from numbers import Real
from typing import TYPE_CHECKING, Any

from neuralfinder.errors import InputError, check_allowed, unknown_name
from neuralfinder.networks.genome import MOST_COPIES, Layer, Pool, parse_gene, parse_head
from neuralfinder.types import FITS, METRICS, Allowed, Range, Shape

if TYPE_CHECKING:
    from neuralfinder.job.presets import Preset
    from neuralfinder.strategies import Strategy
    from neuralfinder.training.metrics import Metric
    from neuralfinder.training.recipes import Recipe

DEFAULT_MINUTES = 5.0

WORLD = "artificial-life"
"""The strategy when none is named."""

OF_THE_PLAN = ("size", "rounds", "validation", "candidates")
"""Arguments of strategies that are no settings: the plan gives them to those that take them."""

OF_THE_TASK = ("classes", "side", "max_bytes", "max_step_seconds", "max_forward_seconds")
"""Attributes of the space that are no settings: data, plan, machine and the caps give them."""


@dataclass(frozen=True, slots=True)
class Kind:
    """A kind of value: what it is called, and how it is read, from text or from a value of a program.

    `read` gives a plain value, equal for all forms of the same, and raises `TypeError`, `ValueError` or `InputError`.
    """

    name: str
    read: Callable[[Any], Any]
    many: bool = False


def _whole(given: Any) -> int:
    """Grids of settings hold NumPy's numbers, which cannot be written to the record."""
    return int(given) if isinstance(given, str) else operator.index(given)


def _number(given: Any) -> float:
    if not isinstance(given, str | Real) or not math.isfinite(number := float(given)):
        raise ValueError
    return number


_SWITCH = {"true": True, "on": True, "false": False, "off": False}


def _switch(given: Any) -> bool:
    word = str(given).lower()
    if word not in _SWITCH:
        raise ValueError
    return _SWITCH[word]


def _word(given: Any) -> str:
    if not isinstance(given, str):
        raise TypeError
    return given


def _pool(given: Any) -> str:
    gene = parse_gene(str(given), str(given))
    if not isinstance(gene, Pool):
        raise TypeError
    return str(gene)


def _layer(given: Any) -> str:
    gene = parse_gene(str(given), str(given))
    if not isinstance(gene, Layer):
        raise TypeError
    return str(gene)


def _head(given: Any) -> str:
    return str(parse_head(str(given), str(given)))


NONE = "none"
"""An empty list in text."""


def _list_of(kind: Kind, name: str) -> Kind:
    def read(given: Any) -> tuple[Any, ...]:
        if isinstance(given, str):
            given = [] if given == NONE else [item.strip() for item in given.split(",")]
        return tuple(map(kind.read, given))

    return Kind(name, read, many=True)


AUTO = "auto"
"""As many as do most."""

MOST_WORKERS = 1_000_000


def _count_or_auto(given: Any) -> int | str:
    if given == AUTO:
        return AUTO
    if not 1 <= (count := _whole(given)) <= MOST_WORKERS:
        raise ValueError
    return count


WHOLE = Kind("a whole number", _whole)
COUNT = Kind(f"{AUTO} or a whole number between 1 and {MOST_WORKERS:,}", _count_or_auto)
NUMBER = Kind("a number", _number)
SWITCH = Kind("on or off", _switch)
WORD = Kind("a word", _word)
TEXT = Kind("text", _word)
HEAD = Kind("a head such as G or F512", _head)

KINDS = {
    "int": WHOLE,
    "float": NUMBER,
    "bool": SWITCH,
    "str": WORD,
    "tuple[int, ...]": _list_of(WHOLE, "whole numbers such as 1,3"),
    "tuple[str, ...]": _list_of(WORD, "words such as relu,gelu"),
    "tuple[Pool, ...]": _list_of(Kind("a pool", _pool), "pools such as M,A3"),
    "tuple[Layer, ...]": _list_of(Kind("a gene of a package", _layer), "genes of packages such as SE4"),
    "Head": HEAD,
    "tuple[Head, ...]": _list_of(HEAD, "heads such as G,F512"),
}
"""By the annotation of a parameter or attribute, `| None` left out; what has another is no setting."""


@dataclass(frozen=True, slots=True)
class Setting:
    """One thing that can be set.

    Attributes:
        name: as `--set` takes it.
        kind: its values.
        meaning: a sentence without its full stop.
        owner: whose it is: `run`, `plan`, `data`, `caps`, `space`, or `strategy` and its name.
        allowed: which of the values it may have; `None` for all.
        default: its value where neither user nor preset give one; `None` for none.
        unset: what holds then, in words, where `default` does not say it.
        option: whether it has an option of the command line and a parameter of `NeuralFinder`.
        column: whether its value names a column of a table.
        flag: its option of the command line, where that is not the name with dashes.
    """

    name: str
    kind: Kind
    meaning: str
    owner: str
    allowed: Allowed | None = None
    default: Any = None
    unset: str = ""
    option: bool = False
    column: bool = False
    flag: str = ""

    @property
    def flagged(self) -> str:
        """The option of the command line."""
        return self.flag or f"--{self.name.replace('_', '-')}"

    @property
    def expected(self) -> str:
        """What it may be, in words."""
        if isinstance(self.allowed, Range):
            return f"{self.kind.name} {self.allowed}"
        if self.allowed:
            many = "some of " if self.kind.many else ""
            return many + ", ".join(map(str, self.allowed))
        return self.kind.name

    @property
    def described(self) -> str:
        """Meaning, values and what holds when not given, as a docstring says it."""
        unset = self.unset or as_text(self.default)
        values = f"; {self.expected}" if self.allowed else ""
        return f"{self.meaning}{values}. Not given: {unset}."

    def read(self, given: Any) -> Any:
        """The plain value that text or a value of a program stands for.

        Raises:
            InputError: it is of another kind, or out of range.
        """
        try:
            value = self.kind.read(given)
        except (TypeError, ValueError, OverflowError) as error:
            raise InputError(self.name, given=repr(given), expected=self.expected, mend="change it") from error
        for item, shown in [(item, item) for item in value] if isinstance(value, tuple) else [(value, given)]:
            if isinstance(self.allowed, Range) and item not in self.allowed:
                raise InputError(self.name, given=shown, expected=self.expected, mend="change it")
        if isinstance(self.allowed, tuple):
            check_allowed(self.name, value, self.allowed)
        return value


RUN = (
    Setting(
        "minutes", NUMBER, "wall-clock budget, final training included", "run", Range(0, 1_000_000, above=True),
        unset="5 minutes; no limit beside `candidates`, or where the preset is as published", option=True,
    ),
    Setting(
        "candidates", WHOLE, "networks to train before the search ends", "run", Range(1, 10_000_000),
        unset="as many as there is time for", option=True,
    ),
    Setting(
        "metric", WORD, "by what networks are chosen: `accuracy`, the share of right answers; `balanced-accuracy`, its "
        "mean over the classes, and all of them count alike in training too; `macro-f1`, where answering a class too "
        "often costs as well; `log-loss`, how far probabilities are from the truth; `roc-auc`, how well they rank "
        "samples", "run", METRICS, METRICS[0], option=True,
    ),
    Setting("preset", WORD, "name of a bundle of settings, see `list presets`", "run", default="fast", option=True),
    Setting(
        "strategy", WORD, "name of what proposes networks, see `list strategies`", "run",
        unset="the preset's world, `artificial-life`", option=True,
    ),
    Setting(
        "seed", WHOLE, "root of all randomness; equal seeds give equal searches on one processor", "run", Range(0), 0,
        option=True,
    ),
    Setting("device", WORD, "`auto`, `cpu`, `cuda` or `cuda:N`", "run", default="auto", option=True),
    Setting(
        "workers", COUNT, "candidates trained at once, where more than 1 in a process each; "
        f"`{AUTO}` for as many as do most on these cores", "run",
        unset="1, but networks of a team beside each other; with `ray` one a card or node", option=True,
    ),
    Setting(
        "ray", WORD, "address of a Ray cluster that trains the candidates, `auto` to find a running one", "run",
        unset="no cluster", option=True,
    ),
    Setting(
        "experience", TEXT, "what is known of networks on other tasks: `default` as shipped, `off` for nothing, a "
        "folder of finished runs to know of as well, or a file in the place of the one shipped", "run",
        unset="the preset's", option=True,
    ),
    Setting(
        "start_from", TEXT, "folder of a finished run on data of as many classes: its trainings are experience, and "
        "its best networks the first founders; their weights are not taken", "run", unset="no such run", option=True,
        flag="--from",
    ),
    Setting(
        "pretrained", TEXT, "a network that others trained, to be measured beside the winner, frozen and with a linear "
        "head: a folder written by `save_pretrained` of the library transformers, or `hf:NAME` for one that is "
        "downloaded", "run", unset="none is tried", option=True,
    ),
    Setting("inherit", SWITCH, "whether children start from the weights of their parents", "run", default=False),
    Setting(
        "early_stop", SWITCH, "whether a training clearly behind earlier ones is stopped", "run", default=False
    ),
    Setting(
        "duplicates_together", SWITCH, "whether copies of a sample stay on one side of every split", "run",
        default=True,
    ),
    Setting(
        "class_weights", SWITCH, "whether all classes count alike in training, whatever their sizes, and in scores too "
        "that are accuracies", "run", unset="off; on with metric balanced-accuracy",
    ),
    Setting("recipe", WORD, "how candidates are trained, see `list recipes`", "run", unset="the preset's"),
    Setting(
        "final", WORD, "the recipe of finalists and of the network by hand, see `list recipes`", "run",
        unset="the preset's",
    ),
    Setting(
        "epochs", WHOLE, "passes over the data that each candidate gets", "plan", Range(1, 1_000_000),
        unset="the plan's", option=True,
    ),
    Setting(
        "share", NUMBER, "share of the training part that each pass sees", "plan", Range(0, 1, above=True),
        unset="the plan's", option=True,
    ),
    Setting(
        "finalists", WHOLE, "how many of the best are trained fully", "plan", Range(1, 10_000), unset="the plan's",
        option=True,
    ),
    Setting(
        "final_epochs", WHOLE, "most epochs of final training", "plan", Range(1, 1_000_000), unset="the plan's",
        option=True,
    ),
    Setting("world_size", WHOLE, "side of the world", "plan", Range(3, 1000), unset="the plan's", option=True),
    Setting(
        "rounds", WHOLE, "most rounds of evolution", "plan", Range(0, 10_000_000),
        unset="as many as there is time for, 150 without limit", option=True,
    ),
    Setting(
        "batch_size", WHOLE, "samples in a training step", "plan", Range(2, 1_000_000),
        unset="the recipe's, less where data are few", option=True,
    ),
    Setting(
        "copies", WHOLE, "most networks of the winner's kind that answer together about pictures, where "
        "that is better in the same minutes", "plan", Range(1, MOST_COPIES), default=4, option=True,
    ),
    Setting(
        "retrain", WHOLE, "retrainings of the winner on all but the test part, reported beside it", "plan",
        Range(0, 10_000), unset="the preset's", option=True,
    ),
)  # fmt: skip
"""Settings of run and plan."""

CAPS = (
    Setting(
        "max_parameters", WHOLE, "most trainable numbers of a network", "caps", Range(1),
        unset="the preset's, 30000000 where it has none",
        option=True,
    ),
    Setting(
        "max_size_mb", NUMBER, "most megabytes of a network's file of weights", "caps", Range(0, above=True),
        unset="no such cap", option=True,
    ),
    Setting(
        "max_latency_ms", NUMBER, "most milliseconds in which a network answers about one sample on this device",
        "caps", Range(0, above=True), unset="no such cap", option=True,
    ),
)  # fmt: skip
"""Caps on networks that users ask for; a network beyond one is not trained. The space has more."""

DATA = (
    Setting(
        "image_size", WHOLE, "side in pixels of the squares to which files of pictures are resized", "data",
        Range(4, 2048), unset="the size that most of them have", option=True,
    ),
    Setting(
        "image_fit", WORD, "how files of pictures of other proportions are brought to that size: stretched, as a whole "
        "with edges drawn out, or their middle", "data", FITS, unset="stretch", option=True, flag="--fit",
    ),
    Setting(
        "text", TEXT, "column of a table with the texts", "data", unset="found by its name", option=True, column=True
    ),
    Setting(
        "image", TEXT, "column of a table with paths of pictures, or of a data set with pictures", "data",
        unset="found by its name", option=True, column=True,
    ),
    Setting(
        "target", TEXT, "column of a table with the labels", "data", unset="found by its name", option=True,
        column=True,
    ),
    Setting(
        "group", TEXT, "column of a table with what samples belong together by, such as a person, or for a folder how "
        "many levels below the class folder such folders lie, 1 for class/person/picture.jpg; a group lies in one "
        "part of the data", "data", unset="no groups but copies", option=True,
    ),
    Setting(
        "label_from_name", TEXT, "how the names of files in a folder tell their class, such as `{class}_*` for "
        "cat_12.jpg: `{class}` stands for the class, `*` for anything, `#` for a number", "data",
        unset="their folder's name", option=True,
    ),
)  # fmt: skip
"""Settings of how data are read."""

OF_READING = ("image_size", "image_fit", "group", "label_from_name")
"""Those of them that change what becomes of the same samples and labels."""

OWN = (*RUN, *CAPS, *DATA)


def of_space() -> Iterator[Setting]:
    """What the space of networks has of its own."""
    from neuralfinder.networks.chains import ALPHABETS, ChainSpace

    yield Setting(
        "alphabet", WORD, "name of a list of filter counts, in the place of `filters`", "space", tuple(ALPHABETS),
        unset="the preset's",
    )  # fmt: skip
    said, known = _meanings(ChainSpace), {setting.name for setting in OWN}
    for entry in dataclasses.fields(ChainSpace):
        kind = KINDS.get(str(entry.type))
        if kind and entry.name not in (*known, *OF_THE_TASK):
            owner = "caps" if entry.name.startswith("max_") else "space"
            allowed = ChainSpace.ranges.get(entry.name)
            usual, unset = (None, "those of `alphabet`") if entry.name == "filters" else (kind.read(entry.default), "")
            yield Setting(entry.name, kind, said[entry.name], owner, allowed, usual, unset)


def of_strategy(name: str, strategy: type[Strategy]) -> Iterator[Setting]:
    """What a strategy has of its own; what has an annotation that is not in `KINDS` is none of it."""
    said = _meanings(strategy)
    for parameter in inspect.signature(strategy).parameters.values():
        note = (
            parameter.annotation
            if isinstance(parameter.annotation, str)
            else inspect.formatannotation(parameter.annotation)
        )
        kind = KINDS.get(note.removesuffix(" | None"))
        if kind and parameter.kind is parameter.KEYWORD_ONLY and parameter.name not in OF_THE_PLAN:
            allowed, unset = strategy.ranges.get(parameter.name), "" if parameter.default is not None else NONE
            meaning = said.get(parameter.name, "")
            yield Setting(parameter.name, kind, meaning, f"strategy {name}", allowed, parameter.default, unset)


def _meanings(kind: type) -> dict[str, str]:
    """Names in the sections `Args` and `Attributes` of a docstring, and what it says of each."""
    entries = re.findall(r"^    ([\w, ]+): (.*(?:\n {8}.*)*)", inspect.getdoc(kind) or "", re.M)
    return {name: " ".join(said.split()).rstrip(".") for names, said in entries for name in names.split(", ")}


def table(strategies: Mapping[str, type[Strategy]] | None = None) -> list[Setting]:
    """All settings: those of run, plan, caps, data and space, then those of strategies.

    Args:
        strategies: whose settings; those of all that there are when not given.
    """
    from neuralfinder.strategies import STRATEGIES

    kinds = STRATEGIES if strategies is None else strategies
    own = [setting for name, strategy in kinds.items() for setting in of_strategy(name, strategy)]
    return [*OWN, *of_space(), *own]


def _named(setting: str) -> Collection[str]:
    """The names that a setting may be, of those that are names of something."""
    from neuralfinder.job.presets import PRESETS
    from neuralfinder.strategies import STRATEGIES
    from neuralfinder.training.recipes import RECIPES

    known: dict[str, Collection[str]] = {
        "preset": PRESETS, "strategy": STRATEGIES, "recipe": RECIPES, "final": RECIPES
    }  # fmt: skip
    return known.get(setting, ())


@dataclass(frozen=True, slots=True)
class Settings:
    """What the user may decide; `None` leaves it to plan and preset. What each means is in the table.

    Attributes:
        options: settings without an attribute here, by name.
    """

    minutes: float | None = None
    candidates: int | None = None
    metric: str = METRICS[0]
    preset: str = "fast"
    strategy: str | None = None
    seed: int = 0
    epochs: int | None = None
    share: float | None = None
    finalists: int | None = None
    final_epochs: int | None = None
    world_size: int | None = None
    rounds: int | None = None
    batch_size: int | None = None
    copies: int = 4
    retrain: int | None = None
    device: str = "auto"
    workers: int | str | None = None
    ray: str | None = None
    experience: str | None = None
    start_from: str | None = None
    pretrained: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        """Check names and values, and keep them as plain ones.

        Raises:
            InputError: an unknown name, a value of another kind or out of range, or a setting of another strategy.
        """
        own = {setting.name: setting for setting in RUN}
        for name in {entry.name for entry in dataclasses.fields(self)} - {"options"}:
            if (given := getattr(self, name)) is not None:
                object.__setattr__(self, name, self._read(own[name], given))
        object.__setattr__(self, "options", self._read_options())

    def _read(self, setting: Setting, given: Any) -> Any:
        value = setting.read(given)
        if (known := _named(setting.name)) and value not in known:
            raise unknown_name(setting.name, value, known)
        return value

    def _read_options(self) -> dict[str, Any]:
        if not self.options:
            return {}
        here = {entry.name for entry in dataclasses.fields(self)}
        rows = [setting for setting in table() if setting.name not in here]
        strategy = self.strategy or WORLD
        values = {}
        for name, given in self.options.items():
            owners = {row.owner: row for row in rows if row.name == name}
            if not owners:
                raise unknown_name("setting", name, {row.name for row in rows})
            if "data" in owners:
                mend = f"give --{name.replace('_', '-')} {given}"
                raise InputError(f"setting {name}", given="among other settings", expected="beside the data", mend=mend)
            row = next((row for owner, row in owners.items() if owner in (*OWNERS, f"strategy {strategy}")), None)
            if row is None:
                raise InputError(
                    f"setting {name}", given=f"used with strategy {strategy}", expected="one that it has",
                    mend=f"leave it out, or choose --strategy {' or '.join(owner.split()[1] for owner in owners)}",
                )  # fmt: skip
            values[name] = self._read(row, given)
        if {"alphabet", "filters"} <= values.keys():
            raise InputError("alphabet", given="set beside filters", expected="one of them", mend="leave one out")
        return values

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Settings:
        """Settings by name, those without an attribute here among them; `None` is not set.

        Raises:
            InputError: as above.
        """
        here = {entry.name for entry in dataclasses.fields(cls)} - {"options"}
        given = {name: value for name, value in values.items() if value is not None}
        if "minutes" not in given:
            given["minutes"] = default_minutes(given.get("preset", "fast"), given.get("candidates"))
        own = {name: value for name, value in given.items() if name in here}
        return cls(**own, options={name: value for name, value in given.items() if name not in here})

    def switch(self, name: str) -> bool:
        """Whether `inherit`, `early_stop` or `duplicates_together` is on: as set, or else as the preset has it."""
        from neuralfinder.job.presets import PRESETS

        return bool(self.options.get(name, getattr(PRESETS[self.preset], name)))

    @property
    def by_metric(self) -> Metric:
        """How good answers are."""
        from neuralfinder.training.metrics import METRICS

        return METRICS[self.metric]

    @property
    def weighted(self) -> bool:
        """Whether all classes count alike in training: as set, or else where the metric is about their mean."""
        from neuralfinder.job.presets import PRESETS

        chosen = self.options.get("class_weights", PRESETS[self.preset].class_weights)
        return self.metric == "balanced-accuracy" if chosen is None else bool(chosen)

    def cap(self, name: str) -> float | None:
        """A cap that the user asked for, `None` for none."""
        return self.options.get(name)

    def recipes(self, shape: Shape) -> tuple[Recipe, Recipe]:
        """The recipes of candidates and of finalists, for samples of this shape."""
        from neuralfinder.job.presets import PRESETS
        from neuralfinder.training.recipes import RECIPES

        usual = PRESETS[self.preset].recipes(shape)
        return RECIPES[self.options.get("recipe", usual[0])], RECIPES[self.options.get("final", usual[1])]

    def plain(self) -> dict[str, Any]:
        """All settings as plain values for the record."""
        return {**dataclasses.asdict(self), "options": dict(self.options)}


OWNERS = ("run", "plan", "caps", "data", "space")
"""Owners of settings that do not depend on the strategy, in the order in which they are listed."""


def default_minutes(preset: str, candidates: Any) -> float | None:
    """The budget when none is given; none beside a number of candidates, or for what is done as published."""
    from neuralfinder.job.presets import PRESETS

    return DEFAULT_MINUTES if candidates is None and (preset not in PRESETS or PRESETS[preset].planned) else None


def read_options(texts: Iterable[str]) -> dict[str, str]:
    """Names and values of `NAME=VALUE`, some of them; `Settings` reads the values.

    Raises:
        InputError: no `=`, or a name twice.
    """
    found: dict[str, str] = {}
    for text in texts:
        name, equals, value = text.partition("=")
        if not equals:
            raise InputError("--set", given=repr(text), expected="NAME=VALUE", mend="as in --set boundary=clip")
        if name in found:
            raise InputError(f"setting {name}", given="set twice", expected="one value", mend="leave one out")
        found[name] = value
    return found


def once(*groups: Mapping[str, Any]) -> dict[str, Any]:
    """Settings from several places; `None` is not set.

    Raises:
        InputError: one that is set in two places.
    """
    merged: dict[str, Any] = {}
    for group in groups:
        given = {name: value for name, value in group.items() if value is not None}
        if twice := merged.keys() & given.keys():
            raise InputError(f"setting {min(twice)}", given="set twice", expected="one value", mend="leave one out")
        merged |= given
    return merged


def as_text(value: Any) -> str:
    """A value as `--set` takes it."""
    if isinstance(value, bool):
        return "on" if value else "off"
    if isinstance(value, tuple):
        return ",".join(map(str, value)) or NONE
    return f"{value:g}" if isinstance(value, float) else str(value)


def default_of(setting: Setting) -> str:
    """What a setting is where nobody sets it, in words, by preset where they differ."""
    from neuralfinder.job.presets import PRESETS

    told = {name: _in_preset(setting, preset) for name, preset in PRESETS.own.items()}
    if len(set(told.values())) == 1:
        return next(iter(told.values()))
    return "; ".join(f"{name}: {text}" for name, text in told.items())


def _in_preset(setting: Setting, preset: Preset) -> str:
    if setting.owner == f"strategy {WORLD}":
        value = preset.life.get(setting.name)
    else:
        value = None if setting.owner.startswith("strategy ") else preset.values.get(setting.name)
    value = setting.default if value is None else value
    text = setting.unset if value is None else as_text(value)
    texts = preset.for_texts.get(setting.name, value) if setting.owner in OWNERS else value
    return text if texts == value else f"{text} (texts: {as_text(texts)})"
