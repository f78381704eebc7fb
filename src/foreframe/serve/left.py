"""Drives of clients that left: kept for a while, for a page that connects again."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..simulate import Drive
from .engine import Engine

_KEPT_S = 120.0
_MOST_KEPT = 32


@dataclass(frozen=True)
class LeftDrive:
    """A drive whose client left.

    Attributes:
        engine: what computes it.
        drive: the drive, with all that was seen.
        left_at: when the client left, in seconds of a clock that never goes back.
    """

    engine: Engine
    drive: Drive
    left_at: float


@dataclass
class LeftDrives:
    """Drives of clients that left, by the secret keys of their connections."""

    drives: dict[str, LeftDrive] = field(default_factory=dict)

    def keep(self, key: str, engine: Engine, drive: Drive, now: float) -> None:
        """Keep a drive; of too many, those that were left first go."""
        self._forget(now)
        self.drives[key] = LeftDrive(engine, drive, now)
        while len(self.drives) > _MOST_KEPT:
            del self.drives[next(iter(self.drives))]

    def take(self, key: str, now: float) -> LeftDrive | None:
        """Return a drive, which is no longer kept; None if there is none."""
        self._forget(now)
        return self.drives.pop(key, None)

    def _forget(self, now: float) -> None:
        self.drives = {k: d for k, d in self.drives.items() if now - d.left_at < _KEPT_S}
