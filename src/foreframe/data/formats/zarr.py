"""Replay buffers in zarr (PushT and its kin): all episodes end to end in `data/`, their ends in `meta/episode_ends`.

`data/img` [N, H, W, 3] bytes or floats, `data/action` [N, A], `data/state` [N, S]. Needs zarr (extra `zarr`).
Source: Chi et al. 2023 (arXiv 2303.04137).
"""

from __future__ import annotations

import struct
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

_ENDS = "meta/episode_ends"
_STATES = ("state", "agent_pos", "robot_eef_pose")
_BLOSC_HEAD = struct.Struct(
    "<4B3I"
)  # versions, flags, item size; bytes before, block size, bytes after


def recognises(path: Path) -> bool:
    return (path / "data").is_dir() and (path / _ENDS).is_dir()


def open_recordings(path: Path, options: SourceOptions) -> Replay:
    options.refuse("replay buffers do not tell the time", "max_gap_s")
    root = _opened(path)
    shapes = {name: tuple(array.shape) for name, array in _arrays(root, path).items()}
    pictures = [name for name, shape in shapes.items() if len(shape) == 4]
    numbers = [name for name, shape in shapes.items() if len(shape) in (1, 2)]
    camera = options.one(
        "camera", pictures, sorted(pictures, key=lambda name: (name != "img", name)), path
    )
    if camera is None:
        raise InputError(
            f"{path} has {shapes} in data/; expected pictures [N, H, W, 3], such as img"
        )
    keys: dict[Role, tuple[str, ...]] = {
        "action": options.some("actions", numbers, ("action",), path),
        "state": options.some(
            "states", numbers, [name for name in _STATES if name in numbers][:1], path
        ),
    }
    labels = options.one("labels", pictures, (), path)
    for key in (camera, labels, *keys["action"], *keys["state"]):
        if key:
            _whole_chunks(path / "data" / key)
    _whole_chunks(path / _ENDS)
    ends = _read(path, root, _ENDS, slice(None)).astype(int)
    if (
        not len(ends)
        or (np.diff([0, *ends]) < 1).any()
        or any(shape[0] < ends[-1] for shape in shapes.values())
    ):
        raise InputError(
            f"{path}: {_ENDS} does not fit the data ({ends[:3]}... of {shapes}); expected rising numbers"
        )
    taken = "; ".join(f"{role}s from {', '.join(k) or 'nothing'}" for role, k in keys.items())
    widths = {name: int(np.prod(shapes[name][1:], dtype=int)) for name in numbers}
    return Replay(
        path,
        camera,
        keys,
        widths,
        labels,
        tuple(int(e) for e in ends),
        (f"camera {camera}; {taken}",),
    )


@dataclass(frozen=True)
class Replay:
    """`ends` are the cumulative lengths of the episodes."""

    path: Path
    camera: str
    keys: Mapping[Role, tuple[str, ...]]
    widths: Mapping[str, int]
    labels: str | None
    ends: tuple[int, ...]
    notes: Sequence[str]
    frames_per_second: float | None = None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {
            str(role): side_by_side(role, {key: self.widths[key] for key in keys})
            for role, keys in self.keys.items()
            if keys
        }
        if self.labels:
            found["label"] = Column(
                "label", "uint8", self._pictures(self.labels, 0, 1).shape[1:], lag=0
            )
        return found

    def __len__(self) -> int:
        return len(self.ends)

    def read(self, index: int) -> Recording:
        first, last = (0, *self.ends)[index], self.ends[index]
        values = {}
        for role, keys in self.keys.items():
            rows = [
                one_a_frame(
                    self._rows(key, first, last),
                    last - first,
                    f"{self.path}: data/{key}, rows from {first}",
                )
                for key in keys
            ]
            if rows:
                values[str(role)] = np.concatenate(rows, 1)
        if self.labels:
            values["label"] = self._pictures(self.labels, first, last)
        return Recording(f"episode_{index:06d}", self._pictures(self.camera, first, last), values)

    def _pictures(self, key: str, first: int, last: int) -> Array:
        return as_pictures(
            self._rows(key, first, last), f"{self.path}: data/{key}, rows from {first}"
        )

    def _rows(self, key: str, first: int, last: int) -> Array:
        return _read(self.path, _opened(self.path), f"data/{key}", slice(first, last))


def _opened(path: Path) -> Any:
    try:
        import zarr
    except ImportError:
        raise InputError(
            "reading zarr needs zarr; install it with: pip install 'foreframe[zarr]'"
        ) from None
    try:
        return zarr.open_group(str(path), mode="r")
    except (
        Exception
    ) as error:  # zarr and its codecs raise many kinds; this and the next are the door
        raise InputError(f"{path} cannot be opened ({error}); expected a zarr group") from None


def _whole_chunks(folder: Path) -> None:
    """An error if a chunk is cut off: Blosc writes each one's length into its head, and its decoder dies of a shorter one."""
    described = next(
        (folder / name for name in (".zarray", "zarr.json") if (folder / name).is_file()), None
    )
    if described is None or '"blosc"' not in described.read_text(errors="replace"):
        return
    for file in folder.rglob("*"):
        if file.is_file() and not file.name.startswith((".", "zarr.json")):
            with file.open("rb") as opened:
                head = opened.read(_BLOSC_HEAD.size)
            size = file.stat().st_size
            if len(head) < _BLOSC_HEAD.size or _BLOSC_HEAD.unpack(head)[-1] != size:
                raise InputError(
                    f"{file} is cut off or damaged ({size} bytes are not what its head says): fetch it again"
                )


def _arrays(root: Any, path: Path) -> dict[str, Any]:
    try:
        return dict(root["data"].arrays())
    except Exception as error:
        raise InputError(
            f"{path / 'data'} cannot be read ({error}); expected a zarr group of arrays"
        ) from None


def _read(path: Path, root: Any, key: str, rows: slice) -> Array:
    try:
        return np.asarray(root[key][rows])
    except Exception as error:
        raise InputError(
            f"{path / key} cannot be read, rows {rows.start or 0}... ({error}): fetch it again"
        ) from None
