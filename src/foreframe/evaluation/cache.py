"""Scores that are done stay done.

An evaluation that is stopped goes on at the first batch that is missing.
"""

from __future__ import annotations

import io
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.digests import digest
from ..runtime.files import atomic_write

Array = NDArray[Any]

_PREFIX = ".scores-"


class ScoreCache:
    """Arrays by name in a folder that belongs to one evaluation: `identity` says exactly which."""

    def __init__(self, parent: Path, identity: Mapping[str, Any]) -> None:
        self.folder = parent / f"{_PREFIX}{digest(repr(sorted(identity.items())).encode())[:16]}"

    def get(self, name: str, compute: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        """The arrays kept as `name`, or else computed and kept."""
        file = self.folder / f"{name}.npz"
        found = _read(file)
        if found is None:
            found = compute()
            content = io.BytesIO()
            np.savez(content, **found)  # type: ignore[arg-type]
            atomic_write(file, content.getvalue())
        return found

    @staticmethod
    def forget_all(parent: Path) -> None:
        """Remove what stopped evaluations left in a folder in which none is at work."""
        for folder in parent.glob(f"{_PREFIX}*"):
            shutil.rmtree(folder, ignore_errors=True)

    def forget(self) -> None:
        """The evaluation is done: what it is made of is not wanted any more."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _read(file: Path) -> dict[str, Array] | None:
    if not file.is_file():
        return None
    try:
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive}
    except (
        Exception
    ):  # zipfile, zlib and numpy raise many kinds; what cannot be read is computed again
        return None
