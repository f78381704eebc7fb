"""Which commands a plan may be made of, as the recordings show: limits, blocks, smoothness.

Letters: P plans, K commands, S steps, T frames, U steered numbers.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError
from ..simulate import Simulator

Array = NDArray[Any]

_LONGEST_BLOCK = 16  # frames
_IN_BLOCKS = 0.98  # the share of changes that lie where a block begins
_FEWEST_CHANGES = 8
_MOST_CORRELATED = 0.95
_LARGEST_CHANGE = 0.99  # the share of recorded changes that the largest is at least as large as


@dataclass(frozen=True)
class Commands:
    """The commands that a plan may be made of.

    Attributes:
        names: of the steered numbers.
        low: the smallest value of each [U].
        high: the largest value of each [U].
        mean: the mean value of each, where a search begins [U].
        std: the standard deviation of each, of the first draws of a search [U].
        held: frames that a command is held for.
        first: the number of a frame that a command begins with, below `held`.
        change: the largest change from a command to the next [U].
        correlation: of each number with the same number of the next command [U].
        whole: which numbers are whole [U].
    """

    names: tuple[str, ...]
    low: Tensor
    high: Tensor
    mean: Tensor
    std: Tensor
    held: int
    first: int
    change: Tensor
    correlation: Tensor
    whole: Tensor

    @classmethod
    def of(cls, simulator: Simulator) -> Commands:
        """Return the commands that the recordings of a simulator are made of.

        Raises:
            InputError: the simulator has no actions, or none of them ever changes.
        """
        if simulator.by_pictures or not simulator.steered:
            given = "label images" if simulator.by_pictures else "no actions"
            raise InputError(
                f"{simulator.name} has {given}; expected a run with actions to plan with: "
                "train with --conditions action"
            )
        spec, chosen = simulator.spec, simulator.steered
        low, high, mean, std = (
            torch.tensor(values, dtype=torch.float32)[chosen]
            for values in (spec.low, spec.high, spec.mean, spec.std)
        )
        if not bool((low < high).any()):
            raise InputError(
                f"no action of {simulator.name} changes in its training split; "
                "expected one that does: train on recordings with other actions"
            )
        recorded = [s.conditions.numpy()[1:, chosen] for s in simulator.starts]
        held, first = blocks_of(recorded)
        held = int(simulator.steering.get("held_frames", held))
        kept = [rows[(first - 1) % held :: held] for rows in recorded]
        change, correlation = _successive(kept, (high - low).numpy())
        return cls(
            tuple(spec.names[i] for i in chosen),
            low,
            high,
            mean.clamp(low, high),
            std,
            held,
            first % held,
            torch.from_numpy(change),
            torch.from_numpy(correlation),
            torch.from_numpy(_whole(recorded)),
        )

    @property
    def free(self) -> Tensor:
        """Which numbers can be chosen: all that are not constant [U]."""
        return self.low < self.high

    def lead(self, step: int) -> int:
        """Return for how many frames from `step` on the last command still lasts."""
        return (self.first - step) % self.held

    def count(self, step: int, frames: int) -> int:
        """Return how many commands begin in `frames` frames from `step` on."""
        return -(-max(0, frames - self.lead(step)) // self.held)

    def draw(self, count: int, commands: int, generator: torch.Generator) -> Tensor:
        """Draw N(0, 1), correlated from command to command as in the recordings [P, K, U]."""
        fresh = torch.randn(count, commands, len(self.names), generator=generator)
        share, rest = self.correlation, (1 - self.correlation.square()).sqrt()
        for k in range(1, commands):
            fresh[:, k] = share * fresh[:, k - 1] + rest * fresh[:, k]
        return fresh

    def feasible(self, commands: Tensor, last: Tensor) -> Tensor:
        """Return the nearest commands [P, K, U] within limits and changes, after `last` [U]."""
        kept, before = [], last.expand_as(commands[:, 0])
        for wanted in commands.unbind(1):
            near = wanted.clamp(before - self.change, before + self.change)
            before = near.clamp(self.low, self.high)
            before = torch.where(self.whole, before.round(), before)
            kept.append(before)
        return torch.stack(kept, 1)

    def frames(self, commands: Tensor, last: Tensor, step: int, frames: int) -> Tensor:
        """Return the action of each of `frames` frames from `step` on [P, S, U].

        The command that lasts, `last` [U], comes first; then each of `commands` [P, K, U].
        """
        lead = min(self.lead(step), frames)
        before = last.expand(len(commands), lead, -1)
        after = commands.repeat_interleave(self.held, 1)[:, : frames - lead]
        return torch.cat([before, after], 1)


def blocks_of(recorded: Sequence[Array]) -> tuple[int, int]:
    """Return for how many frames commands are held, and the number of a frame that one begins with.

    It is the longest block for which nearly all changes lie where a block begins.

    Args:
        recorded: the actions of frames 1, 2, ... of each episode [T, U].
    """
    changed = np.concatenate(
        [np.flatnonzero((rows[1:] != rows[:-1]).any(1)) + 2 for rows in recorded]
        or [np.zeros(0, int)]
    )
    if len(changed) < _FEWEST_CHANGES:
        return 1, 0
    for held in range(_LONGEST_BLOCK, 1, -1):
        counts = np.bincount(changed % held, minlength=held)
        if counts.max() >= _IN_BLOCKS * len(changed):
            return held, int(counts.argmax())
    return 1, 0


def _successive(recorded: Sequence[Array], span: Array) -> tuple[Array, Array]:
    """Return the largest change and the correlation of successive commands [U] each."""
    pairs = [np.stack([rows[:-1], rows[1:]], 1) for rows in recorded if len(rows) > 1]
    correlation = np.zeros(len(span), np.float32)
    if not pairs:
        return span.astype(np.float32), correlation
    both = np.concatenate(pairs)
    change = np.quantile(np.abs(both[:, 1] - both[:, 0]), _LARGEST_CHANGE, axis=0)
    for column in range(len(span)):
        if both[:, :, column].std(0).min() > 0:
            found = np.corrcoef(both[:, :, column].T)[0, 1]
            correlation[column] = min(max(found, 0.0), _MOST_CORRELATED)
    return np.where(change > 0, change, span).astype(np.float32), correlation


def _whole(recorded: Sequence[Array]) -> Array:
    """Return which numbers are whole in all recordings [U]."""
    rows = np.concatenate(recorded)
    found: Array = (rows == rows.round()).all(0)
    return found
