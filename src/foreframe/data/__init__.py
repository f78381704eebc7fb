"""Data: any recording or embedded world -> clip store -> batches of clips."""

from __future__ import annotations

from .exporting import export
from .inspecting import inspect
from .making import import_recordings, make
from .store import ClipStore, Episode
from .validating import validate
from .windows import Order, Windows

__all__ = [
    "ClipStore",
    "Episode",
    "Order",
    "Windows",
    "export",
    "import_recordings",
    "inspect",
    "make",
    "validate",
]


def __dir__() -> list[str]:
    return sorted(__all__)
