"""What other packages bring: a registry holds our own by name, and what entry points of installed packages add.

A package adds to the registry `strategies`, say, by the group `neuralfinder.strategies` of its entry points::

    [project.entry-points."neuralfinder.strategies"]
    tabu = "my_package.tabu:Tabu"

The packages are looked for when a name is asked for that is not our own, or all names are. One that cannot be loaded is
left out with a line that says so: a plug-in that is broken is no reason why anything else should not work.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterator, Mapping
from typing import Any, TypeVar

from neuralfinder.plain import printable

T = TypeVar("T")

_LOG = logging.getLogger(__name__)
"""Where nobody has set up logging, Python writes warnings to the error stream, a line each."""


class Registry(Mapping[str, T]):
    """Our own by name, in order, then those of plug-ins by name.

    Args:
        group: what follows `neuralfinder.` in the name of the group of entry points.
        own: our own.
        fits: whether what an entry point names is such a thing.
        expected: what that is, in words.
    """

    def __init__(self, group: str, own: Mapping[str, T], fits: Callable[[Any], bool], expected: str) -> None:
        self.group, self.own = group, dict(own)
        self._fits, self._expected = fits, expected
        self._foreign: dict[str, T] | None = None

    def __getitem__(self, name: str) -> T:
        return self.own[name] if name in self.own else self.foreign[name]

    def __iter__(self) -> Iterator[str]:
        yield from self.own
        yield from self.foreign

    def __len__(self) -> int:
        return len(self.own) + len(self.foreign)

    @property
    def foreign(self) -> Mapping[str, T]:
        """Those of plug-ins, by name; looked for once."""
        if self._foreign is None:
            self._foreign = {}  # before they are loaded: a plug-in may look into the registry itself
            self._foreign |= self._found()
        return self._foreign

    def _found(self) -> dict[str, T]:
        from importlib.metadata import entry_points

        found: dict[str, T] = {}
        homes = dict.fromkeys(self.own, "neuralfinder")
        entries = entry_points(group=f"neuralfinder.{self.group}")
        for package, entry in sorted((entry.dist.name if entry.dist else "?", entry) for entry in entries):
            reason, thing = self._loaded(entry)
            if not reason and entry.name in homes:
                reason = f"{homes[entry.name]} has one of this name; give it another in the package's entry points"
            if reason:
                line = "plug-in %r of package %s is left out of %s: %s"
                _LOG.warning(line, entry.name, printable(package), self.group, printable(reason))
            else:
                found[entry.name], homes[entry.name] = thing, package
        return dict(sorted(found.items()))

    def _loaded(self, entry: Any) -> tuple[str, Any]:
        """Why what an entry point names is of no use, empty where it is; and the thing."""
        try:
            thing = entry.load()
        except (Exception, SystemExit) as error:  # whatever a module does when it is imported
            first = next(iter(str(error).splitlines()), "")
            return f"it cannot be loaded ({type(error).__name__}: {first}); mend or uninstall the package", None
        if not self._fits(thing):
            return f"{entry.value} is {thing!r:.80}; expected {self._expected}", None
        return "", thing
