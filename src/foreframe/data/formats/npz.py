"""NumPy archives: frames and actions of one episode a file, under the names people give them.

Frames may be [T, H, W, 3], [T, 3, H, W] or [T, 3 K, H, W] (K stacked pictures, the last one current), bytes or floats in
[0, 1]. A first action of all zeros means that row k led to frame k; otherwise it leads to frame k + 1.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, unknown
from ..recording import Column, Recording, finite, names_of
from . import Choice

Array = NDArray[Any]

_FRAMES = ("frames", "aux1_image", "image", "images", "video", "observation", "observations", "obs")
_ACTIONS = ("action", "actions")
_STATES = ("endeffector_pos", "endeffector_positions", "state", "states")


def recognises(path: Path) -> bool:
    return path.suffix == ".npz" or (path.is_dir() and next(path.glob("*.npz"), None) is not None)


def open(path: Path, choice: Choice) -> Archives:  # noqa: A001 - the word every world and format uses
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} has no .npz files; expected one episode a file")
    with _load(files[0]) as archive:
        keys = list(archive)
    frames = _chosen(files[0], keys, "camera", choice.camera, _FRAMES)
    actions = _chosen(files[0], keys, "actions", choice.actions, _ACTIONS)
    if frames is None:
        raise InputError(
            f"{files[0]} has {', '.join(keys)}; expected frames under one of {', '.join(_FRAMES)}: name them with --camera"
        )
    return Archives(tuple(files), frames, actions, _chosen(files[0], keys, "states", choice.states, _STATES))


@dataclass(frozen=True)
class Archives:
    """One episode a file."""

    files: tuple[Path, ...]
    frames_key: str
    actions_key: str | None
    states_key: str | None
    frames_per_second: float | None = None

    @property
    def notes(self) -> Sequence[str]:
        return (f"frames from {self.frames_key!r}, actions from {self.actions_key!r}, states from {self.states_key!r}",)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {}
        with _load(self.files[0]) as archive:
            if self.actions_key:
                rows = archive[self.actions_key]
                width = _width(rows)
                lag = 0 if len(rows) and not rows[0].any() else 1
                found["action"] = Column("action", "float32", (width,), names_of("action", width), lag)
            if self.states_key:
                width = _width(archive[self.states_key])
                found["state"] = Column("state", "float32", (width,), names_of("state", width))
        return found

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Recording:
        file = self.files[index]
        with _load(file) as archive:
            frames = _pictures(_member(file, archive, self.frames_key), file)
            values = {}
            for name, key in (("action", self.actions_key), ("state", self.states_key)):
                if key:
                    values[name] = _rows(
                        _member(file, archive, key), len(frames), self.columns[name].shape[0], f"{file}: {key}"
                    )
        return Recording(file.stem, list(frames), values)


def _load(file: Path) -> Any:
    try:
        return np.load(file, allow_pickle=False)
    except Exception as error:  # zipfile, zlib and numpy raise many kinds; this is the one door
        raise InputError(f"{file} cannot be read ({error}); expected a NumPy archive (.npz)") from None


def _member(file: Path, archive: Any, key: str) -> Array:
    try:
        return np.asarray(archive[key])
    except Exception as error:
        raise InputError(
            f"{file}: {key!r} cannot be read ({error}); expected it as in the first file, undamaged"
        ) from None


def _chosen(file: Path, keys: Sequence[str], option: str, wanted: str | None, usual: Sequence[str]) -> str | None:
    if wanted is not None and wanted not in keys:
        raise unknown(f"--{option} in {file}", wanted, keys)
    return wanted or next((key for key in usual if key in keys), None)


def _width(rows: Array) -> int:
    return int(np.prod(rows.shape[1:], dtype=int))


def _pictures(frames: Array, file: Path) -> Array:
    """uint8 [T, H, W, 3] from any of the layouts."""
    if frames.ndim != 4 or (frames.shape[-1] != 3 and frames.shape[1] % 3):
        raise InputError(f"{file} has frames of shape {list(frames.shape)}; expected [T, H, W, 3] or [T, 3 K, H, W]")
    if frames.shape[-1] != 3:
        frames = np.moveaxis(frames[:, -3:], 1, -1)
    if np.issubdtype(frames.dtype, np.floating):
        frames = finite(frames, str(file)) * (255 if frames.max(initial=0) <= 1 else 1)
    if frames.min(initial=0) < 0 or frames.max(initial=0) > 255:
        raise InputError(
            f"{file} has pixels from {frames.min()} to {frames.max()}; expected 0..255, or floats in [0, 1]"
        )
    return np.round(frames).astype(np.uint8)


def _rows(rows: Array, frames: int, width: int, where: str) -> Array:
    """One row a frame; n - 1 actions for n frames get a last row of zeros, which leads nowhere."""
    flat = finite(np.asarray(rows, np.float32).reshape(len(rows), -1), where)
    if flat.shape[1] != width or len(flat) not in (frames, frames - 1):
        raise InputError(
            f"{where} has {len(flat)} rows x {flat.shape[1]}; expected {frames} x {width} (one row a frame)"
        )
    return flat if len(flat) == frames else np.concatenate([flat, np.zeros((1, width), np.float32)])
