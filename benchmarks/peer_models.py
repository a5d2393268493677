"""What runs in the environment of a peer: the peer on one task. It imports nothing of ours; see `peers.py`.

    python peer_models.py PEER FOLDER

FOLDER has `task.json` (`kind`, `classes`, `seconds`, `seed`, `modules`, for `optuna-script` the `space`) and
`data.npz`: pictures `(n, height, width, channels)` or texts, of training, validation and test part, and labels of the
first two.
When the peer is imported and the data are read, `began.json` is written with the `versions`, and the seconds begin.
When the test part is answered, once, `answers.npz` is: the `answers`, the `seconds` that it took, and what is `told` of
the model. The network is out of reach.
"""

from __future__ import annotations

import importlib
import importlib.metadata
import json
import os
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

LONGEST_SIDE = 32
"""Of pictures whose pixels become columns; larger ones are averaged over blocks, as our own baselines look at them."""


@dataclass
class Task:
    """Samples, labels `(n,)` int64 and what is known of them; `told` is what the row says of the model."""

    kind: str
    classes: int
    seconds: float
    seed: int
    folder: Path
    train: np.ndarray
    train_labels: np.ndarray
    validation: np.ndarray
    validation_labels: np.ndarray
    test: np.ndarray
    space: dict[str, Any] | None = None
    told: dict[str, Any] = field(default_factory=dict)
    began: float = 0.0

    @property
    def pictures(self) -> bool:
        return self.kind == "picture"

    @property
    def all_but_test(self) -> tuple[np.ndarray, np.ndarray]:
        labels = np.concatenate([self.train_labels, self.validation_labels])
        return np.concatenate([self.train, self.validation]), labels

    @property
    def parts(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        return self.train, self.validation, self.test

    def left(self) -> float:
        """Seconds until the peer should have ended."""
        return self.began + self.seconds - time.monotonic()


def scikit_learn(task: Task) -> np.ndarray:
    """Histograms of gradients (Dalal & Triggs 2005) and a support vector machine; letters' n-grams and a linear one.

    It has no limit of time.
    """
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler
    from sklearn.svm import SVC, LinearSVC

    samples, labels = task.all_but_test
    if task.pictures:
        model = make_pipeline(StandardScaler(), SVC(C=10, random_state=task.seed)).fit(gradients(samples), labels)
        return model.predict(gradients(task.test))
    letters = TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 5), sublinear_tf=True)
    return make_pipeline(letters, LinearSVC(random_state=task.seed)).fit(samples, labels).predict(task.test)


