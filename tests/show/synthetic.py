"""A run that nobody made, as quickly as one likes: lines of a record."""

from __future__ import annotations

import numpy as np

from neuralfinder.types import Line


def made_events(count, seed=0):
    """A synthetic run: founders of a world of 7 x 7, then children that displace others at random."""
    rng = np.random.default_rng(seed)
    task = {
        "shape": {"channels": 3, "height": 32, "width": 32},
        "classes": 10,
        "train": 900,
        "validation": 90,
        "test": 9,
    }
    plan = {
        "task": task,
        "world": {"side": 7},
        "search": {"candidates": count, "fixed": True, "seconds": None},
        "finish": {"finalists": 1},
        "budget_seconds": None,
    }
    run = {"data": "made", "fingerprint": "", "settings": {"seed": 0}, "address": {}, "version": "0"}
    number, keys = 0, [f"C{8 * n}.bn M C{8 * n + 8} > G" for n in range(1, 400)]
    for kind, data in (("run", run), ("plan", plan)):
        number += 1
        yield Line(number, float(number), kind, data)
    for id_ in range(count):
        key = keys[int(rng.integers(len(keys)))]
        notes = []
        if id_ == 49:
            notes = [{"kind": "settled", "changed": [{"cell": (i // 7, i % 7), "genome": keys[i]} for i in range(49)]}]
        elif id_ > 49 and id_ % 3 == 0:
            cell = tuple(rng.integers(7, size=2).tolist())
            notes = [
                {
                    "kind": "round",
                    "round": id_,
                    "main": cell,
                    "auxiliary": cell,
                    "outcome": "displaced",
                    "best": key,
                    "changed": [{"cell": cell, "genome": key}],
                }
            ]
        parents = [keys[int(rng.integers(len(keys)))]] if id_ > 49 else []
        row = {
            "id": id_,
            "genome": key,
            "operator": "mutate" if parents else "init",
            "parents": parents,
            "seed": id_,
            "epochs": 1,
            "share": 1.0,
            "repeat": 0,
            "inherits": [],
            "bars": [],
        }
        score = float(0.9 - rng.exponential(0.05) - 0.3 / (1 + id_ / 20))
        result = {
            "id": id_,
            "score": score,
            "failure": None,
            "detail": "",
            "curve": [score],
            "rungs": [],
            "done": 1.0,
            "ended": "complete",
            "seconds": 1.0,
            "parameters": int(rng.integers(1e3, 1e6)),
            "macs": 10_000,
            "milliseconds": [],
        }
        for kind, data in (("asked", {"n": 1, "candidates": [row], "notes": notes}), ("result", result)):
            number += 1
            yield Line(number, float(number), kind, data)
