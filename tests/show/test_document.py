"""The page as one file."""

from __future__ import annotations

import base64
import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import neuralfinder.show.page
from neuralfinder.search.events import understood
from neuralfinder.search.record import Record
from neuralfinder.show.page.document import SCRIPTS, offline_page, script
from neuralfinder.show.page.story import told


def test_the_file_lets_nothing_else_in(finished):
    _, events = finished
    page = offline_page(told(understood(events)))
    policy = re.search(r'Content-Security-Policy" content="([^"]*)"', page).group(1)
    for tag, rule in (("script", "script-src"), ("style", "style-src")):
        inside = re.search(rf"<{tag}>(.*?)</{tag}>", page, re.DOTALL).group(1)
        digest = base64.b64encode(hashlib.sha256(inside.encode()).digest()).decode()
        assert f"{rule} 'sha256-{digest}'" in policy
    addresses = set(re.findall(r"https?://[^\s\"'`]+", page)) - {"http://www.w3.org/2000/svg"}
    assert not addresses


def test_no_text_of_the_data_becomes_part_of_the_page():
    hostile = "</script><script>alert(1)</script><!-- \"quoted\" 'too'"
    page = offline_page({"now": 0, "data": {"name": hostile}, "script": "<!--style--><!--script-->"})
    assert page.count("<script") == 2
    assert page.count("alert(1)") == 1
    story = re.search(r'id="story">(.*?)</script>', page, re.DOTALL).group(1)
    assert json.loads(story)["data"]["name"] == hostile


def test_the_report_needs_no_torch_and_no_search_to_have_ended(finished, tmp_path):
    folder, events = finished
    with Record(tmp_path / "run.sqlite") as record:
        for event in events[:20]:
            record.append(event.kind, [event.data])
    code = (
        "import sys; sys.modules['torch'] = None; sys.modules['sklearn'] = None\n"
        "from neuralfinder.cli import main\n"
        "sys.argv = ['neuralfinder', 'report', sys.argv[1], '--out', sys.argv[2]]\n"
        "main()"
    )
    for source in (folder, tmp_path):
        out = tmp_path / "page.html"
        done = subprocess.run([sys.executable, "-c", code, source, out], capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        assert out.read_text(encoding="utf-8").startswith("<!doctype html>")


FOLDER = Path(neuralfinder.show.page.__file__).parent / "scripts"
PARTS = {name: (FOLDER / f"{name}.js").read_text(encoding="utf-8") for name in SCRIPTS}


def defined(text):
    """Names at the top of a part."""
    return set(re.findall(r"^(?:const|let|function) ([\w$]+)", text, re.MULTILINE))


def test_every_part_of_the_script_is_on_the_page():
    assert {path.stem for path in FOLDER.iterdir()} == set(SCRIPTS)
    assert all(text in script() for text in PARTS.values())


def test_a_part_of_the_script_uses_those_before_it_and_none_after_it():
    later = {}
    for name, text in reversed(PARTS.items()):
        assert not {called for called in re.findall(r"(?<![.\w$])([\w$]+)\(", text) if called in later} - defined(text)
        assert not defined(text) & later.keys()
        later |= dict.fromkeys(defined(text), name)
    assert len(later) > 80


def test_parts_are_short_and_say_what_they_are_for():
    for text in PARTS.values():
        assert text.startswith("// ")
        assert len(text.splitlines()) < 250
