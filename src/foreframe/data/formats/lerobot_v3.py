"""LeRobotDataset v3: many episodes a parquet table and many a video; `meta/episodes/` says where each lies.

Frame k of an episode is k / fps seconds behind the episode's `from_timestamp` in its video. Episodes whose table or video
is not there are left out and counted. Needs PyAV and pyarrow (extra `lerobot`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..sources.options import SourceOptions
from ..sources.recording import Recording
from ._videos import decoded
from .lerobot import Listed, chosen, described, inside, is_video, read_parquet, read_rows, version

_TABLE = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


def recognises(path: Path) -> bool:
    return version(path).startswith("v3")


def open_recordings(path: Path, options: SourceOptions) -> LeRobotV3:
    info = described(path, "v3", ("fps", "features"))
    camera, keys = chosen(path, info, options)
    listed = [
        place
        for file in sorted((path / "meta" / "episodes").rglob("*.parquet"))
        for place in _places(file, info, camera)
    ]
    if not listed:
        raise InputError(
            f"{path / 'meta' / 'episodes'} lists no episodes; expected a whole LeRobotDataset v3"
        )
    found = LeRobotV3(path, info, camera, keys, (), len(listed))
    there = tuple(place for place in listed if all(file.is_file() for file in found.files(place)))
    if not there:
        raise InputError(
            f"{path} lists {len(listed)} episodes, but none has both its table and a video of {camera}"
        )
    return LeRobotV3(path, info, camera, keys, there, len(listed))


@dataclass(frozen=True)
class Place:
    """Where an episode lies."""

    episode: int
    length: int
    table: tuple[int, int]
    video: tuple[int, int]
    start_s: float


@dataclass(frozen=True)
class LeRobotV3(Listed):
    """Episodes by their place."""

    def files(self, place: Place) -> list[Path]:
        """Table and video of an episode."""
        wanted = [(self.info.get("data_path") or _TABLE, place.table)]
        if is_video(self.info, self.camera):
            wanted.append((self.info.get("video_path") or _VIDEO, place.video))
        return [
            inside(
                self.root,
                pattern,
                {"chunk_index": chunk, "file_index": file, "video_key": self.camera},
            )
            for pattern, (chunk, file) in wanted
        ]

    def read(self, index: int) -> Recording:
        place: Place = self.episodes[index]
        table, *video = self.files(place)
        got = len(read_parquet(table, ["episode_index"], place.episode))
        if got != place.length:
            raise InputError(
                f"{table} has {got} rows of episode {place.episode}; expected {place.length}, as meta/episodes says"
            )
        values, pictures = read_rows(
            table, self.info, self.keys, None if video else self.camera, place.episode
        )
        frames = (
            decoded(video[0], place.length, f"{video[0]}, episode {place.episode}", place.start_s)
            if video
            else pictures
        )
        return Recording(
            f"episode_{place.episode:06d}", frames, values, facts={"episode_index": place.episode}
        )


def _places(file: Path, info: Mapping[str, Any], camera: str) -> list[Place]:
    """The episodes that a table of `meta/episodes/` lists."""
    prefix = f"videos/{camera}/"
    video = (
        [f"{prefix}chunk_index", f"{prefix}file_index", f"{prefix}from_timestamp"]
        if is_video(info, camera)
        else []
    )
    names = ["episode_index", "length", "data/chunk_index", "data/file_index", *video]
    found = []
    for row in read_parquet(file, names).to_pylist():
        try:
            episode, length, chunk, number, *rest = (row[name] for name in names)
            shown = (int(rest[0]), int(rest[1])) if rest else (0, 0)
            found.append(
                Place(
                    int(episode),
                    int(length),
                    (int(chunk), int(number)),
                    shown,
                    float(rest[2]) if rest else 0.0,
                )
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{file} does not say where every episode lies ({error!r}); expected LeRobotDataset v3"
            ) from None
    return found
