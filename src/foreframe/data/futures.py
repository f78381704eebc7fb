"""The true futures of a store's episodes: what else could have happened after the same context.

Letters: R episodes that have futures, K futures per episode, T frames per future.
A world plays some episodes on from one place with the same actions and other chance. They lie
beside the columns, in `futures/`, one raw array [R, K, T, *row] for the frames and for every column
of truth; an episode's entry in the manifest says which row is its own.
"""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..runtime.digests import digest
from ..runtime.files import is_inside, make_folder
from ..runtime.tensors import map_array
from ..runtime.typed import read_as
from .sources.recording import Column, Fork

Array = NDArray[Any]

FOLDER = "futures"


@dataclass(frozen=True)
class FutureColumns:
    """What a store keeps of its true futures.

    Attributes:
        fork: how many there are, where they begin, how long they are.
        columns: the frames and every column of truth, by name.
    """

    fork: Fork
    columns: Mapping[str, Column]

    @classmethod
    def of(cls, fork: Fork, columns: Mapping[str, Column]) -> FutureColumns:
        """Return the columns that differ between futures: those that no model is told."""
        kept = {name: c for name, c in columns.items() if c.role in ("frames", "truth")}
        return cls(fork, kept)

    def to_json(self) -> dict[str, Any]:
        """Return what the manifest says of them."""
        return {**asdict(self.fork), "columns": list(self.columns)}

    @classmethod
    def from_json(cls, values: Mapping[str, Any], columns: Mapping[str, Column]) -> FutureColumns:
        """Read what `to_json` wrote beside the store's columns."""
        told = read_as(_Written, values, "the futures of a store's manifest")
        if min(told.count, told.frames) < 1 or told.start < 1 or set(told.columns) - set(columns):
            raise InputError(
                f"the futures of a store's manifest are {told.count} of {told.frames} frames from "
                f"{told.start} on, of columns {list(told.columns)}; expected what foreframe wrote"
            )
        fork = Fork(told.count, told.start, told.frames)
        return cls(fork, {name: columns[name] for name in told.columns})

    def shape(self, name: str) -> tuple[int, ...]:
        """Return the shape of the futures of one episode: [K, T, *row]."""
        return (self.fork.count, self.fork.frames, *self.columns[name].shape)

    def bytes_of(self, name: str) -> int:
        """Return how many bytes the futures of one episode take."""
        item = np.dtype(self.columns[name].dtype).itemsize
        return int(np.prod(self.shape(name), dtype=int)) * item

    def file(self, store: Path, name: str) -> Path:
        """Return where a column of the futures lies."""
        return store / FOLDER / f"{name}.{np.dtype(self.columns[name].dtype).name}"

    def check_sizes(self, store: Path, episodes: int) -> None:
        """Raise an InputError if a file is missing or of another size than R = `episodes` needs."""
        for name in self.columns:
            file, expected = self.file(store, name), episodes * self.bytes_of(name)
            got = file.stat().st_size if is_inside(file, store) else None
            if got != expected:
                what = "is missing" if got is None else f"has {got} bytes"
                raise InputError(
                    f"{file} {what}; expected {expected} for the futures of {episodes} episodes: "
                    "the store is damaged, make it again"
                )

    def open(self, store: Path, name: str, episodes: int) -> Array:
        """Map a column of the futures of R = `episodes` episodes, read-only: [R, K, T, *row]."""
        shape = (episodes, *self.shape(name))
        if not episodes:
            return np.zeros(shape, self.columns[name].dtype)
        return map_array(self.file(store, name), self.columns[name].dtype, shape)


@dataclass(frozen=True)
class _Written:
    """The layout as JSON has it."""

    count: int
    start: int
    frames: int
    columns: tuple[str, ...]


def write_all(file: io.FileIO, content: bytes | memoryview) -> None:
    """Write all of it; a system may take less at a time."""
    left = memoryview(content).cast("B") if len(content) else memoryview(b"")
    while left:
        left = left[file.write(left) :]


class FuturesWriter:
    """Appends the futures of one episode after another to a growing store.

    What lies beyond the first `rows` episodes is cut off: it was written by a call that stopped
    before it could say so.
    """

    def __init__(self, store: Path, layout: FutureColumns, rows: int) -> None:
        self._layout, self._rows = layout, rows
        make_folder(store / FOLDER)
        self.files: dict[str, io.FileIO] = {}
        for name in layout.columns:
            file = layout.file(store, name)
            file.touch()
            os.truncate(file, rows * layout.bytes_of(name))
            self.files[name] = file.open("ab", buffering=0)

    def checked(self, name: str, futures: Mapping[str, Array]) -> dict[str, Array]:
        """Return the futures of episode `name` as they will be stored.

        Raises:
            InputError: a column of another shape than the fork says.
        """
        for column in self._layout.columns:
            got, expected = list(futures[column].shape), list(self._layout.shape(column))
            if got != expected:
                raise InputError(
                    f"episode {name}: the futures' {column} has shape {got}; expected {expected}"
                )
        return {
            column: np.ascontiguousarray(futures[column], spec.dtype)
            for column, spec in self._layout.columns.items()
        }

    def append(self, futures: Mapping[str, Array]) -> dict[str, Any]:
        """Write the futures of an episode; return its entry for the manifest."""
        digests = {}
        for column, values in futures.items():
            content = values.tobytes()
            digests[column] = digest(content)
            write_all(self.files[column], content)
        self._rows += 1
        return {"row": self._rows - 1, "digests": digests}
