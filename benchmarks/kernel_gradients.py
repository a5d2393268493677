"""Seconds of a kernel's gradient by the processor's own way and by one product of matrices, in turn.

    python benchmarks/kernel_gradients.py [--threads 2]

Prints for each size of map, count of channels and type of numbers how many times as long the first takes: what
`PIXELS` and `CHANNELS` of `neuralfinder/training/convolution.py` rest on. Kernels of 3 x 3, batches of 128.
"""

from __future__ import annotations

import argparse
import itertools
import time

import numpy as np
import torch
from torch import nn

from neuralfinder.training.convolution import unfolded
from neuralfinder.training.machine import describe, find_device, keep_memory

SIDES = 2, 4, 6, 8
CHANNELS = (16, 32), (32, 64), (64, 64), (64, 128), (128, 128), (128, 256), (256, 256)
REPEATS = 15


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--threads", type=int, default=2)
    torch.set_num_threads(parser.parse_args().threads)
    keep_memory()
    print(describe(find_device("cpu")), torch.__version__, f"{torch.get_num_threads()} threads")
    for dtype, side, (inputs, outputs) in itertools.product((torch.bfloat16, torch.float32), SIDES, CHANNELS):
        maps = torch.randn(128, inputs, side, side, dtype=dtype).contiguous(memory_format=torch.channels_last)
        kernel = nn.Parameter(
            torch.randn(outputs, inputs, 3, 3, dtype=dtype).contiguous(memory_format=torch.channels_last)
        )
        times: dict[str, list[float]] = {"own": [], "product": []}
        for name in ("own", "product") * REPEATS:
            out = nn.functional.conv2d(maps, kernel, None, 1, 1) if name == "own" else unfolded(maps, kernel, 1, (1, 1))
            above = torch.ones_like(out)
            began = time.perf_counter()
            out.backward(above)
            times[name].append(time.perf_counter() - began)
        own, product = (1000 * float(np.median(each)) for each in times.values())
        print(
            f"{dtype} {side} x {side}, {inputs:3} -> {outputs:3}: {own:7.2f} ms {product:7.2f} ms {own / product:5.2f}"
        )


if __name__ == "__main__":
    main()
