"""Windows: clips of a fixed length cut from the episodes of a split, and the order in which training sees them.

Letters: B batch, T frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..clips import Clip
from ..errors import InputError
from .recording import Column
from .store import ClipStore, Episode

Array = NDArray[Any]


class Windows:
    """Every window of `length` frames that starts at frame 0, `every`, 2 `every`, ... of an episode, numbered in order."""

    def __init__(self, store: ClipStore, split: str, length: int, conditions: Sequence[str], every: int = 1) -> None:
        self.store, self.split, self.length, self.every = store, split, length, every
        self.columns = store.resolve(conditions)
        self.episodes = [e for e in store.of_split(split) if e.length >= length]
        if not self.episodes:
            longest = max(e.length for e in store.of_split(split))
            raise InputError(
                f"clips of {length} frames were asked for (context + horizon), but the longest episode of split {split!r} "
                f"in {store.path} has {longest}: ask for a shorter horizon"
            )
        counts = [(e.length - length) // every + 1 for e in self.episodes]
        self._ends = np.cumsum(counts)

    def __len__(self) -> int:
        return int(self._ends[-1])

    def place(self, index: int) -> tuple[Episode, int]:
        """The episode and the first frame in it of window `index`."""
        number = int(np.searchsorted(self._ends, index, side="right"))
        first = index - (int(self._ends[number - 1]) if number else 0)
        return self.episodes[number], first * self.every

    def clips(self, indices: Sequence[int]) -> Clip:
        """Windows as a batch: frames uint8 [B, T, C, H, W] (channels last in memory), conditions float32 [B, T, *A]."""
        places = [self.place(i) for i in indices]
        frames = self.store.column("frames")
        pictures = np.stack([frames[e.start + first : e.start + first + self.length] for e, first in places])
        conditions = np.stack([self._conditions(e, first) for e, first in places])
        return Clip(torch.from_numpy(pictures).movedim(-1, 2), torch.from_numpy(conditions))

    def _conditions(self, episode: Episode, first: int) -> Array:
        parts = [self._known(name, self.store.columns[name], episode, first) for name in self.columns]
        if not parts:
            return np.zeros((self.length, 0), np.float32)
        if len(parts) == 1 and parts[0].ndim == 4:  # a label image, bytes -> [0, 1], channels first
            return np.ascontiguousarray(np.moveaxis(parts[0], -1, 1), np.float32) / 255
        return np.concatenate(parts, axis=1).astype(np.float32)

    def _known(self, name: str, column: Column, episode: Episode, first: int) -> Array:
        """Row t is what is known before frame first + t is seen; zeros where the recording had not begun."""
        begin = first - column.lag
        rows = self.store.column(name)[episode.start + max(begin, 0) : episode.start + max(begin + self.length, 0)]
        missing = max(-begin, 0)
        return np.concatenate([np.zeros((missing, *rows.shape[1:]), rows.dtype), rows]) if missing else rows


class Order:
    """The order of training: a fresh shuffle of all windows each epoch, as a pure function of (seed, position).

    Position p of the whole run is item p % n of epoch p // n, so a resumed run, any number of workers and any number of
    devices see the same clips.
    """

    def __init__(self, count: int, seed: int) -> None:
        self.count, self.seed = count, seed
        self._epoch, self._shuffled = -1, np.arange(0)

    def batch(self, step: int, size: int) -> list[int]:
        """The window numbers of optimiser step `step` at a global batch of `size`."""
        return [self._at(position) for position in range(step * size, (step + 1) * size)]

    def _at(self, position: int) -> int:
        epoch, item = divmod(position, self.count)
        if epoch != self._epoch:
            self._epoch = epoch
            self._shuffled = np.random.default_rng((self.seed, epoch)).permutation(self.count)
        return int(self._shuffled[item])
