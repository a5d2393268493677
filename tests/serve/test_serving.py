"""What is asked and answered: equal to what the model says, within limits, and refused in words."""

from __future__ import annotations

import asyncio
import dataclasses
import json
import struct
import zlib
from importlib import resources

import httpx
import numpy as np
import pytest
from asking import HOST, TEXTS, png
from hypothesis import given, settings
from hypothesis import strategies as st
from setups import model_of

from neuralfinder import InputError
from neuralfinder.cli import cli
from neuralfinder.serve.reading import LIMITS
from neuralfinder.serve.server import Service, application, serve
from neuralfinder.show.gate import check_token, new_token
from neuralfinder.training.batches import Scaling
from neuralfinder.types import Shape

PNG = {"Content-Type": "image/png"}


def forms(*contents):
    return [("file", (f"{place}.png", content, "image/png")) for place, content in enumerate(contents)]


def check(rows, model, shares):
    """The answers are these probabilities."""
    for row, own in zip(rows, shares, strict=True):
        assert row.keys() == {"label", "probability", "probabilities"}
        assert list(row["probabilities"].values()) == pytest.approx(own.tolist(), abs=1e-6)
        assert list(row["probabilities"]) == [str(name) for name in model.classes]
        assert row["label"] == model.classes[own.argmax()]
        assert row["probability"] == pytest.approx(own.max(), abs=1e-6)


# what is answered


def test_pictures_are_answered_in_their_order(asked, model, pictures):
    client = asked(model)
    answer = client.post("/predict", files=forms(*map(png, pictures)))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    check(answer.json(), model, model.predict_proba(pictures))


@pytest.mark.parametrize("type_", ["image/png", "image/x-whatever", "application/octet-stream", "IMAGE/PNG"])
def test_a_picture_may_be_the_body(asked, model, pictures, type_):
    answer = asked(model).post("/predict", content=png(pictures[0]), headers={"Content-Type": type_})
    check(answer.json(), model, model.predict_proba(pictures[:1]))


def test_pictures_are_read_as_the_package_reads_files(asked, model, tmp_path):
    """Of another size, in colour, brought to the shape by the model's own way."""
    model = dataclasses.replace(model, fit="crop")
    pixels = np.random.default_rng(1).integers(0, 256, (30, 60, 3), dtype=np.uint8)
    (tmp_path / "wide.png").write_bytes(png(pixels))
    answer = asked(model).post("/predict", content=png(pixels), headers=PNG)
    check(answer.json(), model, model.predict_proba(tmp_path / "wide.png"))


@pytest.mark.parametrize(
    "options",
    [
        {"json": {"texts": TEXTS}},
        {"files": [("file", (f"{row}.txt", text.encode(), "text/plain")) for row, text in enumerate(TEXTS)]},
        {"files": [("text", (None, text)) for text in TEXTS]},
    ],
    ids=["json", "files", "fields"],
)
def test_texts_are_answered_in_their_order(asked, reader, options):
    answer = asked(reader).post("/predict", **options)
    check(answer.json(), reader, reader.predict_proba(TEXTS))
    assert isinstance(answer.json()[0]["label"], int)


def test_a_text_may_be_the_body(asked, reader):
    client = asked(reader)
    for type_ in ("text/plain", "text/plain; charset=UTF-8"):
        answer = client.post("/predict", content="Größe 猫".encode(), headers={"Content-Type": type_})
        check(answer.json(), reader, reader.predict_proba(["Größe 猫"]))
    latin = client.post("/predict", content="x", headers={"Content-Type": "text/plain; charset=latin-1"})
    assert latin.status_code == 415


def test_what_is_unreadable_has_its_place(asked, model, reader, pictures):
    good = png(pictures[0])
    rows = asked(model).post("/predict", files=[*forms(good, b"junk", b"", good[:40]), ("x", (None, "5"))]).json()
    check(rows[:1], model, model.predict_proba(pictures[:1]))
    assert [row["error"] for row in rows[1:3]] == ["not a picture", "an empty file"]
    assert all(row.keys() == {"error"} for row in rows[1:])
    assert "text where a picture" in rows[4]["error"]
    rows = asked(reader).post("/predict", json={"texts": ["salt", 3, None, "waves"]}).json()
    check([rows[0], rows[3]], reader, reader.predict_proba(["salt", "waves"]))
    assert [rows[1], rows[2]] == [{"error": "3 where a text was expected"}, {"error": "null where a text was expected"}]
    rows = asked(reader).post("/predict", files=[("f", ("a.txt", b"\xff\xfe"))]).json()
    assert rows == [{"error": "no UTF-8"}]


def test_health_and_version_say_what_is_there(asked, model, reader):
    client = asked(model)
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}
    version = client.get("/version").json()
    assert version.keys() == {"neuralfinder", "torch", "genome", "classes", "shape", "takes"}
    assert (version["genome"], version["classes"]) == ("C8 > G", ["day", "night"])
    assert version["shape"] == {"channels": 1, "height": 5, "width": 4, "vocabulary": 0}
    assert version["takes"] == "pictures"
    assert asked(reader).get("/version").json()["takes"] == "texts"


