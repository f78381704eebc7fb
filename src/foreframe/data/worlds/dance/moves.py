"""What she dances: key poses on the beat, mirrored, varied and strung together; feet that stand do
not slide.

Letters: Q numbers in a pose (the hinges of `figure.HINGES`, radians).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from .figure import HINGES

Array = NDArray[np.float64]

_TORSO = ("spine_bend", "spine_side", "spine_twist", "neck_nod", "neck_turn")
_TURNS_OVER = (
    "spine_side",
    "spine_twist",
    "neck_turn",
)  # change sign in the mirror; limbs change sides
_VARIATION_DEGREES = 9.0
_CANDIDATES = 6
_STAGE_M = (0.25, 0.85)  # how far she wanders: to and from the camera, and across


def _key(
    torso: tuple[float, ...],
    arms: tuple[tuple[float, ...], tuple[float, ...]],
    legs: tuple[tuple[float, ...], tuple[float, ...]],
) -> Array:
    """Return a pose in radians; feet are kept level.

    Args:
        torso: bend, side, twist, nod and turn in degrees.
        arms: swing, raise, twist and elbow of the left and the right arm in degrees.
        legs: flex, open, turn and knee of the left and the right leg in degrees.
    """
    level = [(*leg, leg[0] - leg[3]) for leg in legs]
    return np.radians([*torso, *arms[0], *arms[1], *level[0], *level[1]])


_STAND = ((0.0, 4.0, 5.0, 5.0), (0.0, 4.0, 5.0, 5.0))
_KEYS = (
    _key((0, 0, 0, 0, 0), ((0, 15, 0, 20), (0, 15, 0, 20)), _STAND),
    _key((0, 0, 0, -10, 0), ((0, 150, 0, 20), (0, 150, 0, 20)), ((5, 12, 10, 8), (5, 12, 10, 8))),
    _key((0, 0, 0, 0, 20), ((0, 88, 0, 5), (0, 88, 0, 5)), ((10, 20, 15, 20), (10, 20, 15, 20))),
    _key((8, 12, 15, 0, 25), ((20, 120, 0, 40), (10, 35, 0, 100)),
         ((15, 25, 10, 25), (0, 10, 0, 5))),
    _key((10, 0, 20, 5, -15), ((70, 20, 0, 70), (-30, 20, 0, 40)), ((65, 5, 0, 80), (0, 5, 5, 5))),
    _key((15, -8, 0, 10, 0), ((30, 60, 30, 95), (30, 60, 30, 95)),
         ((45, 22, 20, 85), (45, 22, 20, 85))),
    _key((-8, 0, 0, -20, 0), ((165, 20, 0, 15), (165, 20, 0, 15)), ((0, 6, 0, 5), (-18, 6, 0, 15))),
    _key((0, 22, 0, 0, 0), ((0, 60, 0, 15), (0, 165, 0, 25)), ((0, 45, 10, 0), (5, 4, 0, 12))),
    _key((12, 0, -25, 0, 30), ((95, 5, 0, 10), (-45, 30, 0, 20)),
         ((35, 10, 0, 50), (-20, 8, 0, 25))),
    _key((0, -10, 10, 0, 0), ((0, 55, 60, 120), (0, 55, 60, 120)),
         ((10, 28, 20, 25), (5, 6, 0, 8))),
    _key((20, 0, 0, 15, 0), ((60, 10, 0, 30), (60, 10, 0, 30)),
         ((60, 15, 10, 105), (60, 15, 10, 105))),
    _key((0, 0, 30, 0, -30), ((0, 95, 0, 85), (0, 70, 0, 10)), ((25, 12, 0, 35), (-10, 15, 0, 20))),
)  # fmt: skip


@dataclass(frozen=True)
class KeyFrame:
    """A pose [Q] to be in at `time_s`, turned by `heading` radians about the vertical, standing on
    a foot.
    """

    time_s: float
    pose: Array
    heading: float
    stands_on: str


def mirrored(pose: Array) -> Array:
    """The pose seen in a mirror: sides change, and what leans or turns does so the other way."""
    names = [name for name, *_ in HINGES]
    swap = {"left": "right", "right": "left"}
    turned = pose.copy()
    for number, name in enumerate(names):
        side, _, rest = name.partition("_")
        source = f"{swap[side]}_{rest}" if side in swap else name
        turned[number] = pose[names.index(source)] * (-1 if name in _TURNS_OVER else 1)
    return turned


def varied(will: np.random.Generator) -> Array:
    """A key pose, perhaps mirrored, each angle a little different, within the hinges' limits."""
    pose = _KEYS[will.integers(len(_KEYS))]
    pose = mirrored(pose) if will.random() < 0.5 else pose
    low, high = np.radians([limits for _, _, limits, _ in HINGES]).T
    return np.clip(pose + np.radians(will.normal(0, _VARIATION_DEGREES, len(pose))), low, high)


