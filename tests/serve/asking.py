"""What requests have in them, and a real server in a thread."""

from __future__ import annotations

import io
import threading
import time
from contextlib import contextmanager

from PIL import Image

from neuralfinder.serve.server import application
from neuralfinder.show.gate import run

HOST = "127.0.0.1:8518"

TEXTS = ["a ship at sea", "an oak in the wood", "waves", "leaves and moss", "salt"]


def png(pixels):
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, "PNG")
    return file.getvalue()


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
