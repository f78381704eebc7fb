"""LeRobotDataset v3: many episodes a parquet table and many a video; `meta/episodes/` says where
each lies.

Where it does not, as in sets made for GR00T, tables tell by their rows and videos by their number:
one a episode, in chunk 0. A row's picture is that of its time behind the episode's `from_timestamp`
in its video; a segment that ends before the episode's rows do is an error. Episodes whose table or
video is not there are left out and counted. A folder of several data sets is read as a whole. Needs
PyAV and pyarrow (extra `lerobot`). Source: NVIDIA/Isaac-GR00T pull request 556.
"""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.folders import files_under
from ..sources.options import SourceOptions
from ..sources.recording import Source
from ._lerobot import Episode, LeRobotSet, open_set
from ._lerobot_features import Description
from ._lerobot_sets import described, inside, open_sets, recognised
from ._lerobot_tables import episodes_in, read_parquet
from ._lerobot_writing import RESUMES, export

__all__ = ["RESUMES", "export", "open_recordings", "recognises"]

_TABLE = "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet"
_VIDEO = "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4"


def recognises(path: Path) -> bool:
    return recognised(path, "v3")


def open_recordings(path: Path, options: SourceOptions) -> Source:
    return open_sets(path, options, _opened)


def _opened(path: Path, options: SourceOptions) -> LeRobotSet:
    info = described(path, "v3", ("fps", "features"))
    description = Description.of(path, info, options)
    folder = path / "meta" / "episodes"
    tables = [f for f in files_under(folder) if f.suffix == ".parquet"] if folder.is_dir() else []
    rows = [(file, row) for file in tables for row in read_parquet(file, None).to_pylist()]
    if not rows:
        raise InputError(f"{folder} lists no episodes; expected a whole LeRobotDataset v3")
    unsaid = [row for _, row in rows if _place(row, "data/") is None]
    by_rows = _tables_by_rows(path) if unsaid else {}
    episodes = []
    for file, row in rows:
        try:
            episodes.append(_episode(description, row, by_rows))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(
                f"{file} does not say where every episode lies ({error!r}); "
                "expected LeRobotDataset v3"
            ) from None
    found = Findings()
    if unsaid:
        reason = f"meta/episodes, which does not say it of {len(unsaid)} episodes"
        found = found.decided("tables", "those that have rows of the episode", reason)
    prefix = f"videos/{description.camera}/"
    guessed = [e for e, (_, row) in zip(episodes, rows, strict=True) if _place(row, prefix) is None]
    if guessed and description.is_video:
        _check_there(description, guessed)
        reason = f"meta/episodes, which does not say it of {len(guessed)} episodes"
        where = "chunk 0, the file of the episode's number or the only one"
        found = found.decided("videos", where, reason)
    return open_set(description, episodes, tables, options, found)


def _place(row: Mapping[str, Any], prefix: str) -> tuple[int, int] | None:
    """Chunk and file of a part of an episode; None where they are not said."""
    chunk, file = row.get(f"{prefix}chunk_index"), row.get(f"{prefix}file_index")
    return None if chunk is None or file is None else (int(chunk), int(file))


def _tables_by_rows(path: Path) -> dict[int, Path]:
    """The table that has rows of each episode.

    Raises:
        InputError: rows of an episode in two tables.
    """
    found: dict[int, Path] = {}
    for file in files_under(path / "data") if (path / "data").is_dir() else ():
        if file.suffix != ".parquet":
            continue
        for episode in episodes_in(file):
            if episode in found:
                raise InputError(
                    f"{file} has rows of episode {episode}, as has {found[episode].name}; "
                    "expected one table an episode"
                )
            found[episode] = file
    return found


def _episode(
    description: Description, row: Mapping[str, Any], by_rows: Mapping[int, Path]
) -> Episode:
    """Where an episode lies, by its row of `meta/episodes` or by the tables themselves."""
    number = int(row["episode_index"])
    length = None if row.get("length") is None else int(row["length"])
    place = _place(row, "data/")
    if place is not None:
        table = _file(description, "data_path", _TABLE, place)
    else:
        table = by_rows.get(number) or _file(description, "data_path", _TABLE, (0, number))
    if not description.is_video:
        return Episode(number, table, None, True, length)
    video, start_s, end_s = _segment(description, row, number)
    alone = start_s is None
    return Episode(number, table, video, True, length, start_s or 0.0, end_s, alone)


def _segment(
    description: Description, row: Mapping[str, Any], number: int
) -> tuple[Path, float | None, float | None]:
    """The video of an episode, and where it begins and ends there, as far as that is said."""
    prefix = f"videos/{description.camera}/"
    place, start_s, end_s = (
        _place(row, prefix),
        row.get(f"{prefix}from_timestamp"),
        row.get(f"{prefix}to_timestamp"),
    )
    if place is not None and start_s is None:
        raise KeyError(f"{prefix}from_timestamp")
    video = _file(description, "video_path", _VIDEO, place or (0, number))
    if place is None and start_s is not None and not video.is_file():
        first = _file(description, "video_path", _VIDEO, (0, 0))
        only = [f for f in first.parent.parent.glob("*/*") if f.suffix == first.suffix] == [first]
        video = first if only else video
    return (
        video,
        None if start_s is None else float(start_s),
        None if end_s is None else float(end_s),
    )


def _file(description: Description, key: str, usual: str, place: tuple[int, int]) -> Path:
    chunk, file = place
    facts = {"chunk_index": chunk, "file_index": file, "video_key": description.camera}
    return inside(description.root, description.info.get(key) or usual, facts)


def _check_there(description: Description, episodes: list[Episode]) -> None:
    """Raise an error if the videos of episodes whose place is not said are not there."""
    lacking = [e for e in episodes if e.video is not None and not e.video.is_file()]
    if lacking:
        raise InputError(
            f"{description.root}: meta/episodes does not say in which video an episode lies, and "
            f"{lacking[0].video} "
            "is not there; expected a video an episode, or the columns "
            f"videos/{description.camera}/chunk_index, "
            "file_index and from_timestamp: convert the set again"
        )
