"""Scores that are done stay done.

An evaluation that is stopped goes on at the first batch that is missing.
"""

from __future__ import annotations

import functools
import io
import shutil
import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.digests import digest, digest_file
from ..runtime.files import atomic_write

Array = NDArray[Any]

_PREFIX = ".scores-"


def identity_of(values: Mapping[str, Any]) -> str:
    """Return a digest of everything that scores depend on."""
    return digest(repr(sorted(values.items())).encode())[:16]


@functools.cache
def code_digest() -> str:
    """Return a digest of this package's code: scores of other code are not taken for these."""
    package = Path(__file__).parents[1]
    files = sorted(package.rglob("*.py"))
    return digest("".join(digest_file(file) for file in files).encode())


class ScoreCache:
    """Arrays by name in a folder that belongs to one evaluation: `identity` says exactly which."""

    def __init__(self, parent: Path, identity: str) -> None:
        self.folder = parent / f"{_PREFIX}{identity}"

    def get(self, name: str, compute: Callable[[], dict[str, Array]]) -> dict[str, Array]:
        """Return the arrays kept as `name`; compute and keep them if there are none."""
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
        """Remove what is kept, once the evaluation is done."""
        shutil.rmtree(self.folder, ignore_errors=True)


def _read(file: Path) -> dict[str, Array] | None:
    if not file.is_file():
        return None
    try:
        with zipfile.ZipFile(file) as packed:
            if any(member.compress_type != zipfile.ZIP_STORED for member in packed.infolist()):
                return None  # not written here: it may unpack to anything
        with np.load(file, allow_pickle=False) as archive:
            return {name: archive[name] for name in archive}
    except Exception:  # zipfile, zlib and numpy raise many kinds: what is damaged is made again
        return None
