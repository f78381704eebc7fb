"""Numbers that go round: angles that wrap, and quaternions whose sign flips though the turn is the
same.

Letters: T rows, K numbers.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

Array = NDArray[Any]

_TURNS = (2 * np.pi, 360.0)
_JUMP = 0.75  # of a turn: no joint or heading turns so far between two frames
_SLACK = 1.02
_UNIT = 1e-2


def turns_of(episodes: Sequence[Array]) -> dict[int, float]:
    """Return the full turn (2 pi or 360) of each number that jumps by nearly one between two rows:
    {number: turn}.

    >>> turns_of([np.array([[3.0], [3.1], [-3.1], [-3.0]])])
    {0: 6.283185307179586}
    """
    found: dict[int, float] = {}
    for number in range(episodes[0].shape[1] if episodes else 0):
        columns = [rows[:, number].astype(np.float64) for rows in episodes if len(rows) > 1]
        if not columns:
            continue
        span = max(c.max() for c in columns) - min(c.min() for c in columns)
        steps = np.concatenate([np.abs(np.diff(c)) for c in columns])
        for turn in _TURNS:
            jumps = steps > _JUMP * turn
            calm = steps[~jumps]
            if (
                span <= turn * _SLACK
                and jumps.any()
                and jumps.mean() < 0.5
                and (not len(calm) or calm.max() < turn / 4)
            ):
                found[number] = turn
    return found


def quaternions_of(episodes: Sequence[Array], names: Sequence[str] = ()) -> list[int]:
    """Return where four neighbouring numbers are a unit quaternion in every row: the first number
    of each.

    >>> quaternions_of([np.array([[1.0, 0, 0, 0], [-0.8, 0, 0.6, 0], [0.8, 0, 0.6, 0]])])
    [0]
    """
    if not episodes:
        return []
    rows = np.concatenate(episodes).astype(np.float64)
    found: list[int] = []
    at = 0
    while at + 4 <= rows.shape[1]:
        block = rows[:, at : at + 4]
        told = (
            not names
            or "q" in names[at].casefold()
            or "rot" in names[at].casefold()
            or rows.shape[1] == 4
        )
        unit = np.abs(np.linalg.norm(block, axis=1) - 1).max(initial=0) < _UNIT
        if told and unit and (block.std(0) > 1e-6).sum() >= 2:
            found.append(at)
            at += 4
        else:
            at += 1
    return found


def flips_of(rows: Array, quaternions: Sequence[int]) -> int:
    """Return how often a quaternion changes its sign from one row to the next though it turns by
    little.
    """
    return sum(
        int(((rows[1:, q : q + 4] * rows[:-1, q : q + 4]).sum(1) < 0).sum()) for q in quaternions
    )


def continuous(rows: Array, turns: Mapping[int, float], quaternions: Sequence[int]) -> Array:
    """Return the rows without jumps: angles go on beyond a turn, quaternions keep the sign of the
    row before: [T, K].

    >>> continuous(np.array([[3.1], [-3.1]]), {0: 2 * np.pi}, []).round(2).tolist()
    [[3.1], [3.18]]
    """
    found = np.array(rows, np.float64)
    for number, turn in turns.items():
        found[:, number] = np.unwrap(found[:, number], period=turn)
    for q in quaternions:
        block = found[:, q : q + 4]
        signs = np.where((block[1:] * block[:-1]).sum(1) < 0, -1.0, 1.0)
        found[1:, q : q + 4] *= np.cumprod(signs)[:, None]
    return found
