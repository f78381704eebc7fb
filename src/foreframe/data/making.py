"""Making a store: from an embedded world, or from recordings that somebody has."""

from __future__ import annotations

import csv
import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError, unknown
from . import formats, worlds
from .building import SHARES, assign_splits, build, parse_shard
from .offsets import suggest
from .pictures import resized
from .recording import Column, Recording, Source
from .store import SPLITS, ClipStore

Array = NDArray[Any]


def make(
    world: str,
    out: str | Path,
    trajectories: int | None = None,
    seed: int = 0,
    shard: str | None = None,
    workers: int | None = None,
) -> ClipStore:
    """Make a store from an embedded world. The same command goes on where a stopped one was.

    Args:
        world: name of the world: push, shove or dance.
        out: the new store's folder.
        trajectories: how many episodes; by default 300 of push and 800 of shove (30 frames each), 60 of dance (630 frames).
        seed: trajectory i depends on (seed, i) alone.
        shard: K/N makes the K-th of N equal shares, for several machines; train on all with --data S1,S2,...
        workers: processes; one a core by default.

    Raises:
        InputError: an unknown world; `out` holds something else.
    """
    module = worlds.named(world)
    source = module.open(module.TRAJECTORIES if trajectories is None else trajectories, seed)
    part = parse_shard(shard)
    identity = {"world": world, "trajectories": len(source), "seed": seed} | ({"shard": list(part)} if shard else {})
    splits = assign_splits(len(source), seed)

    def notes(episodes: list[dict[str, Any]]) -> Mapping[str, Any]:
        return {"audit": source.audit([episode["facts"] for episode in episodes])}

    shape = (source.height, source.width, 3)
    return build(source, Path(out), identity, shape, splits, workers, f"making {world}", notes, shard=part)


def import_recordings(
    src: str | Path,
    out: str | Path,
    format: str | None = None,  # noqa: A002 - the option's name
    size: tuple[int, int] | None = None,
    fit: Literal["stretch", "crop"] = "stretch",
    stride: int = 1,
    action_offset: int | None = None,
    suggest_offset: bool = False,
    camera: str | None = None,
    actions: tuple[str, ...] = (),
    states: tuple[str, ...] = (),
    labels: str | None = None,
    actions_as: Literal["given", "deltas", "absolute"] = "given",
    splits: tuple[float, float, float] = SHARES,
    split_list: str | Path | None = None,
    seed: int = 0,
    max_episodes: int | None = None,
    max_gap_s: float | None = None,
    skip_bad: bool = False,
    shard: str | None = None,
    workers: int | None = None,
) -> ClipStore:
    """Turn recordings into a store. The same command goes on where a stopped one was.

    Args:
        src: the recordings: a folder or a file.
        out: the new store's folder.
        format: one of `formats.names()`; recognised if not given.
        size: height and width of the store's pictures and label images (area average); as they are if not given.
        fit: what happens to another aspect: stretch, so that nothing is lost, or crop the middle.
        stride: keep every so many frames; of the actions between two kept frames the last that can show is kept.
        action_offset: frames, before the stride, after which an action shows in the picture; 1 if not given.
        suggest_offset: find the offset where actions and pictures change together most, show the curve, and take it
            unless action_offset is given.
        camera: the camera or image key, for sources with several.
        actions: the columns of actions, for sources with several.
        states: the columns of states, for sources with several.
        labels: the key, folder or name of label images, for sources that may have them.
        actions_as: as they are given; as deltas, the difference from the kept row before; or absolute, their running sum.
        splits: shares of the episodes for train, validate and test, where the source has no splits of its own.
        split_list: a file that says the split of every episode by name, before anything else: JSON {split: [names]}, or CSV
            rows of name,split.
        seed: draws the splits.
        max_episodes: take only the first so many.
        max_gap_s: seconds between pictures from which on they belong to two episodes, for formats that know the time.
        skip_bad: leave out what is broken, count it and say why, instead of stopping.
        shard: K/N imports the K-th of N equal shares, for several machines; train on all with --data S1,S2,...
        workers: processes; one a core by default.

    Raises:
        InputError: what cannot be read, naming file and offset or row; `out` holds something else. Nothing is left then.
    """
    src, out = Path(src), Path(out)
    for option, value in (("stride", stride), ("action-offset", action_offset), ("max-episodes", max_episodes)):
        if value is not None and value < 1:
            raise InputError(f"--{option} is {value}; expected at least 1")
    if size is not None and min(size) < 1:
        raise InputError(f"--size is {size}; expected a height and a width of at least 1")
    part = parse_shard(shard)
    kind = format or formats.recognise(src)
    choice = formats.Choice(camera, tuple(actions), tuple(states), labels, max_gap_s, skip_bad)
    opened = formats.open_source(kind, src, choice)
    if not len(opened):
        raise InputError(f"{src} holds no episodes of format {kind}")
    chosen = list(opened.notes)
    if suggest_offset:
        suggested = suggest(opened)
        action_offset = action_offset or suggested.best
        chosen += [*suggested.curve(), f"action offset {action_offset} taken"]
    listed = read_split_list(Path(split_list)) if split_list else None
    taken = Taken(opened, size, fit == "crop", stride, action_offset or 1, actions_as, max_episodes, listed)
    identity = {
        "path": str(src.resolve()),
        "format": kind,
        "size": list(size) if size else None,
        "fit": fit,
        "stride": stride,
        "action_offset": action_offset or 1,
        "actions_as": actions_as,
        "chosen": chosen,
        "episodes": len(taken),
        "splits": listed or list(splits),
        "seed": seed,
        "shard": list(part),
    }
    given = assign_splits(len(taken), seed, splits)
    return build(
        taken, out, identity, taken.frame_shape, given, workers, f"importing {kind}", skip_bad=skip_bad, shard=part
    )


