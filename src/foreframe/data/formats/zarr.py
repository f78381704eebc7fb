"""Replay buffers in zarr (PushT, UMI and their kin): all episodes end to end in `data/`, their ends
in `meta/episode_ends`.

`data/img` [N, H, W, 3] bytes or floats, `data/action` [N, A], `data/state` [N, S], in zarr 2 or 3,
in a folder or a zip. UMI keeps no actions: the poses of its grippers are taken for them. The
metadata are checked before the library opens anything. Needs zarr (extra `zarr`), and imagecodecs
for UMI's JPEG XL. Sources: Chi et al. 2023 (arXiv 2303.04137); Chi et al. 2024 (arXiv 2402.10329).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.folders import is_leftover, natural_key
from ..sources.options import SourceOptions
from ..sources.pixels import is_depth
from ..sources.recording import Column, Recording, Role, Source, one_a_frame, side_by_side
from ._array_pictures import ArrayPictures, sampled, with_camera, with_choice
from ._joined import Joined
from ._zarr_buffers import ENDS, Buffer, buffers_in
from ._zarr_chunks import check_chunks
from ._zarr_metadata import ArrayMetadata, Place, is_array, read_metadata, version_of

Array = NDArray[Any]

_STATES = ("state", "agent_pos", "robot_eef_pose")
_PARTS = ("eef_pos", "eef_rot_axis_angle", "gripper_width")
_POSE = re.compile(rf"robot\d+_({'|'.join(_PARTS)})")
_AT_ONCE = 64  # pictures


def recognises(path: Path) -> bool:
    return bool(buffers_in(path))


def open_recordings(path: Path, options: SourceOptions) -> Source:
    inner = buffers_in(path)
    if len(inner) > 1:
        return Joined.of(path, {buffer.name: _opened(buffer, options) for buffer in inner})
    return _opened(inner[0] if inner else Buffer(path), options)


def _opened(buffer: Buffer, options: SourceOptions) -> Replay:
    options.refuse("replay buffers do not tell the time", "max_gap_s")
    path, place = buffer.path, buffer.place()
    version = version_of(place)
    if version is None:
        raise InputError(f"{path} has neither .zgroup nor zarr.json; expected a zarr group")
    arrays, found = _arrays(place, version)
    shapes = {name: array.shape for name, array in arrays.items()}
    pictures = [name for name, shape in shapes.items() if len(shape) == 4]
    numbers = [name for name, shape in shapes.items() if len(shape) in (1, 2)]
    in_colour = sorted(
        (name for name in pictures if not is_depth(name)), key=lambda name: (name != "img", name)
    )
    camera = options.one("camera", pictures, in_colour, path)
    if camera is None:
        why = "".join(f"; {column.key} is left out: {column.reason}" for column in found.left_out)
        raise InputError(
            f"{path} has {shapes} in data/; expected pictures [N, H, W, 3], such as img{why}"
        )
    keys, found = _keys(numbers, options, path, found)
    labels = options.one("labels", pictures, (), path)
    taken = [key for key in (camera, labels, *keys["action"], *keys["state"]) if key]
    checked = {f"data/{key}": arrays[key] for key in taken}
    ends_array = checked[ENDS] = read_metadata(place / "meta" / "episode_ends", version)
    buffer.check_members(checked)
    for array in checked.values():
        options.check_memory(array.chunk_bytes, str(array.folder))
        check_chunks(array)
    options.check_memory(ends_array.shape[0] * ends_array.row_bytes(), str(ends_array.folder))
    ends = _ends(buffer, {key: shapes[key] for key in taken})
    longest = int(np.diff([0, *ends]).max())
    for key in taken:
        options.check_memory(longest * arrays[key].row_bytes(), str(arrays[key].folder))
    decided = {
        key: ArrayPictures.of(
            [buffer.read(f"data/{key}", slice(at, at + 1)) for at in sampled(ends[-1])],
            f"{path}: data/{key}",
            options.pixel_range,
        )
        for key in (camera, labels)
        if key
    }
    lag, why = _lag(keys["action"], options)
    found = with_choice(found, "lag", lag, why, "--lag")
    found = with_camera(found, camera, in_colour, options.camera)
    found = _columns(decided[camera].add_to(found), keys, numbers, arrays, camera)
    found = found.reads(buffer.files())
    widths = {name: int(np.prod(shapes[name][1:], dtype=int)) for name in numbers}
    return Replay(buffer, camera, keys, widths, labels, tuple(ends), decided, lag, found)


def _keys(
    numbers: Sequence[str], options: SourceOptions, path: Path, found: Findings
) -> tuple[dict[Role, tuple[str, ...]], Findings]:
    """The arrays of actions and states; the poses of UMI are its actions, as it keeps no others."""
    poses = [name for name in numbers if _POSE.fullmatch(name)]
    usual = ("action",) if "action" in numbers else tuple(sorted(poses, key=_place_of_pose))
    actions = options.some("actions", numbers, usual, path)
    if actions and actions == usual != ("action",):
        reason = "UMI's own reader, as there is no array of actions"
        found = found.decided("actions", ", ".join(actions), reason, "--actions")
    states = [name for name in _STATES if name in numbers][:1]
    return {"action": actions, "state": options.some("states", numbers, states, path)}, found


def _place_of_pose(name: str) -> tuple[int, int]:
    """Robot by robot: position, rotation, gripper."""
    robot, part = int(re.findall(r"\d+", name)[0]), name.partition("_")[2]
    return robot, _PARTS.index(part)


def _lag(actions: Sequence[str], options: SourceOptions) -> tuple[int, str]:
    if options.lag is not None:
        return options.lag, "--lag"
    if actions and all(_POSE.fullmatch(name) for name in actions):
        return 0, "UMI's poses, each that of its picture"
    return 1, "the habit of replay buffers: row k leads on from picture k"


@dataclass(frozen=True)
class Replay:
    """`ends` are the cumulative lengths of the episodes.

    `pictures` says how each key's arrays become pictures.
    """

    buffer: Buffer
    camera: str
    keys: Mapping[Role, tuple[str, ...]]
    widths: Mapping[str, int]
    labels: str | None
    ends: tuple[int, ...]
    pictures: Mapping[str, ArrayPictures]
    lag: int
    findings: Findings
    frames_per_second: float | None = None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {
            str(role): side_by_side(role, {key: self.widths[key] for key in keys}, self._lag(role))
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
                    self.buffer.read(f"data/{key}", slice(first, last)),
                    last - first,
                    f"{self.buffer.path}: data/{key}, rows from {first}",
                    self._lag(role),
                )
                for key in keys
            ]
            if rows:
                values[str(role)] = np.concatenate(rows, 1)
        if self.labels:
            values["label"] = self._pictures(self.labels, first, last)
        frames = self._frames(first, last)
        return Recording(f"episode_{index:06d}", frames, values)

    def _lag(self, role: Role) -> int:
        return self.lag if role == "action" else 1

    def _frames(self, first: int, last: int) -> Iterator[Array]:
        """Pictures `first` ... `last` - 1, a few at a time."""
        for start in range(first, last, _AT_ONCE):
            yield from self._pictures(self.camera, start, min(start + _AT_ONCE, last))

    def _pictures(self, key: str, first: int, last: int) -> Array:
        where = f"{self.buffer.path}: data/{key}, rows from {first}"
        return self.pictures[key].to_rgb(self.buffer.read(f"data/{key}", slice(first, last)), where)


def _arrays(place: Place, version: int) -> tuple[dict[str, ArrayMetadata], Findings]:
    """The arrays in `data/` that are numbers, and what is left out because it is not."""
    arrays, found = {}, Findings()
    folders: list[Place] = [*(place / "data").iterdir()]
    for folder in sorted(folders, key=lambda folder: natural_key(folder.name)):
        if not folder.is_dir() or is_leftover(Path(folder.name)):
            continue
        if not is_array(folder, version):
            found = found.leaves_out(f"data/{folder.name}", "a group; only arrays are read")
            continue
        try:
            arrays[folder.name] = read_metadata(folder, version)
        except InputError as error:
            if folder.name in ("img", "action"):
                raise
            found = found.leaves_out(f"data/{folder.name}", str(error))
    return arrays, found


def _ends(buffer: Buffer, shapes: Mapping[str, tuple[int, ...]]) -> list[int]:
    ends: list[int] = buffer.read(ENDS, slice(None)).astype(int).reshape(-1).tolist()
    rising = bool(ends) and (np.diff([0, *ends]) >= 1).all()
    if not rising or any(shape[0] < ends[-1] for shape in shapes.values()):
        raise InputError(
            f"{buffer.path}: {ENDS} does not fit the data ({ends[:3]}... of {dict(shapes)}); "
            "expected rising numbers"
        )
    return ends


def _columns(
    found: Findings,
    keys: Mapping[Role, tuple[str, ...]],
    numbers: Sequence[str],
    arrays: Mapping[str, ArrayMetadata],
    camera: str,
) -> Findings:
    for role, names in keys.items():
        for name in names:
            width = int(np.prod(arrays[name].shape[1:], dtype=int))
            found = found.takes(f"data/{name}", role, arrays[name].dtype, width)
    for name, array in arrays.items():
        if is_depth(name) and name not in (*numbers, camera):
            found = found.leaves_out(f"data/{name}", "its pixels are distances", f"--camera {name}")
        elif len(array.shape) not in (1, 2, 4):
            shape = list(array.shape)
            found = found.leaves_out(f"data/{name}", f"shape {shape}: neither rows nor pictures")
    for name in numbers:
        if not any(name in names for names in keys.values()):
            found = found.leaves_out(
                f"data/{name}",
                "its name is neither that of an action nor of a state",
                f"--states {name}",
            )
    return found
