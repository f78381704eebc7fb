"""BAIR robot pushing: TFRecords of 30 steps, two cameras, actions and end-effector positions.

`{train,test}/traj_{a}_to_{b}.tfrecords`, usually in `softmotion30_44k/`. The pictures are raw bytes
in spite of their key's name. There is no validation split: `train/traj_256_to_511` is taken for it,
as public work on the set does. Needs protobuf and google-crc32c (extra `tfrecord`). Source: Ebert
et al. 2017 (arXiv 1710.05268).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, finite, names_of
from ._array_pictures import with_camera
from ._tfrecords import Record, records

Array = NDArray[Any]

_CAMERAS = ("image_aux1", "image_main")
_SIDE = 64
_POSITION = "endeffector_pos"
_VALIDATION = "traj_256_to_511"


def recognises(path: Path) -> bool:
    return bool(_files(path))


def open_recordings(path: Path, options: SourceOptions) -> Bair:
    options.refuse(
        "BAIR has one column of actions and one of positions",
        "actions",
        "states",
        "labels",
        "max_gap_s",
    )
    camera = options.one("camera", _CAMERAS, _CAMERAS, path)
    files = _files(path)
    if not files or camera is None:
        raise InputError(
            f"{path} has no {{train,test}}/traj_*_to_*.tfrecords; expected BAIR robot pushing"
        )
    episodes, notes = [], []
    for file in files:
        found, fault = records(file, options)
        episodes += [(_split(file), record) for record in found]
        notes += [f"left out the rest of a file: {fault}"] if fault else []
    if not episodes:
        raise InputError(f"{files[0].parent} holds no record; expected 256 trajectories a file")
    findings = with_camera(Findings().reads(files), camera, _CAMERAS, options.camera)
    findings = _columns(findings, episodes[0][1].read())
    if any(split == "validate" for split, _ in episodes):
        splits = (f"train/{_VALIDATION} is the validation split", "public work on the set")
        findings = findings.decided("splits", *splits)
    return Bair(camera, tuple(episodes), findings.warn(*notes))


def _columns(found: Findings, example: Mapping[str, Any]) -> Findings:
    """Add the columns of a trajectory, taken and left out."""
    for key in sorted({name.partition("/")[2] for name in example if name.startswith("0/")}):
        if key.removesuffix("/encoded") in _CAMERAS:
            continue
        if key in ("action", _POSITION):
            role = "action" if key == "action" else "state"
            width = np.size(example[f"0/{key}"])
            found = found.takes(key, role, "float32", int(width))
        else:
            found = found.leaves_out(key, "neither BAIR's action nor its end-effector position")
    return found


@dataclass(frozen=True)
class Bair:
    """A record an episode."""

    camera: str
    episodes: tuple[tuple[str | None, Record], ...]
    findings: Findings
    frames_per_second: float | None = None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        first = self.episodes[0][1].read()
        found = {"action": Column("action", "float32", (4,), names_of("action", 4))}
        if f"0/{_POSITION}" in first:
            found[_POSITION] = Column("state", "float32", (3,), names_of(_POSITION, 3))
        return found

    def __len__(self) -> int:
        return len(self.episodes)

    def files_read(self, index: int) -> tuple[Path, ...]:
        return (self.episodes[index][1].file,)

    def read(self, index: int) -> Recording:
        split, record = self.episodes[index]
        example = record.read()
        steps = sum(re.fullmatch(rf"\d+/{self.camera}/encoded", key) is not None for key in example)
        where = f"{record.file}: record at byte {record.offset}"
        if not steps:
            raise InputError(
                f"{where} has no pictures of {self.camera}; expected <t>/{self.camera}/encoded"
            )
        frames = [_picture(example, f"{t}/{self.camera}/encoded", where) for t in range(steps)]
        values = {
            name: np.stack(
                [_numbers(example, f"{t}/{name}", column.shape[0], where) for t in range(steps)]
            )
            for name, column in self.columns.items()
        }
        return Recording(
            f"{record.file.parent.name}/{record.file.stem}/{record.offset}", frames, values, split
        )


def _files(path: Path) -> list[Path]:
    """The record files in numeric order; folders of the pushing layout may be called the same."""
    found: list[Path] = []
    for root in (path, path / "softmotion30_44k"):
        for split in ("train", "test"):
            found += [f for f in (root / split).glob("traj_*_to_*.tfrecords") if f.is_file()]
    return sorted(
        found, key=lambda file: (file.parent.name, [int(n) for n in re.findall(r"\d+", file.stem)])
    )


def _split(file: Path) -> str | None:
    return (
        "validate" if (file.parent.name, file.stem) == ("train", _VALIDATION) else file.parent.name
    )


def _picture(example: Mapping[str, Any], key: str, where: str) -> Array:
    content = example.get(key)
    if not isinstance(content, list) or len(content) != 1 or len(content[0]) != _SIDE * _SIDE * 3:
        raise InputError(
            f"{where} has no {_SIDE}x{_SIDE} picture {key!r}; "
            f"expected {_SIDE * _SIDE * 3} raw bytes"
        )
    return np.frombuffer(content[0], np.uint8).reshape(_SIDE, _SIDE, 3)


def _numbers(example: Mapping[str, Any], key: str, width: int, where: str) -> Array:
    values = example.get(key)
    if not isinstance(values, np.ndarray) or values.shape != (width,):
        raise InputError(f"{where} has no {width} numbers {key!r}")
    return finite(values[None].astype(np.float32), where)[0]
