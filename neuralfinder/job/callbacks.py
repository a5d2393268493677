"""The user's callables, told of a run while it goes on: none of them can end it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence

from neuralfinder.errors import InputError
from neuralfinder.plain import counted
from neuralfinder.search.events import Event


class Callbacks:
    """Tells each callable each event, one after the other; what one raises is reported, and it is told the next event.

    Args:
        callables: `None` for none.
        say: shows a line at once: which of them failed for the first time.

    Raises:
        InputError: something else than a sequence of callables.
    """

    def __init__(self, callables: Sequence[Callable[[Event], object]] | None, say: Callable[[str], object]) -> None:
        given = () if callables is None else callables
        if not isinstance(given, Sequence) or not all(map(callable, given)):
            raise InputError(
                "callbacks", given=repr(callables), expected="a list of callables that take an event",
                mend="as in callbacks=[print]",
            )  # fmt: skip
        self._callables, self._say = tuple(given), say
        self._first: dict[int, str] = {}
        self._failed = Counter[int]()

    def __call__(self, event: Event) -> None:
        """Tell all of them."""
        for place, each in enumerate(self._callables):
            try:
                each(event)
            except Exception as error:
                if place not in self._first:
                    self._first[place] = f"{type(error).__name__}: {error}, of event {event.number}, `{event.kind}`"
                    self._say(f"callback {_name(each)} failed with {self._first[place]}; the run goes on")
                self._failed[place] += 1

    @property
    def warnings(self) -> list[str]:
        """A line for each that failed so far: its name, how often, and how the first time."""
        return [
            f"callback {_name(self._callables[place])} failed {counted(count, 'time')}, first with {self._first[place]}"
            for place, count in sorted(self._failed.items())
        ]


def _name(each: Callable[[Event], object]) -> str:
    return str(getattr(each, "__qualname__", type(each).__qualname__))
