"""robomimic: one HDF5 file, `data/demo_<i>` an episode, pictures under `obs/<camera>_image`. Needs h5py (extra `hdf5`).

Demonstrations sort as numbers; `mask/<split>` lists those of a split. Source: Mandlekar et al. 2021 (arXiv 2108.03298).
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
from ..pictures import as_pictures, number_of
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, one_a_frame, side_by_side
from . import _hdf5

_IMAGE = "_image"
_STATES = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
_SPLITS = {"train": "train", "valid": "validate", "validate": "validate", "test": "test"}


def recognises(path: Path) -> bool:
    files = _hdf5.files_of(path)
    if len(files) != 1:
        return False
    with _hdf5.opened(files[0]) as root:
        return bool(_demos(root))


def open_recordings(path: Path, options: SourceOptions) -> Robomimic:
    options.refuse("robomimic has one column of actions, `actions`", "actions", "max_gap_s")
    files = _hdf5.files_of(path)
    if len(files) != 1:
        raise InputError(
            f"{path} has {len(files)} HDF5 files; expected the one of a robomimic data set"
        )
    with _hdf5.opened(files[0]) as root:
        demos = _demos(root)
        if not demos:
            raise InputError(f"{files[0]} has no data/demo_<i>; expected a robomimic data set")
        first = f"data/{demos[0]}"
        observed = _hdf5.names(root, f"{first}/obs")
        cameras = [name for name in observed if name.endswith(_IMAGE)]
        camera = options.one(
            "camera",
            observed,
            sorted(cameras, key=lambda name: ("agentview" not in name, name)),
            files[0],
        )
        if camera is None:
            raise InputError(
                f"{files[0]} has observations {', '.join(observed) or 'none'}; expected pictures under obs/<camera>{_IMAGE}: "
                "make the image version of the data set, or choose a --camera"
            )
        states = options.some("states", observed, _STATES, files[0])
        widths = {
            key: int(np.prod(_hdf5.dataset(root, f"{first}/obs/{key}").shape[1:], dtype=int))
            for key in states
        }
        action = int(np.prod(_hdf5.dataset(root, f"{first}/actions").shape[1:], dtype=int))
        labels = options.one("labels", observed, (), files[0])
        masks = {str(demo): split for name, split in _SPLITS.items() for demo in _mask(root, name)}
        rate = _rate(root)
    others = [name for name in cameras if name != camera]
    note = f"camera {camera}" + (f" (there are also {', '.join(others)})" if others else "")
    states_note = f"states {', '.join(states) or 'none'}"
    return Robomimic(
        files[0], tuple(demos), camera, action, widths, labels, masks, rate, (note, states_note)
    )


@dataclass(frozen=True)
class Robomimic:
    """A demonstration an episode."""

    file: Path
    demos: tuple[str, ...]
    camera: str
    action_width: int
    state_widths: Mapping[str, int]
    labels: str | None
    splits: Mapping[str, str]
    frames_per_second: float | None
    notes: Sequence[str]

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {"action": side_by_side("action", {"action": self.action_width})}
        if self.state_widths:
            found["state"] = side_by_side("state", self.state_widths)
        if self.labels:
            with _hdf5.opened(self.file) as root:
                shape = as_pictures(
                    _hdf5.member(root, f"data/{self.demos[0]}/obs/{self.labels}"), str(self.file)
                ).shape
            found["label"] = Column("label", "uint8", shape[1:], lag=0)
        return found

    def __len__(self) -> int:
        return len(self.demos)

    def read(self, index: int) -> Recording:
        demo = self.demos[index]
        where = f"{self.file}: data/{demo}"
        with _hdf5.opened(self.file) as root:
            group = _hdf5.found(root, f"data/{demo}")
            frames = as_pictures(
                _hdf5.member(group, f"obs/{self.camera}"), f"{where}/obs/{self.camera}"
            )
            values = {
                "action": one_a_frame(
                    _hdf5.member(group, "actions"), len(frames), f"{where}/actions"
                )
            }
            if self.state_widths:
                rows = [
                    one_a_frame(_hdf5.member(group, f"obs/{k}"), len(frames), f"{where}/obs/{k}")
                    for k in self.state_widths
                ]
                values["state"] = np.concatenate(rows, 1)
            if self.labels:
                values["label"] = as_pictures(
                    _hdf5.member(group, f"obs/{self.labels}"), f"{where}/obs/{self.labels}"
                )
        return Recording(demo, frames, values, self.splits.get(demo))


def _demos(root: Any) -> list[str]:
    return sorted(
        (name for name in _hdf5.names(root, "data") if name.startswith("demo_")),
        key=lambda name: number_of(Path(name)),
    )


def _mask(root: Any, name: str) -> list[str]:
    if _hdf5.found(root, f"mask/{name}") is None:
        return []
    listed = _hdf5.member(root, f"mask/{name}").tolist()
    return [demo.decode() if isinstance(demo, bytes) else str(demo) for demo in listed]


def _rate(root: Any) -> float | None:
    """The control rate, if the environment's arguments say it."""
    try:
        return float(json.loads(root["data"].attrs["env_args"])["env_kwargs"]["control_freq"])
    except (KeyError, TypeError, ValueError):
        return None
