"""Write a store as a LeRobotDataset v3.0.

Episodes lie in the order of the splits, which `meta/info.json` names as ranges.
Films of episodes are kept until all is whole, so that a stopped export goes on.
Needs PyAV and pyarrow (extra `lerobot`).
Source: https://huggingface.co/docs/lerobot/lerobot-dataset-v3
"""

from __future__ import annotations

import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...runtime.files import make_folder, write_json
from ...runtime.progress import progress
from ..store import SPLITS, ClipStore, Episode
from ._lerobot_films import Film, plain_rate
from ._lerobot_parquet import write_parquet, write_tasks
from ._lerobot_places import Limits, Place, by_place, places_of
from ._lerobot_rows import columns_of, labels_of, rows_of, task_of
from ._lerobot_sets import INFO
from ._lerobot_statistics import Levels, Statistics, flat, of_rows
from ._lerobot_tables import EPISODE

Array = NDArray[Any]

CAMERA = "observation.image"
RESUMES = True  # an export that was stopped is gone on with
_SPLITS = {"train": "train", "validate": "val", "test": "test"}
_USUAL_RATE = 10.0  # where a store does not know its own
_FILMS, _DATA, _VIDEOS, _META = ".films", "data", "videos", "meta"


def export(store: ClipStore, out: Path, limits: Limits = Limits()) -> int:  # noqa: B008 - frozen
    """Write a store as a LeRobotDataset v3.0. Returns the number of episodes.

    What is withheld, the true futures and what only a world knows stay behind.

    Args:
        store: with actions and without label images.
        out: the folder to fill; films in it from an export that was stopped are used.
        limits: how large files and folders may grow.

    Raises:
        InputError: the store has no actions, has label images, or shows nothing.
    """
    _check(store)
    rate = Fraction(store.frames_per_second or _USUAL_RATE).limit_denominator(1001)
    return _Writing(store, out, limits, rate).write()


def _check(store: ClipStore) -> None:
    roles = {column.role for column in store.columns.values()}
    if "label" in roles or "action" not in roles:
        instead = "label images" if "label" in roles else "no actions"
        raise InputError(
            f"{store.path} has {instead}; a LeRobotDataset holds actions and numbers: "
            "expected a store of these" + (", or say --format dance" if "label" in roles else "")
        )
    if not any(episode.seen for episode in store.episodes):
        raise InputError(f"{store.path} shows no frames; expected episodes that can be seen")


@dataclass(frozen=True)
class _Part:
    """An episode on its way: where it begins, what was measured, how large its film is."""

    episode: Episode
    begins: int
    task: int
    levels: Levels
    film_bytes: int
    table: Mapping[str, Array]


