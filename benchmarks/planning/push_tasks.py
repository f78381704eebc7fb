"""Tasks in the push world: the arm to a place, an object to a place, an object out of the way.

Letters: H height, W width.
"""

from __future__ import annotations

import copy
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from foreframe.data.worlds._raycast import Camera
from foreframe.data.worlds.push import _CAMERA, FRAMES_PER_COMMAND
from foreframe.data.worlds.push.playing import View
from foreframe.data.worlds.push.scene import WORKSPACE_HIGH, WORKSPACE_LOW, build
from foreframe.data.worlds.push.simulation import Arm, Simulation

Array = NDArray[Any]
Kind = Literal["reach", "place", "clear"]

KINDS: tuple[Kind, ...] = ("reach", "place", "clear")
NEAR_M = 0.03  # success: so near to the place
CLEAR_M = 0.06  # success: so far from where it was
BUDGET = 20  # frames
_FAR_M = (0.10, 0.25)  # from the arm to a place that it should reach
_PUSHED_M = (0.06, 0.16)  # how far an object is to be pushed
_SIZE = 64
_TRIES, _DRAWS = 40, 100  # scenes for a task; pushes that are thought of in each


class Bin:
    """A bin with an arm that is commanded frame by frame, as in recordings, and a camera."""

    def __init__(self, seed: int, index: int, arm_noise: float) -> None:
        streams = np.random.SeedSequence((seed, index, 0x9A)).spawn(4)
        looks, physics, will, self.chance = (np.random.default_rng(s) for s in streams)
        arm = Arm.straying(arm_noise)
        scene = build(looks, physics, arm.wrist)
        start = will.uniform(WORKSPACE_LOW, WORKSPACE_HIGH)
        self.simulation = Simulation(scene, start, arm)
        self.view = View(Camera(*_CAMERA, _SIZE, _SIZE), self.simulation.geom_names, scene.textures)
        self.simulation.meet(self.chance)
        self.row, self._raised, self._closed = 0, 0, 0

    def look(self) -> tuple[Array, Array]:
        """Return the picture uint8 [H, W, 3], and what is in it [H, W] (3 + i is object i)."""
        return self.view.draw(self.simulation)

    def act(self, action: Array) -> None:
        """Do an action for a frame; commands begin every second frame and stop at the walls."""
        move = np.zeros(2)
        if self.row % FRAMES_PER_COMMAND == 0:
            at = self.simulation.desired[:2]
            move = np.clip(at + action[:2], WORKSPACE_LOW, WORKSPACE_HIGH) - at
            self._closed = self.row + round(float(action[2]))
            self._raised = max(self._raised, self.row + round(float(action[3])))
        self.simulation.command(move, self.row < self._raised, self.chance)
        self.simulation.advance(self.row < self._closed, self.chance)
        self.row += 1

    def forked(self) -> Bin:
        """Return a bin in the same state, whose chance is drawn anew."""
        other = copy.copy(self)
        other.simulation = self.simulation.forked()
        other.chance = np.random.default_rng(int(self.chance.integers(1 << 62)))
        return other

    @property
    def tip(self) -> Array:
        """Where the hand is, x and y in m."""
        return self.simulation.tip[:2]

    def object(self, number: int) -> Array:
        """Where an object is, x and y in m."""
        return self.simulation.poses[number, :2]


@dataclass(frozen=True)
class Task:
    """What to do in a bin.

    Attributes:
        kind: the arm to a place, an object to a place, or an object out of the way.
        number: of the object; -1 for the arm.
        begin: where arm or object is, x and y in m.
        goal: where it should be; where it should not be, for `clear`.
        picture: the goal picture uint8 [H, W, 3].
        where: weights of its pixels [H, W].
    """

    kind: Kind
    number: int
    begin: Array
    goal: Array
    picture: Array
    where: Array

    def distance(self, bin_: Bin) -> float:
        """Return how far arm or object is from the goal, m; for `clear`, how much is lacking."""
        at = bin_.tip if self.number < 0 else bin_.object(self.number)
        away = float(np.linalg.norm(at - self.goal))
        return max(0.0, CLEAR_M - away) if self.kind == "clear" else away

    def is_done(self, bin_: Bin) -> bool:
        """Return whether the task is done."""
        return self.distance(bin_) <= (0.0 if self.kind == "clear" else NEAR_M)


