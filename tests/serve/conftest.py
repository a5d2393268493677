"""Models that nobody trained, and clients of their services."""

from __future__ import annotations

import numpy as np
import pytest
from asking import HOST, TEXTS
from setups import model_of
from starlette.testclient import TestClient

from neuralfinder.data.tokens import Tokens
from neuralfinder.serve.reading import LIMITS
from neuralfinder.serve.server import Service, application
from neuralfinder.training.batches import Scaling
from neuralfinder.types import Shape


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
