"""Writing a clip store: episode after episode, each whole or absent, so that a stopped build goes on where it was.

While it grows, the store is `OUT.partial`: columns are appended to, then a line in `episodes.jsonl` says that the
episode is there. What the columns hold beyond the last line is cut off when the build goes on.
"""

from __future__ import annotations

import importlib.metadata
import json
import os
import platform
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from ..runtime.digests import digest, digest_file, write_json_with_digest
from ..runtime.files import read_json, sync, write_json
from .sources.recording import Column, Recording
from .store import MANIFEST, MEAN, SCHEMA, ClipStore

Array = NDArray[Any]

_JOURNAL = "episodes.jsonl"


class StoreWriter:
    """Appends recordings to a growing store. `source` says exactly what is built: only the same build goes on."""

    def __init__(
        self,
        out: Path,
        source: Mapping[str, Any],
        columns: Mapping[str, Column],
        frames_per_second: float | None,
    ) -> None:
        self.out, self.folder = out, out.with_name(f"{out.name}.partial")
        self.source, self.columns = json.loads(json.dumps(source)), dict(columns)
        self.frames_per_second = frames_per_second
        self.started_here = not self.folder.exists()
        lines = self._resume() if self.folder.exists() else self._begin()
        self.episodes: list[dict[str, Any]] = [line for line in lines if "skipped" not in line]
        self.skipped: list[str] = [line["skipped"] for line in lines if "skipped" in line]
        self._files = {name: self._path(name).open("ab") for name in self.columns}

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
        """Add an episode; it counts from the moment its line is in the journal."""
        rows = {name: _rows(recording, name, column) for name, column in self.columns.items()}
        lengths = {name: len(values) for name, values in rows.items()}
        if len(set(lengths.values())) != 1:
            raise InputError(
                f"episode {recording.name} has columns of different lengths {lengths}; expected one row a frame"
            )
        digests = {}
        for name, values in rows.items():
            content = values.tobytes()
            digests[name] = digest(content)
            self._files[name].write(content)
            self._files[name].flush()
            os.fsync(self._files[name].fileno())
        start = self.episodes[-1]["start"] + self.episodes[-1]["length"] if self.episodes else 0
        episode = {
            "name": recording.name,
            "split": split,
            "start": start,
            "length": lengths["frames"],
            "digests": digests,
            "facts": dict(recording.facts),
            "withheld": recording.withheld,
        }
        self._note(episode)
        self.episodes.append(episode)

    def skip(self, why: str) -> None:
        """Leave the next episode out; the store's notes will say why."""
        self._note({"skipped": why})
        self.skipped.append(why)

    @property
    def done(self) -> int:
        """How many episodes of the source are dealt with."""
        return len(self.episodes) + len(self.skipped)

    def _note(self, entry: Mapping[str, Any]) -> None:
        with (self.folder / _JOURNAL).open("a") as journal:
            journal.write(json.dumps(entry) + "\n")
            journal.flush()
            os.fsync(journal.fileno())

    def finish(self, notes: Mapping[str, Any]) -> ClipStore:
        """Measure the training split, write the manifest, and give the store its name."""
        self.close()
        manifest = {
            "schema": SCHEMA,
            "source": self.source,
            "notes": dict(notes) | ({"skipped": self.skipped} if self.skipped else {}),
            "versions": _versions(),
            "frames_per_second": self.frames_per_second,
            "columns": {name: asdict(column) for name, column in self.columns.items()},
            "statistics": {},
            "episodes": self.episodes,
        }
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
                np.save(self.folder / MEAN, _mean_picture(values, training))
                manifest["mean_frame"] = digest_file(self.folder / MEAN)
        write_json_with_digest(self.folder / MANIFEST, manifest)
        (self.folder / _JOURNAL).unlink()
        (self.folder / "source.json").unlink()
        os.replace(self.folder, self.out)
        sync(self.out.parent)
        return ClipStore(self.out)

    def close(self) -> None:
        for file in self._files.values():
            file.close()

    def discard(self) -> None:
        """Leave nothing behind of a build that this writer began."""
        self.close()
        if self.started_here:
            shutil.rmtree(self.folder, ignore_errors=True)


def _rows(recording: Recording, name: str, column: Column) -> Array:
    values = _pictures(recording) if name == "frames" else np.asarray(recording.values[name])
    if values.shape[1:] != column.shape:
        raise InputError(
            f"episode {recording.name}: {name} has shape {list(values.shape[1:])} a frame; expected {list(column.shape)} as before"
        )
    return np.ascontiguousarray(values, column.dtype)


def _pictures(recording: Recording) -> Array:
    """[T, H, W, C], black where frames are withheld."""
    frames = list(recording.frames)
    return np.stack(frames + [np.zeros_like(frames[0])] * recording.withheld)


def _row_bytes(column: Column) -> int:
    return int(np.prod(column.shape, dtype=int)) * np.dtype(column.dtype).itemsize


def _measure(values: Array) -> dict[str, list[float]]:
    wide = values.astype(np.float64)
    found = {"mean": wide.mean(0), "std": wide.std(0), "low": wide.min(0), "high": wide.max(0)}
    return {key: [float(v) for v in value] for key, value in found.items()}


def _mean_picture(frames: Array, training: Array) -> Array:
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
