"""LeRobotDataset v2: a parquet table and an mp4 a camera for each episode, described by `meta/info.json`.

Pictures may be in the table instead. Episodes that are listed but have no table or no video are left out and counted.
Needs PyAV and pyarrow (extra `lerobot`).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...runtime.files import read_json
from ..pictures import decode_picture
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, Role, finite, names_of
from ._videos import decoded

Array = NDArray[Any]
Keys = Mapping[Role, tuple[str, ...]]

_INFO = Path("meta") / "info.json"


def recognises(path: Path) -> bool:
    found = version(path)
    return bool(found) and not found.startswith("v3")


def open_recordings(path: Path, options: SourceOptions) -> LeRobot:
    info = described(path, "v2", ("fps", "chunks_size", "data_path", "features"))
    camera, keys = chosen(path, info, options)
    file = path / "meta" / "episodes.jsonl"
    try:
        listed = [
            int(json.loads(line)["episode_index"])
            for line in file.read_text().splitlines()
            if line.strip()
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} cannot be read ({error!r}); expected one JSON object a line"
        ) from None
    found = LeRobot(path, info, camera, keys, (), len(listed))
    there = tuple(i for i in listed if all(file.is_file() for file in found.files(i)))
    if not there:
        raise InputError(
            f"{path} lists {len(listed)} episodes, but none has both its table and a video of {camera}; "
            "fetch the videos, or choose another --camera"
        )
    return LeRobot(path, info, camera, keys, there, len(listed))


@dataclass(frozen=True)
class Listed:
    """The episodes that are there, of those that are listed: what both versions have in common."""

    root: Path
    info: Mapping[str, Any]
    camera: str
    keys: Keys
    episodes: tuple[Any, ...]
    listed: int

    @property
    def frames_per_second(self) -> float | None:
        return float(self.info["fps"])

    @property
    def notes(self) -> Sequence[str]:
        taken = "; ".join(
            f"{role}s {', '.join(names) or 'none'}" for role, names in self.keys.items()
        )
        missing = self.listed - len(self.episodes)
        skipped = f"{missing} of {self.listed} listed episodes have no table or no video here and were left out"
        return (f"camera {self.camera}; {taken}", *((skipped,) if missing else ()))

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        return columns_of(self.info, self.keys)

    def __len__(self) -> int:
        return len(self.episodes)


@dataclass(frozen=True)
class LeRobot(Listed):
    """Episodes by their number."""

    def files(self, episode: int) -> list[Path]:
        """Table and video of an episode."""
        chunk = episode // int(self.info["chunks_size"])
        facts = {"episode_chunk": chunk, "episode_index": episode, "video_key": self.camera}
        patterns = [
            self.info["data_path"],
            *([self.info["video_path"]] if is_video(self.info, self.camera) else []),
        ]
        return [inside(self.root, pattern, facts) for pattern in patterns]

    def read(self, index: int) -> Recording:
        episode = self.episodes[index]
        table, *video = self.files(episode)
        values, pictures = read_rows(table, self.info, self.keys, None if video else self.camera)
        frames = (
            decoded(video[0], len(next(iter(values.values()))), str(video[0]))
            if video
            else pictures
        )
        return Recording(f"episode_{episode:06d}", frames, values, facts={"episode_index": episode})


def version(path: Path) -> str:
    """The version that a LeRobotDataset says it has; empty if it is none."""
    if not (path / _INFO).is_file():
        return ""
    info = read_json(path / _INFO, "the description of a LeRobotDataset")
    return str(info.get("codebase_version", "")) if isinstance(info, dict) else ""


def described(path: Path, major: str, needed: Sequence[str]) -> dict[str, Any]:
    """`meta/info.json`, if it is of this major version and complete."""
    info = read_json(path / _INFO, "the description of a LeRobotDataset")
    if not version(path).startswith(major):
        raise InputError(
            f"{path} is a LeRobotDataset {version(path) or 'of no version'}; expected {major}.x: "
            "convert it with the lerobot package first"
        )
    lacking = [key for key in needed if key not in info]
    if lacking:
        raise InputError(
            f"{path / _INFO} has no {lacking[0]!r}; expected a whole LeRobotDataset description"
        )
    return dict(info)


def chosen(path: Path, info: Mapping[str, Any], options: SourceOptions) -> tuple[str, Keys]:
    """The camera, and the features that are actions and states."""
    options.refuse(
        "a LeRobotDataset has no label images, and its episodes are cut already",
        "labels",
        "max_gap_s",
    )
    features = info["features"]
    numbers = [
        name
        for name, feature in features.items()
        if str(feature.get("dtype")).startswith(("float", "int", "uint", "bool"))
    ]
    cameras = [
        name for name, feature in features.items() if feature.get("dtype") in ("video", "image")
    ]
    in_colour = [name for name in cameras if not _is_depth(name, features[name])]
    camera = options.one("camera", cameras, in_colour, path)
    usual = [n for n in numbers if n == "action"] or [n for n in numbers if n.startswith("action.")]
    actions = options.some("actions", numbers, usual, path)
    if camera is None or not actions:
        raise InputError(
            f"{path} has features {', '.join(features)}; expected a camera and an action among them"
        )
    return camera, {
        "action": actions,
        "state": options.some("states", numbers, ("observation.state",), path),
    }


def _is_depth(name: str, feature: Mapping[str, Any]) -> bool:
    """Whether a camera's pixels are distances: by its name, its description, or its only channel."""
    described = feature.get("info") or feature.get("video_info") or {}
    shape = [int(n) for n in feature.get("shape") or ()]
    lone = len(shape) == 3 and 1 in (shape[0], shape[-1])
    return "depth" in name.casefold() or bool(described.get("video.is_depth_map")) or lone


