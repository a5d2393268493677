"""Models that nobody trained, their services, and a real server in a thread."""

from __future__ import annotations

import io
import threading
import time
from contextlib import contextmanager

import numpy as np
import pytest
from PIL import Image
from setups import model_of
from starlette.testclient import TestClient

from neuralfinder.data.tokens import Tokens
from neuralfinder.serve.reading import LIMITS
from neuralfinder.serve.server import Service, application
from neuralfinder.show.gate import run
from neuralfinder.training.batches import Scaling
from neuralfinder.types import Shape

HOST = "127.0.0.1:8518"

TEXTS = ["a ship at sea", "an oak in the wood", "waves", "leaves and moss", "salt"]


@pytest.fixture(scope="session")
def model():
    """Of grey pictures, 5 high and 4 wide."""
    return model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,)))


@pytest.fixture(scope="session")
def reader():
    """Of texts."""
    tokens = Tokens.learn(TEXTS)
    return model_of(tokens.shape(Shape(1, 1, tokens.length)), tokens, (0, 1))


@pytest.fixture(scope="session")
def pictures():
    return np.random.default_rng(0).integers(0, 256, (40, 5, 4), dtype=np.uint8)


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


@pytest.fixture
def asked():
    """Makes a client of a service of a model within limits."""
    clients = []

    def make(model, limits=LIMITS, token="secret", **options):  # noqa: S107
        service = Service(model, limits)
        client = TestClient(application(service, token, [HOST]), base_url=f"http://{HOST}/{token}", **options)
        client.__enter__()
        clients.append(client)
        return client

    yield make
    for client in clients:
        client.__exit__()


@contextmanager
def served(service, token="secret"):  # noqa: S107
    """The address of a real server."""
    address: list[str] = []
    work = threading.Thread(
        target=run,
        args=(lambda hosts: application(service, token, hosts), "127.0.0.1", 0, token, address.append),
        daemon=True,
    )
    work.start()
    while not address:
        assert work.is_alive()
        time.sleep(0.02)
    yield address[0]
