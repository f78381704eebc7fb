"""A point in time as a value: where clips stand between two steps.

Letters: B clips, N samples.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map


@dataclass(frozen=True)
class Point:
    """Where B clips with N samples each stand between two steps.

    Rows are clip-major: row b * N + n.
    Nothing changes a point: `advance` makes the next one, so a point can be kept and come back to.

    Attributes:
        state: the state of the model, any nest of tensors [B * N, *].
        previous: the code that the next step begins from [B * N, *]; None where the model is fed
            nothing.
        skips: what `Model.prepare_skips` returned, shared by the samples of a clip: each [B, *].
        clips: B.
        samples: N.
    """

    state: Any
    previous: Tensor | None
    skips: tuple[Tensor, ...]
    clips: int
    samples: int

    @property
    def batch_key(self) -> tuple[int, bool]:
        """Points of one model that agree in this can be joined.

        It is N, and whether the next step is fed nothing.
        """
        return self.samples, self.previous is None

    @property
    def size_bytes(self) -> int:
        """The memory that it takes to keep this point.

        Skips, which the points of a clip share, are not counted.
        """
        kept = tree_leaves((self.state, self.previous))
        return sum(tensor.nbytes for tensor in kept if tensor is not None)

    def fork(self, chosen: Sequence[int]) -> Point:
        """Return a point that goes on from these samples of each clip.

        `fork([2, 2, 2])` triples the third sample.
        """
        rows = torch.arange(self.clips)[:, None] * self.samples + torch.as_tensor(chosen)

        def pick(tensor: Tensor) -> Tensor:
            return tensor[rows.flatten().to(tensor.device)]

        return replace(self._map(pick), samples=len(chosen))

    def split(self, origins: Sequence[Point]) -> list[Point]:
        """Take apart a point that was advanced from `join(origins)`: one point for each of them.

        Each part owns its rows and keeps the skips of its origin, which no step changes.
        """
        if len(origins) == 1:
            return [replace(self, skips=origins[0].skips)]
        parts, end = [], 0
        for origin in origins:
            begin, end = end, end + origin.clips * origin.samples
            part = self._map(lambda rows, own=slice(begin, end): rows[own].clone())
            parts.append(replace(part, skips=origin.skips, clips=origin.clips))
        return parts

    def _map(self, function: Any) -> Point:
        """Apply a function to every tensor that has rows."""
        previous = None if self.previous is None else function(self.previous)
        return replace(self, state=tree_map(function, self.state), previous=previous)


def join(points: Sequence[Point]) -> Point:
    """Put points of one model together, clip after clip, so that one step advances all of them.

    Raises:
        ValueError: they differ in their `batch_key`.
    """
    first = points[0]
    if len(points) == 1:
        return first
    if len({point.batch_key for point in points}) != 1:
        raise ValueError(
            f"{len(points)} points differ in samples or feedback; "
            "expected all with the same `batch_key`"
        )
    codes = [point.previous for point in points if point.previous is not None]
    return Point(
        tree_map(lambda *parts: torch.cat(parts), *(point.state for point in points)),
        torch.cat(codes) if codes else None,
        tuple(torch.cat(parts) for parts in zip(*(point.skips for point in points), strict=True)),
        sum(point.clips for point in points),
        first.samples,
    )