def read_split_list(file: Path) -> dict[str, str]:
    """Episode names with their splits: JSON {split: [names]}, or CSV rows of name,split."""
    try:
        if file.suffix.lower() == ".json":
            listed = {str(name): split for split, names in json.loads(file.read_text()).items() for name in names}
        else:
            listed = dict(row for row in csv.reader(file.read_text().splitlines()) if row)
    except (OSError, ValueError, AttributeError, TypeError) as error:
        raise InputError(
            f"{file} cannot be read ({error}); expected JSON {{split: [names]}} or rows of name,split"
        ) from None
    for name, split in listed.items():
        if split not in SPLITS:
            raise InputError(f"{file}: episode {name} is in split {split!r}; expected one of {', '.join(SPLITS)}")
    return listed


@dataclass(frozen=True)
class Taken:
    """A source as somebody wants it: other size, every so many frames, actions shifted to where they show."""

    source: Source
    size: tuple[int, int] | None
    crop: bool
    stride: int
    action_offset: int
    actions_as: Literal["given", "deltas", "absolute"]
    max_episodes: int | None
    splits: Mapping[str, str] | None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """Label images have the size of the pictures."""
        columns = self.source.columns
        sizes = {name: (*self.frame_shape[:2], c.shape[2]) for name, c in columns.items() if c.role == "label"}
        return {name: dataclasses.replace(c, shape=sizes.get(name, c.shape)) for name, c in columns.items()}

    @property
    def frames_per_second(self) -> float | None:
        rate = self.source.frames_per_second
        return rate / self.stride if rate else None

    @property
    def notes(self) -> Sequence[str]:
        return self.source.notes

    @cached_property
    def frame_shape(self) -> tuple[int, int, int]:
        """(H, W, C) as stored: as asked for, else that of the first episode that can be read."""
        broken: InputError | None = None
        for index in range(len(self)):
            try:
                recording = self.source.read(index)
                first = next(iter(recording.frames), None)
                if first is None:
                    raise InputError(f"episode {recording.name} has no pictures; expected at least one")
                return (*(self.size or first.shape[:2]), first.shape[2])
            except InputError as error:
                broken = broken or error
        raise broken or InputError("the source has no episodes")

    def __len__(self) -> int:
        return min(len(self.source), self.max_episodes or len(self.source))

    def read(self, index: int) -> Recording:
        recording = self.source.read(index)
        count, frames = 0, []
        for count, picture in enumerate(recording.frames, start=1):
            if (count - 1) % self.stride == 0:
                frames.append(self._picture(recording.name, picture))
        rows = {name: len(values) for name, values in recording.values.items()}
        if any(n != count + recording.withheld for n in rows.values()) or not count:
            raise InputError(f"episode {recording.name} has {count} pictures and rows {rows}; expected as many of each")
        if set(rows) != set(self.columns):
            raise InputError(
                f"episode {recording.name} has {', '.join(rows)}; expected {', '.join(self.columns)}, as described"
            )
        values = {name: self._rows(name, np.asarray(rows)) for name, rows in recording.values.items()}
        withheld = len(next(iter(values.values()))) - len(frames) if recording.withheld else 0
        split = self._split(recording)
        return dataclasses.replace(recording, frames=frames, values=values, split=split, withheld=withheld)

    def _split(self, recording: Recording) -> str | None:
        if self.splits is None:
            return recording.split
        if recording.name not in self.splits:
            raise unknown("episode, not in the list of splits:", recording.name, self.splits)
        return self.splits[recording.name]

    def _picture(self, name: str, picture: Array) -> Array:
        height, width, _ = self.frame_shape
        if self.size is None and picture.shape != self.frame_shape:
            got = f"{picture.shape[1]}x{picture.shape[0]}"
            raise InputError(
                f"episode {name} has frames of {got}; expected {width}x{height} as the first episode: say --size H W"
            )
        return resized(picture, (height, width), self.crop)

    def _rows(self, name: str, rows: Array) -> Array:
        """The row of each kept frame. With lag 1 an action leads on from it: the last that shows in the next kept frame."""
        column = self.columns[name]
        is_action = column.role == "action"
        if is_action and self.actions_as == "absolute":
            rows = np.cumsum(rows, 0, dtype=np.float64).astype(rows.dtype)
        ahead = self.stride - self.action_offset if is_action and column.lag else 0
        kept = rows[np.clip(np.arange(0, len(rows), self.stride) + ahead, 0, len(rows) - 1)]
        if is_action and self.actions_as == "deltas":
            kept = np.diff(kept, axis=0, prepend=kept[:1])
        if column.role != "label":
            return kept
        height, width, _ = column.shape
        return np.stack([resized(label, (height, width), self.crop) for label in kept])
