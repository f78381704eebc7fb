"""Writing a clip store: episode after episode, each whole or absent, so that a stopped build goes
on where it was.

While it grows, the store is `OUT.partial`: columns are appended to, then a line in `episodes.jsonl`
says that the episode is there. What the columns hold beyond the last line is cut off when the build
goes on.
"""

from __future__ import annotations

import hashlib
import importlib.metadata
import itertools
import json
import os
import platform
import shutil
import time
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..runtime.digests import digest, digest_file, write_json_with_digest
from ..runtime.files import read_json, sync, write_json
from .futures import FutureColumns, FuturesWriter
from .sources.recording import Column, Fork, Recording
from .store import MANIFEST, MEAN, SCHEMA, SOURCE_FILES, ClipStore

Array = NDArray[Any]

_JOURNAL = "episodes.jsonl"
_CHUNK = 64  # frames that are held at once
_PENDING, _PENDING_S = 200, 2.0  # episodes and seconds after which what is written is made sure of


class StoreWriter:
    """Appends recordings to a growing store. `source` says exactly what is built.

    Only the same build goes on.
    """

    def __init__(
        self,
        out: Path,
        source: Mapping[str, Any],
        columns: Mapping[str, Column],
        frames_per_second: float | None,
        fork: Fork | None = None,
    ) -> None:
        self.out, self.folder = out, out.with_name(f"{out.name}.partial")
        self.source, self.columns = json.loads(json.dumps(source)), dict(columns)
        self.frames_per_second = frames_per_second
        self.started_here = not self.folder.exists()
        lines = self._resume() if self.folder.exists() else self._begin()
        self.episodes: list[dict[str, Any]] = [line for line in lines if "skipped" not in line]
        self.skipped: list[str] = [line["skipped"] for line in lines if "skipped" in line]
        self._files = {name: self._path(name).open("ab") for name in self.columns}
        self.future_columns = FutureColumns.of(fork, self.columns) if fork else None
        self._futures = (
            FuturesWriter(
                self.folder, self.future_columns, sum("futures" in e for e in self.episodes)
            )
            if self.future_columns
            else None
        )
        self._pending: list[str] = []
        self._sure = time.monotonic()
        journal = self.folder / _JOURNAL
        self._journal_bytes = journal.stat().st_size if journal.exists() else 0
        self.warnings: list[str] = []

    def _path(self, name: str) -> Path:
        return self.folder / "columns" / f"{name}.{np.dtype(self.columns[name].dtype).name}"

    def _begin(self) -> list[dict[str, Any]]:
        (self.folder / "columns").mkdir(parents=True)
        write_json(self.folder / "source.json", self.source)
        return []

    def _resume(self) -> list[dict[str, Any]]:
        begun = read_json(self.folder / "source.json", "the description of a store being built")
        if begun != self.source:
            differ = sorted(k for k in {*begun, *self.source} if begun.get(k) != self.source.get(k))
            raise InputError(
                f"{self.folder} is another build, not finished (different: {', '.join(differ)}); "
                "repeat that command to finish it, or remove the folder to start over"
            )
        journal = self.folder / _JOURNAL
        lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
        entries = [json.loads(line) for line in lines if line.endswith("\n")]
        journal.write_text("".join(lines[: len(entries)]))
        frames = sum(entry.get("length", 0) for entry in entries)
        for name, column in self.columns.items():
            self._path(name).touch()
            os.truncate(self._path(name), frames * _row_bytes(column))
        return entries

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
            self._files[name].write(content)
        episode = {
            "name": recording.name,
            "split": split,
            "start": start,
            "length": length,
            "digests": digests,
            "facts": dict(recording.facts)
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
            file.write(content)
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
        self._pending.append(json.dumps(entry) + "\n")
        if len(self._pending) >= _PENDING or time.monotonic() - self._sure > _PENDING_S:
            self._make_sure()

    def _make_sure(self) -> None:
        """Bring columns to the disk, then the lines that say so."""
        for file in self._all_files():
            file.flush()
            os.fsync(file.fileno())
        with (self.folder / _JOURNAL).open("a") as journal:
            journal.truncate(
                self._journal_bytes
            )  # an interrupted call may have written its lines already
            journal.write("".join(self._pending))
            journal.flush()
            os.fsync(journal.fileno())
        self._journal_bytes += sum(len(line.encode()) for line in self._pending)
        self._pending, self._sure = [], time.monotonic()

    def finish(self, notes: Mapping[str, Any], files: Mapping[str, Any] | None = None) -> ClipStore:
        """Measure the training split, write the manifest, and give the store its name."""
        self.close()
        manifest = {
            "schema": SCHEMA,
            "source": self.source,
            "notes": dict(notes)
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
        training = np.concatenate(
            [
                np.arange(e["start"], e["start"] + e["length"] - e["withheld"])
                for e in self.episodes
                if e["split"] == "train"
            ]
            or [np.arange(0)]
        )
        if not len(training):
            training = np.arange(sum(e["length"] for e in self.episodes))
        for name, column in self.columns.items():
            values = np.memmap(self._path(name), column.dtype, "r").reshape(-1, *column.shape)
            if column.role in ("action", "state"):
                manifest["statistics"][name] = _measure(values[training])
            elif column.role == "frames":
                np.save(self.folder / MEAN, _mean_picture(self._path(name), column, training))
                manifest["mean_frame"] = digest_file(self.folder / MEAN)
        if files is not None:
            write_json(self.folder / SOURCE_FILES, files)
        write_json_with_digest(self.folder / MANIFEST, manifest)
        (self.folder / _JOURNAL).unlink()
        (self.folder / "source.json").unlink()
        os.replace(self.folder, self.out)
        sync(self.out.parent)
        store = ClipStore(self.out)
        store.written_now = True
        return store

    def close(self) -> None:
        """Make sure of what is written and let go of the files."""
        if self._pending and self.folder.exists():
            self._make_sure()
        for file in self._all_files():
            file.close()

    def _all_files(self) -> list[BinaryIO]:
        return [*self._files.values(), *(self._futures.files.values() if self._futures else ())]

    def discard(self) -> None:
        """Leave nothing behind of a build that this writer began."""
        self.close()
        if self.started_here:
            shutil.rmtree(self.folder, ignore_errors=True)


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


def _measure(values: Array) -> dict[str, list[float]]:
    wide = values.astype(np.float64)
    found = {"mean": wide.mean(0), "std": wide.std(0), "low": wide.min(0), "high": wide.max(0)}
    return {key: [float(v) for v in value] for key, value in found.items()}


def _mean_picture(file: Path, column: Column, training: Array) -> Array:
    total = np.zeros(column.shape)
    for block in np.array_split(training, max(1, len(training) // 512)):
        frames = np.memmap(file, column.dtype, "r").reshape(-1, *column.shape)
        total += frames[block].astype(np.float64).sum(0)
        del frames  # what was mapped counts as memory of this process until it is let go
    return (total / max(len(training), 1) / 255).astype(np.float32)


def _versions() -> dict[str, str]:
    found = {"python": platform.python_version(), "machine": platform.machine()}
    for package in ("foreframe", "numpy", "mujoco-core", "av", "Pillow"):
        try:
            found[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            continue
    return found
