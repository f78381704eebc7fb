"""RoboNet: an HDF5 file a trajectory, pictures as an mp4 stream or a JPEG a frame. Needs h5py and
PyAV (extra `hdf5`).

n states and n - 1 actions go with n frames: row k of the actions leads from frame k to frame k + 1.
JPEGs are coded in BGR order. Source: Dasari et al. 2019 (arXiv 1910.11215).
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import decode_picture
from ..sources.findings import Findings
from ..sources.options import ChannelOrder, SourceOptions
from ..sources.recording import Column, Recording, one_a_frame, side_by_side
from . import _hdf5
from ._array_pictures import reordered, with_camera, with_choice
from ._videos import decoded

Array = NDArray[Any]

DECIDES = ("channel_order",)

_ACTIONS, _STATES = "policy/actions", "env/state"


def recognises(path: Path) -> bool:
    files = _hdf5.files_of(path)
    if not files:
        return False
    with _hdf5.opened(_hdf5.readable(files)) as root:
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
    with _hdf5.opened(_hdf5.readable(files)) as root:
        cameras = _cameras(root)
        camera = options.one("camera", cameras, cameras, files[0])
        if camera is None:
            raise InputError(f"{files[0]} has no env/cam*_video; expected a RoboNet trajectory")
        taken = [key for key in (_ACTIONS, _STATES) if _hdf5.found(root, key) is not None]
        columns = {key: _hdf5.dataset(root, key) for key in taken}
        found = with_camera(Findings().reads(files), camera, cameras, options.camera)
        for key, array in columns.items():
            role = "action" if key == _ACTIONS else "state"
            found = found.takes(key, role, array.dtype, array.shape[1])
        widths = {key: int(array.shape[1]) for key, array in columns.items()}
        order, why = _order(root, camera, options)
        found = with_choice(found, "channel order", order, why, "--channel-order")
        found = found.decided("lag", 1, "n - 1 actions for n frames", "--lag")
        found = _left_out(found, root, {*widths, *(f"env/{name}_video" for name in cameras)})
    return RoboNet(path, tuple(files), camera, order, widths, options, found)


def _order(root: Any, camera: str, options: SourceOptions) -> tuple[ChannelOrder, str]:
    if options.channel_order:
        return options.channel_order, "--channel-order"
    if _hdf5.found(root, f"env/{camera}_video/frames") is not None:
        return "rgb", "the mp4, which says its colours"
    return "bgr", "a coder of BGR that was given RGB"


def _left_out(found: Findings, root: Any, taken: Collection[str]) -> Findings:
    """Add the arrays of a trajectory that are not taken."""
    for group in ("env", "policy", "misc"):
        for name in _hdf5.names(root, group):
            key = f"{group}/{name}"
            if key not in taken:
                reason = "not among the actions and states that RoboNet names for all robots"
                found = found.leaves_out(key, reason)
    return found


@dataclass(frozen=True)
class RoboNet:
    """A file an episode. `widths` says how many numbers actions and states have."""

    root: Path
    files: tuple[Path, ...]
    camera: str
    order: ChannelOrder
    widths: Mapping[str, int]
    options: SourceOptions
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
                name: _hdf5.member(root, key, self.options)
                for name, key in (("action", _ACTIONS), ("state", _STATES))
                if name in self.columns
            }
            count = len(rows["action"]) + 1
            frames = self._pictures(root, count, f"{file}: {self.camera}")
            values = {name: one_a_frame(r, count, f"{file}: {name}") for name, r in rows.items()}
        split, name = _hdf5.split_and_name(self.root, file)
        return Recording(name, frames, values, split)

    def _pictures(self, root: Any, count: int, where: str) -> Iterable[Array]:
        """The frames of an episode; all is read from the file now, decoded as it is asked for."""
        camera = f"env/{self.camera}_video"
        if _hdf5.found(root, f"{camera}/frames") is not None:
            stream = _hdf5.member(root, f"{camera}/frames", self.options).tobytes()
            return (reordered(p, self.order) for p in decoded(stream, count, where))
        coded = [
            _hdf5.member(root, f"{camera}/frame{t}", self.options).tobytes() for t in range(count)
        ]
        return (
            reordered(decode_picture(content, f"{where}, frame {t}"), self.order)
            for t, content in enumerate(coded)
        )


def _cameras(root: Any) -> list[str]:
    names = [
        match[1]
        for name in _hdf5.names(root, "env")
        if (match := re.fullmatch(r"(cam\d+)_video", name))
    ]
    return sorted(names, key=lambda name: int(name[3:]))
