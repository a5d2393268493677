"""The documentation site: what its pages show can be done as it stands there, and it is built without a warning."""

from __future__ import annotations

import ast
import contextlib
import errno
import inspect
import io
import json
import os
import re
import shlex
import subprocess
import sys
from concurrent.futures import Future
from functools import cache
from pathlib import Path
from urllib.parse import unquote, urlsplit

import click
import messages
import numpy as np
import pytest
from chromium import in_the_way, needs_chromium
from filelock import FileLock
from PIL import Image
from test_cli import SMALL, call

import neuralfinder
from neuralfinder import cli, errors
from neuralfinder.cli import program
from neuralfinder.search.executors import outcome

ROOT = Path(__file__).parent.parent

PAGES = {path.stem: path.read_text(encoding="utf-8") for path in sorted((ROOT / "docs").glob("*.md"))}


def blocks(page: str, *languages: str) -> list[str]:
    return re.findall(rf"^```(?:{'|'.join(languages)})\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE)


def commands(page: str) -> list[tuple[str, list[str]]]:
    """The commands of a page, each with the lines that it is said to print."""
    found: list[tuple[str, list[str]]] = []
    for block in blocks(page, "console", "bash"):
        for line in block.replace("\\\n", " ").splitlines():
            if line.startswith(("$ ", "neuralfinder ")):
                found.append((line.removeprefix("$ "), []))
            elif found:
                found[-1][1].append(line)
    return found


def words_of(command: str) -> list[str]:
    words = shlex.split(command, comments=True)
    return [word for word in words[1:] if word != "&"] if words[0] == "neuralfinder" else []


@pytest.mark.parametrize("page", PAGES)
def test_commands_parse(page):
    for command, _ in commands(page):
        if words := words_of(command):
            if words[0].startswith("-"):
                continue
            with click.Context(cli.cli) as context:
                cli.cli.commands[words[0]].make_context(words[0], words[1:], parent=context)


@pytest.mark.parametrize("page", PAGES)
def test_python_and_json_parse(page):
    for block in blocks(page, "python"):
        ast.parse(block)
    for block in blocks(page, "json"):
        json.loads(block)


def test_fences_are_closed_and_say_what_they_hold():
    for name, page in PAGES.items():
        fences = re.findall(r"^```(.*)$", page, re.MULTILINE)
        assert not [fence for fence in fences[::2] if not fence], name
        assert not [fence for fence in fences[1::2] if fence], name


# what goes wrong


@pytest.fixture(scope="module")
def spoilt(tmp_path_factory):
    """A folder with what the page about troubles has commands for."""
    home = tmp_path_factory.mktemp("spoilt")
    rng = np.random.default_rng(0)
    for number in range(24):
        for place in ("photos/cat", "photos/dog", *(("flat", "one/cat") if number < 9 else ())):
            (home / place).mkdir(parents=True, exist_ok=True)
            pixels = rng.integers(0, 256, (8, 8, 3), dtype=np.uint8)
            Image.fromarray(pixels).save(home / place / f"{number}.png")
    (home / "prices.csv").write_text("\n".join(["text,price", *(f"house {n},{n + 0.5}" for n in range(40))]))
    (home / "reviews.csv").write_text("\n".join(["review,stars", *(f"a b {n},{n % 2}" for n in range(40))]))
    (home / "notes.txt").write_text("some")
    return home


REFUSED = [pytest.param(command, shown, id=command) for command, shown in commands("troubleshooting") if shown]


def test_there_are_families_of_messages():
    assert len(REFUSED) == PAGES["troubleshooting"].count("```console") >= 10


@pytest.mark.parametrize(("command", "shown"), REFUSED)
def test_a_message_is_as_shown_and_in_the_list_of_all(command, shown, spoilt, monkeypatch):
    monkeypatch.chdir(spoilt)
    monkeypatch.setenv("XDG_CACHE_HOME", str(spoilt))
    done = call(*words_of(command))
    assert done.code == program.EXIT_INPUT
    said = done.err.replace(str(spoilt), "/home/you").splitlines()
    assert said == shown
    assert [text for text in _listed() if _fits(text, said[0].removeprefix("neuralfinder: "))]


@cache
def _listed():
    """All messages that there are."""
    return [_unescaped(text) for texts in messages.messages().values() for text in texts]


def _unescaped(text):
    return re.sub(r"\\(.)", r"\1", text.replace("; **", "; ").removesuffix("**"))


def _fits(text, said):
    """Whether a message of the list, more than gaps, is this one; ` / ` parts the mends that it may have."""
    what, _, mends = text.rpartition("; ")
    for mend in mends.split(" / "):
        parts = [re.escape(part) for part in f"{what}; {mend}".split(messages.GAP)]
        if len(re.findall("[a-z]+", text)) > 3 and re.fullmatch(".*".join(parts).replace(r"\ /\ ", ".*"), said):
            return True
    return False


def test_the_list_of_messages_is_whole():
    """Each call of `InputError` in the code has its mend there."""
    listed = messages.page()
    mends = re.findall(
        r'mend="([a-z][^"{}`\\*_<>#|$~\[\]]*)"', "".join(p.read_text() for p in messages.ROOT.rglob("*.py"))
    )
    assert len(mends) > 80
    assert not [mend for mend in mends if mend not in listed]


def test_every_exit_code_and_every_class_of_errors_is_there():
    page = PAGES["troubleshooting"]
    rows = dict(re.findall(r"^\| (\d+) \| (.*)$", page, re.MULTILINE))
    codes = {value for name, value in vars(program).items() if name.startswith("EXIT_")}
    assert rows.keys() == {"0", "1", *map(str, codes)}
    kinds = [
        kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, errors.NeuralFinderError)
    ]
    assert len(kinds) > 5
    for kind in kinds:
        assert f"`{kind.__name__}`" in page
        for code in re.findall(r"\(exit code (\d)\)", kind.__doc__):
            assert kind.__name__ in rows[code]


