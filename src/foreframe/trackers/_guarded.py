"""A tracker that cannot stop a training."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from ._tracker import UNTRACKED, Tracker


def guarded(tracker: Tracker, name: str, say: Callable[[str], None]) -> Tracker:
    """Return a tracker that says what goes wrong in another, once, and is still from then on.

    Args:
        tracker: what it hands everything to.
        name: of the tracker, for what is said.
        say: prints a line.
    """
    return _Guarded(tracker, name, say)


class _Guarded:
    def __init__(self, tracker: Tracker, name: str, say: Callable[[str], None]) -> None:
        self._tracker, self._name, self._say = tracker, name, say

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self._try(lambda: self._tracker.numbers(step, values))

    def pictures(self, step: int, files: Mapping[str, Path]) -> None:
        self._try(lambda: self._tracker.pictures(step, files))

    def finish(self) -> None:
        self._try(lambda: self._tracker.finish())

    def _try(self, act: Callable[[], None]) -> None:
        try:
            act()
        except Exception as error:
            self._tracker = UNTRACKED
            self._say(
                f"\nwarning: the tracker {self._name} failed ({_line(error)}); training goes on "
                "without it, and metrics.jsonl has everything"
            )


def _line(error: Exception) -> str:
    said = " ".join(str(error).split())[:160]
    return f"{type(error).__name__}: {said}" if said else type(error).__name__
