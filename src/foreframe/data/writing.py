"""Write a clip store episode after episode, so that a stopped build goes on where it was.

Columns are appended to, then a line in the journal `episodes.jsonl` says that the episode is there.
What the columns hold beyond the last line is cut off when the build goes on.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import io
import itertools
import json
import os
import platform
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..runtime.digests import digest, digest_file, write_json_with_digest
from ..runtime.files import atomic_write, make_folder, write_json
from ..runtime.systems import rename, sync
from ..runtime.tensors import map_array
from ..runtime.unfinished import UnfinishedFolder
from .futures import FutureColumns, FuturesWriter, write_all
from .journal import Journal
from .sources.findings import Findings
from .sources.recording import Column, Fork, Recording
from .store import MANIFEST, MEAN, SCHEMA, SOURCE_FILES

Array = NDArray[Any]

_COLUMNS = "columns"
_CHUNK = 64  # frames that are held at once
_PENDING, _PENDING_S = 200, 2.0  # episodes and seconds after which what is written is made sure of


class StoreWriter:
    """Append recordings to a store that grows; it counts what is there already.

    Args:
        making: the store's folder, claimed for `source`.
        source: what is built, exactly.
        columns: of the store.
        frames_per_second: of the recordings, where they tell.
        fork: of the true futures, for sources that have them.
    """

    def __init__(
        self,
        making: UnfinishedFolder,
        source: Mapping[str, Any],
        columns: Mapping[str, Column],
        frames_per_second: float | None,
        fork: Fork | None = None,
    ) -> None:
        self.making, self.folder = making, making.folder
        self.source, self.columns = json.loads(json.dumps(source)), dict(columns)
        self.frames_per_second = frames_per_second
        self.journal = Journal(making.place / "episodes.jsonl")
        lines = self._resume()
        self.episodes: list[dict[str, Any]] = [line for line in lines if "skipped" not in line]
        self.skipped: list[str] = [line["skipped"] for line in lines if "skipped" in line]
        self._files = {name: self._path(name).open("ab", buffering=0) for name in self.columns}
        self.future_columns = FutureColumns.of(fork, self.columns) if fork else None
        self._futures = (
            FuturesWriter(
                self.folder, self.future_columns, sum("futures" in e for e in self.episodes)
            )
            if self.future_columns
            else None
        )
        self._pending: list[dict[str, Any]] = []
        self._sure = time.monotonic()
        self.warnings: list[str] = []

    def _path(self, name: str) -> Path:
        return self.folder / _COLUMNS / f"{name}.{np.dtype(self.columns[name].dtype).name}"

    def _resume(self) -> list[dict[str, Any]]:
        """Return the journal's entries whose rows are there, and cut off what is beyond them."""
        before = self.making.place / _COLUMNS  # until 0.2 a growing store had its columns there
        if before.is_dir() and not (self.folder / _COLUMNS).exists():
            rename(before, self.folder / _COLUMNS)
        make_folder(self.folder / _COLUMNS)
        for name in self.columns:
            self._path(name).touch()
        self._check_apart()
        rows = {
            name: self._path(name).stat().st_size // max(1, _row_bytes(column))
            for name, column in self.columns.items()
            if _row_bytes(column)
        }
        entries = self.journal.entries()
        ends = itertools.accumulate(entry.get("length", 0) for entry in entries)
        whole = list(itertools.takewhile(lambda end: end <= min(rows.values()), ends))
        self.journal.cut(len(whole))
        for name, column in self.columns.items():
            os.truncate(self._path(name), (whole[-1] if whole else 0) * _row_bytes(column))
        sync(self.folder / _COLUMNS)
        return entries[: len(whole)]

    def _check_apart(self) -> None:
        """Check that columns are files of their own, also where a file system ignores case."""
        files = {name: self._path(name).stat().st_ino for name in self.columns}
        if len(set(files.values())) < len(files):
            same = [name for name in files if list(files.values()).count(files[name]) > 1]
            raise InputError(
                f"columns {', '.join(same)} are one file in {self.folder}, whose file system does "
                "not tell upper from lower case: rename one of them, or choose another disk"
            )

    def append(self, recording: Recording, split: str) -> None:
        """Add an episode, its frames chunk by chunk; it counts once its line is in the journal.

        Raises: InputError: columns of different lengths or shapes, or what reading the frames
            raises; nothing is added then.
        """
        start = self.episodes[-1]["start"] + self.episodes[-1]["length"] if self.episodes else 0
        try:
            rows = {
                name: _rows(recording, name, column)
                for name, column in self.columns.items()
                if name != "frames"
            }
            futures = (
                self._futures.checked(recording.name, recording.futures)
                if self._futures and recording.futures is not None
                else None
            )
            length, frames_digest = self._write_frames(recording)
            lengths = {"frames": length, **{name: len(values) for name, values in rows.items()}}
            if len(set(lengths.values())) != 1:
                raise InputError(
                    f"episode {recording.name} has columns of different lengths {lengths}; "
                    "expected one row a frame"
                )
        except BaseException:
            self._files["frames"].truncate(start * _row_bytes(self.columns["frames"]))
            raise
        digests = {"frames": frames_digest}
        for name, values in rows.items():
            content = values.tobytes()
            digests[name] = digest(content)
            write_all(self._files[name], content)
        episode = {
            "name": recording.name,
            "split": split,
            "start": start,
            "length": length,
            "digests": digests,
            "facts": {key: fact for key, fact in recording.facts.items() if fact != {}}
            | ({"session": recording.session} if recording.session else {}),
            "withheld": recording.withheld,
        }
        if self._futures and futures is not None:
            episode["futures"] = self._futures.append(futures)
        self._note(episode)
        self.episodes.append(episode)
        self.warnings += recording.warnings

    def _write_frames(self, recording: Recording) -> tuple[int, str]:
        """Append the frames, black ones where they are withheld.

        Returns how many and their digest.
        """
        column, file = self.columns["frames"], self._files["frames"]
        state, count = hashlib.blake2b(digest_size=16), 0
        black = itertools.repeat(np.zeros(column.shape, column.dtype), recording.withheld)
        for chunk in _chunks(itertools.chain(recording.frames, black)):
            pictures = np.stack(chunk)
            if pictures.shape[1:] != column.shape:
                raise InputError(
                    f"episode {recording.name}: frames has shape {list(pictures.shape[1:])} a "
                    "frame; "
                    f"expected {list(column.shape)} as before"
                )
            content = np.ascontiguousarray(pictures, column.dtype).data
            state.update(content)
            write_all(file, content)
            count += len(chunk)
        return count, state.hexdigest()

    def skip(self, why: str) -> None:
        """Leave the next episode out; the store's notes will say why."""
        self._note({"skipped": why})
        self.skipped.append(why)

    @property
    def done(self) -> int:
        """How many episodes of the source are dealt with."""
        return len(self.episodes) + len(self.skipped)

    def _note(self, entry: Mapping[str, Any]) -> None:
        self._pending.append(dict(entry))
        if len(self._pending) >= _PENDING or time.monotonic() - self._sure > _PENDING_S:
            self._make_sure()

    def _make_sure(self) -> None:
        """Bring columns to the disk, then the lines that say so."""
        lines, self._pending = (
            self._pending,
            [],
        )  # what fails once is not tried again: it is read anew
        for file in self._all_files():
            os.fsync(file.fileno())
        self.journal.add(lines)
        self._sure = time.monotonic()

    def finish(
        self, notes: Mapping[str, Any], files: Mapping[str, Any] | None = None
    ) -> UnfinishedFolder:
        """Measure the training split and write the manifest; the folder is whole then."""
        self.close()
        manifest = {
            "schema": SCHEMA,
            "source": self.source,
            "notes": self._with_spans(notes)
            | ({"skipped": self.skipped} if self.skipped else {})
            | ({"warnings": self.warnings} if self.warnings else {}),
            "versions": _versions(),
            "frames_per_second": self.frames_per_second,
            "columns": {name: asdict(column) for name, column in self.columns.items()},
            "statistics": {},
            "episodes": self.episodes,
        }
        if self.future_columns:
            manifest["futures"] = self.future_columns.to_json()
        training = training_rows(self.episodes)
        for name, column in self.columns.items():
            rows = sum(episode["length"] for episode in self.episodes)
            values = map_array(self._path(name), column.dtype, (rows, *column.shape))
            if column.role in ("action", "state"):
                manifest["statistics"][name] = measure(values[training])
            elif column.role == "frames":
                content = io.BytesIO()
                np.save(content, mean_picture(values, training), allow_pickle=False)
                atomic_write(self.folder / MEAN, content.getvalue())
                manifest["mean_frame"] = digest_file(self.folder / MEAN)
            del values  # what was mapped counts as memory of this process until it is let go
        if files is not None:
            write_json(self.folder / SOURCE_FILES, files)
        write_json_with_digest(self.folder / MANIFEST, manifest)
        return self.making

    def _with_spans(self, notes: Mapping[str, Any]) -> dict[str, Any]:
        """The notes, with the span of every column among what was found."""
        if "findings" not in notes:
            return dict(notes)
        spans: dict[str, list[tuple[float, float]]] = {}
        for name, column in self.columns.items():
            if column.role in ("action", "state"):
                rows = np.memmap(self._path(name), column.dtype, "r").reshape(-1, *column.shape)
                offset = np.asarray(column.offset or 0.0)
                ends = (rows.min(0) + offset, rows.max(0) + offset)
                spans.setdefault(column.role, []).extend(zip(*(e.tolist() for e in ends)))
        measured = Findings.from_json(notes["findings"]).measured(spans)
        taken = [asdict(column) for column in measured.taken]
        return {**notes, "findings": {**notes["findings"], "taken": taken}}

    def close(self) -> None:
        """Make sure of what is written and let go of the files."""
        try:
            if self._pending:
                self._make_sure()
        finally:
            for file in self._all_files():
                file.close()

    def _all_files(self) -> list[io.FileIO]:
        return [*self._files.values(), *(self._futures.files.values() if self._futures else ())]


