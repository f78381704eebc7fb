"""robomimic: one HDF5 file, `data/demo_<i>` an episode, pictures under `obs/<camera>_image`. Needs
h5py (extra `hdf5`).

Demonstrations sort as numbers; `mask/<split>` lists those of a split. Source: Mandlekar et al. 2021
(arXiv 2108.03298).
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import number_of
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.pixels import is_depth
from ..sources.recording import Column, Recording, Source, one_a_frame, side_by_side
from . import _hdf5
from ._array_pictures import ArrayPictures, sampled, with_camera
from ._joined import Joined

Array = NDArray[Any]

_IMAGE = "_image"
_STATES = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")
_SPLITS = {"train": "train", "valid": "validate", "validate": "validate", "test": "test"}


def recognises(path: Path) -> bool:
    files = _hdf5.files_of(path)
    if not files:
        return False
    with _hdf5.opened(files[0]) as root:
        return bool(_demos(root))


def open_recordings(path: Path, options: SourceOptions) -> Source:
    options.refuse("robomimic has one column of actions, `actions`", "actions", "max_gap_s")
    files = _hdf5.files_of(path)
    if not files:
        raise InputError(f"{path} has no .hdf5 files; expected a robomimic data set")
    if len(files) == 1:
        return _opened(files[0], options)
    named = {str(f.relative_to(path).with_suffix("")): _opened(f, options) for f in files}
    return Joined.of(path, named)


def _opened(file: Path, options: SourceOptions) -> Robomimic:
    with _hdf5.opened(file) as root:
        demos = _demos(root)
        if not demos:
            raise InputError(f"{file} has no data/demo_<i>; expected a robomimic data set")
        first = f"data/{demos[0]}/obs"
        observed = _hdf5.names(root, first)
        cameras = _cameras(observed)
        camera = options.one("camera", observed, cameras, file)
        if camera is None:
            raise InputError(
                f"{file} has observations {', '.join(observed) or 'none'}; "
                f"expected pictures under obs/<camera>{_IMAGE}: "
                "make the image version of the data set, or choose a --camera"
            )
        states = options.some("states", observed, _STATES, file)
        labels = options.one("labels", observed, (), file)
        widths = {key: _width(_hdf5.dataset(root, f"{first}/{key}")) for key in states}
        action = _hdf5.dataset(root, f"data/{demos[0]}/actions")
        found = Findings().reads([file]).takes("actions", "action", action.dtype, _width(action))
        for key, width in widths.items():
            dtype = _hdf5.dataset(root, f"{first}/{key}").dtype
            found = found.takes(f"obs/{key}", "state", dtype, width)
        pictures = {
            key: _pictures(root, demos, key, file, options) for key in (camera, labels) if key
        }
        found = pictures[camera].add_to(with_camera(found, camera, cameras, options.camera))
        for key in observed:
            if key not in (camera, labels, *states, *cameras):
                found = found.leaves_out(f"obs/{key}", *_reason(key))
        masks = {str(demo): split for name, split in _SPLITS.items() for demo in _mask(root, name)}
        rate, actions = _rate(root), _width(action)
    return Robomimic(
        file, tuple(demos), camera, actions, widths, labels, masks, rate, pictures, found, options
    )


@dataclass(frozen=True)
class Robomimic:
    """A demonstration an episode; `pictures` says how each key's arrays become pictures."""

    file: Path
    demos: tuple[str, ...]
    camera: str
    action_width: int
    state_widths: Mapping[str, int]
    labels: str | None
    splits: Mapping[str, str]
    frames_per_second: float | None
    pictures: Mapping[str, ArrayPictures]
    findings: Findings
    options: SourceOptions

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {"action": side_by_side("action", {"action": self.action_width})}
        if self.state_widths:
            found["state"] = side_by_side("state", self.state_widths)
        if self.labels:
            with _hdf5.opened(self.file) as root:
                shape = self._read(root, self.demos[0], self.labels, slice(1)).shape
            found["label"] = Column("label", "uint8", shape[1:], lag=0)
        return found

    def __len__(self) -> int:
        return len(self.demos)

    def read(self, index: int) -> Recording:
        demo = self.demos[index]
        where = f"{self.file}: data/{demo}"
        with _hdf5.opened(self.file) as root:
            frames = self._read(root, demo, self.camera, slice(None))

            def rows(key: str) -> Array:
                values = _hdf5.member(root, f"data/{demo}/{key}")
                return one_a_frame(values, len(frames), f"{where}/{key}")

            values = {"action": rows("actions")}
            if self.state_widths:
                values["state"] = np.concatenate([rows(f"obs/{k}") for k in self.state_widths], 1)
            if self.labels:
                values["label"] = self._read(root, demo, self.labels, slice(None))
        return Recording(demo, frames, values, self.splits.get(demo))

    def _read(self, root: Any, demo: str, key: str, rows: slice) -> Array:
        where = f"{self.file}: data/{demo}/obs/{key}"
        array = _hdf5.dataset(root, f"data/{demo}/obs/{key}")
        self.options.check_memory(array.nbytes, where)
        return self.pictures[key].to_rgb(np.asarray(array[rows]), where)


def _cameras(observed: Sequence[str]) -> list[str]:
    """The keys of pictures in colour, the usual one first."""
    named = [key for key in observed if key.endswith(_IMAGE) and not is_depth(key)]
    return sorted(named, key=lambda name: ("agentview" not in name, name))


def _width(array: Any) -> int:
    return int(np.prod(array.shape[1:], dtype=int))


def _pictures(
    root: Any, demos: Sequence[str], key: str, file: Path, options: SourceOptions
) -> ArrayPictures:
    """How the pictures of a key are read, by the first of demonstrations from all over the file."""
    samples = []
    for place in sampled(len(demos)):
        name = f"data/{demos[place]}/obs/{key}"
        array = _hdf5.dataset(root, name)
        options.check_memory(array.nbytes, f"{file}: {name}")
        samples.append(np.asarray(array[:1]))
    return ArrayPictures.of(samples, f"{file}: obs/{key}", options.pixel_range)


def _reason(key: str) -> tuple[str, str]:
    if is_depth(key):
        return "its pixels are distances", f"--camera {key}"
    return f"it is none of {', '.join(_STATES)}", f"--states {key}"


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
