"""Windows: clips of a fixed length cut from the episodes of a split, and the order in which
training sees them.

Letters: B batch, T frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import bisect
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..clips import Batch, ClipSpec
from ..errors import InputError
from .sources.recording import Column
from .store import ClipStore, Episode

Array = NDArray[Any]

_GOLDEN = (5**0.5 - 1) / 2  # its multiples fill [0, 1) evenly


class Windows:
    """All windows of a fixed length that begin at every `stride`-th frame of an episode, numbered.

    Args:
        store: the store to cut from.
        split: name of the split.
        length: frames of a window.
        conditions: column names or roles that are known before each frame is seen.
        stride: frames between the starts of two windows of an episode.
        visible: frames of a window that have to be in the store; all of them unless given, fewer
            where the rest is withheld.
        detached_context: that many first frames, the context, are taken from another place of the
            same episode. The place depends on the window's number alone, and the places are spread
            evenly over the episode.
        numbers: names of the numbers of a condition in the order that they are given in, as
            `ClipSpec.names` has them; by default as they lie in the store.
    """

    def __init__(
        self,
        store: ClipStore,
        split: str,
        length: int,
        conditions: Sequence[str],
        stride: int = 1,
        visible: int | None = None,
        detached_context: int = 0,
        numbers: Sequence[str] = (),
    ) -> None:
        self.store, self.split, self.length = store, split, length
        self.stride, self.detached_context = stride, detached_context
        self.columns = store.resolve(conditions)
        as_they_lie = not numbers or store.clip_spec(self.columns).names == tuple(numbers)
        self._places = {} if as_they_lie else store.places(self.columns, numbers)
        self._numbers = numbers
        spare = (
            0 if visible is None else length - visible
        )  # frames of a window that may be withheld
        room = [(e, min(e.length, e.seen + spare)) for e in store.of_split(split)]
        self.episodes = [e for e, frames in room if frames >= length]
        if not self.episodes:
            longest = max(frames for _, frames in room)
            raise InputError(
                f"clips of {length} frames were asked for (context + horizon), but the longest "
                f"episode of split {split!r} "
                f"in {store.path} has {longest}: ask for a shorter horizon"
            )
        counts = [(frames - length) // stride + 1 for _, frames in room if frames >= length]
        self._ends = list(itertools.accumulate(counts))

    def __len__(self) -> int:
        return self._ends[-1]

    @property
    def spec(self) -> ClipSpec:
        """What these clips look like."""
        return self.store.clip_spec(self.columns, self._numbers)

    def place(self, index: int) -> tuple[Episode, int]:
        """The episode and the first frame in it of window `index`."""
        number = bisect.bisect_right(self._ends, index)
        first = index - (self._ends[number - 1] if number else 0)
        return self.episodes[number], first * self.stride

    def sessions(self) -> list[str]:
        """What each window is a piece of: its episode, or the session that the episode is of."""
        episodes = (self.place(index)[0] for index in range(len(self)))
        return [str(episode.facts.get("session", episode.name)) for episode in episodes]

    def clips(self, indices: Sequence[int]) -> Batch:
        """Windows as a batch: frames uint8 [B, T, C, H, W] (channels last in memory), conditions
        [B, T, *A].

        Conditions are numbers as float32, or label images as uint8.
        """
        frames = self.store.column("frames")
        pictures = np.empty((len(indices), self.length, *frames.shape[1:]), frames.dtype)
        conditions = []
        for row, index in enumerate(indices):
            episode, spans = self._spans(index)
            at = 0
            for first, count in spans:
                pictures[row, at : at + count] = frames[
                    episode.start + first : episode.start + first + count
                ]
                at += count
            known = [self.conditions(episode, first, count) for first, count in spans]
            conditions.append(known[0] if len(known) == 1 else np.concatenate(known))
        return Batch(
            torch.from_numpy(pictures).movedim(-1, 2), torch.from_numpy(np.stack(conditions))
        )

    def futures(self, index: int, n_past: int) -> Tensor | None:
        """The true futures of window `index`, if its context of `n_past` frames ends at the fork.

        Returns: uint8 [K, T, C, H, W] with the frames that follow the context, no more than the
            window has; None if the fork is elsewhere, or the episode has no futures.
        """
        episode, first = self.place(index)
        if self.detached_context or first + n_past != self.store.futures_start:
            return None
        found = self.store.futures(episode)
        return None if found is None else found[:, : self.length - n_past]

    def _spans(self, index: int) -> tuple[Episode, list[tuple[int, int]]]:
        """The episode of a window, and the pieces of it that the window is made of.

        First frame and length of each.
        """
        episode, first = self.place(index)
        context = self.detached_context
        if not context:
            return episode, [(first, self.length)]
        elsewhere = int(index * _GOLDEN % 1 * (episode.seen - context + 1))
        return episode, [(elsewhere, context), (first + context, self.length - context)]

    def conditions(self, episode: Episode, first: int, count: int) -> Array:
        """What is known before frames `first` ... of an episode are seen: [count, *A]."""
        parts = [
            self._known(name, self.store.columns[name], episode, first, count)
            for name in self.columns
        ]
        if not parts:
            return np.zeros((count, 0), np.float32)
        if len(parts) == 1 and parts[0].ndim == 4:  # label images stay bytes, channels first
            return np.ascontiguousarray(np.moveaxis(parts[0], -1, 1))
        return (
            np.concatenate(parts, axis=1, dtype=np.float32)
            if len(parts) > 1
            else parts[0].astype(np.float32)
        )

    def _known(self, name: str, column: Column, episode: Episode, first: int, count: int) -> Array:
        """Row t is what is known before frame first + t is seen.

        Zeros where the recording had not begun.
        """
        begin = first - column.lag
        rows = self.store.column(name)[
            episode.start + max(begin, 0) : episode.start + max(begin + count, 0)
        ]
        if name in self._places:
            rows = rows[:, list(self._places[name])]
        missing = max(-begin, 0)
        return (
            np.concatenate([np.zeros((missing, *rows.shape[1:]), rows.dtype), rows])
            if missing
            else rows
        )


def by_column(conditions: Array, columns: Mapping[str, Column]) -> dict[str, Array]:
    """Return the values of each column of conditions [T, *A], as a store has them.

    What `Windows.conditions` joined comes apart: numbers side by side, or one label image.
    """
    if conditions.ndim == 4:
        (name,) = columns
        return {name: np.moveaxis(conditions, 1, -1)}
    found: dict[str, Array] = {}
    begin = 0
    for name, column in columns.items():
        end = begin + column.shape[0]
        found[name] = conditions[:, begin:end].astype(column.dtype)
        begin = end
    return found


class Order:
    """The order of training: a fresh shuffle of all windows each epoch, as a pure function of
    (seed, position).

    Position p of the whole run is item p % n of epoch p // n, so a resumed run, any number of
    workers and any number of devices see the same clips. Up to position `until` only a `share` of
    the windows is used, drawn once.
    """

    def __init__(self, count: int, seed: int, share: float = 1.0, until: int = 0) -> None:
        self.count, self.seed, self.until = count, seed, until
        self._few = np.random.default_rng((seed, count, 0x0F)).permutation(count)[
            : max(1, round(share * count))
        ]
        self._epoch, self._shuffled = (-1, False), np.arange(0)

    def batch(self, step: int, size: int) -> list[int]:
        """The window numbers of optimiser step `step` at a global batch of `size`."""
        return [self._at(position) for position in range(step * size, (step + 1) * size)]

    def _at(self, position: int) -> int:
        few = position < self.until
        epoch, item = divmod(position, len(self._few) if few else self.count)
        if (epoch, few) != self._epoch:
            self._epoch = (epoch, few)
            rng = np.random.default_rng((self.seed, epoch))
            self._shuffled = rng.permutation(self._few) if few else rng.permutation(self.count)
        return int(self._shuffled[item])
