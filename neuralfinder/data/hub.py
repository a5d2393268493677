"""Data sets of the library `datasets`, and those it downloads: the only file that imports it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from neuralfinder.data.tables import Columns, Table
from neuralfinder.errors import InputError, lacking, some

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

TEST_PARTS = ("test", "validation")
"""Splits that are the test part, the first that has labels."""


def is_name(source: str) -> bool:
    """Whether this is `hf:NAME` or a short name."""
    return source.startswith(PREFIX) or source in NAMED


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


def read(given: Any, columns: Columns) -> list[tuple[str, Table]]:
    """The training part, and the test part where there is one with labels, as tables of samples and labels.

    Raises:
        InputError: no training part, or columns that cannot be found.
    """
    if not isinstance(given, Mapping):
        return [("the data set", _table(given, columns, "the data set"))]
    train = "train" if "train" in given else next(iter(given)) if len(given) == 1 else None
    if train is None:
        raise InputError(
            "the data set", given=f"of parts {some(given)}", expected="one that is called train",
            mend="give one of them alone",
        )  # fmt: skip
    parts = [(train, _table(given[train], columns, train))]
    for name in TEST_PARTS:
        if name in given and name != train:
            table = _table(given[name], columns, name)
            if any(label is not None for label in list(table.values())[1]):
                return [*parts, (name, table)]
    return parts


def _table(part: Any, columns: Columns, what: str) -> Table:
    """Columns of samples and labels: pictures not decoded, class labels as names, `None` for hidden ones."""
    import datasets

    _, sample, target = columns.of(part.column_names, what)
    if isinstance(part.features[sample], datasets.Image):
        part = part.cast_column(sample, datasets.Image(decode=False))
    labels = list(part[target])
    if isinstance(part.features[target], datasets.ClassLabel):
        names = part.features[target].names
        labels = [names[label] if label is not None and label >= 0 else None for label in labels]
    return {sample: list(part[sample]), target: labels}
