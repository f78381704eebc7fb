"""`push`: an arm pushes objects about a bin. MuJoCo contacts, ray-cast pictures, BAIR's rhythm and
conditions.

Letters: T frames, H height, W width, O objects, K futures.
Rhythm and conditions follow the BAIR robot pushing data (Ebert et al. 2017, arXiv 1710.05268):
three frames a second, each command held for two frames; an action is (dx, dy in metres, frames to
close the gripper, frames to lift).
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError
from ...sources.findings import Findings
from ...sources.recording import Column, Fork, Recording
from .._attempts import first_valid
from .._raycast import Camera
from .futures import columns_of, futures_of, spread_of
from .playing import Record, Script, View, play
from .scene import FRAME_S, MAX_OBJECTS, WORKSPACE_HIGH, WORKSPACE_LOW, build
from .simulation import Arm, Simulation

Array = NDArray[Any]

TRAJECTORIES = 300
VERSION = 2  # 1: the arm strayed by 13 mm, whatever was asked for
FRAMES = 30
FRAMES_PER_COMMAND = 2
FORK = Fork(count=4, start=2, frames=10)
OPTIONS = ("arm_noise", "length")
ARM_NOISE_M = 0.003
STEERING = {
    "right": "dy_m",
    "down": "dx_m",
    "keys": {"g": "close_frames", "l": "lift_frames"},
    "held_frames": FRAMES_PER_COMMAND,
    "still": 0.0,
}
REACH_M = 0.1
_FUTURE_STEP = 10  # two futures are compared this many frames after a context of two
_SHORTEST = _FUTURE_STEP + 2
_MOST_NOISE_M = 0.05
_CAMERA = ((1.22, 0.0, 0.78), (0.60, 0.0, 0.03), 40.0)

# (will, start, frames) -> actions, closed
Commands = Callable[[np.random.Generator, Array, int], tuple[Array, Array]]


@dataclass(frozen=True)
class Push:
    """Trajectories 0..N-1 of the push world.

    Trajectory i depends on (seed, i) alone, so any worker can make it.

    Attributes:
        trajectories: how many there are.
        seed: of all of them.
        height: of the pictures.
        width: of the pictures.
        commands: what commands the arm; the random policy of the BAIR recordings if left out.
        arm_noise_m: how far the hand strays from its command, a standard deviation.
        frames: length of a trajectory.
        fork: where true futures part, how many there are and how long; None for none.
        forked: the trajectories that have futures.
    """

    trajectories: int
    seed: int = 0
    height: int = 64
    width: int = 64
    commands: Commands | None = None
    arm_noise_m: float = ARM_NOISE_M
    frames: int = FRAMES
    fork: Fork | None = None
    forked: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.trajectories < 1:
            raise InputError(f"--trajectories is {self.trajectories}; expected at least 1")
        if not 0 <= self.arm_noise_m <= _MOST_NOISE_M:
            raise InputError(
                f"--arm-noise is {self.arm_noise_m}; expected metres between 0 and {_MOST_NOISE_M}"
            )
        if self.frames < _SHORTEST:
            raise InputError(f"--length is {self.frames}; expected at least {_SHORTEST} frames")

    def with_futures(self, fork: Fork, episodes: frozenset[int]) -> Push:
        """Return the same trajectories, some of them with true futures.

        Raises:
            InputError: a future would be longer than a trajectory.
        """
        if fork.start + fork.frames > self.frames:
            raise InputError(
                f"futures of {fork.frames} frames from frame {fork.start} on do not fit into "
                f"trajectories of {self.frames}; expected fewer --future-frames or more --length"
            )
        return dataclasses.replace(self, fork=fork, forked=episodes)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What distinguishes this world from others of its name, for the manifest."""
        return {"version": VERSION, "arm_noise": self.arm_noise_m, "length": self.frames}

    @property
    def frames_per_second(self) -> float:
        return 1 / FRAME_S

    @property
    def findings(self) -> Findings:
        return Findings()

    @property
    def columns(self) -> Mapping[str, Column]:
        return {
            "action": Column(
                "action", "float32", (4,), ("dx_m", "dy_m", "close_frames", "lift_frames")
            ),
            "endeffector_pos": Column("state", "float32", (3,), ("x_m", "y_m", "z_m")),
            "contact": Column("truth", "uint8", (), lag=0),
            "touched": Column("truth", "uint8", (MAX_OBJECTS,), lag=0),
            "object_pose": Column("truth", "float32", (MAX_OBJECTS, 7), lag=0),
            "segmentation": Column("truth", "uint8", (self.height, self.width), lag=0),
        }

    def __len__(self) -> int:
        return self.trajectories

    def read(self, index: int) -> Recording:
        """Simulate and draw trajectory `index`.

        One that blows up or spills is thrown away and drawn anew, and counted.
        """
        return first_valid(
            lambda streams: self._attempt(index, streams), self.seed, index, "push trajectory"
        )

    def _attempt(
        self, index: int, streams: Sequence[np.random.SeedSequence]
    ) -> tuple[Recording, str]:
        looks, physics, will, chance = (np.random.default_rng(s) for s in streams)
        arm = Arm.straying(self.arm_noise_m)
        scene = build(looks, physics, arm.wrist)
        simulation = Simulation(scene, will.uniform(WORKSPACE_LOW, WORKSPACE_HIGH), arm)
        commands = self.commands or _commands
        actions, closed = commands(will, simulation.desired[:2], self.frames)
        # the usual policy's commands never lead out of the workspace
        script = Script(actions, closed, FRAMES_PER_COMMAND, walls=self.commands is not None)
        view = View(
            Camera(*_CAMERA, self.height, self.width), simulation.geom_names, scene.textures
        )
        other = simulation.forked()
        simulation.meet(chance)
        fork = self.fork if index in self.forked else None
        record = play(view, simulation, script, chance, range(fork.start if fork else self.frames))
        parted, shared = simulation.forked(), record
        record += play(view, simulation, script, chance, range(len(shared.tips), self.frames))
        other_chance = np.random.default_rng(streams[3].spawn(1)[0])
        other.meet(other_chance)
        last = _FUTURE_STEP + 1
        second = play(view, other, script, other_chance, range(last + 1), drawn=(last,))
        facts = {
            **_facts_of(record),
            "future_psnr_step_10": round(_psnr(record.pictures[last], second.pictures[0]), 3),
            "objects": simulation.objects,
            "mass_kg": [round(b.mass_kg, 4) for b in scene.bodies],
            "friction": [round(b.friction, 3) for b in scene.bodies],
        }
        values = {"action": actions, "endeffector_pos": record.tips, **record.truth()}
        recording = Recording(f"{index:06d}", record.pictures, values, None, facts)
        if fork and not simulation.trouble:
            met = np.asarray(shared.touched.any(0), bool)[: simulation.objects]
            futures, discarded = futures_of(view, parted, script, fork, met, streams[3])
            recording.futures = columns_of(futures)
            recording.facts = {
                **facts,
                "futures_discarded": discarded,
                **_spread(record, futures, fork),
            }
        return recording, simulation.trouble

    def audit(self, facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What the trajectories are like, from their facts.

        Shares of movement and contact, discards, how open the future is.
        """
        moved = np.array([f["moved_m"] for f in facts])
        contact = np.array([f["contact_by_step_10"] for f in facts])
        psnr = np.array([f["future_psnr_step_10"] for f in facts])
        discarded = [reason for f in facts for reason in f["discarded"]]
        forked = [f for f in facts if "future_moved" in f]
        return {
            "some object moved > 2 cm": _share(moved > 0.02),
            "some object moved > 5 cm": _share(moved > 0.05),
            "contact by step 10": _share(contact),
            "PSNR of two futures at step 10, contact (dB, median)": _median(psnr[contact]),
            "PSNR of two futures at step 10, no contact (dB, median)": _median(psnr[~contact]),
            "discarded as unstable": discarded.count("unstable"),
            "discarded as spilt": discarded.count("outside"),
            **(_audit_of_futures(forked) if forked else {}),
        }


def _audit_of_futures(facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    spreads = np.array([f["future_spread_m"] for f in facts if f["future_moved"]])
    return {
        "true futures: some object moved > 1 cm": _share([f["future_moved"] > 0 for f in facts]),
        "true futures: spread of moved objects at the end (mm, median)": _median(1e3 * spreads),
        "true futures: discarded": sum(len(f["futures_discarded"]) for f in facts),
    }


def simulate(
    trajectories: int, seed: int = 0, arm_noise: float = ARM_NOISE_M, length: int = FRAMES
) -> Push:
    """Return the push world with `trajectories` trajectories of `length` frames.

    The hand strays from its command by `arm_noise` metres, a standard deviation.
    """
    return Push(trajectories, seed, arm_noise_m=arm_noise, frames=length)


def _commands(will: np.random.Generator, start: Array, frames: int) -> tuple[Array, Array]:
    """Actions [T, 4], one row a frame, and whether the gripper is closed on the way to the next
    frame [T].

    80 % moves, 10 % close, 10 % lift. A move is what the workspace allows of a uniform draw.
    """
    actions = np.zeros((frames, 4), np.float32)
    closed = np.zeros(frames, bool)
    at = start.copy()
    for first in range(0, frames, FRAMES_PER_COMMAND):
        kind, held = will.random(), int(will.integers(1, 4))
        rows = slice(first, first + FRAMES_PER_COMMAND)
        if kind < 0.8:
            goal = np.clip(at + will.uniform(-REACH_M, REACH_M, 2), WORKSPACE_LOW, WORKSPACE_HIGH)
            actions[rows, :2] = goal - at
            at = goal
        elif kind < 0.9:
            actions[rows, 2] = held
            closed[first : first + held] = True
        else:
            actions[rows, 3] = held
    return actions, closed


def _facts_of(record: Record) -> dict[str, Any]:
    moved = np.linalg.norm(record.poses[-1, :, :3] - record.poses[0, :, :3], axis=1)
    return {
        "moved_m": round(float(np.nanmax(moved)), 4),
        "contact_by_step_10": bool(record.touched[: _FUTURE_STEP + 2].any()),
    }


def _spread(record: Record, futures: Sequence[Record], fork: Fork) -> dict[str, Any]:
    """How many objects the futures move, and how far apart they end, m; what happened is one."""
    count = int(np.isfinite(record.poses[0, :, 0]).sum())
    before = record.poses[fork.start - 1, :count, :3]
    happened = record.poses[fork.start + fork.frames - 1, :count, :3]
    ends = np.stack([happened, *(future.poses[-1, :count, :3] for future in futures)])
    moved, spread = spread_of(before, ends)
    return {"future_moved": moved, "future_spread_m": None if spread is None else round(spread, 5)}


def _psnr(a: Array, b: Array) -> float:
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return float(-10 * np.log10(float(error) / 255**2 + 1e-10))


def _share(values: Sequence[bool] | Array) -> float:
    return round(float(np.mean(values)), 3)


def _median(values: Array) -> float | None:
    return round(float(np.median(values)), 2) if len(values) else None