def gradients(pictures: np.ndarray) -> np.ndarray:
    """`(n, features)`: cells of 8 pixels, as in the paper, of smaller ones where pictures are smaller than 32."""
    from skimage.feature import hog

    cell = max(2, min(8, min(pictures.shape[1:3]) // 4))
    size = {"pixels_per_cell": (cell, cell), "cells_per_block": (2, 2)}
    return np.stack([hog(picture, **size, channel_axis=-1) for picture in pictures])


def flaml(task: Task) -> np.ndarray:
    """FLAML's AutoML on pixels, or on TF-IDF of words and pairs of them; `time_budget`."""
    from flaml import AutoML
    from sklearn.feature_extraction.text import TfidfVectorizer

    if task.pictures:
        train, validation, test = map(pixels, task.parts)
    else:
        words = TfidfVectorizer(ngram_range=(1, 2), sublinear_tf=True, min_df=2)
        train = words.fit_transform(task.train)
        validation, test = map(words.transform, (task.validation, task.test))
    model = AutoML()
    model.fit(
        X_train=train, y_train=task.train_labels, X_val=validation, y_val=task.validation_labels,
        task="classification", metric="accuracy", time_budget=max(1.0, task.left()), seed=task.seed, verbose=1,
    )  # fmt: skip
    task.told = {"model": str(model.best_estimator), "trained": len(model.config_history)}
    return model.predict(test)


def autogluon(task: Task) -> np.ndarray:
    """AutoGluon's tabular predictor on pixels, or on texts as they are, of which it makes its own columns.

    `time_limit`.
    """
    import pandas as pd
    from autogluon.tabular import TabularPredictor

    def frame(samples: np.ndarray) -> pd.DataFrame:
        return pd.DataFrame(pixels(samples)).add_prefix("p") if task.pictures else pd.DataFrame({"text": samples})

    train, validation, test = map(frame, task.parts)
    train["label"], validation["label"] = task.train_labels, task.validation_labels
    predictor = TabularPredictor("label", eval_metric="accuracy", path=str(task.folder / "autogluon"), verbosity=2)
    predictor.fit(train, tuning_data=validation, time_limit=max(1.0, task.left()))
    task.told = {"model": predictor.model_best, "trained": len(predictor.model_names())}
    return predictor.predict(test).to_numpy()


def pixels(pictures: np.ndarray) -> np.ndarray:
    """`(n, columns)`."""
    block = -(-max(pictures.shape[1:3]) // LONGEST_SIDE)
    if block > 1:
        from scipy.ndimage import uniform_filter

        means = uniform_filter(pictures, (1, block, block, 1), output=np.float32)
        pictures = means[:, block // 2 :: block, block // 2 :: block]
    return pictures.reshape(len(pictures), -1)


def autokeras(task: Task) -> np.ndarray:
    """AutoKeras' classifiers of pictures and texts.

    It has no limit of time, but one of trials; a callback that ends training and trials is put beside it. The trial
    that it comes in is given up where an earlier one is whole.
    """
    import autokeras as ak
    import keras
    import keras_tuner

    class Deadline(keras.callbacks.Callback):
        def __deepcopy__(self, memo: Any) -> Deadline:  # each trial has a copy of its callbacks
            return self

        def on_train_batch_end(self, batch: int, logs: Any = None) -> None:
            if task.left() < 0:
                oracle = classifier.tuner.oracle
                oracle.max_trials, oracle.max_consecutive_failed_trials = 1, None
                if any(trial.status == "COMPLETED" for trial in oracle.trials.values()):
                    raise keras_tuner.errors.FailedTrialError("no time is left")
                self.model.stop_training = True

        on_test_batch_end = on_train_batch_end

    kind = ak.ImageClassifier if task.pictures else ak.TextClassifier
    classifier = kind(directory=task.folder / "autokeras", seed=task.seed)
    validation = task.validation, task.validation_labels
    classifier.fit(task.train, task.train_labels, validation_data=validation, callbacks=[Deadline()], verbose=2)
    trials = classifier.tuner.oracle.trials.values()
    task.told = {"trained": len(trials), "trials": dict(Counter(trial.status for trial in trials))}
    return classifier.predict(task.test, verbose=0).astype(np.int64).reshape(-1)


TRIAL_SHARE, SEARCH_SHARE = 1 / 15, 2 / 3
"""Of the seconds: for the training of each trial, and for all of them; the rest is for the best, from the start."""

BATCH = 64


def optuna_script(task: Task) -> np.ndarray:
    """Optuna's TPE and a plain training loop, with a rate of its own in each trial; `timeout`.

    Trials have equal seconds. Nothing is changed in pictures.
    """
    import optuna
    import torch

    torch.manual_seed(task.seed)
    train, validation, test = scaled(*task.parts) if task.pictures else numbered(*task.parts)
    labels, truth = torch.from_numpy(task.train_labels), torch.from_numpy(task.validation_labels)
    tokens = None if task.pictures else int(train.max()) + 1
    channels = train.shape[1] if tokens is None else task.space["embedding"]
    limit = task.seconds * SEARCH_SHARE

    def made(trial: optuna.Trial) -> torch.nn.Module:
        return network(proposed(trial, task.space), task, channels, tokens)

    def objective(trial: optuna.Trial) -> float:
        model = made(trial)
        end = time.monotonic() + min(task.seconds * TRIAL_SHARE, task.left() - task.seconds + limit)
        fit(model, train, labels, trial.suggest_float("rate", 1e-4, 1e-2, log=True), end)
        return float((answered(model, validation) == truth).double().mean())

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(direction="maximize", sampler=optuna.samplers.TPESampler(seed=task.seed))
    study.optimize(objective, timeout=max(0.0, task.left() - task.seconds + limit))
    best = made(study.best_trial)
    fit(best, train, labels, study.best_params["rate"], task.began + task.seconds)
    task.told = {"trained": len(study.trials), "model": json.dumps(study.best_params)}
    return answered(best, test).numpy()


def proposed(trial: Any, space: dict[str, Any]) -> list[dict[str, Any]]:
    """Convolutions one after the other, each with what the space lets differ."""
    layers = []
    for place in range(trial.suggest_int("convolutions", 1, space["convolutions"])):
        layer = {
            name: trial.suggest_categorical(f"{name} {place}", space[f"{name}s"])
            for name in ("filter", "kernel", "activation")
        }
        layer["skip"] = trial.suggest_int(f"skip {place}", 0, space["longest_skip"])
        layer["pool"] = trial.suggest_categorical(f"pool {place}", [False, True])
        layers.append(layer)
    return layers


def network(layers: list[dict[str, Any]], task: Task, channels: int, tokens: int | None) -> Any:
    """A chain of convolutions with skips that are added; pools while there is something to halve.

    Texts have so many `tokens`, and each of them numbers in so many `channels`.
    """
    import torch
    from torch import nn
    from torch.nn import functional as F  # noqa: N812 - the name everybody knows it by

    text, space = tokens is not None, task.space
    conv, norm = (nn.Conv1d, nn.BatchNorm1d) if text else (nn.Conv2d, nn.BatchNorm2d)
    pool, shrink = (F.max_pool1d, F.adaptive_max_pool1d) if text else (F.max_pool2d, F.adaptive_max_pool2d)
    activations = {"relu": F.relu, "gelu": F.gelu, "silu": F.silu, "leaky": F.leaky_relu}

    class Network(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            widths = [channels, *(layer["filter"] for layer in layers)]
            self.words = nn.Embedding(tokens, channels, padding_idx=0) if text else None
            self.convolutions = nn.ModuleList(
                conv(before, layer["filter"], layer["kernel"], padding=layer["kernel"] // 2, bias=not space["norm"])
                for before, layer in zip(widths, layers, strict=False)
            )
            self.norms = nn.ModuleList(norm(width) if space["norm"] else nn.Identity() for width in widths[1:])
            self.head = nn.Sequential(nn.Dropout(space["dropout"]), nn.Linear(widths[-1], task.classes))

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            x = x.float() if self.words is None else self.words(x).transpose(1, 2)
            maps = []
            for layer, convolution, normal in zip(layers, self.convolutions, self.norms, strict=True):
                x = normal(convolution(x))
                if 0 < layer["skip"] <= len(maps):
                    early = shrink(maps[-layer["skip"]], x.shape[2:])[:, : x.shape[1]]
                    x = x + F.pad(early, (0, 0) * (x.dim() - 2) + (0, x.shape[1] - early.shape[1]))
                x = activations[layer["activation"]](x)
                if layer["pool"] and min(x.shape[2:]) > 1:
                    x = pool(x, 2)
                maps.append(x)
            flat = x.flatten(2)
            return self.head(flat.amax(2) if space["largest"] else flat.mean(2))

    return Network()


def fit(model: Any, samples: Any, labels: Any, rate: float, end: float) -> None:
    """AdamW; the rate falls from its height to nothing by the end, in `time.monotonic`; a step is done in any case."""
    import torch

    optimizer = torch.optim.AdamW(model.parameters(), lr=rate)
    began, done = time.monotonic(), 0.0
    model.train()
    while done < 1:
        for rows in torch.randperm(len(samples)).split(BATCH):
            if len(rows) < 2:  # batch normalisation needs two
                continue
            optimizer.param_groups[0]["lr"] = rate * (1 - done)
            loss = torch.nn.functional.cross_entropy(model(samples[rows]), labels[rows])
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            done = (time.monotonic() - began) / max(1e-9, end - began)
            if done >= 1:
                break


def answered(model: Any, samples: Any) -> Any:
    """The likeliest classes, `(n,)`."""
    import torch

    model.eval()
    with torch.inference_mode():
        return torch.cat([model(some).argmax(1) for some in samples.split(4 * BATCH)])


def scaled(*parts: np.ndarray) -> list[Any]:
    """Pictures `(n, channels, height, width)` with mean 0 and deviation 1 in each channel of the first part."""
    import torch

    mean, deviation = (of((0, 1, 2), dtype=np.float32) for of in (parts[0].mean, parts[0].std))
    return [torch.from_numpy(((part - mean) / (deviation + 1e-6)).transpose(0, 3, 1, 2)) for part in parts]


def numbered(*parts: np.ndarray) -> list[Any]:
    """Texts as numbers of words and signs `(n, length)`: 0 for nothing, 1 for those that the first part has not twice.

    As long as all but a twentieth of the first part's.
    """
    import torch
    from sklearn.feature_extraction.text import CountVectorizer

    split = CountVectorizer(token_pattern=r"\w+|[^\w\s]").build_analyzer()  # noqa: S106 - no password
    words = [list(map(split, part)) for part in parts]
    counts = Counter(word for text in words[0] for word in text)
    numbers = {word: place for place, word in enumerate((w for w, count in counts.items() if count > 1), 2)}
    length = max(1, int(np.quantile([len(text) for text in words[0]], 0.95)))
    lines = [np.zeros((len(part), length), np.int64) for part in parts]
    for part, own in zip(words, lines, strict=True):
        for line, text in zip(own, part, strict=True):
            line[: len(text)] = [numbers.get(word, 1) for word in text[:length]]
    return list(map(torch.from_numpy, lines))


PEERS: dict[str, Callable[[Task], np.ndarray]] = {
    "scikit-learn": scikit_learn,
    "flaml": flaml,
    "autogluon": autogluon,
    "autokeras": autokeras,
    "optuna-script": optuna_script,
}


def alone(event: str, arguments: tuple[Any, ...]) -> None:
    """An audit hook that keeps this process from the network; what it connects on this machine is let be."""
    if event == "socket.connect" and isinstance(arguments[1], tuple) and arguments[1][0] not in ("127.0.0.1", "::1"):
        raise OSError(f"no network here: {arguments[1]}")
    if event == "socket.getaddrinfo" and arguments[0] not in (None, "localhost", "127.0.0.1", "::1"):
        raise OSError(f"no network here: {arguments[0]}")


def end_with(parent: int) -> None:
    """End when the process that began this one has ended."""
    while os.getppid() == parent:
        time.sleep(1)
    os._exit(1)


def main(name: str, folder: Path) -> None:
    threading.Thread(target=end_with, args=(os.getppid(),), daemon=True).start()
    sys.addaudithook(alone)
    asked = json.loads((folder / "task.json").read_text(encoding="utf-8"))
    for module in asked.pop("modules"):
        importlib.import_module(module)
    with np.load(folder / "data.npz") as data:
        task = Task(**asked, folder=folder, **data)
    versions = {found.name: found.version for found in importlib.metadata.distributions()}
    task.began = time.monotonic()
    (folder / "began.json").write_text(json.dumps(versions), encoding="utf-8")
    answers = PEERS[name](task)
    seconds = time.monotonic() - task.began
    written = folder / "answers.part.npz"
    np.savez(written, answers=np.asarray(answers), seconds=seconds, told=json.dumps(task.told))
    written.replace(folder / "answers.npz")


if __name__ == "__main__":
    main(sys.argv[1], Path(sys.argv[2]))
