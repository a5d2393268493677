"""Write the page about settings: `python docs/settings.py > docs/settings.md`.

The page is made of the table in `neuralfinder.job.settings`, without what plug-ins bring; a test compares.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator

from neuralfinder.job.settings import OWNERS, Setting, default_of, table
from neuralfinder.strategies import STRATEGIES

BEGINNING = """\
# Settings

Everything that can be set, as `neuralfinder list settings` shows it too. Those with an option have a parameter of the
same name in `NeuralFinder`; all others are given by `--set NAME=VALUE`, or as `NeuralFinder(options={"NAME": VALUE})`.
Lists are written with commas, as in `--set kernels=1,3,5` or `--set pools=M,A3`, an empty one as `none`; pools and
heads as `neuralfinder list genes` shows them. So the world of 2017 with skips is

```console
$ neuralfinder search DATA --preset seed-2017 --set longest_skip=3
```
"""

TITLES = {
    "run": "The run",
    "plan": "The plan",
    "caps": "Caps on networks",
    "data": "The data",
    "space": "The space of networks",
}


def page() -> Iterator[str]:
    """The lines of the page."""
    rows = table(STRATEGIES.own)
    yield BEGINNING
    for owner in dict.fromkeys((*OWNERS, *(row.owner for row in rows))):
        yield f"## {TITLES.get(owner) or owner.replace('strategy ', 'Strategy `') + '`'}"
        yield ""
        yield "| setting | meaning | values | default |"
        yield "|---|---|---|---|"
        yield from (_line(row) for row in rows if row.owner == owner)
        yield ""


def _line(row: Setting) -> str:
    name = f"`{row.flagged}`" if row.option else f"`{row.name}`"
    return f"| {name} | {row.meaning} | {row.expected} | {default_of(row)} |"


if __name__ == "__main__":
    sys.stdout.reconfigure(encoding="utf-8")
    sys.stdout.write("\n".join(page()).rstrip() + "\n")
