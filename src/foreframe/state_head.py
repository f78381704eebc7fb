"""A linear head that predicts the next states, beside a model that is conditioned on states.

Letters: T steps, A condition, K states among its numbers.
A model may be given the state of the robot before each frame. While driving there is no such state,
and it must not be taken from a recording. The head continues from the last two conditions: the
change of the state is an affine function of both, fitted by ridge regression to the training split.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from .errors import InputError
from .runtime.digests import read_json_with_digest, write_json_with_digest
from .runtime.typed import read_as

FILE = "states.json"

Array = NDArray[Any]

_SCHEMA = "foreframe.states/1"
_RIDGE = 1e-4  # per row, on standardised numbers


class StateHead:
    """A map from condition[t - 1] and condition[t] to the states in condition[t + 1].

    Attributes:
        indices: the numbers of a condition that are states.
        error: root mean squared error of each, one step ahead on held-out episodes, in standard
            deviations of that number.
    """

    def __init__(
        self, indices: Sequence[int], scale: Array, weights: Array, error: Sequence[float] = ()
    ) -> None:
        """`scale` [2, A] is mean and deviation of each number; `weights` [2 A + 1, K]."""
        self.indices, self.error = tuple(indices), tuple(error)
        self._mean, self._std = np.asarray(scale, np.float64)
        self._weights = np.asarray(weights, np.float64)

    @classmethod
    def fit(
        cls, train: Iterable[Array], held_out: Iterable[Array], indices: Sequence[int]
    ) -> StateHead:
        """Fit to the conditions of whole episodes, each [T, A]."""
        episodes = [np.asarray(rows, np.float64) for rows in train]
        everything = np.concatenate(episodes)
        std = everything.std(0)
        scale = np.stack([everything.mean(0), np.where(std > 1e-8, std, 1.0)])
        blank = cls(indices, scale, np.zeros((2 * everything.shape[1] + 1, len(indices))))
        x, y = blank._pairs(episodes)
        weights = np.linalg.solve(x.T @ x + _RIDGE * len(x) * np.eye(x.shape[1]), x.T @ y)
        fitted = cls(indices, scale, weights)
        x, y = fitted._pairs([np.asarray(rows, np.float64) for rows in held_out] or episodes)
        error = np.sqrt(np.square(y - x @ weights).mean(0))
        return cls(indices, scale, weights, [round(float(e), 4) for e in error])

    def following(self, before: Array, now: Array) -> Array:
        """Return the states of the next condition [K], from the last two conditions [A]."""
        inputs = self._inputs(before[None], now[None])
        chosen = list(self.indices)
        found: Array = now[chosen] + (inputs @ self._weights)[0] * self._std[chosen]
        return found

    def following_rows(self, before: Tensor, now: Tensor) -> Tensor:
        """Return the next states of many rows [P, K], from their last two conditions [P, A].

        Gradients go through.
        """
        mean, std, weights = (
            torch.from_numpy(x).to(now) for x in (self._mean, self._std, self._weights)
        )
        both = [(rows - mean) / std for rows in (before, now)]
        inputs = torch.cat([*both, now.new_ones(len(now), 1)], 1)
        chosen = list(self.indices)
        return now[:, chosen] + (inputs @ weights) * std[chosen]

    def _inputs(self, before: Array, now: Array) -> Array:
        both = [(rows - self._mean) / self._std for rows in (before, now)]
        return np.concatenate([*both, np.ones((len(now), 1))], 1)

    def _pairs(self, episodes: Sequence[Array]) -> tuple[Array, Array]:
        chosen = list(self.indices)
        inputs = [self._inputs(rows[:-2], rows[1:-1]) for rows in episodes]
        changes = [(rows[2:, chosen] - rows[1:-1, chosen]) / self._std[chosen] for rows in episodes]
        return np.concatenate(inputs), np.concatenate(changes)

    def to_dict(self) -> dict[str, Any]:
        """Return JSON values."""
        return {
            "indices": list(self.indices),
            "scale": [self._mean.tolist(), self._std.tolist()],
            "weights": self._weights.tolist(),
            "error_deviations": list(self.error),
        }

    def save(self, folder: Path) -> None:
        """Write `states.json` beside a model."""
        write_json_with_digest(folder / FILE, {"schema": _SCHEMA, **self.to_dict()})


def load_head(folder: Path) -> StateHead | None:
    """Load the head of a run, if it has one.

    Raises:
        InputError: the file was damaged or edited.
    """
    if not (folder / FILE).exists():
        return None
    found = read_json_with_digest(folder / FILE, "a head for the states to come", _SCHEMA)
    head = read_as(_Written, found, str(folder / FILE))
    width, states = len(head.scale[0]), len(head.indices)
    if (
        len(head.scale[1]) != width
        or len(head.weights) != 2 * width + 1
        or any(len(row) != states for row in head.weights)
        or not set(head.indices) <= set(range(width))
    ):
        raise InputError(
            f"{folder / FILE} lacks or garbles the numbers of {states} states among {width}; "
            "expected what foreframe wrote: train again"
        )
    scale, weights = np.asarray(head.scale), np.asarray(head.weights)
    return StateHead(head.indices, scale, weights.reshape(-1, states), head.error_deviations)


@dataclass(frozen=True)
class _Written:
    """A head as JSON has it."""

    indices: tuple[int, ...]
    scale: tuple[tuple[float, ...], tuple[float, ...]]
    weights: tuple[tuple[float, ...], ...]
    error_deviations: tuple[float, ...] = ()
