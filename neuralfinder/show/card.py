"""The model card: what a winner is for, how good it is and how it is run, written from the record.

In the form of the Hugging Face hub: a block of metadata, then Markdown (Mitchell et al. 2019, "Model Cards").
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from neuralfinder.errors import RunFolderError
from neuralfinder.job.verdict import noun
from neuralfinder.plain import counted
from neuralfinder.search.events import Answered, DataRead, Finished, FullyTrained
from neuralfinder.search.record import Record
from neuralfinder.show.report import rivals
from neuralfinder.training.metrics import ACCURACY, metric_of

CARD, CODE = "README.md", "network.py"
"""Its name in the folder of a model, and that of the network as source, where it could be written."""

CONFUSIONS = 5
"""Pairs of classes that are told of: the commonest."""

MANY = 100
"""Classes that are listed one by one, at most."""

FEW = 20
"""Samples of a class in the test part, below which its figure says little: the 95 % interval is 36 points wide then."""

UNSURE = """\
* It always answers with one of these {classes} classes, whatever it is shown. A {sample} of none of them gets one, too.
* Its figures are of {samples} like those that it has learned from. Of others, from another source or another time, they
  promise nothing."""

ALONE = """\
As it is, with torch, NumPy, safetensors and {reader}, from this folder or any other:

```console
$ python network.py {example}
```

In a program of yours that lies beside it:

```python
from network import predict

predict(["{argument}"])  # [(class, probability)]
```"""

WITH_US = """\
With NeuralFinder:

