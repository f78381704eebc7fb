"""A source brought to another size, rate and offset on its way into a store."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError, unknown
from ..angles import continuous, quaternions_of, turns_of
from ..classes import is_class_id
from ..pictures import resized
from .behind import files_behind
from .findings import Findings
from .recording import Column, Recording, Source, names_of
from .targets import over_strides

Array = NDArray[Any]

_MOST_CLASSES = 256
_LOST = 0.02  # of the smallest step: what rounding may take away of it


@dataclass(frozen=True)
class Resampling:
    """How a source is changed on its way into a store.

    Attributes:
        size: height and width of the pictures; None leaves them.
        crop: cut the middle out of another aspect instead of stretching it.
        stride: keep every so many frames.
        action_offset: frames, before the stride, after which an action shows in the picture.
        actions_as: given, deltas (the difference from the kept row before) or absolute (the running
            sum).
        max_episodes: take only the first so many.
        lag: overrides the lag of the actions.
        no_actions: leave actions out.
        one_hot: names of numbers, or of a column of one number, that are class ids.
    """

    size: tuple[int, int] | None = None
    crop: bool = False
    stride: int = 1
    action_offset: int = 1
    actions_as: Literal["given", "deltas", "absolute"] = "given"
    max_episodes: int | None = None
    lag: int | None = None
    no_actions: bool = False
    one_hot: tuple[str, ...] = ()


@dataclass(frozen=True)
class ResampledSource:
    """A source at another size and rate, its actions shifted to where they show, its splits from a
    list.
    """

    source: Source
    resampling: Resampling = Resampling()
    splits: Mapping[str, str] | None = None

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        """The columns as stored.

        Labels at the size of the pictures, large numbers with an offset, classes one-hot.
        """
        found = {}
        for name, column in self.source.columns.items():
            if column.role == "action" and self.resampling.no_actions:
                continue
            if (column.role == "action" or column.is_target) and self.resampling.lag is not None:
                column = dataclasses.replace(column, lag=self.resampling.lag)
            if column.role == "label":
                column = dataclasses.replace(column, shape=(*self.frame_shape[:2], column.shape[2]))
            elif column.is_condition:
                column = self._one_hot(name, column)
                column = dataclasses.replace(column, offset=self._offset(name, column))
            found[name] = column
        return found

    @cached_property
    def _classes(self) -> dict[str, dict[int, int]]:
        """How many classes each number that becomes one-hot has: {column: {number: classes}}."""
        wanted, found = set(self.resampling.one_hot), dict[str, dict[int, int]]()
        for name, column in self.source.columns.items():
            if column.role not in ("action", "state"):
                continue
            chosen = [
                i
                for i, number in enumerate(column.names or names_of(name, column.shape[0]))
                if number in self.resampling.one_hot
                or (name in self.resampling.one_hot and column.shape[0] == 1)
            ]
            wanted -= {name, *column.names} if chosen else set()
            if chosen:
                found[name] = {i: self._count_classes(name, i) for i in chosen}
        if wanted:
            known = [n for c in self.source.columns.values() for n in c.names]
            raise unknown("--one-hot", sorted(wanted)[0], known)
        return found

    def _count_classes(self, name: str, number: int) -> int:
        """One more than the largest class id of all episodes."""
        largest = 0.0
        for index in range(len(self)):
            try:
                ids = np.asarray(self.source.read(index).values[name], np.float64)[:, number]
            except InputError:
                continue  # the import itself says what is broken
            if (
                (ids < 0).any()
                or (ids != np.round(ids)).any()
                or ids.max(initial=0) >= _MOST_CLASSES
            ):
                raise InputError(
                    f"--one-hot {name}[{number}] has values such as {ids[0]:g}; "
                    f"expected class ids from 0 to {_MOST_CLASSES - 1}"
                )
            largest = max(largest, float(ids.max(initial=0)))
        return int(largest) + 1

    def _one_hot(self, name: str, column: Column) -> Column:
        if not self.resampling.one_hot or name not in self._classes:
            return column
        classes = self._classes[name]
        names = [
            label
            for i, number in enumerate(column.names or names_of(name, column.shape[0]))
            for label in (
                [f"{number}={k}" for k in range(classes[i])] if i in classes else [number]
            )
        ]
        return dataclasses.replace(
            column, shape=(len(names),), names=tuple(names), kinds=(), units=()
        )

    def _offset(self, name: str, column: Column) -> tuple[float, ...]:
        """What is subtracted from each number, if any of them is so large that float32 would lose
        its steps.
        """
        if self.resampling.actions_as == "deltas" and column.role == "action":
            return ()
        rows = [
            r for r in self._sampled(name) if r.dtype == np.float64 and r.shape[1:] == column.shape
        ]
        if not rows:
            return ()
        joined = np.concatenate(rows)
        steps = np.abs(np.concatenate([np.diff(r, axis=0) for r in rows]))
        smallest = np.min(np.where(steps > 0, steps, np.inf), axis=0, initial=np.inf)
        lost = np.abs(joined).max(0) * np.finfo(np.float32).eps > smallest * _LOST
        offset = np.where(lost, np.round(np.median(joined, 0)), 0.0)
        return tuple(offset.tolist()) if lost.any() else ()

    def _class_ids(self, name: str, column: Column) -> list[str]:
        """The whole numbers that look like class ids, as far as three episodes tell."""
        rows = self._sampled(name)
        if not rows or len(column.names) != rows[0].shape[1] or name in self._classes:
            return []
        joined = np.concatenate(rows)
        whole = (joined == np.round(joined)).all(0)
        return [n for i, n in enumerate(column.names) if whole[i] and is_class_id(joined[:, i])]

    def _sampled(self, name: str) -> list[Array]:
        """The rows of a column in the first, the middle and the last episode that can be read."""
        return [np.asarray(values[name]) for values in self._some_values if name in values]

    @cached_property
    def _some_values(self) -> list[Mapping[str, Array]]:
        found = []
        for index in sorted({0, len(self) // 2, len(self) - 1}):
            try:
                found.append(self.source.read(index).values)
            except InputError:
                continue
        return found

    @cached_property
    def _round(self) -> dict[str, tuple[dict[int, float], list[int]]]:
        """The angles and quaternions by column of actions, for differences that do not jump."""
        return {
            name: (turns_of(rows), quaternions_of(rows, column.names))
            for name, column in self.source.columns.items()
            if column.role == "action" and (rows := self._sampled(name))
        }

    @property
    def frames_per_second(self) -> float | None:
        rate = self.source.frames_per_second
        return rate / self.resampling.stride if rate else None

    @cached_property
    def findings(self) -> Findings:
        found = self.source.findings
        for name, column in self.columns.items():
            if column.role not in ("action", "state"):
                continue
            moved = [f"{n} by {o:g}" for n, o in zip(column.names, column.offset) if o]
            if moved:
                found = found.decided(
                    "offset",
                    f"{', '.join(moved)} subtracted from {name}",
                    "steps that float32 would lose",
                )
            ids = self._class_ids(name, column)
            if ids:
                found = found.warn(
                    f"{', '.join(ids)} of {name} look like class ids, whose size means nothing: "
                    f"--one-hot {' '.join(ids)} makes a number per class"
                )
            if self.resampling.actions_as == "deltas" and name in self._round:
                turns, quaternions = self._round[name]
                around = [column.names[i] for i in (*turns, *quaternions)]
                if around:
                    found = found.decided(
                        "deltas", f"{', '.join(around)} go round", "jumps of a turn or of a sign"
                    )
        return found

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
                return (*(self.resampling.size or first.shape[:2]), first.shape[2])
            except InputError as error:
                broken = broken or error
        raise broken or InputError("the source has no episodes")

    def __len__(self) -> int:
        return min(len(self.source), self.resampling.max_episodes or len(self.source))

    def files_read(self, index: int) -> tuple[Path, ...]:
        return files_behind(self.source, index)

    def read(self, index: int) -> Recording:
        """Episode `index`; its frames are read, resized and counted while they are taken."""
        recording = self.source.read(index)
        lengths = {name: len(values) for name, values in recording.values.items()}
        if set(lengths) != set(self.source.columns):
            raise InputError(
                f"episode {recording.name} has {', '.join(lengths)}; "
                f"expected {', '.join(self.source.columns)}, as described"
            )
        values = {
            name: self._rows(name, np.asarray(recording.values[name])) for name in self.columns
        }
        stride, total = self.resampling.stride, next(iter(lengths.values()), 0)
        withheld = 0
        if recording.withheld:
            withheld = -(-total // stride) + (recording.withheld - total) // stride
        times = None if recording.times_s is None else recording.times_s[::stride]
        return dataclasses.replace(
            recording,
            frames=self._frames(recording, lengths),
            values=values,
            split=self._split(recording),
            withheld=withheld,
            times_s=times,
        )

    def _frames(self, recording: Recording, rows: Mapping[str, int]) -> Iterator[Array]:
        count = 0
        for count, picture in enumerate(recording.frames, start=1):
            if (count - 1) % self.resampling.stride == 0:
                yield self._picture(recording.name, picture)
        if any(n != count + recording.withheld for n in rows.values()) or not count:
            raise InputError(
                f"episode {recording.name} has {count} pictures and rows {dict(rows)}; "
                "expected as many of each"
            )

    def _split(self, recording: Recording) -> str | None:
        if self.splits is None:
            return recording.split
        if recording.name not in self.splits:
            raise unknown("episode, not in the list of splits:", recording.name, self.splits)
        return self.splits[recording.name]

    def _picture(self, name: str, picture: Array) -> Array:
        height, width, _ = self.frame_shape
        if self.resampling.size is None and picture.shape != self.frame_shape:
            got = f"{picture.shape[1]}x{picture.shape[0]}"
            raise InputError(
                f"episode {name} has frames of {got}; "
                f"expected {width}x{height} as the first episode: say --size H W"
            )
        return resized(picture, (height, width), self.resampling.crop)

    def _rows(self, name: str, rows: Array) -> Array:
        """The row of each kept frame. With lag 1 an action leads on from it.

        The last that shows in the next kept frame.
        """
        how, column, given = self.resampling, self.columns[name], rows.dtype
        if column.is_target:
            return over_strides(rows, column, how.stride)
        is_action = column.role == "action"
        if is_action and how.actions_as == "absolute":
            rows = np.cumsum(rows, 0, dtype=np.float64).astype(rows.dtype)
        ahead = how.stride - how.action_offset if is_action and column.lag else 0
        kept = rows[np.clip(np.arange(0, len(rows), how.stride) + ahead, 0, len(rows) - 1)]
        if is_action and how.actions_as == "deltas":
            steady = continuous(kept, *self._round.get(name, ({}, [])))
            kept = np.diff(steady, axis=0, prepend=steady[:1])
        if column.role in ("action", "state"):
            kept = self._stored(name, column, kept)
            return kept if given == np.float64 or kept.dtype == given else kept.astype(given)
        if column.role != "label":
            return kept
        height, width, _ = column.shape
        return np.stack([resized(label, (height, width), how.crop) for label in kept])

    def _stored(self, name: str, column: Column, rows: Array) -> Array:
        """Numbers as they are stored: class ids one-hot, large numbers less their offset."""
        classes = self._classes.get(name, {}) if self.resampling.one_hot else {}
        if classes:
            parts = [
                np.eye(classes[i])[rows[:, i].astype(int)] if i in classes else rows[:, [i]]
                for i in range(rows.shape[1])
            ]
            rows = np.concatenate(parts, 1)
        return np.asarray(rows - np.asarray(column.offset) if column.offset else rows)
