"""Data sets of the library `datasets`, and those it downloads: the only file that imports it."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from neuralfinder.data import texts
from neuralfinder.data.arrays import content_fingerprint
from neuralfinder.data.dataset import Array, Dataset
from neuralfinder.data.files import TEXTS, Kind
from neuralfinder.data.parts import TRAIN, roles_of
from neuralfinder.data.pictures import read_pictures
from neuralfinder.data.reading import OnProgress, from_rows, in_table, read_files
from neuralfinder.data.sources.base import Source, check_no_picture_settings
from neuralfinder.data.tables import NO_COLUMNS, Columns, Part, Parts, Table, rows_of
from neuralfinder.errors import InputError, lacking, some
from neuralfinder.types import Shape

PREFIX = "hf:"

NAMED = {
    "ag-news": ("fancyzhx/ag_news", "texts: news of 4 kinds"),
    "cifar10": ("uoft-cs/cifar10", "60,000 photographs of 32x32 pixels, 10 classes"),
    "cifar100": ("uoft-cs/cifar100", "60,000 photographs of 32x32 pixels, 100 classes"),
    "fashion-mnist": ("zalando-datasets/fashion_mnist", "70,000 grey pictures of clothes, 28x28 pixels, 10 classes"),
    "imdb": ("stanfordnlp/imdb", "texts: 50,000 reviews of films, 2 classes"),
    "mnist": ("ylecun/mnist", "70,000 hand-written digits of 28x28 pixels"),
}
"""Short names, what the Hugging Face Hub calls them, and what they are; downloaded once."""


@dataclass(frozen=True)
class Hub(Source):
    """A data set that the library `datasets` downloads once.

    Attributes:
        name: a name of `NAMED`, `hf:NAME`, or `hf:NAME:CONFIGURATION`.
        image_size: side in pixels, 4..2048, of the square that pictures are resized to.
        image_fit: how pictures of other proportions are brought to one shape, one of `FITS`.
        text: the column of texts; found by its name when not given, as are the others.
        image: the column of pictures.
        target: the column of labels.
        group: the column of groups, whose rows lie in one part of the data; none when not given.
    """

    name: str
    image_size: int | None = None
    image_fit: str | None = None
    text: str | None = None
    image: str | None = None
    target: str | None = None
    group: str | None = None

    kind = "hub"
    what = "a data set of the Hub"

    @classmethod
    def takes(cls, given: object) -> bool:
        """`hf:NAME` or a short name, as a plain text."""
        return isinstance(given, str) and (given.startswith(PREFIX) or given in NAMED)

    @classmethod
    def names(cls) -> Mapping[str, str]:
        """The short names and their meanings, and the form of all others."""
        others = "any data set of the Hugging Face Hub with pictures or texts and labels"
        own = {name: meaning for name, (_, meaning) in NAMED.items()} | {f"{PREFIX}NAME": others}
        return {name: f"{meaning}; downloaded once" for name, meaning in own.items()}

    def fingerprint(self) -> str:
        """By the name and the columns of samples and labels named: nothing is downloaded to know it."""
        return hashlib.blake2b(repr((self.name, self._columns)).encode(), digest_size=16).hexdigest()

    def load(self, scratch: Path | None = None, progress: OnProgress | None = None) -> Dataset:
        """Download it, or take it from the library's cache."""
        data = of_library(
            fetched(self.name), self._columns, self.name, self.image_size, self.image_fit, scratch, progress
        )
        return replace(data, fingerprint=self.fingerprint())

    @property
    def _columns(self) -> Columns:
        return Columns(self.text, self.target, self.image, self.group)


def of_library(
    given: Any,
    columns: Columns = NO_COLUMNS,
    name: str = "datasets",
    image_size: int | None = None,
    fit: str | None = None,
    scratch: Path | None = None,
    progress: OnProgress | None = None,
) -> Dataset:
    """A data set from a `Dataset` or `DatasetDict` of the library `datasets`.

    Its columns of pictures or texts and of labels are found as in tables; class labels are their names. Splits that
    are called as in `parts` are its parts.

    Args:
        given: the data.
        columns: where they are not found by their names.
        name: for people.
        image_size: as in `Hub`.
        fit: as `Hub.image_fit`.
        scratch: as for `Source.load`.
        progress: as for `Source.load`.

    Raises:
        InputError: no training part, columns that cannot be found, or samples that cannot be used.
    """
    rows = rows_of(read(given, columns), columns)
    if rows.kind == TEXTS:
        check_no_picture_settings(image_size, fit)
        return texts.from_rows(name, rows, "the data", "the test part")
    reader = partial(read_files, image_size=image_size, fit=fit, scratch=scratch, progress=progress)
    data = from_rows(name, rows, (Path(), Path()), reader, "the data")
    return replace(data, fingerprint=content_fingerprint(data.samples, data.labels, data.given_test, data.classes))