def test_the_page_is_served_under_a_policy(asked, model):
    client = asked(model)
    page = client.get("/")
    assert page.text == (resources.files("neuralfinder.serve") / "page.html").read_text(encoding="utf-8")
    policy = page.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'; script-src 'sha256-")
    assert "unsafe" not in policy
    assert "http" not in page.text.replace("http-equiv", "")
    assert client.get("/page.css").headers["content-type"].startswith("text/css")


def test_names_of_classes_may_be_anything(asked, pictures):
    names = ("\udcff halb", "猫")
    model = model_of(Shape(1, 5, 4), Scaling((128.0,), (60.0,)), names)
    (row,) = asked(model).post("/predict", content=png(pictures[0]), headers=PNG).json()
    assert tuple(row["probabilities"]) == names


# what is refused


@pytest.mark.parametrize(
    ("path", "headers", "status"),
    [
        ("http://127.0.0.1:8518/predict", {}, 403),
        ("http://127.0.0.1:8518/secre/predict", {}, 403),
        ("/predict", {"host": "evil.example"}, 421),
        ("/predict", {"origin": "http://evil.example"}, 403),
        ("/predict", {"origin": "null"}, 403),
        ("/elsewhere", {}, 404),
        ("/health", {}, 405),
    ],
)
def test_strangers_are_refused(asked, model, pictures, path, headers, status):
    answer = asked(model).post(path, content=png(pictures[0]), headers=PNG | headers)
    assert answer.status_code == status
    assert answer.json().keys() == {"error"}
    if status == 405:
        assert set(answer.headers["allow"].split(", ")) == {"GET", "HEAD"}


def test_other_methods_and_own_pages(asked, model, pictures):
    client = asked(model)
    for method in ("PUT", "DELETE", "PATCH", "OPTIONS"):
        assert client.request(method, "/predict").status_code == 405
    assert client.get("/predict").status_code == 405
    own = PNG | {"origin": f"http://{HOST}"}
    assert client.post("/predict", content=png(pictures[0]), headers=own).status_code == 200


@pytest.mark.parametrize(
    ("type_", "content", "status", "words"),
    [
        ("application/json", b'{"texts": ["a"]}', 415, "takes pictures"),
        ("text/plain", b"a", 415, "takes pictures"),
        ("", b"a", 415, "missing"),
        ("multipart/form-data", b"a", 400, "boundary"),
        ("multipart/form-data; boundary=x", b"a", 400, "a form that cannot be read"),
        ("multipart/form-data; boundary=x", b"", 400, "without samples"),
        ("multipart/form-data; boundary=x", b"--x\r\n\r\na\r\n--x--\r\n", 400, "name"),
    ],
)
def test_what_is_no_picture_is_refused_in_words(asked, model, type_, content, status, words):
    answer = asked(model).post("/predict", content=content, headers={"Content-Type": type_} if type_ else {})
    assert answer.status_code == status
    assert words in answer.json()["error"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (b"", "no JSON"),
        (b"[", "no JSON"),
        (b"\xff", "no JSON"),
        (b"[" * 100_000, "no JSON"),
        (b'["a"]', "another form"),
        (b'{"texts": "a"}', "another form"),
        (b'{"texts": ["a"], "more": 1}', "another form"),
        (b'{"texts": []}', "without samples"),
    ],
)
def test_what_is_no_list_of_texts_is_refused_in_words(asked, reader, content, words):
    answer = asked(reader).post("/predict", content=content, headers={"Content-Type": "application/json"})
    assert answer.status_code == 400
    assert words in answer.json()["error"]


def test_garbage_is_never_an_error_of_the_server(asked, model, reader):
    clients = [asked(model), asked(reader)]
    types = st.sampled_from(
        [
            "multipart/form-data; boundary=x",
            "application/json",
            "image/png",
            "text/plain",
            "multipart/form-data",
            "\xff;",
        ]
    )
    part = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n'
    contents = st.binary(max_size=200) | st.binary(max_size=50).map(lambda some: part + some + b"\r\n--x--\r\n")

    @settings(max_examples=60)
    @given(st.sampled_from(clients), types, contents)
    def ask(client, type_, content):
        answer = client.post("/predict", content=content, headers={"Content-Type": type_.encode("latin-1")})
        assert answer.status_code in (200, 400, 415)
        rows = answer.json() if answer.status_code == 200 else [answer.json()]
        assert rows
        for row in rows:
            assert "error" in row or 0 < row["probability"] <= 1

    ask()


# limits


def claimed(width, height):
    """The beginning of a PNG of this size, and hardly anything of it."""

    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(bytes(1000))) + chunk(b"IEND", b"")
    )


