"""A source brought to another size, rate and offset on its way into a store."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, unknown
from ..pictures import resized
from .findings import Findings
from .recording import Column, Recording, Source

Array = NDArray[Any]


@dataclass(frozen=True)
class ResampledSource:
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
        sizes = {
            name: (*self.frame_shape[:2], c.shape[2])
            for name, c in columns.items()
            if c.role == "label"
        }
        return {
            name: dataclasses.replace(c, shape=sizes.get(name, c.shape))
            for name, c in columns.items()
        }

    @property
    def frames_per_second(self) -> float | None:
        rate = self.source.frames_per_second
        return rate / self.stride if rate else None

    @property
    def findings(self) -> Findings:
        return self.source.findings

    @cached_property
    def frame_shape(self) -> tuple[int, int, int]:
        """(H, W, C) as stored: as asked for, else that of the first episode that can be read."""
        broken: InputError | None = None
        for index in range(len(self)):
            try:
                recording = self.source.read(index)
                first = next(iter(recording.frames), None)
                if first is None:
                    raise InputError(
                        f"episode {recording.name} has no pictures; expected at least one"
                    )
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
            raise InputError(
                f"episode {recording.name} has {count} pictures and rows {rows}; expected as many of each"
            )
        if set(rows) != set(self.columns):
            raise InputError(
                f"episode {recording.name} has {', '.join(rows)}; expected {', '.join(self.columns)}, as described"
            )
        values = {
            name: self._rows(name, np.asarray(rows)) for name, rows in recording.values.items()
        }
        withheld = len(next(iter(values.values()))) - len(frames) if recording.withheld else 0
        split = self._split(recording)
        return dataclasses.replace(
            recording, frames=frames, values=values, split=split, withheld=withheld
        )

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