def is_hub(given: object) -> bool:
    """Whether this is a `Dataset` of the library `datasets`, or a dictionary of such."""
    one = next(iter(given.values()), None) if isinstance(given, Mapping) else given
    return hasattr(one, "column_names") and hasattr(one, "features")


def fetched(name: str) -> Any:
    """Download a data set, or take it from the library's cache.

    Args:
        name: `hf:NAME`, `hf:NAME:CONFIGURATION`, or a short name.

    Raises:
        InputError: the library is not installed, there is no such data set, or no network.
    """
    try:
        import datasets
    except ImportError:
        raise lacking(name, "the library `datasets`", "hub") from None
    short = NAMED[name][0] if name in NAMED else name.removeprefix(PREFIX)
    path, _, configuration = short.partition(":")
    try:
        return datasets.load_dataset(path, configuration or None)
    except Exception as error:  # network, cache and formats fail with errors of nearly any type
        reason = " ".join(str(error).split())[:200] or type(error).__name__
        raise InputError(
            name, given=f"not to be had ({reason})", expected="a data set in the cache, or a network to fetch it",
            mend="check the name and the connection, or give a folder or table of your own",
        ) from None  # fmt: skip


def read(given: Any, columns: Columns) -> Parts:
    """The training part, and others where there are such with labels, as tables of samples and labels.

    Raises:
        InputError: no training part, or columns that cannot be found.
    """
    if not isinstance(given, Mapping):
        return {TRAIN: _rows(given, columns, "the data set")}
    names = [str(name) for name in given]
    called = {role: name for name, role in roles_of(names).items()} if len(names) > 1 else {TRAIN: names[0]}
    if TRAIN not in called:
        raise InputError(
            "the data set", given=f"of parts {some(given)}", expected="one that is called train",
            mend="give one of them alone",
        )  # fmt: skip
    parts = {role: _rows(given[name], columns, name) for role, name in called.items()}
    return {role: part for role, part in parts.items() if role == TRAIN or _is_labelled(part.table)}


def _is_labelled(table: Table) -> bool:
    return any(label is not None for label in list(table.values())[1])


def _rows(part: Any, columns: Columns, what: str) -> Part:
    table = _table(part, columns, what)
    return Part(what, table, range(len(next(iter(table.values())))))


def library_samples(given: Any, kind: Kind, shape: Shape, fit: str, span: tuple[int, int] | None = None) -> Array:
    """The samples of a `Dataset` of the library `datasets`, to predict on; labels need not be there.

    Args:
        given: the data.
        kind: of the samples.
        shape: of the pictures.
        fit: one of `FITS`.
        span: as for `pictures.decode`.

    Raises:
        InputError: several parts, no such column, or unreadable pictures.
    """
    if isinstance(given, Mapping):
        raise InputError(
            "X", given=f"of parts {some(given)}", expected="one data set", mend="give one of the parts alone"
        )
    column = NO_COLUMNS.sample_of(given.column_names, "the data set", kind)
    cells = _encoded(given, column)[column]
    if kind == TEXTS:
        return texts.as_texts([texts.text_in(cell, f"row {row}") for row, cell in enumerate(cells)])
    files = [in_table(cell, Path(), "", f"row {row}").source for row, cell in enumerate(cells)]
    return read_pictures(files, shape, fit, span)


def _table(part: Any, columns: Columns, what: str) -> Table:
    """Columns of samples, labels and groups: pictures not decoded, class labels as names, `None` for hidden ones."""
    import datasets

    _, sample, target = columns.of(part.column_names, what)
    part = _encoded(part, sample)
    labels = list(part[target])
    if isinstance(part.features[target], datasets.ClassLabel):
        names = part.features[target].names
        labels = [names[label] if label is not None and label >= 0 else None for label in labels]
    group = columns.group_of(part.column_names, what)
    groups = {group: list(part[group])} if group else {}
    return {sample: list(part[sample]), target: labels, **groups}


def _encoded(part: Any, column: str) -> Any:
    """The part with the pictures of a column as they are in files."""
    import datasets

    picture = isinstance(part.features[column], datasets.Image)
    return part.cast_column(column, datasets.Image(decode=False)) if picture else part
