"""LeRobotDataset v2: a parquet table and an mp4 a camera for each episode, described by
`meta/info.json`.

Pictures may be in the table instead; those of a video are matched to the rows by time. Episodes
that are listed but have no table or no video are left out and counted. A folder of several data
sets is read as a whole. A store is written as version 3.0, which has followed.
Needs PyAV and pyarrow (extra `lerobot`).
"""

from __future__ import annotations

import json
from pathlib import Path

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.recording import Source
from ._lerobot import Episode, LeRobotSet, open_set
from ._lerobot_features import Description
from ._lerobot_sets import described, inside, open_sets, sets_under, version
from ._lerobot_writing import RESUMES, export

__all__ = ["RESUMES", "export", "open_recordings", "recognises"]


def recognises(path: Path) -> bool:
    versions = [version(folder) for folder in sets_under(path)] or [version(path)]
    return any(found and not found.startswith("v3") for found in versions)


def open_recordings(path: Path, options: SourceOptions) -> Source:
    return open_sets(path, options, _opened)


def _opened(path: Path, options: SourceOptions) -> LeRobotSet:
    info = described(path, "v2", ("fps", "chunks_size", "data_path", "features"))
    description = Description.of(path, info, options)
    file = path / "meta" / "episodes.jsonl"
    episodes = [_episode(description, number) for number in _listed(file)]
    return open_set(description, episodes, [file], options, Findings())


def _listed(file: Path) -> list[int]:
    """The numbers of the episodes that a data set lists."""
    try:
        return [
            int(json.loads(line)["episode_index"])
            for line in file.read_text(encoding="utf-8").splitlines()
            if line.strip()
        ]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(
            f"{file} cannot be read ({error!r}); expected one JSON object a line"
        ) from None


def _episode(description: Description, number: int) -> Episode:
    """Where an episode lies, by the patterns of the description."""
    info, root = description.info, description.root
    chunk = number // int(info["chunks_size"])
    facts = {"episode_chunk": chunk, "episode_index": number, "video_key": description.camera}
    table = inside(root, info["data_path"], facts)
    video = inside(root, info["video_path"], facts) if description.is_video else None
    return Episode(number, table, video)
