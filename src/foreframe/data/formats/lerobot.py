"""LeRobotDataset v2.1: a parquet table and an mp4 a camera for each episode, described by `meta/info.json`.

Episodes that are listed but have no table or no video are left out and counted. Needs PyAV and pyarrow (extra `lerobot`).
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, unknown
from ...files import read_json
from ..recording import Column, Recording, finite, names_of
from . import Choice

Array = NDArray[Any]


def recognises(path: Path) -> bool:
    return (path / "meta" / "info.json").is_file()


def open(path: Path, choice: Choice) -> LeRobot:  # noqa: A001 - the word every world and format uses
    info = read_json(path / "meta" / "info.json", "the description of a LeRobotDataset")
    version = str(info.get("codebase_version"))
    if not version.startswith("v2"):
        raise InputError(f"{path} is a LeRobotDataset {version}; expected v2.0 or v2.1 (one file an episode)")
    for key in ("fps", "chunks_size", "data_path", "video_path", "features"):
        if key not in info:
            raise InputError(f"{path / 'meta' / 'info.json'} has no {key!r}; expected a LeRobotDataset v2 description")
    features = info["features"]
    cameras = [name for name, feature in features.items() if feature["dtype"] == "video"]
    camera = _one(path, "camera", choice.camera, cameras)
    action = _one(path, "actions", choice.actions, [n for n in features if n == "action" or n.startswith("action.")])
    states = [n for n in features if n == "observation.state"]
    state = _one(path, "states", choice.states, states) if states or choice.states else None
    lines = _lines(path / "meta" / "episodes.jsonl")
    listed = [int(line["episode_index"]) for line in lines]
    there = tuple(i for i in listed if _table(path, info, i).is_file() and _video(path, info, camera, i).is_file())
    if not there:
        raise InputError(
            f"{path} lists {len(listed)} episodes, but none has both its table and a video of {camera}; "
            "fetch the videos, or choose another --camera"
        )
    return LeRobot(path, info, camera, action, state, there, len(listed))


@dataclass(frozen=True)
class LeRobot:
    """The episodes that are there, of those that are listed."""

    root: Path
    info: Mapping[str, Any]
    camera: str
    action: str
    state: str | None
    episodes: tuple[int, ...]
    listed: int

    @property
    def frames_per_second(self) -> float | None:
        return float(self.info["fps"])

    @property
    def notes(self) -> Sequence[str]:
        missing = self.listed - len(self.episodes)
        skipped = f"{missing} of {self.listed} listed episodes have no table or no video here and were left out"
        return (
            f"camera {self.camera}, actions {self.action!r}, states {self.state!r}",
            *((skipped,) if missing else ()),
        )

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        found = {"action": self._column("action", self.action)}
        if self.state:
            found["state"] = self._column("state", self.state)
        return found

    def _column(self, role: Any, feature: str) -> Column:
        described = self.info["features"][feature]
        width = int(np.prod(described["shape"], dtype=int))
        names = list(_flat(described.get("names")))
        return Column(role, "float32", (width,), tuple(names) if len(names) == width else names_of(role, width))

    def __len__(self) -> int:
        return len(self.episodes)

    def read(self, index: int) -> Recording:
        episode = self.episodes[index]
        features = [self.action, *([self.state] if self.state else [])]
        table = _read_table(_table(self.root, self.info, episode), features)
        names = ["action", "state"][: len(features)]
        values = dict(zip(names, table, strict=True))
        frames = _decoded(_video(self.root, self.info, self.camera, episode), len(table[0]))
        return Recording(f"episode_{episode:06d}", frames, values, facts={"episode_index": episode})


def _one(path: Path, option: str, wanted: str | None, there: Sequence[str]) -> str:
    if wanted is not None and wanted not in there:
        raise unknown(f"--{option} in {path}", wanted, there)
    if wanted is None and not there:
        raise InputError(f"{path} has no feature for --{option}; expected a LeRobotDataset with one")
    return wanted or there[0]


def _lines(file: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in file.read_text().splitlines() if line.strip()]
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read ({error}); expected one JSON object a line") from None


def _table(root: Path, info: Mapping[str, Any], episode: int) -> Path:
    return _inside(root, info["data_path"], info, episode, "")


def _video(root: Path, info: Mapping[str, Any], camera: str, episode: int) -> Path:
    return _inside(root, info["video_path"], info, episode, camera)


def _inside(root: Path, pattern: str, info: Mapping[str, Any], episode: int, camera: str) -> Path:
    """The file a path pattern names; a pattern that leads out of the data set is refused."""
    try:
        chunk = episode // int(info["chunks_size"])
        file = root / pattern.format(episode_chunk=chunk, episode_index=episode, video_key=camera)
    except (KeyError, IndexError, ValueError, AttributeError) as error:
        raise InputError(
            f"{root / 'meta' / 'info.json'}: path pattern {pattern!r} cannot be filled in ({error})"
        ) from None
    if not file.resolve().is_relative_to(root.resolve()):
        raise InputError(f"{root / 'meta' / 'info.json'}: path pattern {pattern!r} leads out of the data set")
    return file


def _flat(names: Any) -> Iterator[str]:
    """Names may be a list, a list of lists, or a mapping to lists."""
    if isinstance(names, Mapping):
        names = list(names.values())
    for name in names or ():
        if isinstance(name, str):
            yield name
        else:
            yield from _flat(name)


def _read_table(file: Path, columns: Sequence[str]) -> list[Array]:
    try:
        import pyarrow.parquet as parquet
    except ImportError:
        raise InputError(
            "reading LeRobotDatasets needs PyAV and pyarrow; install them with: pip install 'foreframe[lerobot]'"
        ) from None
    try:
        table = parquet.read_table(file, columns=list(columns))
        rows = [np.asarray(table[name].to_pylist(), np.float32) for name in columns]
    except Exception as error:  # pyarrow's own and numpy's errors; this is the one door
        raise InputError(
            f"{file} cannot be read ({error}); expected a parquet table with {', '.join(columns)}"
        ) from None
    return [
        finite(values.reshape(len(values), -1), f"{file}: {name}") for name, values in zip(columns, rows, strict=True)
    ]


def _decoded(file: Path, frames: int) -> Iterator[Array]:
    """Exactly `frames` pictures of a video, uint8 [H, W, 3], decoded as they are asked for."""
    try:
        import av
    except ImportError:
        raise InputError("reading videos needs PyAV; install it with: pip install 'foreframe[lerobot]'") from None
    count = 0
    try:
        with av.open(str(file)) as container:
            for frame in container.decode(video=0):
                if count == frames:
                    break
                yield frame.to_ndarray(format="rgb24")
                count += 1
    except (av.error.FFmpegError, OSError, IndexError) as error:
        raise InputError(f"{file} cannot be decoded after {count} frames ({error}); expected {frames}") from None
    if count < frames:
        raise InputError(
            f"{file} ends after {count} frames; its table has {frames} rows: fetch it again, or leave the episode out"
        )
