"""A real server: slow and large senders, many clients, and the end."""

from __future__ import annotations

import dataclasses
import json
import re
import signal
import socket
import subprocess
import sys
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pytest
from asking import png, served
from chromium import in_the_way, needs_chromium, opened

from neuralfinder.serve.reading import LIMITS
from neuralfinder.serve.server import Service

pytestmark = pytest.mark.thorough

PNG = {"Content-Type": "image/png"}


@contextmanager
def connected(address):
    where = urlsplit(address)
    with socket.create_connection((where.hostname, where.port), timeout=20) as own:
        yield own


def head(address, length):
    """Of a request with a picture: its body is so long, or comes in chunks."""
    where = urlsplit(address)
    size = f"Content-Length: {length}" if length is not None else "Transfer-Encoding: chunked"
    lines = (f"POST {where.path}predict HTTP/1.1", f"Host: {where.netloc}", "Content-Type: image/png", size, "", "")
    return "\r\n".join(lines).encode()


def received(own):
    """Status and JSON of an answer after which the connection ends or waits."""
    data = b""
    while b"\r\n\r\n" not in data or len(data.partition(b"\r\n\r\n")[2]) < _length(data):
        more = own.recv(65536)
        assert more, data
        data += more
    return int(data.split()[1]), json.loads(data.partition(b"\r\n\r\n")[2])


def _length(data):
    return int(re.search(rb"(?i)content-length: (\d+)", data).group(1))


@contextmanager
def started(folder):
    """The address of a server in a process of its own, and the process."""
    words = [sys.executable, "-m", "neuralfinder", "serve", str(folder), "--port", "0"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        try:
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def test_a_slow_sender_is_not_waited_for(model, pictures):
    service = Service(model, dataclasses.replace(LIMITS, seconds=0.5))
    with served(service) as address, connected(address) as own:
        began = time.monotonic()
        own.sendall(head(address, 1000) + b"some")
        status, said = received(own)
        assert status == 408
        assert "within 0.5 seconds" in said["error"]
        assert 0.4 < time.monotonic() - began < 5
        assert own.recv(1) == b""  # the end of the connection
        answer = httpx.post(f"{address}predict", content=png(pictures[0]), headers=PNG)
        assert answer.status_code == 200


def test_many_clients_get_their_own_answers(model, pictures):
    service = Service(model)
    with served(service) as address, httpx.Client() as client, ThreadPoolExecutor(16) as threads:
        rows = range(320)

        def ask(row):
            body = png(pictures[row % len(pictures)])
            return client.post(f"{address}predict", content=body, headers=PNG, timeout=30).json()

        answers = list(threads.map(ask, rows))
    shares = model.predict_proba(pictures)
    for row, (answer,) in zip(rows, answers, strict=True):
        own = shares[row % len(pictures)]
        assert list(answer["probabilities"].values()) == pytest.approx(own.tolist(), abs=1e-6)
    assert service.batcher.passes < len(rows)
    assert service.waiting == 0


def test_an_answer_does_not_wait_for_an_acknowledgement(model):
    """Which comes 40 ms late on a connection that is kept."""
    taken = []
    with served(Service(model)) as address, httpx.Client() as client:
        for _ in range(40):
            began = time.perf_counter()
            client.get(f"{address}health")
            taken.append(time.perf_counter() - began)
    assert min(taken[20:]) < 0.03


def peak(process):
    """Bytes of memory it had at most."""
    status = Path(f"/proc/{process.pid}/status").read_text(encoding="utf-8")
    return 1024 * int(re.search(r"VmHWM:\s+(\d+)", status).group(1))


@pytest.mark.parametrize("end", [signal.SIGINT, signal.SIGTERM])
def test_what_is_large_is_not_held_and_what_is_there_at_the_end_is_answered(model, pictures, tmp_path, end):
    model.save(tmp_path)
    body = png(pictures[0])
    with started(tmp_path) as (address, process):
        assert httpx.post(f"{address}predict", content=body, headers=PNG).status_code == 200
        before = peak(process)
        with connected(address) as own:
            own.sendall(head(address, None))
            chunk = b"100000\r\n" + bytes(2**20) + b"\r\n"
            for _ in range(100):
                try:
                    own.sendall(chunk)
                except OSError:
                    break
            assert received(own)[0] == 413
        assert peak(process) - before < 60 * 2**20
        with connected(address) as own:
            own.sendall(head(address, len(body)) + body[:20])
            time.sleep(0.3)
            process.send_signal(end)
            time.sleep(0.3)
            own.sendall(body[20:])
            status, said = received(own)
        assert (status, len(said)) == (200, 1)
        assert process.wait(15) == (0 if end == signal.SIGINT else -signal.SIGTERM)
        assert process.stderr.read() == ""


# the page


@needs_chromium
def test_pictures_are_asked_about_on_the_page(browser, model, pictures, tmp_path):
    files = [tmp_path / "a.png", tmp_path / "<b>.png"]
    files[0].write_bytes(png(pictures[0]))
    files[1].write_bytes(b"junk")
    (own,) = model.predict_proba(pictures[:1])
    with served(Service(model)) as address, opened(browser, address) as page:
        page.set_input_files("#files", files)
        page.wait_for_selector("#answers li")
        first, second = page.locator("#answers li").all()
        assert f"{model.classes[own.argmax()]}, {100 * own.max():.1f} %" in first.inner_text()
        assert first.locator(".bar").count() == 2
        assert "<b>.png" in second.inner_text()
        assert "not readable: not a picture" in second.inner_text()
        assert page.inner_text("#said") == "2 answers"


@needs_chromium
@pytest.mark.parametrize(("width", "scheme"), [(400, "dark"), (1280, "light")])
def test_texts_are_asked_about_by_keyboard_and_nothing_is_in_the_way(browser, reader, width, scheme):
    with (
        served(Service(reader)) as address,
        opened(browser, address, width, color_scheme=scheme, bypass_csp=True) as page,
    ):
        page.focus("#text")
        page.keyboard.type("a ship")
        page.keyboard.press("Tab")
        page.keyboard.press("Enter")
        page.wait_for_selector("#answers li")
        assert "a ship" in page.inner_text("#answers blockquote")
        assert page.inner_text("#said").startswith("the answer is")
        assert not in_the_way(page)
