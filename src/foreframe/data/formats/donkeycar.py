"""donkeycar tubs (versions 1 and 2), one or several below a folder. Steering and throttle are the
actions.

Deleted records are dropped. An episode ends where a record is missing, where the session changes,
and where the time between two pictures is much longer than usual.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np

from ...errors import InputError
from ..pictures import PICTURES, read_picture
from ..sources.findings import Findings
from ..sources.folders import is_leftover, natural_key, split_of_path
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, finite, side_by_side
from ..sources.times import cuts_at_gaps, rate_of
from ._tubs import ANGLE, CAMERA, THROTTLE, TubRecords, is_tub, read_tub

Array = np.ndarray[Any, Any]

_ACTIONS = (ANGLE, THROTTLE)
_NUMBERS = ("float", "int", "double", "bool", "boolean", "gray16_array_mean")
_SHORTEST = 2  # frames; a lone picture shows no movement
_DEEPEST = 3  # folders below the source


def recognises(path: Path) -> bool:
    return path.is_dir() and bool(tubs_of(path))


def tubs_of(path: Path) -> list[Path]:
    """Return the tubs at or below a folder, in natural order."""
    found, level = [], [path]
    for _ in range(_DEEPEST):
        below = []
        for folder in level:
            if is_tub(folder):
                found.append(folder)
            else:
                below += [p for p in folder.iterdir() if p.is_dir() and not is_leftover(p)]
        level = below
    return sorted(found, key=natural_key)


def open_recordings(path: Path, options: SourceOptions) -> Tubs:
    options.refuse("a tub has pictures of one kind only", "labels")
    options.refuse(
        "a tub holds its own actions, and pictures of bytes",
        "layout",
        "actions_file",
        "pixel_range",
    )
    folders = tubs_of(path)
    if not folders:
        raise InputError(
            f"{path} has no tub; expected manifest.json and catalogs, or record_<n>.json"
        )
    findings, tubs = Findings(), []
    for folder in folders:
        try:
            tubs.append(read_tub(folder, options))
        except InputError as error:
            if not options.skip_bad or len(folders) == 1:
                raise
            findings = findings.ignores(folder.name, f"broken: {error}")
    if not tubs:
        raise InputError(f"none of the {len(folders)} tubs of {path} can be read; expected one")
    kinds = tubs[0].inputs
    cameras = [name for name, kind in kinds.items() if kind in ("image_array", "image")]
    numbers = [name for name, kind in kinds.items() if kind in _NUMBERS]
    camera = options.one("camera", cameras, (CAMERA, *cameras), path)
    if camera is None:
        raise InputError(
            f"{tubs[0].root} has inputs {', '.join(kinds)}; expected one of kind image_array"
        )
    actions = () if options.no_actions else options.some("actions", numbers, _ACTIONS, path)
    if not actions and not options.no_actions:
        raise InputError(
            f"{tubs[0].root} has numbers {', '.join(numbers) or 'none'}; "
            f"expected {' and '.join(_ACTIONS)}: say --actions"
        )
    states = options.some("states", numbers, (), path)
    findings = _said(findings, tubs, camera, actions, states)
    episodes, findings = _episodes(path, tubs, options, findings)
    source = Tubs(
        path,
        camera,
        actions,
        states,
        tuple(episodes),
        findings,
        1 if options.lag is None else options.lag,
    )
    return dataclasses.replace(source, frames_per_second=_rate(tubs[0].records))


@dataclass(frozen=True)
class Run:
    """Records without a gap.

    Attributes:
        tub: where they are.
        pictures: the folder of their pictures.
        records: in order.
    """

    tub: Path
    pictures: Path
    records: tuple[Mapping[str, Any], ...]


@dataclass(frozen=True)
class Tubs:
    """Runs of records without a gap, of one tub or several."""

    root: Path
    camera: str
    actions: tuple[str, ...]
    states: tuple[str, ...]
    episodes: tuple[Run, ...]
    findings: Findings
    lag: int = 1
    frames_per_second: float | None = None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {}
        if self.actions:
            found["action"] = side_by_side("action", dict.fromkeys(self.actions, 1), self.lag)
        if self.states:
            found["state"] = side_by_side("state", dict.fromkeys(self.states, 1))
        return found

    @cached_property
    def _lists(self) -> dict[Path, list[Path]]:
        """What lists the records of each tub, pictures aside."""
        lists = [f for f in self.findings.files if f.suffix.lower() not in PICTURES]
        tubs = {run.tub for run in self.episodes}
        return {tub: [f for f in lists if f.is_relative_to(tub)] for tub in tubs}

    def __len__(self) -> int:
        return len(self.episodes)

    def files_read(self, index: int) -> tuple[Path, ...]:
        run = self.episodes[index]
        return (*self._lists[run.tub], *(self._picture(run, record) for record in run.records))

    def read(self, index: int) -> Recording:
        run, counts = self.episodes[index], dict[str, int]()
        records = run.records
        first = records[0]["_index"]
        files = [self._picture(run, record) for record in records]
        values = {}
        for name, keys in (("action", self.actions), ("state", self.states)):
            if keys:
                where = f"{run.tub}: records from _index {first}"
                values[name] = finite(_rows(records, keys, where), where)
        tub = run.tub.relative_to(self.root).as_posix() if run.tub != self.root else run.tub.name
        session = f"{tub}/{records[0].get('_session_id')}"
        seconds = _seconds(records)
        return Recording(
            f"{tub}/{first}",
            (read_picture(file, counts=counts) for file in files),
            values,
            split_of_path(self.root, run.tub) if run.tub != self.root else None,
            facts={"session": str(records[0].get("_session_id")), "pictures": counts},
            times_s=seconds if len(seconds) else None,
            session=session,
        )

    def _picture(self, run: Run, record: Mapping[str, Any]) -> Path:
        name = str(record.get(self.camera))
        file = run.pictures / name
        if Path(name).name != name or name in ("", ".", ".."):
            raise InputError(
                f"{run.tub}: record {record['_index']} names a picture outside its folder "
                f"({name!r})"
            )
        return file


def _rows(records: Sequence[Mapping[str, Any]], keys: Sequence[str], where: str) -> Array:
    try:
        return np.asarray([[float(record[key]) for key in keys] for record in records], np.float64)
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{where} lack numbers for {', '.join(keys)} ({error})") from None


def _said(
    findings: Findings,
    tubs: Sequence[TubRecords],
    camera: str,
    actions: Sequence[str],
    states: Sequence[str],
) -> Findings:
    kinds = tubs[0].inputs
    for role, keys in (("action", actions), ("state", states)):
        for key in keys:
            findings = findings.takes(key, role, kinds[key])
    for key, kind in kinds.items():
        if key in (*actions, *states, camera):
            continue
        if kind in ("image_array", "image"):
            findings = findings.leaves_out(key, "another camera", f"--camera {key}")
        elif kind in _NUMBERS:
            findings = findings.leaves_out(key, "no steering or throttle", f"--states {key}")
        else:
            findings = findings.leaves_out(key, f"{kind}, no number")
    findings = findings.decided("camera", camera, "the manifest", "--camera")
    findings = findings.decided("lag", 1, "what is done leads on from its picture", "--lag")
    for tub in tubs:
        findings = findings.decided("tub", tub.root.name, f"version {tub.version}")
        if tub.deleted:
            findings = findings.warn(
                f"{tub.root.name}: {tub.deleted} of {tub.deleted + len(tub.records)} records are "
                "deleted and were left out"
            )
        if tub.broken:
            findings = findings.warn(
                f"{tub.root.name}: {len(tub.broken)} records cannot be read and were left out; "
                f"the first: {tub.broken[0]}"
            )
        files = [tub.pictures / str(r.get(camera)) for r in tub.records]
        inside = [
            f for f in tub.root.iterdir() if f.suffix in (".json", ".catalog", ".catalog_manifest")
        ]
        findings = findings.reads([*files, *inside])
    return findings


def _episodes(
    root: Path, tubs: Sequence[TubRecords], options: SourceOptions, findings: Findings
) -> tuple[list[Run], Findings]:
    episodes, late, lone, records = [], 0, 0, 0
    for tub in tubs:
        runs, gaps = _runs(tub, options)
        long = [run for run in runs if len(run.records) >= _SHORTEST]
        lone += len(runs) - len(long)
        late += gaps
        records += len(tub.records)
        episodes += long
    if not episodes:
        raise InputError(
            f"{root}: {records} records make no episode of {_SHORTEST} pictures; "
            "expected consecutive ones"
        )
    if late:
        findings = findings.decided("cuts", late, "gaps in time", "--max-gap-s")
    if lone:
        findings = findings.warn(f"{lone} lone pictures were left out")
    return episodes, findings


def _runs(tub: TubRecords, options: SourceOptions) -> tuple[list[Run], int]:
    records = tub.records
    following = range(1, len(records))
    breaks = {i for i in following if records[i]["_index"] != records[i - 1]["_index"] + 1}
    breaks |= {
        i for i in following if records[i].get("_session_id") != records[i - 1].get("_session_id")
    }
    late = set(cuts_at_gaps(_seconds(records), options.max_gap_s)) - breaks
    bounds = [0, *sorted(breaks | late), len(records)]
    runs = [
        Run(tub.root, tub.pictures, records[a:b]) for a, b in zip(bounds, bounds[1:], strict=False)
    ]
    return runs, len(late)


def _seconds(records: Sequence[Mapping[str, Any]]) -> Array:
    if not all(isinstance(record.get("_timestamp_ms"), int | float) for record in records):
        return np.zeros(0)
    return np.asarray([record["_timestamp_ms"] for record in records], np.float64) / 1000


def _rate(records: Sequence[Mapping[str, Any]]) -> float | None:
    steps = np.diff(_seconds(records))
    return rate_of(np.cumsum(steps[steps > 0]))