def test_a_picture_that_claims_to_be_huge_is_not_opened(asked, model, pictures):
    rows = asked(model).post("/predict", files=forms(claimed(60_000, 60_000), png(pictures[0]))).json()
    assert "beyond 100,000,000 pixels" in rows[0]["error"]
    check(rows[1:], model, model.predict_proba(pictures[:1]))


def test_pixels_are_counted_over_the_pictures_of_a_request(asked, model, pictures):
    client = asked(model, dataclasses.replace(LIMITS, pixels=50))
    rows = client.post("/predict", files=forms(*map(png, pictures[:3]))).json()
    check(rows[:2], model, model.predict_proba(pictures[:2]))
    assert rows[2] == {"error": "20 pixels; of this request's there are 10 left"}


@pytest.mark.parametrize("told", [True, False])
def test_a_large_body_is_refused_before_it_is_read(model, monkeypatch, told):
    monkeypatch.setattr("neuralfinder.serve.reading.LINGER_SECONDS", 0.05)
    app = application(Service(model, dataclasses.replace(LIMITS, picture_bytes=1000)), "", None)
    headers = [(b"content-type", b"image/png"), *([(b"content-length", b"1000000000")] if told else [])]
    scope = {"type": "http", "method": "POST", "path": "/predict", "headers": headers, "query_string": b""}
    came, sent = [], []

    async def receive():
        await asyncio.sleep(0)
        came.append(1)
        return {"type": "http.request", "body": bytes(100), "more_body": True}

    async def send(message):
        sent.append((len(came), message))

    asyncio.run(app(scope, receive, send))
    (read, start), (_, body), *_ = sent
    assert read == (0 if told else 11)
    assert (start["status"], dict(start["headers"])[b"connection"]) == (413, b"close")
    assert "at most 1,000 bytes" in json.loads(body["body"])["error"]


@pytest.mark.parametrize("count", [3, 4, 9])
def test_samples_are_counted(asked, model, reader, pictures, count):
    limits = dataclasses.replace(LIMITS, samples=3)
    expected = 200 if count == 3 else 413
    answer = asked(model, limits).post("/predict", files=forms(*map(png, pictures[:count])))
    assert answer.status_code == expected
    if expected == 413:
        assert "at most 3 a request" in answer.json()["error"]
    assert asked(reader, limits).post("/predict", json={"texts": ["a"] * count}).status_code == expected


def test_who_comes_too_many_is_told_when_to_come_again(asked, model, pictures):
    client = asked(model, dataclasses.replace(LIMITS, waiting=0))
    answer = client.post("/predict", content=png(pictures[0]), headers=PNG)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "1")
    assert client.get("/health").status_code == 200


def test_a_failure_of_the_model_is_told_without_its_traceback(asked, model, pictures):
    class Broken:
        def __getattr__(self, name):
            return getattr(model, name)

        def probabilities(self, samples):
            if len(samples) < 16:
                raise RuntimeError("inner words")
            return model.probabilities(samples)

    client = asked(Broken(), raise_server_exceptions=False)
    answer = client.post("/predict", content=png(pictures[0]), headers=PNG)
    assert answer.status_code == 500
    assert "RuntimeError" in answer.json()["error"]
    assert "inner words" not in answer.text
    assert client.get("/health").json() == {"status": "ok", "waiting": 0}


# several at a time


def test_requests_that_come_together_share_forward_passes(model, pictures):
    async def ask():
        service = Service(model)
        service.batcher.gather = 0.1
        transport = httpx.ASGITransport(application(service, "", None))
        async with service.working(), httpx.AsyncClient(transport=transport, base_url="http://any") as client:
            answers = await asyncio.gather(
                *(client.post("/predict", content=png(picture), headers=PNG) for picture in pictures)
            )
        return answers, service.batcher.passes

    answers, passes = asyncio.run(ask())
    check([row for answer in answers for row in answer.json()], model, model.predict_proba(pictures))
    assert passes < len(pictures) / 4


# beginning


def test_what_cannot_be_served_is_refused_at_once(tmp_path, model):
    with pytest.raises(InputError, match="no model"):
        serve(tmp_path, "127.0.0.1", 0, "", print)
    with pytest.raises(InputError, match="leave one of the two out"):
        serve(tmp_path, "0.0.0.0", 0, "", print)  # noqa: S104
    with pytest.raises(InputError, match="2 channels"):
        Service(model_of(Shape(2, 5, 4), Scaling((1.0, 1.0), (1.0, 1.0))))
    model.save(tmp_path)
    with pytest.raises(InputError, match="give another --host"):
        serve(tmp_path, "no such name", 0, "x", print)


def test_a_token_of_ones_own(tmp_path):
    token = new_token()
    assert check_token(token) == token
    for wrong in ("short", "a/" * 10, "ä" * 20):
        with pytest.raises(InputError, match="16 or more"):
            check_token(wrong)
    context = cli.commands["serve"].make_context("serve", [str(tmp_path), "--port", "0", "--token", token])
    assert context.params["token"] == token
    assert context.params["host"] == "127.0.0.1"
