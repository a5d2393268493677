"""What would take far more memory or time than it is large: told before that."""

from __future__ import annotations

import json
import subprocess
import sys
import time

import numpy as np
import pytest
from loading import load, write_csv
from sentences import sentences

from neuralfinder.errors import InputError


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("keys.jsonl", "".join(f'{{"text": "a", "label": {n % 2}, "k{n}": 1}}\n' for n in range(20_000))),
        ("late.jsonl", '{"text": "a", "label": 1}\n' * 20_000 + json.dumps(dict.fromkeys(range(20000), 1))),
        ("names.csv", f"text,label,{','.join(map(str, range(50_000)))}\n" + "a,1\nb,2\n" * 10_000),
    ],
)
def test_some_letters_that_tell_of_millions_of_cells_are_refused(tmp_path, name, content):
    (tmp_path / name).write_text(content, encoding="utf-8")
    began = time.process_time()
    with pytest.raises(InputError, match=rf"of {len(content):,} letters, and .* cells are missing"):
        load(tmp_path / name)
    assert time.process_time() - began < 10


def test_rows_that_lack_some_cells_are_read(tmp_path):
    lines = [json.dumps({"text": f"a {n}", "label": n % 2, **({} if n % 3 else {"more": 1})}) for n in range(30)]
    (tmp_path / "a.jsonl").write_text("\n".join(lines), encoding="utf-8")
    assert len(load(tmp_path / "a.jsonl").labels) == 30


def test_a_table_of_words_without_an_end_is_read_at_once(tmp_path):
    rows = [("ab" * 200_000 + str(number), "xy"[number % 2]) for number in range(10)]
    began = time.process_time()
    data = load(write_csv(tmp_path / "a.csv", rows))
    assert data.samples.tolist() == [text for text, _ in rows]
    assert time.process_time() - began < 10


LIMITED = """
import resource, sys
from pathlib import Path
resource.setrlimit(resource.RLIMIT_DATA, (2 << 30, resource.getrlimit(resource.RLIMIT_DATA)[1]))
from neuralfinder.data import mapped, pairs, tables, delimited
for each in (mapped, pairs, tables):
    each.memory_bytes = lambda: 1 << 28
from neuralfinder.data import source_of
from neuralfinder.errors import InputError
class Endless:
    def __iter__(self):
        while True:
            yield sample(), 1
for sample in (lambda: "a text", lambda: [[[0] * 8] * 8]):
    try:
        source_of(Endless()).load()
    except InputError as error:
        print(error)
for path in sys.argv[1:]:
    try:
        print(len(source_of(path).load().labels))
    except InputError as error:
        print(error)
print("most", resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10)
"""


@pytest.mark.thorough
@pytest.mark.timeout(700)
def test_with_little_memory_what_is_small_is_read_and_what_is_large_is_told(tmp_path):
    """A process may take 2 GiB, and thinks that there are 256 MiB."""
    pytest.importorskip("resource")
    pyarrow, parquet = pytest.importorskip("pyarrow"), pytest.importorskip("pyarrow.parquet")
    texts, labels = sentences(16)
    write_csv(tmp_path / "a.csv", zip(texts, labels, strict=True))
    same = pyarrow.DictionaryArray.from_arrays(pyarrow.array(np.zeros(10_000_000, np.int8)), pyarrow.array(["x" * 50]))
    parquet.write_table(pyarrow.table({"text": same, "label": same}), tmp_path / "bomb.parquet")
    assert (tmp_path / "bomb.parquet").stat().st_size < 1_000_000
    words = [sys.executable, "-c", LIMITED, tmp_path / "a.csv", tmp_path / "bomb.parquet"]
    done = subprocess.run(words, capture_output=True, text=True, check=False, timeout=600)
    assert done.returncode == 0, done.stderr
    *endless, small, bomb, most = done.stdout.splitlines()
    assert len(endless) == 2
    assert all("takes a quarter of this machine's memory" in line for line in endless)
    assert small == "16"
    assert "more than a quarter of this machine's 268,435,456 bytes of memory" in bomb
    assert int(most.split()[1]) < 1800  # of the 2,048 that it may have, torch among them