def test_every_fault_of_the_machine_has_its_mend_there():
    for mend in {*errors.OF_THE_MACHINE.values(), *errors.OF_THE_PATH.values()}:
        assert mend.format(folder="the folder") in PAGES["troubleshooting"]
    full = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "runs/photos/run.sqlite")
    assert f"neuralfinder: {errors.MachineError.of(full, '')}; then" in PAGES["troubleshooting"]


def test_what_is_not_installed_is_said_so():
    said = errors.lacking("serve", "its server", "serve", "use `neuralfinder predict`")
    assert f"neuralfinder: {said}\n" in PAGES["troubleshooting"]


@pytest.mark.parametrize("error", [errors.LostWorkerError("x"), MemoryError("x"), TypeError("x")])
def test_failures_of_networks_are_explained(error):
    future = Future()
    future.set_exception(error)
    assert f"| `{outcome(0, future).failure}` |" in PAGES["troubleshooting"]


def test_reading_the_page_has_each_part_of_it():
    html = (ROOT / "neuralfinder/show/page/page.html").read_text(encoding="utf-8")
    titles = re.findall(r"<h2[^>]*>(.*?)</h2>", html)
    assert len(titles) == 8
    rows = re.findall(r"^\| (.*?) \|", PAGES["reading-the-page"], re.MULTILINE)
    assert [row for row in rows if row in titles] == titles


# what is done


def run_blocks(page, monkeypatch, home):
    """Do what a page shows, from top to bottom; each command with what it printed and what it was said to print."""
    monkeypatch.chdir(home)
    monkeypatch.setenv("XDG_CACHE_HOME", str(home))
    names = {}
    for language, block in re.findall(r"^```(console|python)\n(.*?)^```", PAGES[page], re.DOTALL | re.MULTILINE):
        if language == "python":
            out = io.StringIO()
            with contextlib.redirect_stdout(out):
                exec(compile(block, page, "exec"), names)  # noqa: S102 - our own page
            expected = re.findall(r"^print\(.*\)  # (.*)$", block, re.MULTILINE)
            printed = iter(out.getvalue().splitlines())
            assert [line for line in expected if line not in printed] == []  # in this order, among what a search says
            continue
        for part in re.split(r"^\$ ", block, flags=re.MULTILINE)[1:]:
            command, *shown = part.splitlines()
            words = shlex.split(command)
            if words[0] == "python":
                done = subprocess.run([sys.executable, *words[1:]], capture_output=True, text=True, check=True)
                yield words, done.stdout.splitlines(), shown
                continue
            minutes = words.index("--minutes") if "--minutes" in words else len(words)
            words = words[:minutes] + words[minutes + 2 :]
            done = call(*words[1:], *(SMALL if words[1] == "search" else ()))
            assert done.code == 0, done.err
            yield words, done.out.splitlines(), shown


def head_of(line):
    """A line without what differs from search to search."""
    return re.sub(r" {2,}.*", "", line) if re.match(r"\w+ {2,}", line) else re.sub(r"[\d.,]+", "0", line)