def training_rows(episodes: Iterable[Mapping[str, Any]]) -> Array:
    """Return the rows that statistics are measured on: those seen in training, or else all."""
    every = list(episodes)
    chosen = [
        np.arange(e["start"], e["start"] + e["length"] - e.get("withheld", 0))
        for e in every
        if e["split"] == "train"
    ]
    rows = np.concatenate([*chosen, np.arange(0)])
    return rows if len(rows) else np.arange(sum(e["length"] for e in every))


def _rows(recording: Recording, name: str, column: Column) -> Array:
    values = np.asarray(recording.values[name])
    if values.shape[1:] != column.shape:
        raise InputError(
            f"episode {recording.name}: {name} has shape {list(values.shape[1:])} a frame; "
            f"expected {list(column.shape)} as before"
        )
    with np.errstate(over="ignore"):  # refused below
        rows = np.ascontiguousarray(values, column.dtype)
    lost = np.isfinite(values) & ~np.isfinite(rows) if rows.dtype.kind == "f" else np.zeros(1, bool)
    if lost.any():
        raise InputError(
            f"episode {recording.name}: {name} is {values[lost][0]:g} in row "
            f"{np.argwhere(lost)[0][0]}, "
            f"more than {column.dtype} holds; expected smaller numbers: "
            "mend the row or leave out the episode"
        )
    return rows