def task(kind: Kind, seed: int, index: int, arm_noise: float) -> tuple[Bin, Task]:
    """Return a bin with a task that can be done and is not done yet; equal seeds are equal tasks.

    Scenes in which no such task is found are passed over.
    """
    for attempt in range(_TRIES):
        number = (index * _TRIES + attempt) * len(KINDS) + KINDS.index(kind)
        bin_ = Bin(seed, number, arm_noise)
        will = np.random.default_rng((seed, number, 0x7A))
        found = {"reach": _reach, "place": _place, "clear": _clear}[kind](bin_, will)
        if found is not None and not found.is_done(bin_):
            return bin_, found
    raise RuntimeError(f"no {kind} task was found in {_TRIES} scenes; use another seed")


def _reach(bin_: Bin, will: np.random.Generator) -> Task | None:
    """The arm to a place; the goal picture is of an arm that was lifted over everything."""
    goal = will.uniform(WORKSPACE_LOW, WORKSPACE_HIGH)
    if not _FAR_M[0] <= np.linalg.norm(goal - bin_.tip) <= _FAR_M[1]:
        return None
    other = bin_.forked()
    for lift in (3, 3, 3, 0, 0):
        move = np.clip(goal - other.simulation.desired[:2], -0.1, 0.1)
        for _ in range(FRAMES_PER_COMMAND):
            other.act(np.array([*move, 0, lift]))
    if np.linalg.norm(other.tip - goal) > NEAR_M or other.simulation.trouble:
        return None
    picture, _ = other.look()
    return Task("reach", -1, bin_.tip.copy(), other.tip.copy(), picture, np.ones(picture.shape[:2]))


def _place(bin_: Bin, will: np.random.Generator) -> Task | None:
    """An object to where a push can bring it: the goal picture is of a bin where it was pushed."""
    from push_policies import behind, pushed  # which are of tasks, as this module makes them

    chosen = _wanted(bin_, will, behind)
    if chosen is None:
        return None
    number, wanted = chosen
    begin, other = bin_.object(number).copy(), bin_.forked()
    pushed(other, number, wanted, BUDGET - 2)
    goal = other.object(number).copy()
    pushed(other, number, goal, 2)
    rests = np.linalg.norm(other.object(number) - goal) < 0.005
    far_enough = _PUSHED_M[0] <= np.linalg.norm(goal - begin) <= _PUSHED_M[1]
    if other.simulation.trouble or not (rests and far_enough and _inside(behind(begin, goal))):
        return None
    picture, there = other.look()
    _, here = bin_.look()
    both = (there == 3 + number) | (here == 3 + number)
    return Task("place", number, begin, goal, picture, _weights(both))


def _wanted(
    bin_: Bin, will: np.random.Generator, behind: Callable[[Array, Array], Array]
) -> tuple[int, Array] | None:
    """Return an object and where to push it: both, and where the push begins, are in reach."""
    for _ in range(_DRAWS):
        number = int(will.integers(bin_.simulation.objects))
        begin = bin_.object(number)
        angle, far = will.uniform(0, 2 * np.pi), will.uniform(*_PUSHED_M)
        wanted = begin + far * np.array([np.cos(angle), np.sin(angle)])
        if all(map(_inside, (begin, wanted, behind(begin, wanted)))):
            return number, wanted
    return None


def _clear(bin_: Bin, will: np.random.Generator) -> Task | None:
    """An object out of the way: the goal picture is of a bin without it; only its place counts."""
    number = int(will.integers(bin_.simulation.objects))
    begin = bin_.object(number).copy()
    if not _inside(begin):
        return None
    _, here = bin_.look()
    mine = here == 3 + number
    if mine.sum() < 8:
        return None
    other = bin_.forked()
    joint = other.simulation.model.body_jntadr[other.simulation._object_bodies[number]]
    address = other.simulation.model.jnt_qposadr[joint]
    other.simulation.data.qpos[address + 2] = -2.0
    picture, _ = other.look()
    return Task("clear", number, begin, begin, picture, _weights(mine, outside=0.05))


def _weights(inside: Array, outside: float = 0.25) -> Array:
    """Return weights: 1 where something matters, with a pixel's margin, `outside` elsewhere."""
    wide = inside.copy()
    for axis in (0, 1):
        for shift in (-1, 1):
            wide |= np.roll(inside, shift, axis)
    return np.where(wide, 1.0, outside)


def _inside(place: Array) -> bool:
    margin = 0.02
    return bool((place > WORKSPACE_LOW + margin).all() and (place < WORKSPACE_HIGH - margin).all())
