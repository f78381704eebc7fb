"""Columns that tell the outcome of an action: its reward, and whether the episode ends with it.

They are never given to a model as conditions; a head predicts them, for `foreframe.simulate.env`.
"""

from __future__ import annotations

from collections.abc import Container, Iterable

import numpy as np
from numpy.typing import NDArray

from .recording import Column, Role

TARGETS: dict[Role, tuple[str, ...]] = {
    "reward": ("next.reward", "reward", "rewards"),
    "done": (
        "next.done", "done", "dones", "next.terminal", "terminal", "terminals", "terminated",
        "is_terminal",
    ),
}  # fmt: skip


def targets_among(names: Iterable[str], taken: Container[str] = ()) -> dict[Role, str]:
    """Return the name that tells the reward and the one that tells the end, where they are there.

    Names of LeRobot, d4rl, robomimic and Gymnasium are known, in this order.

    >>> targets_among(["action", "rewards", "terminals", "timeouts"])
    {'reward': 'rewards', 'done': 'terminals'}
    """
    there = {name.casefold(): name for name in names if name not in taken}
    found = {
        role: next((there[usual] for usual in known if usual in there), None)
        for role, known in TARGETS.items()
    }
    return {role: name for role, name in found.items() if name is not None}


def target_column(role: Role, lag: int) -> Column:
    """Return the column of a target; its row goes with the action of the same row."""
    return Column(role, "float32", (1,), (role,), lag)


def over_strides(rows: NDArray[np.generic], column: Column, stride: int) -> NDArray[np.generic]:
    """Return the targets between kept frames: rewards add up, and an end stays an end.

    >>> rewards = np.array([[1.0], [2.0], [4.0], [8.0]])
    >>> over_strides(rewards, target_column("reward", 1), 2)[:, 0]
    array([ 3., 12.])
    >>> over_strides(rewards, target_column("reward", 0), 2)[:, 0]
    array([1., 6.])
    """
    if stride == 1:
        return rows
    before = 0 if column.lag else stride - 1  # rows that lead to the first kept frame
    padded = np.concatenate([np.zeros((before, *rows.shape[1:]), rows.dtype), rows])
    starts = np.arange(0, len(rows), stride)
    reduce = np.add if column.role == "reward" else np.maximum
    return reduce.reduceat(padded[: len(starts) * stride], starts, axis=0)
