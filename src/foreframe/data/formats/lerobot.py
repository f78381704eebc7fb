"""LeRobotDataset v2: a parquet table and an mp4 a camera for each episode, described by
`meta/info.json`.

Pictures may be in the table instead; those of a video are matched to the rows by time. Episodes
that are listed but have no table or no video are left out and counted. A folder of several data
sets is read as a whole. Needs PyAV and pyarrow (extra `lerobot`).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

from ...errors import InputError
from ..sources.findings import Findings
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
    read_rows,
    sets_under,
    shown,
    version,
)


def recognises(path: Path) -> bool:
    versions = [version(folder) for folder in sets_under(path)] or [version(path)]
    return any(found and not found.startswith("v3") for found in versions)


def open_recordings(path: Path, options: SourceOptions) -> Source:
    inner = sets_under(path)
    if inner:
        return joined(path, {str(f.relative_to(path)): _opened(f, options) for f in inner})
    return _opened(path, options)


def _opened(path: Path, options: SourceOptions) -> LeRobot:
    info = described(path, "v2", ("fps", "chunks_size", "data_path", "features"))
    camera, keys = chosen(path, info, options)
    listed = _listed(path / "meta" / "episodes.jsonl")
    found = LeRobot(path, info, camera, keys, (), Findings(), options)
    there = tuple(i for i in listed if all(file.is_file() for file in found.files(i)))
    if not there:
        raise InputError(
            f"{path} lists {len(listed)} episodes, but none has both its table and a video of {camera}; "
            "fetch the videos, or choose another --camera"
        )
    video = found.files(there[0])[1] if is_video(info, camera) else None
    findings = found_in(info, keys, camera, len(listed), len(there), video)
    files = [path / "meta" / name for name in ("info.json", "episodes.jsonl")]
    files += [file for episode in there for file in found.files(episode)]
    return LeRobot(path, info, camera, keys, there, findings.reads(files), options)


def _listed(file: Path) -> list[int]:
    """The numbers of the episodes that a data set lists."""
    try:
        return [
            int(json.loads(line)["episode_index"])
            for line in file.read_text().splitlines()
            if line.strip()
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} cannot be read ({error!r}); expected one JSON object a line"
        ) from None


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
        rows = read_rows(table, self.info, self.keys, None if video else self.camera, self.options)
        frames = (
            shown(video[0], rows, float(self.info["fps"]), str(video[0]))
            if video
            else rows.pictures
        )
        return Recording(
            f"episode_{episode:06d}",
            frames,
            rows.values,
            facts={"episode_index": episode},
            times_s=rows.times_s,
        )
