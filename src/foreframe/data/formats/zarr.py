"""Replay buffers in zarr (PushT and its kin): all episodes end to end in `data/`, their ends in
`meta/episode_ends`.

`data/img` [N, H, W, 3] bytes or floats, `data/action` [N, A], `data/state` [N, S], in zarr 2 or 3.
The metadata are checked before the library opens anything. Needs zarr (extra `zarr`). Source: Chi
et al. 2023 (arXiv 2303.04137).
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
from ..sources.findings import Findings
from ..sources.folders import is_leftover, natural_order
from ..sources.options import SourceOptions
from ..sources.pixels import is_depth
from ..sources.recording import Column, Recording, Role, Source, one_a_frame, side_by_side
from ._array_pictures import ArrayPictures, sampled, with_camera
from ._joined import Joined
from ._zarr_metadata import ArrayMetadata, check_chunks, is_array, read_metadata, version_of

Array = NDArray[Any]

_ENDS = "meta/episode_ends"
_STATES = ("state", "agent_pos", "robot_eef_pose")


def recognises(path: Path) -> bool:
    return bool(_buffers(path))


def open_recordings(path: Path, options: SourceOptions) -> Source:
    inner = _buffers(path)
    if len(inner) > 1:
        return Joined.of(path, {f.name.removesuffix(".zarr"): _opened(f, options) for f in inner})
    return _opened(inner[0] if inner else path, options)


def _buffers(path: Path) -> list[Path]:
    """The replay buffers that a path is: itself, or those in its folder."""
    if not path.is_dir():
        return []
    folders = [path, *natural_order(f for f in path.iterdir() if not is_leftover(f))]
    found = [f for f in folders if (f / "data").is_dir() and (f / _ENDS).is_dir()]
    return found[:1] if found[:1] == [path] else found


def _opened(path: Path, options: SourceOptions) -> Replay:
    options.refuse("replay buffers do not tell the time", "max_gap_s")
    version = version_of(path)
    if version is None:
        raise InputError(f"{path} has neither .zgroup nor zarr.json; expected a zarr group")
    arrays, found = _arrays(path, version)
    shapes = {name: array.shape for name, array in arrays.items()}
    pictures = [name for name, shape in shapes.items() if len(shape) == 4]
    numbers = [name for name, shape in shapes.items() if len(shape) in (1, 2)]
    in_colour = sorted(
        (name for name in pictures if not is_depth(name)), key=lambda name: (name != "img", name)
    )
    camera = options.one("camera", pictures, in_colour, path)
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
    taken = [key for key in (camera, labels, *keys["action"], *keys["state"]) if key]
    ends_array = read_metadata(path / _ENDS, version)
    for array in (ends_array, *(arrays[key] for key in taken)):
        options.check_memory(array.chunk_bytes, array.folder)
        check_chunks(array)
    options.check_memory(ends_array.shape[0] * ends_array.row_bytes(), ends_array.folder)
    ends = _ends(path, {key: shapes[key] for key in taken})
    longest = int(np.diff([0, *ends]).max())
    options.check_memory(longest * arrays[camera].row_bytes(), arrays[camera].folder)
    decided = {
        key: ArrayPictures.of(
            [_read(path, f"data/{key}", slice(at, at + 1)) for at in sampled(ends[-1])],
            f"{path}: data/{key}",
            options.pixel_range,
        )
        for key in (camera, labels)
        if key
    }
    found = with_camera(found, camera, in_colour, options.camera)
    found = _columns(decided[camera].add_to(found), keys, numbers, arrays)
    widths = {name: int(np.prod(shapes[name][1:], dtype=int)) for name in numbers}
    return Replay(path, camera, keys, widths, labels, tuple(ends), decided, found)


@dataclass(frozen=True)
class Replay:
    """`ends` are the cumulative lengths of the episodes.

    `pictures` says how each key's arrays become pictures.
    """

    path: Path
    camera: str
    keys: Mapping[Role, tuple[str, ...]]
    widths: Mapping[str, int]
    labels: str | None
    ends: tuple[int, ...]
    pictures: Mapping[str, ArrayPictures]
    findings: Findings
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
        where = f"{self.path}: data/{key}, rows from {first}"
        return self.pictures[key].to_rgb(self._rows(key, first, last), where)

    def _rows(self, key: str, first: int, last: int) -> Array:
        return _read(self.path, f"data/{key}", slice(first, last))


def _arrays(path: Path, version: int) -> tuple[dict[str, ArrayMetadata], Findings]:
    """The arrays in `data/` that are numbers, and what is left out because it is not."""
    arrays, found = {}, Findings()
    for folder in natural_order(f for f in (path / "data").iterdir() if f.is_dir()):
        if is_leftover(folder) or not is_array(folder, version):
            continue
        try:
            arrays[folder.name] = read_metadata(folder, version)
        except InputError as error:
            if folder.name in ("img", "action"):
                raise
            found = found.leaves_out(f"data/{folder.name}", str(error))
    return arrays, found


def _ends(path: Path, shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    ends: list[int] = _read(path, _ENDS, slice(None)).astype(int).reshape(-1).tolist()
    rising = bool(ends) and (np.diff([0, *ends]) >= 1).all()
    if not rising or any(shape[0] < ends[-1] for shape in shapes.values()):
        raise InputError(
            f"{path}: {_ENDS} does not fit the data ({ends[:3]}... of {dict(shapes)}); "
            "expected rising numbers"
        )
    return ends


def _columns(
    found: Findings,
    keys: Mapping[Role, tuple[str, ...]],
    numbers: Sequence[str],
    arrays: Mapping[str, ArrayMetadata],
) -> Findings:
    for role, names in keys.items():
        for name in names:
            width = int(np.prod(arrays[name].shape[1:], dtype=int))
            found = found.takes(f"data/{name}", role, arrays[name].dtype, width)
    for name in numbers:
        if not any(name in names for names in keys.values()):
            found = found.leaves_out(
                f"data/{name}",
                "its name is neither that of an action nor of a state",
                f"--states {name}",
            )
    return found


def _read(path: Path, key: str, rows: slice) -> Array:
    """Rows of an array that was checked.

    The library's own index of all metadata, which was not, stays unread.
    """
    try:
        import zarr
    except ImportError:
        raise InputError(
            "reading zarr needs zarr; install it with: pip install 'foreframe[zarr]'"
        ) from None
    version: Any = version_of(path)
    try:
        root = zarr.open_group(str(path), mode="r", zarr_format=version, use_consolidated=False)
        return np.asarray(root[key][rows])
    except Exception as error:  # zarr and its codecs raise many kinds; this is the one door
        raise InputError(
            f"{path / key} cannot be read, rows {rows.start or 0}... ({error}): fetch it again"
        ) from None
