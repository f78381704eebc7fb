"""RLDS episodes in TFDS TFRecords (Bridge, Open-X): one record an episode, described by
`features.json`.

Flags such as `is_last` and `has_image_0` are not believed: the camera taken by default is the first
whose pictures are not black. Needs protobuf and google-crc32c (extra `tfrecord`). Source: Ramos et
al. 2021 (arXiv 2111.02767).
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
from ..pictures import decode_picture
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, Role, one_a_frame, side_by_side
from ._array_pictures import sampled, with_camera
from ._coded_pictures import CodedPictures
from ._rlds_features import described, shows_depth
from ._rlds_records import episodes_in
from ._tfrecords import Record

Array = NDArray[Any]

_OBSERVATION, _ACTION = "steps/observation/", "steps/action"
_STATES = ("state", "proprio", "EEF_state", "robot_state")
_NOT_ACTIONS = ("terminate_episode", "is_terminal")
_BLACK = 8  # a camera whose pictures are darker than this on average shows nothing


def recognises(path: Path) -> bool:
    return _root(path) is not None


def open_recordings(path: Path, options: SourceOptions) -> Rlds:
    options.refuse(
        "RLDS does not tell the time, and its label images cannot be told from pictures",
        "labels",
        "max_gap_s",
    )
    root = _root(path)
    if root is None:
        raise InputError(
            f"{path} has no dataset_info.json with features.json; expected an RLDS data set of TFDS"
        )
    tensors, images, dtypes = described(root)
    episodes, notes = episodes_in(root, options)
    observed = [key.removeprefix(_OBSERVATION) for key in tensors if key.startswith(_OBSERVATION)]
    cameras = sorted(
        key.removeprefix(_OBSERVATION) for key in images if key.startswith(_OBSERVATION)
    )
    commands = [
        key
        for key in tensors
        if key == _ACTION or (key.startswith(f"{_ACTION}/") and not key.endswith(_NOT_ACTIONS))
    ]
    shown = [key.removeprefix("steps/") for key in commands]
    chosen = options.some("actions", shown, shown, root)
    if not chosen or not cameras:
        raise InputError(
            f"{root} has cameras {cameras} and actions {shown}; expected at least one of each"
        )
    states = options.some(
        "states", observed, [name for name in _STATES if name in observed][:1], root
    )
    in_colour = [name for name in cameras if not shows_depth(name, images[_OBSERVATION + name])]
    camera = options.one("camera", cameras, _live(episodes[0][1], in_colour), root)
    if camera is None:
        raise InputError(
            f"{root}: all cameras are black in the first episode ({', '.join(cameras)}); "
            "choose a --camera"
        )
    keys: dict[Role, tuple[str, ...]] = {
        "action": tuple(f"steps/{key}" for key in chosen),
        "state": tuple(_OBSERVATION + key for key in states),
    }
    found = with_camera(Findings().warn(*notes), camera, in_colour, options.camera)
    found = found.reads([root / "features.json", root / "dataset_info.json"])
    found = found.reads(dict.fromkeys(record.file for _, record in episodes))
    found = _columns(found, keys, tensors, dtypes)
    for name in cameras:
        if name not in in_colour and name != camera:
            found = found.leaves_out(
                _OBSERVATION + name, "its pixels are distances", f"--camera {name}"
            )
    pictures = _pictures(root, _OBSERVATION + camera, images, episodes, options)
    found = pictures.add_to(found)
    return Rlds(_OBSERVATION + camera, keys, tensors, tuple(episodes), pictures, found)


def _pictures(
    root: Path,
    camera: str,
    images: Mapping[str, Mapping[str, Any]],
    episodes: Sequence[tuple[str | None, Record]],
    options: SourceOptions,
) -> CodedPictures:
    """How the pictures are read: those of more than 8 bits have one scale for all episodes."""
    dtype = str(images[camera].get("dtype", "uint8"))
    if dtype == "uint8" and options.pixel_range is None:
        return CodedPictures()
    records = [episodes[place][1] for place in sampled(len(episodes))]
    found = [record.read().get(camera) for record in records]
    samples = [pictures[0] for pictures in found if isinstance(pictures, list) and pictures]
    return CodedPictures.of(samples, f"{root}: {camera}", options.pixel_range, dtype)


def _columns(
    found: Findings,
    keys: Mapping[Role, tuple[str, ...]],
    widths: Mapping[str, int],
    dtypes: Mapping[str, str],
) -> Findings:
    """Add the columns that are taken, and why the others are not."""
    for role, names in keys.items():
        for name in names:
            found = found.takes(name, role, dtypes[name], widths[name])
    for name in widths:
        if any(name in names for names in keys.values()):
            continue
        observed = name.startswith(_OBSERVATION)
        option = f"--states {name.removeprefix(_OBSERVATION)}" if observed else ""
        found = found.leaves_out(name, "neither the action nor a usual state", option)
    return found


@dataclass(frozen=True)
class Rlds:
    """Records of all splits. `widths` says how many numbers a step each key has."""

    camera: str
    keys: Mapping[Role, tuple[str, ...]]
    widths: Mapping[str, int]
    episodes: tuple[tuple[str | None, Record], ...]
    pictures: CodedPictures
    findings: Findings
    frames_per_second: float | None = None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        return {
            str(role): side_by_side(
                role, {key.removeprefix("steps/"): self.widths[key] for key in keys}
            )
            for role, keys in self.keys.items()
            if keys
        }

    def __len__(self) -> int:
        return len(self.episodes)

    def files_read(self, index: int) -> tuple[Path, ...]:
        return (self.episodes[index][1].file,)

    def read(self, index: int) -> Recording:
        split, record = self.episodes[index]
        example = record.read()
        where = f"{record.file}: record at byte {record.offset}"
        pictures = example.get(self.camera)
        if not isinstance(pictures, list) or not pictures:
            raise InputError(f"{where} has no pictures {self.camera!r}; expected one a step")
        values = {}
        for role, keys in self.keys.items():
            if keys:
                values[str(role)] = np.concatenate(
                    [self._rows(example, key, len(pictures), where) for key in keys], 1
                )
        frames = (
            self.pictures.to_rgb(content, f"{where}, step {t}")
            for t, content in enumerate(pictures)
        )
        name = (
            f"{record.file.name.split('.tfrecord')[0]}/{record.file.name[-14:-9]}/{record.offset}"
        )
        return Recording(name, frames, values, split, facts=_instruction(example))

    def _rows(self, example: Mapping[str, Any], key: str, steps: int, where: str) -> Array:
        values, width = example.get(key), self.widths[key]
        if not isinstance(values, np.ndarray) or values.size != steps * width:
            got = "nothing" if values is None else f"{len(values)} numbers"
            raise InputError(f"{where}: {key!r} has {got}; expected {steps} steps x {width}")
        return one_a_frame(values.reshape(steps, width), steps, f"{where}: {key}")


def _root(path: Path) -> Path | None:
    """The folder with the descriptions: `path`, or the newest version in it."""
    candidates = [path, *sorted((p for p in path.glob("*.*.*") if p.is_dir()), reverse=True)]
    return next(
        (
            p
            for p in candidates
            if (p / "dataset_info.json").is_file() and (p / "features.json").is_file()
        ),
        None,
    )


def _live(record: Record, cameras: Sequence[str]) -> list[str]:
    """The cameras that show something in an episode."""
    example = record.read()
    found = []
    for camera in cameras:
        pictures = example.get(_OBSERVATION + camera)
        if isinstance(pictures, list) and pictures:
            shown = decode_picture(
                pictures[0], f"{record.file}: record at byte {record.offset}, {camera}"
            )
            if shown.mean() > _BLACK:
                found.append(camera)
    return found


def _instruction(example: Mapping[str, Any]) -> dict[str, Any]:
    found = example.get("steps/language_instruction")
    if not isinstance(found, list) or not found or not found[0]:
        return {}
    return {"language_instruction": found[0].decode("utf-8", "replace")}
