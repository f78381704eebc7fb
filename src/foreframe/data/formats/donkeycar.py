"""donkeycar tubs (v2): a manifest, catalogs of records, JPEGs. Steering and throttle are the actions.

Deleted records are dropped. An episode ends where a record is missing, where the session changes, and where the time
between two pictures is much longer than usual.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..pictures import read_picture
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, finite, side_by_side
from ._table_roles import gaps_in_time

_CAMERA, _ACTIONS = "cam/image_array", ("user/angle", "user/throttle")
_SHORTEST = 2  # frames; a lone picture shows no movement


def recognises(path: Path) -> bool:
    return (
        (path / "manifest.json").is_file()
        and (path / "images").is_dir()
        and any(path.glob("catalog_*.catalog"))
    )


def open_recordings(path: Path, options: SourceOptions) -> Tub:
    options.refuse("a tub has pictures of one kind only", "labels")
    inputs, kinds, catalogs, deleted = _manifest(path / "manifest.json")
    cameras = [name for name, kind in zip(inputs, kinds) if kind == "image_array"]
    numbers = [name for name, kind in zip(inputs, kinds) if kind in ("float", "int", "double")]
    camera = options.one("camera", cameras, (_CAMERA, *cameras), path)
    if camera is None:
        raise InputError(f"{path} has inputs {', '.join(inputs)}; expected one of kind image_array")
    actions, states = (
        options.some("actions", numbers, _ACTIONS, path),
        options.some("states", numbers, (), path),
    )
    records = [record for name in catalogs for record in _catalog(path, name)]
    kept = [record for record in records if record["_index"] not in deleted]
    if not kept:
        raise InputError(
            f"{path} has {len(records)} records, all deleted; expected some that are not"
        )
    episodes, said = _episodes(kept, options.max_gap_s)
    notes = [f"actions {', '.join(actions)}; states {', '.join(states) or 'none'}"]
    if deleted:
        notes.append(
            f"{len(records) - len(kept)} of {len(records)} records are deleted and were left out"
        )
    return Tub(path, camera, actions, states, tuple(episodes), _rate(kept), (*notes, *said))


@dataclass(frozen=True)
class Tub:
    """Runs of records without a gap."""

    root: Path
    camera: str
    actions: tuple[str, ...]
    states: tuple[str, ...]
    episodes: tuple[tuple[Mapping[str, Any], ...], ...]
    frames_per_second: float | None
    notes: Sequence[str]

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = (
            {"action": side_by_side("action", dict.fromkeys(self.actions, 1))}
            if self.actions
            else {}
        )
        return found | (
            {"state": side_by_side("state", dict.fromkeys(self.states, 1))} if self.states else {}
        )

    def __len__(self) -> int:
        return len(self.episodes)

    def read(self, index: int) -> Recording:
        records = self.episodes[index]
        first = records[0]["_index"]
        frames = (read_picture(self._picture(record)) for record in records)
        values = {}
        for name, keys in (("action", self.actions), ("state", self.states)):
            if keys:
                where = f"{self.root}: records from _index {first}"
                try:
                    rows = np.asarray(
                        [[float(record[key]) for key in keys] for record in records], np.float32
                    )
                except (KeyError, TypeError, ValueError) as error:
                    raise InputError(
                        f"{where} lack numbers for {', '.join(keys)} ({error})"
                    ) from None
                values[name] = finite(rows, where)
        return Recording(
            f"{self.root.name}/{first}",
            frames,
            values,
            facts={"session": str(records[0].get("_session_id"))},
        )

    def _picture(self, record: Mapping[str, Any]) -> Path:
        name = str(record.get(self.camera))
        file = self.root / "images" / name
        if file.parent.resolve() != (self.root / "images").resolve():
            raise InputError(
                f"{self.root}: record {record['_index']} names a picture outside its folder ({name!r})"
            )
        return file


def _manifest(file: Path) -> tuple[list[str], list[str], list[str], set[int]]:
    """Inputs, their kinds, catalog files, deleted indexes."""
    try:
        lines = [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
        inputs, kinds, catalogs = lines[0], lines[1], lines[4]
        return (
            list(inputs),
            list(kinds),
            list(catalogs["paths"]),
            {int(i) for i in catalogs.get("deleted_indexes", ())},
        )
    except (OSError, ValueError, IndexError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} cannot be read ({error!r}); expected the five JSON lines of a donkeycar tub"
        ) from None


def _catalog(root: Path, name: str) -> list[dict[str, Any]]:
    file = root / name
    if file.parent != root:
        raise InputError(f"{root / 'manifest.json'} names a catalog outside its folder ({name!r})")
    found = []
    try:
        lines = file.read_text().splitlines()
    except OSError as error:
        raise InputError(
            f"{file} cannot be read ({error.strerror}); expected a catalog of the tub"
        ) from None
    for row, line in enumerate(lines):
        if line.strip():
            try:
                record = json.loads(line)
                found.append({**record, "_index": int(record["_index"])})
            except (ValueError, KeyError, TypeError) as error:
                raise InputError(
                    f"{file}: row {row} is no record ({error!r}); expected a JSON object with _index"
                ) from None
    return found


def _episodes(
    records: Sequence[Mapping[str, Any]], max_gap_s: float | None
) -> tuple[list[tuple[Mapping[str, Any], ...]], list[str]]:
    records = sorted(records, key=lambda record: record["_index"])
    breaks = {
        i for i in range(1, len(records)) if records[i]["_index"] != records[i - 1]["_index"] + 1
    }
    breaks |= {
        i
        for i in range(1, len(records))
        if records[i].get("_session_id") != records[i - 1].get("_session_id")
    }
    late = gaps_in_time(_seconds(records), max_gap_s) - breaks
    bounds = [0, *sorted(breaks | late), len(records)]
    runs = [tuple(records[a:b]) for a, b in zip(bounds, bounds[1:])]
    episodes = [run for run in runs if len(run) >= _SHORTEST]
    if not episodes:
        raise InputError(
            f"{len(records)} records make no episode of {_SHORTEST} pictures; expected consecutive ones"
        )
    notes = [f"cut at {len(late)} gaps in time"] if late else []
    if lone := len(runs) - len(episodes):
        notes.append(f"{lone} lone pictures were left out")
    return episodes, notes


def _seconds(records: Sequence[Mapping[str, Any]]) -> np.ndarray[Any, Any]:
    if not all(isinstance(record.get("_timestamp_ms"), int | float) for record in records):
        return np.zeros(0)
    return np.asarray([record["_timestamp_ms"] for record in records], float) / 1000


def _rate(records: Sequence[Mapping[str, Any]]) -> float | None:
    steps = np.diff(_seconds(records))
    steps = steps[steps > 0]
    return round(float(1 / np.median(steps)), 3) if len(steps) else None