@dataclass(frozen=True)
class _Writing:
    """A store that is being written.

    Attributes:
        store: what is written.
        out: the folder that is filled.
        limits: of files and folders.
        rate: frames per second.
    """

    store: ClipStore
    out: Path
    limits: Limits
    rate: Fraction

    @property
    def film(self) -> Film:
        height, width, _ = self.store.frame_shape
        return Film(height, width, self.rate)

    def write(self) -> int:
        """Write everything; the description comes last."""
        for folder in (_DATA, _VIDEOS, _META):
            shutil.rmtree(self.out / folder, ignore_errors=True)
        episodes = [e for split in SPLITS for e in self.store.episodes if e.split == split]
        episodes = [episode for episode in episodes if episode.seen]
        tasks = list(dict.fromkeys(task_of(self.store, episode) for episode in episodes))
        parts = self._filmed(episodes, tasks)
        videos, tables = self._places(parts)
        for place, numbers in by_place(videos).items():
            film = self.out / place.file(f"{_VIDEOS}/{CAMERA}", ".mp4")
            make_folder(film.parent)
            self.film.join([self._part_film(number) for number in numbers], film)
        for place, numbers in by_place(tables).items():
            rows = [_plain_columns(parts[number].table) for number in numbers]
            write_parquet(self.out / place.file(_DATA, ".parquet"), rows)
        write_tasks(self.out / _META / "tasks.parquet", tasks)
        self._write_episodes(parts, tasks, videos, tables)
        write_json(self.out / _META / "stats.json", self._all_statistics(parts))
        write_json(self.out / INFO, self._info(parts, len(tasks)))
        shutil.rmtree(self.out / _FILMS)
        return len(parts)

    def _part_film(self, number: int) -> Path:
        return self.out / _FILMS / f"{number:06d}.mp4"

    def _filmed(self, episodes: Sequence[Episode], tasks: Sequence[str]) -> list[_Part]:
        """Code the film of every episode that has none yet, and measure all."""
        make_folder(self.out / _FILMS)
        parts: list[_Part] = []
        begins = 0
        with progress("writing LeRobot", len(episodes), "episodes") as advance:
            for number, episode in enumerate(episodes):
                rows = slice(episode.start, episode.start + episode.seen)
                frames = self.store.column("frames")[rows]
                film = self._part_film(number)
                if not film.is_file():
                    self.film.write(frames, film)
                levels = Levels.of(frames)
                task = tasks.index(task_of(self.store, episode))
                table = rows_of(self.store, episode, number, begins, task, self.rate)
                size = film.stat().st_size
                parts.append(_Part(episode, begins, task, levels, size, table))
                begins += episode.seen
                advance(1)
        return parts

    def _places(self, parts: Sequence[_Part]) -> tuple[list[Place], list[Place]]:
        """The video and the table of each episode."""
        per_chunk = self.limits.files_per_chunk
        sizes = [sum(rows.nbytes for rows in part.table.values()) for part in parts]
        return (
            places_of([part.film_bytes for part in parts], self.limits.video_mb, per_chunk),
            places_of(sizes, self.limits.data_mb, per_chunk),
        )

    def _statistics(self, table: Mapping[str, Array], levels: Levels) -> dict[str, Statistics]:
        numbers = {name: of_rows(rows) for name, rows in table.items()}
        return {CAMERA: levels.statistics(), **numbers}

    def _all_statistics(self, parts: Sequence[_Part]) -> dict[str, Statistics]:
        table = {
            name: np.concatenate([part.table[name] for part in parts]) for name in parts[0].table
        }
        return self._statistics(table, Levels.total([part.levels for part in parts]))

    def _write_episodes(
        self,
        parts: Sequence[_Part],
        tasks: Sequence[str],
        videos: Sequence[Place],
        tables: Sequence[Place],
    ) -> None:
        """Write `meta/episodes`: where each episode lies, and its statistics."""
        rows: list[dict[str, Any]] = []
        first: dict[Place, int] = {}
        for number, (part, video, table) in enumerate(zip(parts, videos, tables, strict=True)):
            begins, length = part.begins, part.episode.seen
            before = begins - first.setdefault(video, begins)
            rows.append(
                {
                    EPISODE: number,
                    "tasks": [tasks[part.task]],
                    "length": length,
                    "dataset_from_index": begins,
                    "dataset_to_index": begins + length,
                    **table.columns(_DATA),
                    **video.columns(f"{_VIDEOS}/{CAMERA}"),
                    f"{_VIDEOS}/{CAMERA}/from_timestamp": float(before / self.rate),
                    f"{_VIDEOS}/{CAMERA}/to_timestamp": float((before + length) / self.rate),
                    **flat(self._statistics(part.table, part.levels)),
                }
            )
        size = max(len(str(row)) for row in rows)  # a generous guess, and the same at every export
        places = places_of([size] * len(rows), self.limits.data_mb, self.limits.files_per_chunk)
        for place, numbers in by_place(places).items():
            where = place.columns("meta/episodes")
            file = self.out / place.file("meta/episodes", ".parquet")
            chosen = [rows[number] | where for number in numbers]
            write_parquet(file, [{key: [row[key] for row in chosen] for key in chosen[0]}])

    def _info(self, parts: Sequence[_Part], tasks: int) -> dict[str, Any]:
        """Return `meta/info.json`."""
        return {
            "codebase_version": "v3.0",
            "robot_type": None,
            "total_episodes": len(parts),
            "total_frames": sum(part.episode.seen for part in parts),
            "total_tasks": tasks,
            "chunks_size": self.limits.files_per_chunk,
            "data_files_size_in_mb": self.limits.data_mb,
            "video_files_size_in_mb": self.limits.video_mb,
            "fps": plain_rate(self.rate),
            "splits": _ranges([part.episode.split for part in parts]),
            "data_path": "data/chunk-{chunk_index:03d}/file-{file_index:03d}.parquet",
            "video_path": "videos/{video_key}/chunk-{chunk_index:03d}/file-{file_index:03d}.mp4",
            "features": self._features(parts[0].table),
        }

    def _features(self, table: Mapping[str, Array]) -> dict[str, Any]:
        height, width, _ = self.store.frame_shape
        camera = {
            "dtype": "video",
            "shape": [height, width, 3],
            "names": ["height", "width", "channels"],
            "info": self.film.described(),
        }
        columns = columns_of(self.store)
        found: dict[str, Any] = {CAMERA: camera}
        for feature, rows in table.items():
            names = labels_of(columns.get(feature, {}))
            shape, kind = [rows.shape[1]], rows.dtype.name
            found[feature] = {"dtype": kind, "shape": shape, "names": names or None}
        return found


def _plain_columns(table: Mapping[str, Array]) -> dict[str, Array]:
    """Return a table in which a feature of one number is a plain column."""
    return {name: rows[:, 0] if rows.shape[1] == 1 else rows for name, rows in table.items()}


def _ranges(splits: Sequence[str]) -> dict[str, str]:
    """The ranges of the splits, of episodes in their order.

    >>> _ranges(["train", "train", "test"])
    {'train': '0:2', 'test': '2:3'}
    """
    return {
        _SPLITS[split]: f"{splits.index(split)}:{splits.index(split) + splits.count(split)}"
        for split in SPLITS
        if split in splits
    }
