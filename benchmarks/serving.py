"""Requests a second of `neuralfinder serve`, and how long they take, beside the model without a server.

    pip install -e '.[serve]'
    python benchmarks/serving.py RUN [--requests 1000] [--clients 16] [--repeats 3] [--out FILE]

Starts a server in a process of its own and asks it on the loopback address: each client sends one sample a request, and
the next when the answer is there. Every answer is compared with the model's own. Then the model alone, sample by sample
and in batches. Prints a row for each repeat and writes the rows as JSON to FILE.
"""

from __future__ import annotations

import argparse
import http.client
import io
import json
import os
import platform
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import numpy as np
from PIL import Image

from neuralfinder.training.model import Model
from neuralfinder.training.threads import settle

WORDS = ["array", "class", "data", "from", "given", "model", "of", "path", "return", "string", "the", "value", "with"]

BATCH = 64


def samples(model: Model, count: int) -> tuple[Any, list[bytes], str]:
    """Random samples, as bodies of requests too, and their type."""
    generator = np.random.default_rng(0)
    if model.shape.vocabulary:
        texts = [" ".join(generator.choice(WORDS, 20)) for _ in range(count)]
        return np.array(texts, dtype=object), [text.encode() for text in texts], "text/plain"
    shape = (count, model.shape.channels, model.shape.height, model.shape.width)
    pictures = generator.integers(0, 256, shape, dtype=np.uint8)
    bodies = []
    for picture in pictures:
        file = io.BytesIO()
        Image.fromarray(np.moveaxis(picture, 0, -1).squeeze()).save(file, "PNG")
        bodies.append(file.getvalue())
    return pictures, bodies, "image/png"


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The address of a server in a process of its own."""
    words = [sys.executable, "-m", "neuralfinder", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, text=True) as process:  # noqa: S603 - ourselves
        try:
            yield next(iter(process.stdout or ())).strip()
        finally:
            process.terminate()


def ask(address: str, bodies: Sequence[bytes], type_: str) -> list[tuple[float, Any]]:
    """Milliseconds and answer of one request after the other, on one connection."""
    where = urlsplit(address)
    connection = http.client.HTTPConnection(where.netloc, timeout=60)
    answers = []
    for body in bodies:
        began = time.perf_counter()
        connection.request("POST", f"{where.path}predict", body, {"Content-Type": type_})
        said = json.loads(connection.getresponse().read())
        answers.append((1000 * (time.perf_counter() - began), said))
    return answers


def measure(address: str, model: Model, count: int, clients: int) -> dict[str, Any]:
    """All requests once."""
    own, bodies, type_ = samples(model, count)
    shares = model.probabilities(own)
    began = time.perf_counter()
    with ThreadPoolExecutor(clients) as threads:
        parts = [*threads.map(lambda client: ask(address, bodies[client::clients], type_), range(clients))]
    seconds = time.perf_counter() - began
    right, taken = 0, []
    for client, answers in enumerate(parts):
        for (milliseconds, said), expected in zip(answers, shares[client::clients], strict=True):
            taken.append(milliseconds)
            answered = isinstance(said, list) and "probabilities" in said[0]
            right += answered and bool(np.allclose([*said[0]["probabilities"].values()], expected, atol=1e-5))
    return {
        "requests": count, "clients": clients, "a_second": count / seconds, "right": right,
        "p50_ms": float(np.percentile(taken, 50)), "p99_ms": float(np.percentile(taken, 99)),
    }  # fmt: skip


def alone(model: Model, count: int) -> dict[str, float]:
    """Samples a second without a server."""
    own, _, _ = samples(model, count)
    threads = settle(lambda: model.probabilities(own[:16]))
    rates: dict[str, float] = {"threads": threads}
    for size in (1, BATCH):
        began = time.perf_counter()
        for start in range(0, count, size):
            model.probabilities(own[start : start + size])
        rates[f"batches_of_{size}"] = count / (time.perf_counter() - began)
    return rates


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", type=Path, metavar="RUN")
    parser.add_argument("--requests", type=int, default=1000)
    parser.add_argument("--clients", type=int, default=16)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--out", type=Path)
    chosen = parser.parse_args()
    model, rows = Model.load(chosen.run), []
    print(f"{model.genome.key}, {model.shape}; {chosen.requests:,} requests of one sample, {chosen.clients} clients")
    print(f"{'a second':>9} {'50 % in ms':>11} {'99 % in ms':>11} {'right':>7}")
    with served(chosen.run) as address:
        for _ in range(chosen.repeats):
            rows.append(row := measure(address, model, chosen.requests, chosen.clients))
            print(f"{row['a_second']:>9.0f} {row['p50_ms']:>11.1f} {row['p99_ms']:>11.1f} {row['right']:>7,}")
    rates = alone(model, chosen.requests)
    told = ", ".join(f"{name.replace('_', ' ')} {rate:,.0f}" for name, rate in rates.items())
    print(f"the model alone, samples a second: {told}")
    print(f"n = {chosen.repeats}; {os.cpu_count()} cores, {platform.machine()}, Python {platform.python_version()}")
    if chosen.out:
        chosen.out.write_text(json.dumps({"served": rows, "alone": rates}, indent=1))


if __name__ == "__main__":
    main()
