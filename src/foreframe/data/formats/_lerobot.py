"""LeRobotDatasets of both versions, once it is known where their episodes lie.

An episode is a table's rows and the pictures of their times.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numpy.typing import NDArray

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.pixels import pixel_scale
from ..sources.recording import Column, Recording
from ._array_pictures import sampled
from ._coded_pictures import CodedPictures
from ._lerobot_features import Description, found_in
from ._lerobot_sets import INFO, MODALITY, splits_of
from ._lerobot_tables import Rows, first_picture, read_rows, rows_of
from ._timed_videos import pictures_at
from ._videos import deep_sample, look_at

Array = NDArray[Any]


@dataclass(frozen=True)
class Episode:
    """Where an episode lies.

    Attributes:
        number: its index in the data set.
        table: the file of its rows.
        video: the file of its pictures; None if they are in the table.
        shared: whether the table has rows of other episodes.
        length: how many rows it has by the description; None if that is not said.
        start_s: when its pictures begin in the video.
        end_s: when they end there, if that is said.
        alone: whether the video should show nothing else, as nothing says where it begins.
    """

    number: int
    table: Path
    video: Path | None
    shared: bool = False
    length: int | None = None
    start_s: float = 0.0
    end_s: float | None = None
    alone: bool = False

    @property
    def files(self) -> list[Path]:
        return [self.table] if self.video is None else [self.table, self.video]


@dataclass(frozen=True)
class LeRobotSet:
    """The episodes that are there, of those that are listed."""

    described: Description
    episodes: tuple[Episode, ...]
    pictures: CodedPictures
    findings: Findings

    @property
    def frames_per_second(self) -> float | None:
        return self.described.rate

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        return self.described.columns()

    def __len__(self) -> int:
        return len(self.episodes)

    def files_read(self, index: int) -> tuple[Path, ...]:
        return tuple(self.episodes[index].files)

    def read(self, index: int) -> Recording:
        episode, described = self.episodes[index], self.described
        _check_rows(episode)
        _check_segment(episode, described)
        image = described.camera if episode.video is None else None
        number = episode.number if episode.shared else None
        rows = read_rows(
            episode.table, described.info, described.keys, image, number, described.options
        )
        return Recording(
            f"episode_{episode.number:06d}",
            self._frames(episode, rows),
            rows.values,
            self._split(episode),
            facts={"episode_index": episode.number},
            times_s=rows.times_s,
        )

    def _split(self, episode: Episode) -> str | None:
        found = splits_of(self.described.info)
        return next((split for split, numbers in found.items() if episode.number in numbers), None)

    def _frames(self, episode: Episode, rows: Rows) -> Iterable[Array]:
        """The picture of each row: that of its time in the video, or the one in the table."""
        if episode.video is None:
            return (
                self.pictures.to_rgb(content, f"{episode.table}: row {row}")
                for row, content in enumerate(rows.pictures)
            )
        where = f"{episode.video}, episode {episode.number}"
        times, step_s = rows.times_s + episode.start_s, 1 / self.described.rate
        return pictures_at(episode.video, times, step_s, where, self.pictures.scale)


def open_set(
    described: Description,
    listed: Sequence[Episode],
    files: Sequence[Path],
    options: SourceOptions,
    found: Findings,
) -> LeRobotSet:
    """Open the episodes of a data set that are there.

    Args:
        described: what the data set says of itself.
        listed: the episodes that it lists.
        files: the files that list them.
        options: what a person chose.
        found: what was found so far.

    Raises:
        InputError: none of the listed episodes is there.
    """
    there = [episode for episode in listed if all(file.is_file() for file in episode.files)]
    if not there:
        raise InputError(
            f"{described.root} lists {len(listed)} episodes, but none has both its table and a "
            "video of "
            f"{described.camera}; fetch the videos, or choose another --camera"
        )
    found = found + found_in(described, len(listed), len(there), there[0].video)
    read = [described.root / INFO, described.root / MODALITY, *files]
    read += dict.fromkeys(file for episode in there for file in episode.files)
    pictures = _pictures(described, there, options)
    found = pictures.add_to(found.reads(file for file in read if file.is_file()))
    return LeRobotSet(described, tuple(there), pictures, found)


def _pictures(
    described: Description, episodes: Sequence[Episode], options: SourceOptions
) -> CodedPictures:
    """Decide how pictures are read: grey of more than 8 bits has one scale for all episodes."""
    if not described.is_deep and options.pixel_range is None:
        return CodedPictures()
    where, image = f"{described.root}: {described.camera}", described.camera
    some = [episodes[place] for place in sampled(len(episodes))]
    if not described.is_video:
        contents = [first_picture(e.table, image, e.number if e.shared else None) for e in some]
        return CodedPictures.of(contents, where, options.pixel_range)
    videos = list(dict.fromkeys(episode.video for episode in some if episode.video))
    if not look_at(videos[0]).deep:
        if options.pixel_range is not None:
            raise InputError(f"--pixel-range: {where} is of bytes; leave --pixel-range out")
        return CodedPictures()
    samples = [deep_sample(video) for video in videos]
    return CodedPictures(pixel_scale(samples, where, options.pixel_range))


def _check_rows(episode: Episode) -> None:
    """Raise an error if a table has not as many rows of an episode as the description says."""
    if episode.length is None:
        return
    got = rows_of(episode.table, episode.number)
    if got == episode.length:
        return
    others = [f for f in sorted(episode.table.parent.glob("*.parquet")) if f != episode.table]
    place = next((f.name for f in others if rows_of(f, episode.number)), None)
    hint = (
        f"{place} has them, so the data/file_index of meta/episodes is out of date: "
        "convert the set again"
        if place
        else "fetch the set again"
    )
    raise InputError(
        f"{episode.table} has {got} rows of episode {episode.number}; "
        f"expected {episode.length}, as "
        f"meta/episodes says: {hint}, or say --skip-bad"
    )


def _check_segment(episode: Episode, described: Description) -> None:
    """Raise an error if a segment of a video is not as long as its rows."""
    if episode.length is None or episode.video is None:
        return
    wanted_s = episode.length / described.rate
    end_s = episode.end_s
    if episode.alone:
        header = look_at(episode.video)
        end_s = len(header.times_s) / (header.rate or described.rate)
    if end_s is None:
        return
    lasts_s, slack_s = end_s - episode.start_s, 0.5 / described.rate
    if lasts_s < wanted_s - slack_s or (episode.alone and lasts_s > wanted_s + 3 * slack_s):
        said = "" if episode.alone else " by meta/episodes"
        raise InputError(
            f"{described.root}: the video of episode {episode.number} lasts {lasts_s:.3f} s{said}; "
            "expected "
            f"{wanted_s:.3f} s for its {episode.length} rows: "
            "fetch the set again, or say --skip-bad"
        )
