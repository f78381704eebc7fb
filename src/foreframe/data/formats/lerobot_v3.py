"""LeRobotDataset v3: many episodes a parquet table and many a video; `meta/episodes/` says where
each lies.

A row's picture is that of its time behind the episode's `from_timestamp` in its video; a segment
that ends before the episode's rows do is an error. Episodes whose table or video is not there are
left out and counted. A folder of several data sets is read as a whole. Needs PyAV and pyarrow
(extra `lerobot`).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.folders import files_under
from ..sources.options import SourceOptions
from ..sources.recording import Recording, Source
from ._lerobot import (
    Listed,
    chosen,
    described,
    found_in,
    inside,
    is_video,
    joined,
    read_parquet,
    read_rows,
    sets_under,
    shown,
    version,
)

_TABLE = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


def recognises(path: Path) -> bool:
    versions = [version(folder) for folder in sets_under(path)] or [version(path)]
    return all(found.startswith("v3") for found in versions)


def open_recordings(path: Path, options: SourceOptions) -> Source:
    inner = sets_under(path)
    if inner:
        return joined(path, {str(f.relative_to(path)): _opened(f, options) for f in inner})
    return _opened(path, options)


def _opened(path: Path, options: SourceOptions) -> LeRobotV3:
    info = described(path, "v3", ("fps", "features"))
    camera, keys = chosen(path, info, options)
    folder = path / "meta" / "episodes"
    tables = [f for f in files_under(folder) if f.suffix == ".parquet"] if folder.is_dir() else []
    listed = [place for file in tables for place in _places(file, info, camera, options)]
    if not listed:
        raise InputError(f"{folder} lists no episodes; expected a whole LeRobotDataset v3")
    found = LeRobotV3(path, info, camera, keys, (), Findings(), options)
    there = tuple(place for place in listed if all(file.is_file() for file in found.files(place)))
    if not there:
        raise InputError(
            f"{path} lists {len(listed)} episodes, but none has both its table and a video of {camera}"
        )
    video = found.files(there[0])[1] if is_video(info, camera) else None
    findings = found_in(info, keys, camera, len(listed), len(there), video)
    files = dict.fromkeys(file for place in there for file in found.files(place))
    findings = findings.reads([path / "meta" / "info.json", *tables, *files])
    return LeRobotV3(path, info, camera, keys, there, findings, options)


@dataclass(frozen=True)
class Place:
    """Where an episode lies.

    Its rows in a table, its segment of a video and when that ends, if it is said.
    """

    episode: int
    length: int
    table: tuple[int, int]
    video: tuple[int, int]
    start_s: float
    end_s: float | None


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
        got = len(read_parquet(table, ["episode_index"], self.options, place.episode))
        if got != place.length:
            raise InputError(
                f"{table} has {got} rows of episode {place.episode}; expected {place.length}, as meta/episodes says"
            )
        self._check_segment(place)
        rows = read_rows(
            table,
            self.info,
            self.keys,
            None if video else self.camera,
            self.options,
            place.episode,
        )
        frames = rows.pictures
        if video:
            where = f"{video[0]}, episode {place.episode}"
            frames = shown(video[0], rows, float(self.info["fps"]), where, place.start_s)
        return Recording(
            f"episode_{place.episode:06d}",
            frames,
            rows.values,
            facts={"episode_index": place.episode},
            times_s=rows.times_s,
        )

    def _check_segment(self, place: Place) -> None:
        """Raise an error if the episode's segment of the video ends before its last row.

        What follows is another episode.
        """
        if place.end_s is None:
            return
        segment, step_s = place.end_s - place.start_s, 1 / float(self.info["fps"])
        if segment < (place.length - 0.5) * step_s:
            raise InputError(
                f"{self.root}: the video of episode {place.episode} lasts {segment:.3f} s by meta/episodes; expected "
                f"{place.length * step_s:.3f} s for its {place.length} rows: fetch the set again, or say --skip-bad"
            )


def _places(
    file: Path, info: Mapping[str, Any], camera: str, options: SourceOptions
) -> list[Place]:
    """The episodes that a table of `meta/episodes/` lists."""
    found = []
    for row in read_parquet(file, None, options).to_pylist():
        try:
            found.append(_place(row, f"videos/{camera}/" if is_video(info, camera) else None))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{file} does not say where every episode lies ({error!r}); expected LeRobotDataset v3"
            ) from None
    return found


def _place(row: Mapping[str, Any], video: str | None) -> Place:
    table = (int(row["data/chunk_index"]), int(row["data/file_index"]))
    episode, length = int(row["episode_index"]), int(row["length"])
    if video is None:
        return Place(episode, length, table, (0, 0), 0.0, None)
    shown_in = (int(row[f"{video}chunk_index"]), int(row[f"{video}file_index"]))
    end_s = row.get(f"{video}to_timestamp")
    start_s = float(row[f"{video}from_timestamp"])
    return Place(episode, length, table, shown_in, start_s, None if end_s is None else float(end_s))
