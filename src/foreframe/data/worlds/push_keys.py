"""`push_keys`: the push world driven from a keyboard: commands go on in one direction, rest, and
ignore the walls.

Letters: T frames.
The arm, the objects and the pictures are those of `push`. There no command ever leads out of the
workspace, so a model of it knows nothing of an arm that is told to go on at the edge; here it is,
and stays. Made to train models that are driven.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from .push import FRAMES, FRAMES_PER_COMMAND, REACH_M, STEERING, Push

__all__ = ["STEERING", "TRAJECTORIES", "simulate"]

TRAJECTORIES = 800
_GO_ON, _REST, _CLOSE, _LIFT = 0.45, 0.15, 0.1, 0.1  # else something new

Array = NDArray[Any]


def simulate(trajectories: int, seed: int = 0) -> Push:
    """The push_keys world with `trajectories` trajectories."""
    return Push(trajectories, seed, commands=_commands)


def _commands(will: np.random.Generator, start: Array) -> tuple[Array, Array]:
    """Actions [T, 4], one row a frame, and whether the gripper is closed on the way to the next
    frame [T].
    """
    actions, closed = np.zeros((FRAMES, 4), np.float32), np.zeros(FRAMES, bool)
    move = np.zeros(2)
    for first in range(0, FRAMES, FRAMES_PER_COMMAND):
        rows, held = slice(first, first + FRAMES_PER_COMMAND), int(will.integers(1, 4))
        kind = will.random()
        if kind >= _GO_ON + _REST:
            move = _direction(will)
        if kind < _GO_ON or kind >= _GO_ON + _REST:
            actions[rows, :2] = move
        if will.random() < _CLOSE:
            actions[rows, 2] = held
            closed[first : first + held] = True
        if will.random() < _LIFT:
            actions[rows, 3] = held
    return actions, closed


def _direction(will: np.random.Generator) -> Array:
    """Half of all moves are along an axis, as keys give them."""
    move = will.uniform(-REACH_M, REACH_M, 2)
    if will.random() < 0.5:
        move[will.integers(2)] = 0.0
    return move