@pytest.mark.thorough
@pytest.mark.usefixtures("quick_machine")
def test_first_steps_are_as_shown_figures_aside(tmp_path, monkeypatch):
    seen = []
    for words, printed, shown in run_blocks("first-steps", monkeypatch, tmp_path):
        what = words[1]
        seen.append(what)
        if what in ("check", "report"):
            assert printed == shown
        elif what == "search":
            heads = [head_of(line) for line in printed]
            lacking = {head_of(line) for line in shown if not line.startswith(" ")} - {*heads}
            assert lacking <= {"limit", "found"}  # the one follows from minutes; a network by hand may win
        elif what == "top":
            assert printed[0].split() == shown[0].split()
            assert len(shown) == 1 + 4 + 2
        else:
            assert [re.split(r"\s+", line)[0] for line in printed] == [re.split(r"\s+", line)[0] for line in shown]
            assert re.fullmatch(r"digit-1700.png\t\d\t0\.\d{4}|digit-1702.png +\d +[\d.]+%", printed[-1])
    assert seen == ["check", "search", "top", "report", "predict", "runs/digits/model/network.py"]


@pytest.mark.thorough
@pytest.mark.parametrize("page", ["pictures", "texts", "arrays"])
@pytest.mark.usefixtures("quick_machine")
def test_own_data_go_the_way_that_is_shown(page, tmp_path, monkeypatch):
    for words, printed, shown in run_blocks(page, monkeypatch, tmp_path):
        if shown:
            assert printed == shown or (shown[-1] == "..." and printed[: len(shown) - 1] == shown[:-1])
        if "--out" in words:
            assert len((tmp_path / words[-1]).read_text(encoding="utf-8").splitlines()) == 2161


# the site


@pytest.fixture(scope="session")
def site(tmp_path_factory, worker_id):
    """Its folder, made once for all processes that test."""
    for name in ("sphinx", "furo", "myst_parser", "sphinx_click"):
        pytest.importorskip(name, reason="the extra `docs` is not installed")
    shared = tmp_path_factory.getbasetemp()
    shared = shared if worker_id == "master" else shared.parent
    with FileLock(shared / "site.lock"):
        if not (shared / "site").exists():
            how = ("--fail-on-warning", "--keep-going", "--quiet", "-d", shared / "doctrees")
            build = [sys.executable, "-m", "sphinx", *how, ROOT / "docs", shared / "building"]
            done = subprocess.run(build, capture_output=True, text=True, check=False)
            assert done.returncode == 0, done.stderr
            (shared / "building").rename(shared / "site")
    return shared / "site"


@pytest.mark.thorough
def test_every_page_is_there_and_its_links_lead_somewhere(site):
    bs4 = pytest.importorskip("bs4")
    pages = {path: bs4.BeautifulSoup(path.read_text(encoding="utf-8"), "html.parser") for path in site.glob("*.html")}
    assert {path.stem for path in pages} >= PAGES.keys()
    anchors = {path: {tag["id"] for tag in page.find_all(id=True)} for path, page in pages.items()}
    dead, fetched = [], []
    for path, page in pages.items():
        for tag in page.find_all(["a", "link", "script", "img"]):
            address = urlsplit(tag.get("href") or tag.get("src") or "")
            if address.scheme or address.netloc:
                fetched += [address.geturl()] if tag.name != "a" else []
                continue
            target = site / unquote(address.path) if address.path else path
            there = not address.fragment or unquote(address.fragment) in anchors.get(target, ())
            if not target.exists() or not there:
                dead.append((path.name, address.geturl()))
    assert not dead
    assert not [each for each in fetched if not each.startswith("data:")]


@pytest.mark.thorough
def test_the_reference_has_every_command_and_every_name(site):
    page = (site / "commands.html").read_text(encoding="utf-8")
    for name, command in cli.cli.commands.items():
        for option in command.params:
            if isinstance(option, click.Option):
                assert f'id="cmdoption-neuralfinder-{name}-{option.opts[-1].lstrip("-")}"' in page
    page = (site / "api.html").read_text(encoding="utf-8")
    for name in neuralfinder.__all__:
        assert f'id="neuralfinder.{name}"' in page or name == "__version__"
    everything = (site / "messages.html").read_text(encoding="utf-8")
    assert "<strong>label these samples or leave them out</strong>" in everything


@pytest.mark.thorough
@needs_chromium
@pytest.mark.parametrize(("page", "scheme"), [("index", "light"), ("troubleshooting", "dark")])
def test_nothing_is_in_the_way_on_a_phone(page, scheme, site, browser):
    context = browser.new_context(viewport={"width": 400, "height": 800}, color_scheme=scheme, offline=True)
    one = context.new_page()
    one.goto((site / f"{page}.html").as_uri())
    assert in_the_way(one) == {}
    context.close()