def _chunks(frames: Iterable[Array]) -> Iterator[list[Array]]:
    """Up to 64 frames at a time, all of one shape."""
    waiting = iter(frames)
    while chunk := list(itertools.islice(waiting, _CHUNK)):
        shapes = {picture.shape for picture in chunk}
        if len(shapes) > 1:
            raise InputError(
                f"pictures of one episode have shapes {sorted(map(list, shapes))}; expected one: "
                "say --size H W"
            )
        yield chunk


def _row_bytes(column: Column) -> int:
    return int(np.prod(column.shape, dtype=int)) * np.dtype(column.dtype).itemsize


def measure(values: Array) -> dict[str, list[float]]:
    """Return mean, std, low and high of each number of rows [N, K]."""
    wide = values.astype(np.float64)
    found = {"mean": wide.mean(0), "std": wide.std(0), "low": wide.min(0), "high": wide.max(0)}
    return {key: [float(v) for v in value] for key, value in found.items()}


def mean_picture(frames: Array, training: Array) -> Array:
    """Return the mean of some of the frames [N, H, W, C], floats in [0, 1]: [H, W, C]."""
    total = np.zeros(frames.shape[1:])
    for block in np.array_split(training, max(1, len(training) // 512)):
        total += frames[block].astype(np.float64).sum(0)
    return (total / max(len(training), 1) / 255).astype(np.float32)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("foreframe", "numpy", "mujoco-core", "av", "Pillow"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
