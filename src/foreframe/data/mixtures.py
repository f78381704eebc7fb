"""One store or several as one: shards that machines made side by side, or recordings of several
robots by weight.

Letters: S stores.
"""

from __future__ import annotations

import bisect
import dataclasses
import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..clips import Batch, ClipSpec
from ..errors import InputError
from ..runtime.digests import digest
from .store import ClipStore
from .windows import Order, Windows

_BLOCK = 1000  # draws within which every store gets its share exactly


@dataclass(frozen=True)
class Mixture:
    """Stores that are trained on together.

    Without weights every window counts the same, whichever store it is in.
    """

    stores: tuple[ClipStore, ...]
    weights: tuple[float, ...] | None = None

    @property
    def content(self) -> str:
        """One digest of all that the stores hold, and of their weights."""
        if len(self.stores) == 1:
            return self.stores[0].content
        return digest(repr(([store.content for store in self.stores], self.weights)).encode())

    def clip_spec(self, conditions: Sequence[str]) -> ClipSpec:
        """What clips look like; statistics are those of the stores together, as often as each is
        drawn. Numbers have the order of the first store, whatever order others have them in.

        Raises:
            InputError: the stores differ in their frames or conditions.
        """
        specs = [store.clip_spec(conditions) for store in self.stores]
        first = specs[0]
        for store, spec in zip(self.stores, specs):
            for what in ("frame", "condition", "names"):
                got, expected = list(getattr(spec, what)), list(getattr(first, what))
                same = sorted(got) == sorted(expected) if what == "names" else got == expected
                if not same:
                    raise InputError(
                        f"{store.path} has {what} {got}, {self.stores[0].path} has {expected}; "
                        "expected the same in all stores that are trained on together"
                    )
        if len(specs) == 1 or not first.mean:
            return first
        specs = [store.clip_spec(conditions, first.names) for store in self.stores]
        frames = [sum(episode.seen for episode in store.of_split("train")) for store in self.stores]
        shares = np.asarray(self.weights or frames, float)[:, None] / sum(self.weights or frames)
        means, stds = (
            np.asarray([spec.mean for spec in specs]),
            np.asarray([spec.std for spec in specs]),
        )
        mean = (shares * means).sum(0)
        std = np.sqrt(np.maximum((shares * (stds**2 + means**2)).sum(0) - mean**2, 0))
        return dataclasses.replace(
            first,
            mean=tuple(mean.tolist()),
            std=tuple(std.tolist()),
            low=tuple(np.min([spec.low for spec in specs], 0).tolist()),
            high=tuple(np.max([spec.high for spec in specs], 0).tolist()),
        )

    def windows(
        self,
        split: str,
        length: int,
        conditions: Sequence[str],
        stride: int = 1,
        detached_context: int = 0,
    ) -> MixedWindows:
        """The windows of a split of all stores."""
        names = self.stores[0].clip_spec(conditions).names
        parts = [
            Windows(
                store,
                split,
                length,
                conditions,
                stride,
                detached_context=detached_context,
                numbers=names,
            )
            for store in self.stores
        ]
        return MixedWindows(tuple(parts), self.weights)


@dataclass(frozen=True)
class MixedWindows:
    """Windows of several stores, numbered one store after the other."""

    parts: tuple[Windows, ...]
    weights: tuple[float, ...] | None

    def __len__(self) -> int:
        return sum(len(part) for part in self.parts)

    @property
    def frames_per_second(self) -> float | None:
        return self.parts[0].store.frames_per_second

    def clips(self, indices: Sequence[int]) -> Batch:
        """Windows as a batch, as `Windows.clips` gives them."""
        if len(self.parts) == 1:
            return self.parts[0].clips(indices)
        found = [part.clips([within]) for part, within in map(self._place, indices)]
        frames = torch.cat([clip.frames.movedim(2, -1) for clip in found]).movedim(
            -1, 2
        )  # channels stay last in memory
        return Batch(frames, torch.cat([clip.conditions for clip in found]))

    def futures(self, index: int, n_past: int) -> Tensor | None:
        """The true futures of a window, as `Windows.futures` gives them."""
        part, within = self._place(index)
        return part.futures(within, n_past)

    def _place(self, index: int) -> tuple[Windows, int]:
        """The store's windows that window `index` is in, and its number among them."""
        ends = list(itertools.accumulate(len(part) for part in self.parts))
        number = bisect.bisect_right(ends, index)
        return self.parts[number], index - (ends[number - 1] if number else 0)

    def order(self, seed: int, share: float = 1.0, until: int = 0) -> Order | MixedOrder:
        """The order of training over these windows."""
        if self.weights is None:
            return Order(len(self), seed, share, until)
        return MixedOrder([len(part) for part in self.parts], self.weights, seed, share, until)


class MixedOrder:
    """An order over several stores in which each is drawn by its weight: a pure function of (seed,
    position).

    In every block of a thousand positions each store has its share, shuffled; within a store the
    order is its own `Order`.
    """

    def __init__(
        self, counts: Sequence[int], weights: Sequence[float], seed: int, share: float, until: int
    ) -> None:
        wanted = np.asarray(weights) / sum(weights) * _BLOCK
        self.draws = np.floor(wanted).astype(int)
        rest = np.argsort(self.draws - wanted, kind="stable")[: _BLOCK - int(self.draws.sum())]
        self.draws[rest] += 1
        self.seed = seed
        self.starts = np.cumsum([0, *counts[:-1]])
        self.orders = [
            Order(count, seed + number, share, round(until * weight / sum(weights)))
            for number, (count, weight) in enumerate(zip(counts, weights))
        ]
        self._block, self._stores, self._ranks = -1, np.arange(0), np.arange(0)

    def batch(self, step: int, size: int) -> list[int]:
        """The window numbers of optimiser step `step` at a global batch of `size`."""
        return [self._at(position) for position in range(step * size, (step + 1) * size)]

    def _at(self, position: int) -> int:
        block, place = divmod(position, _BLOCK)
        if block != self._block:
            rng = np.random.default_rng((self.seed, block, 0x3D))
            self._stores = rng.permutation(np.repeat(np.arange(len(self.draws)), self.draws))
            self._ranks = np.zeros(_BLOCK, int)
            for store, draws in enumerate(self.draws):
                self._ranks[self._stores == store] = np.arange(draws)
            self._block = block
        store = int(self._stores[place])
        drawn_before = block * int(self.draws[store]) + int(self._ranks[place])
        return int(self.starts[store]) + self.orders[store].batch(drawn_before, 1)[0]


def open_stores(data: str | Path) -> Mixture:
    """The store or stores that `data` names: `A`, `A,B` (every clip counts the same), or
    `A:0.7,B:0.3`.

    Raises: InputError: a store that is none, a weight that is no positive number, or weights on
        some stores alone.
    """
    if Path(data).exists() or "," not in str(data):
        return Mixture((ClipStore(data),))
    stores, weights = [], []
    for part in str(data).split(","):
        path, colon, weight = part.rpartition(":") if not Path(part).exists() else (part, "", "")
        stores.append(ClipStore(path if colon else part))
        if colon:
            try:
                weights.append(float(weight))
            except ValueError:
                weights.append(-1.0)
            if not 0 < weights[-1] < float("inf"):
                raise InputError(
                    f"--data {data}: the weight of {path} is {weight!r}; expected a positive number"
                )
    if weights and len(weights) < len(stores):
        raise InputError(
            f"--data {data} weighs {len(weights)} of {len(stores)} stores; "
            "expected all or none, as in A:0.7,B:0.3"
        )
    return Mixture(tuple(stores), tuple(weights) or None)
