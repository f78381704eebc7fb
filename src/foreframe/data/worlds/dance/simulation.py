"""The physics of one dance.

Drives that follow the choreography, and cloth and hair that hang freely.
"""

from __future__ import annotations

import copy
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .figure import HINGES, JOINTS, TIMESTEP_S
from .moves import Choreography, Feet

Array = NDArray[Any]

_TICK_STEPS = 5  # the drives' targets change this often
_SHAKE_RADIANS, _SHAKE_TIME_S = 0.03, 0.25  # how the drives stray from the choreography
_SWING_RADIANS_S = 1.0  # how fast hair and skirt may swing in a frame, each way, either sign
_SETTLE_S = 1.0


@dataclass(frozen=True)
class Tick:
    """What the body did in a tick.

    Attributes:
        ctrl: what its drives were told.
        hips: place and turn of the hips that were wanted, [3] and [4].
        qpos: where its joints came to.
        qvel: how fast they moved.
    """

    ctrl: Array
    hips: tuple[Array, Array]
    qpos: Array
    qvel: Array


class Simulation:
    """One dancer. `will` makes the choreography, `chance` what it does not say."""

    def __init__(self, xml: str, will: np.random.Generator, chance: np.random.Generator) -> None:
        import mujoco

        mujoco.set_mju_user_warning(
            lambda message: None
        )  # counted in `trouble`; never a log file in the working folder
        self._mj, self._chance = mujoco, chance
        self.ticks: list[Tick] | None = None  # are kept here while it is a list
        self.model = mujoco.MjModel.from_xml_string(xml)
        self.data = mujoco.MjData(self.model)
        self.geom_names = [
            mujoco.mj_id2name(self.model, mujoco.mjtObj.mjOBJ_GEOM, g) or ""
            for g in range(self.model.ngeom)
        ]
        self._joint_bodies = np.array([self._body(body) for body, _ in JOINTS.values()])
        self._joint_points = np.array([point for _, point in JOINTS.values()])
        self._dance = Choreography(will, Feet(self.model))
        self._shake = np.zeros(len(HINGES))
        self._body_qpos, self._body_qvel = self._body_addresses()
        pose, hips, heading = self._dance.at(0.0)
        self.data.qpos[:7] = (*hips, *_quaternion(heading))
        for (name, *_), angle in zip(HINGES, pose, strict=True):
            self.data.qpos[self.model.jnt_qposadr[self._joint(name)]] = angle
        self._time_s = 0.0
        for _ in range(round(_SETTLE_S / (_TICK_STEPS * TIMESTEP_S))):
            self._tick(0.0)

    def _body(self, name: str) -> int:
        return int(self._mj.mj_name2id(self.model, self._mj.mjtObj.mjOBJ_BODY, name))

    def _joint(self, name: str) -> int:
        return int(self._mj.mj_name2id(self.model, self._mj.mjtObj.mjOBJ_JOINT, name))

    def _body_addresses(self) -> tuple[Array, Array]:
        """Which numbers of qpos and qvel are the body's: the rest are hair and skirt."""
        joints = [self._joint(name) for name, *_ in HINGES]
        free = [0, 1, 2, 3, 4, 5, 6]
        return (
            np.array(free + [int(self.model.jnt_qposadr[joint]) for joint in joints]),
            np.array(free[:6] + [int(self.model.jnt_dofadr[joint]) for joint in joints]),
        )

    def forked(self) -> Simulation:
        """Return a simulation in the same state, bit for bit, to be played by `follow`."""
        other = copy.copy(self)
        other.data, other.ticks = copy.copy(self.data), None
        return other

    def stir(self, chance: np.random.Generator) -> None:
        """Draw how fast hair and skirt swing, which no picture tells."""
        loose = np.setdiff1d(np.arange(self.model.nv), self._body_qvel)
        self.data.qvel[loose] += chance.normal(0, _SWING_RADIANS_S, len(loose))

    def follow(self, tick: Tick) -> None:
        """Play a tick in which the body does what it did in `tick`; hair and skirt hang freely."""
        self.data.ctrl[:] = tick.ctrl
        self.data.mocap_pos[0], self.data.mocap_quat[0] = tick.hips
        self._mj.mj_step(self.model, self.data, _TICK_STEPS)
        self.data.qpos[self._body_qpos] = tick.qpos
        self.data.qvel[self._body_qvel] = tick.qvel

    def advance(self, seconds: float) -> None:
        """Dance on."""
        until = self._time_s + seconds
        while self._time_s < until - 1e-9:
            self._tick(_TICK_STEPS * TIMESTEP_S)

    def _tick(self, seconds: float) -> None:
        self._time_s += seconds
        pose, hips, heading = self._dance.at(self._time_s)
        share = _TICK_STEPS * TIMESTEP_S / _SHAKE_TIME_S
        self._shake += -share * self._shake + _SHAKE_RADIANS * np.sqrt(
            2 * share
        ) * self._chance.normal(size=len(pose))
        self.data.ctrl[:] = pose + self._shake
        self.data.mocap_pos[0], self.data.mocap_quat[0] = hips, _quaternion(heading)
        self._mj.mj_step(self.model, self.data, _TICK_STEPS)
        if self.ticks is not None:
            wanted = self.data.mocap_pos[0].copy(), self.data.mocap_quat[0].copy()
            places, speeds = self.data.qpos[self._body_qpos], self.data.qvel[self._body_qvel]
            self.ticks.append(Tick(self.data.ctrl.copy(), wanted, places, speeds))

    @property
    def joints(self) -> Array:
        """Where the joints of `figure.JOINTS` are, m: [J, 3]."""
        turns = self.data.xmat[self._joint_bodies].reshape(-1, 3, 3)
        points: Array = self.data.xpos[self._joint_bodies] + np.einsum(
            "jab,jb->ja", turns, self._joint_points
        )
        return points

    @property
    def trouble(self) -> str:
        """What went wrong, in a word; empty if nothing did.

        MuJoCo resets silently after a blow-up, so ask always.
        """
        return "unstable" if any(warning.number for warning in self.data.warning) else ""


def _quaternion(heading: float) -> tuple[float, float, float, float]:
    """A turn about the vertical."""
    return float(np.cos(heading / 2)), 0.0, 0.0, float(np.sin(heading / 2))