```console
$ neuralfinder predict . {example}
```"""


def write_card(run: Path, folder: Path) -> None:
    """Write the card of a finished run's winner into a folder that has its model.

    Raises:
        RunFolderError: as `card`, or no record there.
    """
    with Record(run / "run.sqlite", readonly=True) as record:
        text = card(record, code=(folder / CODE).exists())
    (folder / CARD).write_text(text, encoding="utf-8")


def card(record: Record, *, code: bool = True) -> str:
    """The card of a finished run's winner, as Markdown.

    Args:
        record: of the run.
        code: whether the network as source lies beside it.

    Raises:
        RunFolderError: the run is not finished.
    """
    finished, read, answered = record.latest(Finished), record.latest(DataRead), record.latest(Answered)
    if not finished or not read or not answered:
        raise RunFolderError("the run", given="not finished", expected="a finished one", mend="let it end first")
    result, report = finished.outcome, read.report
    texts = report["kind"] == "text"
    lines = [
        *_metadata(result, texts),
        f"# {_plain(result['data']['name'])}: {'texts' if texts else 'pictures'} of {len(answered.classes)} classes",
        "",
        *_verdict(result),
        *_purpose(result, answered, texts),
        *_section("Data", _data(result, report)),
        *_section("How it was made", _made(result)),
        *_section("How good it is", _quality(result)),
        *_section("Class by class", _classes(answered, report)),
        *_section("What it cannot do", _limits(result, answered, texts)),
        *_section("Size and speed", _size(record, result)),
        *_section("How to run it", [_how(texts, code)]),
        *_section("Made with", [_versions(result)]),
    ]
    return "\n".join(lines) + "\n"


def _section(title: str, lines: Sequence[str]) -> list[str]:
    return ["", f"## {title}", "", *lines] if lines else []


def _metadata(result: Mapping[str, Any], texts: bool) -> list[str]:
    """YAML, its values written as JSON, which is YAML."""
    task = "text-classification" if texts else "image-classification"
    metrics = [
        {"type": each.name.replace("-", "_"), "value": round(result[each.key("test")], 6), "name": f"test {each.title}"}
        for each in dict.fromkeys((ACCURACY, metric_of(result)))
    ]
    data = {"type": "private", "name": str(result["data"]["name"])}
    index = {"name": "winner", "results": [{"task": {"type": task}, "dataset": data, "metrics": metrics}]}
    values = {
        "library_name": "pytorch", "pipeline_tag": task, "tags": ["neuralfinder", "neural-architecture-search"],
        "metrics": [each["type"] for each in metrics], "model-index": [index],
    }  # fmt: skip
    return ["---", *(f"{name}: {json.dumps(value)}" for name, value in values.items()), "---", ""]


def _verdict(result: Mapping[str, Any]) -> list[str]:
    """What it came to in words; runs of older versions have none."""
    if "verdict" not in result:
        return []
    cautions = [f"* {_plain(caution)}" for caution in result["cautions"]]
    return [f"**{_plain(result['verdict'])}**", "", *cautions, *([""] if cautions else [])]


def _purpose(result: Mapping[str, Any], answered: Answered, texts: bool) -> list[str]:
    names = [_plain(name) for name in answered.classes]
    listed = ", ".join(names[:MANY]) + (f" and {len(names) - MANY} more" if len(names) > MANY else "")
    low, high = result["test_interval"]
    return [
        f"Tells which of {len(names)} classes a {'text' if texts else 'picture'} is of: {listed}.",
        "",
        f"It is right about {result['test_accuracy']:.2%} of {result['data']['test']:,} {_samples(texts)} that it has "
        f"never seen (95 % interval {low:.2%} to {high:.2%}).",
    ]


def _samples(texts: bool) -> str:
    return "texts" if texts else "pictures"


def _data(result: Mapping[str, Any], report: Mapping[str, Any]) -> list[str]:
    data = result["data"]
    parts = f"{data['train']:,} for training, {data['validation']:,} to choose by, {data['test']:,} for the test"
    return [f"* {parts}.", *(f"* {_plain(finding['text'])}." for finding in report["findings"])]


def _made(result: Mapping[str, Any]) -> list[str]:
    counts, seconds = result["candidates"], result["seconds"]
    copies = result.get("copies", 1)
    several = f". There are {copies} of it, each with weights of its own: they answer together" if copies > 1 else ""
    again = " Its last training was on the training part and on what it was chosen by." if result["refit"] else ""
    return [
        f"NeuralFinder trained {counted(counts['trained'], 'network')} in {seconds['search']:,.0f} seconds, chose by "
        f"the validation part and trained the winner for {result['epochs']:.3g} passes over the data.{again} Seed "
        f"{result['seed']}, preset {result['preset']}, strategy {result['strategy']}.",
        "",
        "The network in a line, where `C16` is a convolution of 16 filters and `M` a pool: "
        f"`{result['genome']}`{several}",
    ]


def _quality(result: Mapping[str, Any]) -> list[str]:
    metric = metric_of(result)
    test, title = metric.key("test"), metric.title
    low, high = map(metric.text, result["test_interval" if metric == ACCURACY else f"{test}_interval"])
    balanced = f"| this {noun(result)}, mean of the classes' accuracies | {result['test_balanced_accuracy']:.2%} |"
    return [
        f"| on the test part | {title} |", "|---|---|",
        f"| **this {noun(result)}** | **{metric.text(result[test])}** ({low} to {high}) |",
        *([balanced] if metric == ACCURACY else []),
        *(f"| {_plain(name)} | {reached} |" for name, reached in rivals(result)),
        "",
        f"It had {metric.text(result[metric.key('validation')])} on the validation part, by which it was chosen. The "
        "test part was looked at once, after everything was decided.",
        *_trust(result),
    ]  # fmt: skip


def _trust(result: Mapping[str, Any]) -> list[str]:
    """How far probabilities are from what comes true; runs of older versions do not say."""
    sure = result.get("calibration")
    if not sure:
        return []
    return [
        "",
        f"Its probabilities are off by {sure['error_after']:.1%} there (expected calibration error, "
        f"{sure['bins']} bins), by {sure['error_before']:.1%} without the temperature of {sure['temperature']:.3g} "
        "that was found on the validation part.",
    ]


def _classes(answered: Answered, report: Mapping[str, Any]) -> list[str]:
    """A row a class, and what is taken for what."""
    confusion, names = answered.confusion, [_plain(name) for name in answered.classes]
    given = {str(each["label"]): each["given"] + each["given_test"] for each in report["classes"]}
    lines = [
        "| class | in the data | in the test part | of them found | answers that are right |",
        "|---|---|---|---|---|",
    ]
    for place, (name, row) in enumerate(zip(names[:MANY], confusion, strict=False)):
        there, answers = sum(row), sum(each[place] for each in confusion)
        found, right = _share(row[place], there), _share(row[place], answers)
        lines.append(f"| {name} | {given.get(answered.classes[place], 0):,} | {there} | {found} | {right} |")
    wrong = sorted(_confused(confusion), reverse=True)[:CONFUSIONS]
    if wrong:
        told = [f"* {count} of {sum(confusion[a])} of {names[a]} are taken for {names[b]}" for count, a, b in wrong]
        lines += ["", "What is taken for what most often:", "", *told]
    return lines


def _confused(confusion: Sequence[Sequence[int]]) -> Iterator[tuple[int, int, int]]:
    """How often one class was taken for another."""
    for true, row in enumerate(confusion):
        yield from ((count, true, answer) for answer, count in enumerate(row) if answer != true and count)


def _share(count: int, of: int) -> str:
    return f"{count / of:.1%}" if of else "none there"


def _limits(result: Mapping[str, Any], answered: Answered, texts: bool) -> list[str]:
    lines = [
        UNSURE.format(classes=len(answered.classes), sample="text" if texts else "picture", samples=_samples(texts))
    ]
    few = [_plain(name) for name, row in zip(answered.classes, answered.confusion, strict=True) if sum(row) < FEW]
    if few:
        listed = ", ".join(few[:MANY])
        lines.append(f"* Of {len(few)} classes the test part has fewer than {FEW}: {listed}. Their figures say little.")
    return [*lines, *(f"* The run warned: {_plain(warning)}." for warning in result["warnings"])]


def _size(record: Record, result: Mapping[str, Any]) -> list[str]:
    trained = [event.result for event in record.events() if isinstance(event, FullyTrained)]
    own = [each.milliseconds for each in trained if each.milliseconds and each.macs == result["macs"]]
    alone = f" A sample alone took {own[-1][0]:.2g} ms there ({result['device']})." if own else ""
    return [
        f"{result['parameters']:,} parameters, {result['macs'] / 1e6:,.3g} million multiply-adds a sample."
        f"{alone} `receipt.json`, where it lies beside this, has milliseconds and sizes of exported forms."
    ]


def _how(texts: bool, code: bool) -> str:
    reader, example, argument = "Pillow", "picture.jpg", "picture.jpg"
    if texts:
        reader, example, argument = "tokenizers", "letter.txt", "What is to be read?"
    alone = [ALONE.format(reader=reader, example=example, argument=argument)] if code else []
    return "\n\n".join([*alone, WITH_US.format(example=example)])


def _versions(result: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {version}" for name, version in result["versions"].items()) + "."


def _plain(text: object) -> str:
    """Somebody's words as words: nothing in them is Markdown or HTML."""
    one_line = " ".join(str(text).encode("utf-8", "replace").decode().split())
    return re.sub(r"([\\`*_{}\[\]<>#|~$])", r"\\\1", one_line)
