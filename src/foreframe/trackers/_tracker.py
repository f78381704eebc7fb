"""What a tracker is, and what it is told of a run."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol


class Tracker(Protocol):
    """Where the numbers and pictures of a training go, beside its own log."""

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        """Take the numbers of an optimiser step, by their names in `metrics.jsonl`."""

    def pictures(self, step: int, files: Mapping[str, Path]) -> None:
        """Take animations (.webp) by their names; `strip` makes a picture of one."""

    def finish(self) -> None:
        """Take the end of this process's training; the run may go on later."""


@dataclass(frozen=True)
class TrackedRun:
    """A run, as a tracker is told of it.

    Attributes:
        folder: of the run.
        key: the same for every start of the run, and of no other run.
        config: its settings, in the form of a recipe.
        first_step: optimiser steps that are done; later ones that were tracked before are done
            again.
    """

    folder: Path
    key: str
    config: Mapping[str, Any]
    first_step: int = 0

    @property
    def name(self) -> str:
        """A name for people, which no other run has."""
        return f"{self.folder.resolve().name}-{self.key[:6]}"

    @property
    def settings(self) -> dict[str, Any]:
        """The settings by dotted names.

        >>> TrackedRun(Path("a"), "0", {"clip": {"horizon": 4}}).settings
        {'clip.horizon': 4}
        """
        return dict(_flat(self.config, ""))


def _flat(values: Mapping[str, Any], prefix: str) -> list[tuple[str, Any]]:
    found: list[tuple[str, Any]] = []
    for name, value in values.items():
        inner = isinstance(value, Mapping)
        found += _flat(value, f"{prefix}{name}.") if inner else [(f"{prefix}{name}", value)]
    return found


class _Untracked:
    def numbers(self, step: int, values: Mapping[str, float]) -> None: ...

    def pictures(self, step: int, files: Mapping[str, Path]) -> None: ...

    def finish(self) -> None: ...


UNTRACKED: Tracker = _Untracked()