def is_video(info: Mapping[str, Any], camera: str) -> bool:
    return bool(info["features"][camera]["dtype"] == "video")


def columns_of(info: Mapping[str, Any], keys: Keys) -> dict[str, Column]:
    """A column a role, its numbers named as the data set names them."""
    found = {}
    for role, features in keys.items():
        names = [name for feature in features for name in _names(role, info["features"][feature])]
        if names:
            found[str(role)] = Column(role, "float32", (len(names),), tuple(names))
    return found


def _names(role: Role, feature: Mapping[str, Any]) -> tuple[str, ...]:
    width = int(np.prod(feature["shape"], dtype=int))
    names = tuple(_flat(feature.get("names")))
    return names if len(names) == width else names_of(role, width)


def _flat(names: Any) -> Iterator[str]:
    """Names may be a list, a list of lists, or a mapping to lists."""
    if isinstance(names, Mapping):
        names = list(names.values())
    for name in names or ():
        if isinstance(name, str):
            yield name
        elif isinstance(name, list | tuple | Mapping):
            yield from _flat(name)


def inside(root: Path, pattern: str, facts: Mapping[str, Any]) -> Path:
    """The file that a path pattern names; a pattern that leads out of the data set is refused."""
    try:
        file = root / pattern.format(**facts)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise InputError(
            f"{root / _INFO}: path pattern {pattern!r} cannot be filled in ({error})"
        ) from None
    if not file.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{root / _INFO}: path pattern {pattern!r} leads out of the data set")
    return file


def read_rows(
    file: Path, info: Mapping[str, Any], keys: Keys, image: str | None, episode: int | None = None
) -> tuple[dict[str, Array], Iterable[Array]]:
    """The columns of one episode, by role, and its pictures if the table holds them."""
    features = [name for names in keys.values() for name in names]
    table = read_parquet(file, [*features, *([image] if image else [])], episode)
    values = {}
    for role, names in keys.items():
        if names:
            try:
                rows = [
                    np.asarray(table[name].to_pylist(), np.float32).reshape(len(table), -1)
                    for name in names
                ]
            except (TypeError, ValueError) as error:
                raise InputError(
                    f"{file}: {', '.join(names)} are not rows of equally many numbers ({error})"
                ) from None
            values[str(role)] = finite(np.concatenate(rows, 1), f"{file}: {', '.join(names)}")
    pictures = (
        (_picture(cell.as_py(), file, row) for row, cell in enumerate(table[image]))
        if image
        else iter(())
    )
    return values, pictures


def read_parquet(file: Path, columns: Sequence[str] | None, episode: int | None = None) -> Any:
    """A table, its page checksums verified; the rows of one episode alone if it is named."""
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise InputError(
            "reading LeRobotDatasets needs PyAV and pyarrow; install them with: pip install 'foreframe[lerobot]'"
        ) from None
    chosen_rows = None if episode is None else [("episode_index", "=", episode)]
    wanted = list(columns) if columns is not None else None
    try:
        return parquet.read_table(
            file, columns=wanted, filters=chosen_rows, page_checksum_verification=True
        )
    except Exception as error:  # pyarrow raises many kinds; this is the one door
        what = f" with {', '.join(columns)}" if columns else ""
        raise InputError(
            f"{file} cannot be read ({error}); expected a parquet table{what}"
        ) from None


def _picture(cell: Any, file: Path, row: int) -> Array:
    """An image feature is a struct of bytes and a path; the bytes are in the table."""
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes):
        raise InputError(f"{file}: row {row} holds no picture; expected its bytes in the table")
    return decode_picture(content, f"{file}: row {row}")