class Choreography:
    """An endless dance: a new key frame on each beat, with smooth motion between them."""

    def __init__(self, will: np.random.Generator, feet: Feet) -> None:
        self._will, self._feet = will, feet
        self._beat_s = 60 / will.uniform(95, 130)
        self.hips = np.array(
            [*will.uniform(-0.5, 0.5, 2) * _STAGE_M, 0.0]
        )  # where the hips are, m; height follows the feet
        self._from = KeyFrame(0.0, varied(will), float(will.normal(0, 0.3)), "left")
        self._to = self._next()
        self._anchor = (
            self._feet.offset(self._from.pose, self._from.heading, self._to.stands_on) + self.hips
        )

    def _next(self) -> KeyFrame:
        """The best of some candidates: she wanders, and comes back before she leaves the stage."""
        beats = self._will.choice([0.5, 1.0, 1.0, 2.0])
        goal = self._will.uniform(-1, 1, 2) * _STAGE_M
        best, least = None, np.inf
        for _ in range(_CANDIDATES):
            pose, turn = varied(self._will), self._will.normal(0, 0.5)
            heading = float(np.clip(0.6 * self._from.heading + turn, -1.3, 1.3))
            foot = (
                "left"
                if self._feet.height(self._from.pose, "left")
                <= self._feet.height(self._from.pose, "right")
                else "right"
            )
            ends = (
                self.hips
                + self._feet.offset(self._from.pose, self._from.heading, foot)
                - self._feet.offset(pose, heading, foot)
            )
            away = float(np.linalg.norm((ends[:2] - goal) / _STAGE_M))
            if away < least:
                best, least = (
                    KeyFrame(self._from.time_s + beats * self._beat_s, pose, heading, foot),
                    away,
                )
        assert best is not None
        return best

    def at(self, time_s: float) -> tuple[Array, Array, float]:
        """Pose [Q], hips [3] (m) and heading (radians) wanted at a time; times must not go back."""
        while time_s >= self._to.time_s:
            self._from = self._to
            self.hips = self._standing(self._from.pose, self._from.heading)
            self._to = self._next()
            self._anchor = (
                self._feet.offset(self._from.pose, self._from.heading, self._to.stands_on)
                + self.hips
            )
        share = (time_s - self._from.time_s) / (self._to.time_s - self._from.time_s)
        eased = share * share * (3 - 2 * share)
        pose = self._from.pose + eased * (self._to.pose - self._from.pose)
        heading = self._from.heading + eased * (self._to.heading - self._from.heading)
        return pose, self._standing(pose, heading), heading

    def _standing(self, pose: Array, heading: float) -> Array:
        """Hips so that the standing foot stays where it is, and the lowest foot is on the floor."""
        hips = self._anchor - self._feet.offset(pose, heading, self._to.stands_on)
        height = -min(self._feet.height(pose, "left"), self._feet.height(pose, "right"))
        return np.array([hips[0], hips[1], height])


class Feet:
    """Where the feet are for a pose, by MuJoCo's kinematics on a spare state."""

    def __init__(self, model: object) -> None:
        import mujoco

        self._mj, self._model = mujoco, model
        self._data = mujoco.MjData(model)
        addresses = [
            model.jnt_qposadr[mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_JOINT, n)]  # type: ignore[attr-defined]
            for n, *_ in HINGES
        ]
        self._addresses = np.array(addresses)
        self._bodies = {
            side: mujoco.mj_name2id(model, mujoco.mjtObj.mjOBJ_BODY, f"{side}_foot")
            for side in ("left", "right")
        }
        self._seen: Array | None = None

    def _place(self, pose: Array, side: str) -> Array:
        if self._seen is None or not np.array_equal(pose, self._seen):
            self._data.qpos[:7] = (0, 0, 0, 1, 0, 0, 0)
            self._data.qpos[self._addresses] = pose
            self._mj.mj_kinematics(self._model, self._data)
            self._seen = pose.copy()
        return np.array(self._data.xpos[self._bodies[side]])

    def offset(self, pose: Array, heading: float, side: str) -> Array:
        """From the hips to a foot, on the floor's plane, m: [3] with height 0."""
        x, y, _ = self._place(pose, side)
        c, s = np.cos(heading), np.sin(heading)
        return np.array([c * x - s * y, s * x + c * y, 0.0])

    def height(self, pose: Array, side: str) -> float:
        """From the hips to the sole, m: below zero."""
        return float(self._place(pose, side)[2]) - 0.065
