"""The physics of one trajectory.

An arm that is commanded, and chance that decides what comes of it.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .scene import (
    BIN_CENTRE,
    BIN_HALF,
    FINGER_TRAVEL_M,
    FOREARM_M,
    HAND_LOW_M,
    LIFT_M,
    SHOULDER,
    STEPS_PER_FRAME,
    TIMESTEP_S,
    UPPER_ARM_M,
    Scene,
    hidden,
)

Array = NDArray[Any]

_STEPS_PER_TICK = 7  # the hand's target and the frictions change this often
_TICKS_PER_FRAME = STEPS_PER_FRAME // _STEPS_PER_TICK
_TICK_S = _STEPS_PER_TICK * TIMESTEP_S
_HAND_SPEED_M_S = 0.2
_LEASH_M = 0.015  # how far the target may run ahead of the hand: bounds the force of a push
_SETTLE_S, _LOWER_S = 1.2, 1.2
_SWAY_TIME_S = 0.4  # how long the hand strays in one direction
_SWAYS_M = (0.0, 0.003, 0.013)
_DELAYS_S = (0.0, 0.03, 0.22)  # an arm that strays is late, too
_WRISTS = (3.0, 3.0, 0.3)  # and its hand gives way: by 28 degrees in a tenth of all frames
_SLIP, _SLIP_TIME_S = 0.6, 0.5  # log friction of each object, wandering in time
_PATCHES = 7  # the floor's friction changes from patch to patch, so many each way


@dataclass(frozen=True)
class Arm:
    """How an arm obeys.

    Attributes:
        sway_m: standard deviation of the hand's place about the commanded one, each way.
        delay_s: at most, before a command is obeyed.
        wrist: how stiff the hand is against being turned, as `scene.build` takes it.
    """

    sway_m: float
    delay_s: float
    wrist: float

    @classmethod
    def straying(cls, sway_m: float) -> Arm:
        """Return an arm that strays so far: .03 s late at 3 mm, .22 s at 13 mm and beyond."""
        late, wrist = (float(np.interp(sway_m, _SWAYS_M, v)) for v in (_DELAYS_S, _WRISTS))
        return cls(sway_m, late, wrist)


class Simulation:
    """One bin with one arm.

    `chance` is the only source of what differs between two futures of the same start.
    """

    def __init__(self, scene: Scene, start: Array, arm: Arm) -> None:
        """Build the scene, let the objects fall, lower the hand to `start` (x, y in metres)."""
        import mujoco

        mujoco.set_mju_user_warning(
            lambda message: None
        )  # counted in `trouble`; never a log file in the working folder
        self._mj, self._arm = mujoco, arm
        self.model = mujoco.MjModel.from_xml_string(scene.xml)
        self.data = mujoco.MjData(self.model)
        name_of = [
            mujoco.mj_id2name(self.model, mujoco.mjtObj.mjOBJ_GEOM, g) or ""
            for g in range(self.model.ngeom)
        ]
        self.geom_names = name_of
        self.objects = len(scene.bodies)
        self._hand = self._body("hand")
        self._object_bodies = np.array([self._body(f"object{i}") for i in range(self.objects)])
        self._tool_geoms = np.isin(name_of, ["palm", "left_pad", "right_pad"])
        self._owner = np.array(
            [int(n[6:].split("_")[0]) if n.startswith("object") else -1 for n in name_of]
        )
        self._volumes_m3 = [b.volume_m3 for b in scene.bodies]
        self._masses_kg = np.array([b.mass_kg for b in scene.bodies])
        self._base_friction = np.array([b.friction for b in scene.bodies])
        self._patches = np.ones((_PATCHES, _PATCHES))
        self._slip, self._sway, self._delay_s = np.zeros(self.objects), np.zeros(2), 0.0
        self.desired = np.array([start[0], start[1], HAND_LOW_M])
        self._obeyed = self.desired
        self._target = np.array([start[0], start[1], HAND_LOW_M + 0.2])
        self._place_hand(self._target)
        self._run(_SETTLE_S, self._target)
        self._run(_LOWER_S, self.desired)

    def _body(self, name: str) -> int:
        return int(self._mj.mj_name2id(self.model, self._mj.mjtObj.mjOBJ_BODY, name))

    def _place_hand(self, at: Array) -> None:
        address = self.model.jnt_qposadr[self.model.body_jntadr[self._hand]]
        self.data.qpos[address : address + 3] = at
        self.data.mocap_pos[self._mocap("target")] = at

    def _mocap(self, name: str) -> int:
        return int(self.model.body_mocapid[self._body(name)])

    def _run(self, seconds: float, goal: Array) -> None:
        for _ in range(round(seconds / _TICK_S)):
            self._tick(goal, closed=False)

    def meet(self, chance: np.random.Generator) -> None:
        """Draw what this future keeps.

        The friction of each patch of the floor, each object's slip, the hand's sway.
        """
        self._patches = self._draw_patches(chance)
        self._slip = chance.normal(0, _SLIP, self.objects)
        self._sway = chance.normal(0, self._arm.sway_m, 2)
        self._obeyed, self._delay_s = self.desired, 0.0

    @staticmethod
    def _draw_patches(chance: np.random.Generator) -> Array:
        return np.exp(chance.uniform(np.log(0.4), np.log(2.5), (_PATCHES, _PATCHES)))

    def forked(self) -> Simulation:
        """Return a simulation in the same state, bit for bit, that goes its own way from here."""
        other = copy.copy(self)
        other.model, other.data = copy.copy(self.model), copy.copy(self.data)
        for name, value in vars(self).items():
            if isinstance(value, np.ndarray):
                setattr(other, name, value.copy())
        return other

    def draw_anew(self, chance: np.random.Generator, known: Array) -> None:
        """Draw again what nothing that has happened so far could tell.

        The friction of the floor's patches, and mass, friction and slip of each object that is not
        `known` [objects], that is, was not touched yet. What is seen goes on: places, speeds, how
        the hand strays, and where in an object its weight is, since that decides how it lies.
        """
        self._patches = self._draw_patches(chance)
        slip = chance.normal(0, _SLIP, self.objects)
        drawn = np.array([hidden(volume, chance) for volume in self._volumes_m3])
        self._slip = np.where(known, self._slip, slip)
        self._base_friction = np.where(known, self._base_friction, drawn[:, 1])
        factors = np.where(known, 1.0, drawn[:, 0] / self._masses_kg)
        self._masses_kg = self._masses_kg * factors
        self.model.body_mass[self._object_bodies] *= factors
        self.model.body_inertia[self._object_bodies] *= factors[:, None]
        self._mj.mj_setConst(self.model, self._mj.MjData(self.model))

    def command(self, move: Array, raised: bool, chance: np.random.Generator) -> None:
        """Move the desired position by `move` (dx, dy in metres) and the height to up or down,
        obeyed after a random delay.
        """
        self._obeyed = self.desired.copy()
        self.desired = np.array([*(self.desired[:2] + move), HAND_LOW_M + LIFT_M * raised])
        self._delay_s = float(chance.uniform(0, self._arm.delay_s))

    def advance(self, closed: bool, chance: np.random.Generator) -> Array:
        """Play one frame's time. Returns which objects the hand touched meanwhile: [objects]."""
        touched = np.zeros(self.objects, bool)
        for _ in range(_TICKS_PER_FRAME):
            self._sway += self._wander(self._sway, self._arm.sway_m, _SWAY_TIME_S, chance)
            self._slip += self._wander(self._slip, _SLIP, _SLIP_TIME_S, chance)
            self._delay_s -= _TICK_S
            goal = self.desired if self._delay_s <= 0 else self._obeyed
            self._tick(goal + np.array([*self._sway, 0.0]), closed)
            touched |= self._touching()
        return touched

    @staticmethod
    def _wander(value: Array, spread: float, time_s: float, chance: np.random.Generator) -> Array:
        """A step of an Ornstein-Uhlenbeck process with the given stationary spread."""
        pull = _TICK_S / time_s
        return np.asarray(
            -pull * value + spread * np.sqrt(2 * pull) * chance.normal(size=value.shape)
        )

    def _tick(self, goal: Array, closed: bool) -> None:
        way = goal - self._target
        reach = np.linalg.norm(way)
        step = _HAND_SPEED_M_S * _TICK_S
        self._target = goal.copy() if reach <= step else self._target + way * (step / reach)
        hand = self.data.xpos[self._hand] if self.data.time > 0 else self._target
        ahead = self._target - hand
        length = np.linalg.norm(ahead)
        if length > _LEASH_M:
            self._target = hand + ahead * (_LEASH_M / length)
        self.data.mocap_pos[self._mocap("target")] = self._target
        self.data.ctrl[:] = FINGER_TRAVEL_M * closed
        self._set_friction()
        self._mj.mj_step(self.model, self.data, _STEPS_PER_TICK)

    def _set_friction(self) -> None:
        places = (self.data.xpos[self._object_bodies, :2] - np.array(BIN_CENTRE)) / (
            2 * np.array(BIN_HALF)
        ) + 0.5
        cells = np.clip((places * _PATCHES).astype(int), 0, _PATCHES - 1)
        friction = (
            self._base_friction * self._patches[cells[:, 0], cells[:, 1]] * np.exp(self._slip)
        )
        owned = self._owner >= 0
        self.model.geom_friction[owned, 0] = np.clip(friction[self._owner[owned]], 0.05, 2.0)

    def _touching(self) -> Array:
        """Which objects the hand touches: [objects]."""
        touched = np.zeros(self.objects, bool)
        pairs = self.data.contact.geom
        if len(pairs):
            tool, owner = self._tool_geoms[pairs], self._owner[pairs]
            for one, other in ((0, 1), (1, 0)):
                met = owner[tool[:, one], other]
                touched[met[met >= 0]] = True
        return touched

    @property
    def tip(self) -> Array:
        """The point between the fingertips, m: [3]."""
        return np.asarray(self.data.xpos[self._hand] - np.array([0, 0, 0.09]))

    @property
    def poses(self) -> Array:
        """Position (m) and unit quaternion of every object: [objects, 7]."""
        return np.concatenate(
            [self.data.xpos[self._object_bodies], self.data.xquat[self._object_bodies]], axis=1
        )

    @property
    def trouble(self) -> str:
        """What went wrong, in a word; empty if nothing did.

        MuJoCo resets silently after a blow-up, so ask always.
        """
        if any(warning.number for warning in self.data.warning):
            return "unstable"
        off = (
            np.abs(self.data.xpos[self._object_bodies, :2] - np.array(BIN_CENTRE))
            > np.array(BIN_HALF) + 0.02
        )
        below = self.data.xpos[self._object_bodies, 2] < -0.02
        return "outside" if off.any() or below.any() else ""

    def pose_links(self) -> None:
        """Put the arm's visible links between shoulder and hand (two-link inverse kinematics, elbow
        up).
        """
        wrist = self.data.xpos[self._hand] + np.array([0, 0, 0.17])
        way = wrist - SHOULDER
        length = min(float(np.linalg.norm(way)), UPPER_ARM_M + FOREARM_M - 1e-3)
        along = way / np.linalg.norm(way)
        side = np.cross(np.cross(along, (0, 0, 1.0)), along)
        foot = (UPPER_ARM_M**2 - FOREARM_M**2 + length**2) / (2 * length)
        elbow = (
            SHOULDER
            + along * foot
            + side / np.linalg.norm(side) * np.sqrt(UPPER_ARM_M**2 - foot**2)
        )
        for name, start, end in (("upper", SHOULDER, elbow), ("fore", elbow, wrist)):
            quaternion = np.zeros(4)
            self._mj.mju_quatZ2Vec(quaternion, (end - start) / np.linalg.norm(end - start))
            self.data.mocap_pos[self._mocap(name)] = (start + end) / 2
            self.data.mocap_quat[self._mocap(name)] = quaternion
        self._mj.mj_kinematics(self.model, self.data)
