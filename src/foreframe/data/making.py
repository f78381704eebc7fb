"""Making a store: from an embedded world, or from recordings that somebody has."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from . import formats, worlds
from .building import SHARES, assign_splits, build
from .pictures import resized
from .recording import Column, Recording, Source
from .store import ClipStore

Array = NDArray[Any]


def make(
    world: str, out: str | Path, trajectories: int | None = None, seed: int = 0, workers: int | None = None
) -> ClipStore:
    """Make a store from an embedded world. The same command goes on where a stopped one was.

    Args:
        world: name of the world: push or dance.
        out: the new store's folder.
        trajectories: how many episodes; by default 300 of push (30 frames each), 60 of dance (630 frames each).
        seed: trajectory i depends on (seed, i) alone.
        workers: processes; one a core by default.

    Raises:
        InputError: an unknown world; `out` holds something else.
    """
    module = worlds.named(world)
    source = module.open(module.TRAJECTORIES if trajectories is None else trajectories, seed)
    identity = {"world": world, "trajectories": len(source), "seed": seed}
    splits = assign_splits(len(source), seed)

    def notes(episodes: list[dict[str, Any]]) -> Mapping[str, Any]:
        return {"audit": source.audit([episode["facts"] for episode in episodes])}

    shape = (source.height, source.width, 3)
    return build(source, Path(out), identity, shape, splits, workers, f"making {world}", notes)


def import_recordings(
    src: str | Path,
    out: str | Path,
    format: str | None = None,  # noqa: A002 - the option's name
    size: tuple[int, int] | None = None,
    fit: Literal["stretch", "crop"] = "stretch",
    stride: int = 1,
    action_offset: int = 1,
    camera: str | None = None,
    actions: str | None = None,
    states: str | None = None,
    splits: tuple[float, float, float] = SHARES,
    seed: int = 0,
    max_episodes: int | None = None,
    workers: int | None = None,
) -> ClipStore:
    """Turn recordings into a store. The same command goes on where a stopped one was.

    Args:
        src: the recordings: a folder or a file.
        out: the new store's folder.
        format: pushing, dance, lerobot or npz; recognised if not given.
        size: height and width of the store's pictures and label images (area average); as they are if not given.
        fit: what happens to another aspect: stretch, so that nothing is lost, or crop the middle.
        stride: keep every so many frames; of the actions between two kept frames the last that can show is kept.
        action_offset: frames after which an action shows in the picture.
        camera: the camera or image key, for sources with several.
        actions: the column of actions, for sources with several.
        states: the column of states, for sources with several.
        splits: shares of the episodes for train, validate and test, where the source has no splits of its own.
        seed: draws the splits.
        max_episodes: take only the first so many.
        workers: processes; one a core by default.

    Raises:
        InputError: what cannot be read, naming file and row; `out` holds something else. Nothing is left behind then.
    """
    src, out = Path(src), Path(out)
    for option, value in (("stride", stride), ("action-offset", action_offset), ("max-episodes", max_episodes)):
        if value is not None and value < 1:
            raise InputError(f"--{option} is {value}; expected at least 1")
    if size is not None and min(size) < 1:
        raise InputError(f"--size is {size}; expected a height and a width of at least 1")
    kind = format or formats.recognise(src)
    opened: Source = formats.named(kind).open(src, formats.Choice(camera, actions, states))
    taken = Taken(opened, size, fit == "crop", stride, action_offset, max_episodes)
    identity = {
        "path": str(src.resolve()),
        "format": kind,
        "size": list(size) if size else None,
        "fit": fit,
        "stride": stride,
        "action_offset": action_offset,
        "chosen": list(opened.notes),
        "episodes": len(taken),
        "splits": list(splits),
        "seed": seed,
    }
    given = assign_splits(len(taken), seed, splits)
    return build(taken, out, identity, taken.frame_shape, given, workers, f"importing {kind}")


@dataclass(frozen=True)
class Taken:
    """A source as somebody wants it: other size, every so many frames, actions shifted to where they show."""

    source: Source
    size: tuple[int, int] | None
    crop: bool
    stride: int
    action_offset: int
    max_episodes: int | None

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
        """(H, W, C) as stored."""
        height, width, channels = next(iter(self.source.read(0).frames)).shape
        return (*(self.size or (height, width)), channels)

    def __len__(self) -> int:
        return min(len(self.source), self.max_episodes or len(self.source))

    def read(self, index: int) -> Recording:
        recording = self.source.read(index)
        values = {name: self._rows(name, np.asarray(rows)) for name, rows in recording.values.items()}
        frames = list(self._pictures(recording))
        withheld = len(next(iter(values.values()))) - len(frames) if recording.withheld else 0
        return dataclasses.replace(recording, frames=frames, values=values, withheld=withheld)

    def _pictures(self, recording: Recording) -> Iterator[Array]:
        height, width, _ = self.frame_shape
        for number, picture in enumerate(recording.frames):
            if number % self.stride:
                continue
            if self.size is None and picture.shape != self.frame_shape:
                got = f"{picture.shape[1]}x{picture.shape[0]}"
                raise InputError(
                    f"episode {recording.name} has frames of {got}; expected {width}x{height} as the first episode: say --size H W"
                )
            yield resized(picture, (height, width), self.crop)

    def _rows(self, name: str, rows: Array) -> Array:
        """The row of each kept frame. With lag 1 an action leads on from it: the last that shows in the next kept frame."""
        column = self.columns[name]
        ahead = self.stride - self.action_offset if column.role == "action" and column.lag else 0
        kept = rows[np.clip(np.arange(0, len(rows), self.stride) + ahead, 0, len(rows) - 1)]
        if column.role != "label":
            return kept
        height, width, _ = column.shape
        return np.stack([resized(label, (height, width), self.crop) for label in kept])
