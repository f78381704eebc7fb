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

from ..sources.recording import Fork
from .push import (
    ARM_NOISE_M,
    FRAMES,
    FRAMES_PER_COMMAND,
    OPTIONS,
    REACH_M,
    STEERING,
    VERSION,
    Push,
)

__all__ = ["FORK", "OPTIONS", "STEERING", "TRAJECTORIES", "VERSION", "simulate"]

TRAJECTORIES = 800
FORK = Fork(count=4, start=2, frames=18)
_GO_ON, _REST, _CLOSE, _LIFT = 0.45, 0.15, 0.1, 0.1  # else something new

Array = NDArray[Any]


def simulate(
    trajectories: int, seed: int = 0, arm_noise: float = ARM_NOISE_M, length: int = FRAMES
) -> Push:
    """Return the push_keys world with `trajectories` trajectories of `length` frames."""
    return Push(trajectories, seed, commands=_commands, arm_noise_m=arm_noise, frames=length)


def _commands(will: np.random.Generator, start: Array, frames: int) -> tuple[Array, Array]:
    """Actions [T, 4], one row a frame, and whether the gripper is closed on the way to the next
    frame [T].
    """
    actions, closed = np.zeros((frames, 4), np.float32), np.zeros(frames, bool)
    move = np.zeros(2)
    for first in range(0, frames, FRAMES_PER_COMMAND):
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
