"""RoboNet: an HDF5 file a trajectory, pictures as an mp4 stream or a JPEG a frame. Needs h5py and
PyAV (extra `hdf5`).

n states and n - 1 actions go with n frames: row k of the actions leads from frame k to frame k + 1.
JPEGs are coded in BGR order. Source: Dasari et al. 2019 (arXiv 1910.11215).
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import decode_picture
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, one_a_frame, side_by_side
from . import _hdf5
from ._array_pictures import with_camera
from ._videos import decoded

Array = NDArray[Any]

_ACTIONS, _STATES = "policy/actions", "env/state"


def recognises(path: Path) -> bool:
    files = _hdf5.files_of(path)
    if not files:
        return False
    with _hdf5.opened(files[0]) as root:
        return bool(_cameras(root)) and _hdf5.found(root, _ACTIONS) is not None


def open_recordings(path: Path, options: SourceOptions) -> RoboNet:
    options.refuse(
        "RoboNet has one column of actions and one of states",
        "actions",
        "states",
        "labels",
        "max_gap_s",
    )
    files = _hdf5.files_of(path)
    if not files:
        raise InputError(f"{path} has no .hdf5 files; expected RoboNet trajectories")
    with _hdf5.opened(files[0]) as root:
        cameras = _cameras(root)
        camera = options.one("camera", cameras, cameras, files[0])
        if camera is None:
            raise InputError(f"{files[0]} has no env/cam*_video; expected a RoboNet trajectory")
        widths = {
            key: _hdf5.dataset(root, key).shape[1]
            for key in (_ACTIONS, _STATES)
            if _hdf5.found(root, key) is not None
        }
    found = with_camera(Findings().reads(files), camera, cameras, options.camera)
    for key, width in widths.items():
        found = found.takes(key, "action" if key == _ACTIONS else "state", "", width)
    return RoboNet(path, tuple(files), camera, widths, found)


@dataclass(frozen=True)
class RoboNet:
    """A file an episode. `widths` says how many numbers actions and states have."""

    root: Path
    files: tuple[Path, ...]
    camera: str
    widths: Mapping[str, int]
    findings: Findings
    frames_per_second: float | None = None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {"action": side_by_side("action", {"action": self.widths[_ACTIONS]})}
        if _STATES in self.widths:
            found["state"] = side_by_side("state", {"state": self.widths[_STATES]})
        return found

    def __len__(self) -> int:
        return len(self.files)

    def files_read(self, index: int) -> tuple[Path, ...]:
        return (self.files[index],)

    def read(self, index: int) -> Recording:
        file = self.files[index]
        with _hdf5.opened(file) as root:
            rows = {
                name: _hdf5.member(root, key)
                for name, key in (("action", _ACTIONS), ("state", _STATES))
                if name in self.columns
            }
            count = len(rows["action"]) + 1
            frames = _pictures(root, f"env/{self.camera}_video", count, f"{file}: {self.camera}")
            values = {name: one_a_frame(r, count, f"{file}: {name}") for name, r in rows.items()}
        name = str(file.relative_to(self.root)) if file != self.root else file.name
        return Recording(name.rsplit(".", 1)[0], frames, values)


def _cameras(root: Any) -> list[str]:
    names = [
        match[1]
        for name in _hdf5.names(root, "env")
        if (match := re.fullmatch(r"(cam\d+)_video", name))
    ]
    return sorted(names, key=lambda name: int(name[3:]))


def _pictures(root: Any, camera: str, count: int, where: str) -> Iterable[Array]:
    """The frames of a camera; everything is read from the file now, decoded as it is asked for."""
    if _hdf5.found(root, f"{camera}/frames") is not None:
        return decoded(_hdf5.member(root, f"{camera}/frames").tobytes(), count, where)
    coded = [_hdf5.member(root, f"{camera}/frame{t}").tobytes() for t in range(count)]
    return (
        np.ascontiguousarray(decode_picture(c, f"{where}, frame {t}")[..., ::-1])
        for t, c in enumerate(coded)
    )
