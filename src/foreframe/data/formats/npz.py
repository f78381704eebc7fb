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

from ...errors import InputError
from ..pictures import as_pictures
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, Role, one_a_frame, side_by_side

Array = NDArray[Any]

_FRAMES = ("frames", "aux1_image", "image", "images", "video", "observation", "observations", "obs")
_ACTIONS = ("action", "actions")
_STATES = ("endeffector_pos", "endeffector_positions", "state", "states")
_LABELS = ("label", "labels", "label_images")


def recognises(path: Path) -> bool:
    return path.suffix == ".npz" or (path.is_dir() and next(path.glob("*.npz"), None) is not None)


def open_recordings(path: Path, options: SourceOptions) -> Archives:
    options.refuse("archives do not tell the time", "max_gap_s")
    files = sorted(path.glob("*.npz")) if path.is_dir() else [path]
    if not files:
        raise InputError(f"{path} has no .npz files; expected one episode a file")
    with _load(files[0]) as archive:
        keys = list(archive)
    frames = options.one("camera", keys, _FRAMES, files[0])
    if frames is None:
        raise InputError(
            f"{files[0]} has {', '.join(keys)}; expected frames under one of {', '.join(_FRAMES)}: name them with --camera"
        )
    actions, states = (
        options.some("actions", keys, _ACTIONS, files[0]),
        options.some("states", keys, _STATES, files[0]),
    )
    return Archives(
        tuple(files),
        frames,
        {"action": actions, "state": states},
        options.one("labels", keys, _LABELS, files[0]),
    )


@dataclass(frozen=True)
class Archives:
    """One episode a file; `keys` are those of the vector columns by role."""

    files: tuple[Path, ...]
    frames_key: str
    keys: Mapping[Role, tuple[str, ...]]
    labels_key: str | None
    frames_per_second: float | None = None

    @property
    def notes(self) -> Sequence[str]:
        taken = [f"{role}s from {', '.join(keys) or 'nothing'}" for role, keys in self.keys.items()]
        labels = [f"label images from {self.labels_key}"] if self.labels_key else []
        return (", ".join([f"frames from {self.frames_key}", *taken, *labels]),)

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {}
        with _load(self.files[0]) as archive:
            for role, keys in self.keys.items():
                rows = {key: _member(self.files[0], archive, key) for key in keys}
                if rows:
                    widths = {key: int(np.prod(r.shape[1:], dtype=int)) for key, r in rows.items()}
                    led_here = role == "action" and not any(
                        r[0].any() for r in rows.values() if len(r)
                    )
                    found[str(role)] = side_by_side(role, widths, 0 if led_here else 1)
            if self.labels_key:
                labels = as_pictures(
                    _member(self.files[0], archive, self.labels_key), str(self.files[0])
                )
                found["label"] = Column("label", "uint8", labels.shape[1:], lag=0)
        return found

    def __len__(self) -> int:
        return len(self.files)

    def read(self, index: int) -> Recording:
        file = self.files[index]
        with _load(file) as archive:
            frames = as_pictures(_member(file, archive, self.frames_key), str(file))
            values = {}
            for role, keys in self.keys.items():
                if keys:
                    rows = [
                        one_a_frame(_member(file, archive, k), len(frames), f"{file}: {k}")
                        for k in keys
                    ]
                    values[str(role)] = np.concatenate(rows, 1)
            if self.labels_key:
                values["label"] = as_pictures(
                    _member(file, archive, self.labels_key), f"{file}: {self.labels_key}"
                )
        return Recording(file.stem, frames, values)


def _load(file: Path) -> Any:
    try:
        return np.load(file, allow_pickle=False)
    except Exception as error:  # zipfile, zlib and numpy raise many kinds; this is the one door
        raise InputError(
            f"{file} cannot be read ({error}); expected a NumPy archive (.npz)"
        ) from None


def _member(file: Path, archive: Any, key: str) -> Array:
    try:
        return np.asarray(archive[key])
    except Exception as error:
        raise InputError(
            f"{file}: {key!r} cannot be read ({error}); expected it as in the first file, undamaged"
        ) from None
