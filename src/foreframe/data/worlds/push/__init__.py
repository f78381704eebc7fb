"""`push`: an arm pushes objects about a bin. MuJoCo contacts, ray-cast pictures, BAIR's rhythm and
conditions.

Letters: T frames, H height, W width.
Rhythm and conditions follow the BAIR robot pushing data (Ebert et al. 2017, arXiv 1710.05268):
three frames a second, each command held for two frames; an action is (dx, dy in metres, frames to
close the gripper, frames to lift).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError
from ...sources.findings import Findings
from ...sources.recording import Column, Recording
from .._attempts import first_valid
from .._raycast import AreaLight, Camera, RayCaster, Texture
from .scene import FRAME_S, MAX_OBJECTS, WORKSPACE_HIGH, WORKSPACE_LOW, build
from .simulation import Simulation

Array = NDArray[Any]

TRAJECTORIES = 300
FRAMES = 30
FRAMES_PER_COMMAND = 2
STEERING = {
    "right": "dy_m",
    "down": "dx_m",
    "keys": {"g": "close_frames", "l": "lift_frames"},
    "held_frames": FRAMES_PER_COMMAND,
}
REACH_M = 0.1
_FUTURE_STEP = 10  # two futures are compared this many frames after a context of two
_LAMP = AreaLight((1.0, -0.7, 1.5), 0.12, 4, 0.38, 0.85)
_UNSEEN = Texture((0, 0, 0), (0, 0, 0))


Commands = Callable[
    [np.random.Generator, Array], tuple[Array, Array]
]  # (will, start) -> actions, closed


@dataclass(frozen=True)
class Push:
    """Trajectories 0..N-1 of the push world.

    Trajectory i depends on (seed, i) alone, so any worker can make it.
    """

    trajectories: int
    seed: int = 0
    height: int = 64
    width: int = 64
    commands: Commands | None = (
        None  # who commands the arm; the random policy of the BAIR recordings if left out
    )

    def __post_init__(self) -> None:
        if self.trajectories < 1:
            raise InputError(f"--trajectories is {self.trajectories}; expected at least 1")

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
        scene = build(looks, physics)
        simulation = Simulation(scene, will.uniform(WORKSPACE_LOW, WORKSPACE_HIGH))
        actions, closed = (self.commands or _commands)(will, simulation.desired[:2])
        stage = _Stage(simulation, scene.textures, self.height, self.width)
        start = simulation.snapshot()
        walls = self.commands is not None  # the usual policy's commands never lead there
        record = _play(stage, actions, closed, chance, range(FRAMES), walls)
        trouble = simulation.trouble
        simulation.restore(start)
        other = _play(
            stage,
            actions[: _FUTURE_STEP + 2],
            closed,
            np.random.default_rng(streams[3].spawn(1)[0]),
            [_FUTURE_STEP + 1],
            walls,
        )
        moved = np.linalg.norm(record.poses[-1, :, :3] - record.poses[0, :, :3], axis=1)
        facts = {
            "objects": simulation.objects,
            "moved_m": round(float(np.nanmax(moved)), 4),
            "contact_by_step_10": bool(record.contact[: _FUTURE_STEP + 2].any()),
            "future_psnr_step_10": round(
                _psnr(record.pictures[_FUTURE_STEP + 1], other.pictures[0]), 3
            ),
            "mass_kg": [round(b.mass_kg, 4) for b in scene.bodies],
            "friction": [round(b.friction, 3) for b in scene.bodies],
        }
        values = {
            "action": actions,
            "endeffector_pos": record.tips,
            "contact": record.contact,
            "object_pose": record.poses,
            "segmentation": np.stack(record.segmentation),
        }
        return Recording(f"{index:06d}", record.pictures, values, None, facts), trouble

    def audit(self, facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What the trajectories are like, from their facts.

        Shares of movement and contact, discards, how open the future is.
        """
        moved = np.array([f["moved_m"] for f in facts])
        contact = np.array([f["contact_by_step_10"] for f in facts])
        futures = np.array([f["future_psnr_step_10"] for f in facts])
        discarded = [reason for f in facts for reason in f["discarded"]]
        return {
            "some object moved > 2 cm": round(float((moved > 0.02).mean()), 3),
            "some object moved > 5 cm": round(float((moved > 0.05).mean()), 3),
            "contact by step 10": round(float(contact.mean()), 3),
            "PSNR of two futures at step 10, contact (dB, median)": _median(futures[contact]),
            "PSNR of two futures at step 10, no contact (dB, median)": _median(futures[~contact]),
            "discarded as unstable": discarded.count("unstable"),
            "discarded as spilt": discarded.count("outside"),
        }


def simulate(trajectories: int, seed: int = 0) -> Push:
    """The push world with `trajectories` trajectories."""
    return Push(trajectories, seed)


@dataclass
class _Record:
    pictures: list[Array]
    segmentation: list[Array]
    tips: Array
    poses: Array
    contact: Array


class _Stage:
    """A simulation, the camera in front of it, and its state to come back to."""

    def __init__(
        self, simulation: Simulation, textures: Mapping[str, Any], height: int, width: int
    ) -> None:
        self.simulation = simulation
        self._textures = [textures.get(name, _UNSEEN) for name in simulation.geom_names]
        camera = Camera((1.22, 0.0, 0.78), (0.60, 0.0, 0.03), 40.0, height, width)
        self._caster = RayCaster(camera, (0.10, 0.11, 0.13))
        self._classes = np.array(
            [_body_class(name) for name in simulation.geom_names] + [0], np.uint8
        )

    def draw(self) -> tuple[Array, Array]:
        """The picture [H, W, 3] and what is in it [H, W]: 0 room, 1 bin, 2 arm, 3 + i object i."""
        self.simulation.pose_links()
        picture = self._caster.draw(
            self.simulation.model, self.simulation.data, self._textures, _LAMP
        )
        return picture.rgb, self._classes[picture.geoms]


def _body_class(geom: str) -> int:
    if geom.startswith("object"):
        return 3 + int(geom[6:].split("_")[0])
    if geom in ("floor", "table", "") or geom.startswith("wall"):
        return int(geom.startswith(("floor", "wall")))
    return 2


def _commands(will: np.random.Generator, start: Array) -> tuple[Array, Array]:
    """Actions [T, 4], one row a frame, and whether the gripper is closed on the way to the next
    frame [T].

    80 % moves, 10 % close, 10 % lift. A move is what the workspace allows of a uniform draw.
    """
    actions = np.zeros((FRAMES, 4), np.float32)
    closed = np.zeros(FRAMES, bool)
    at = start.copy()
    for first in range(0, FRAMES, FRAMES_PER_COMMAND):
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


def _play(
    stage: _Stage,
    actions: Array,
    closed: Array,
    chance: np.random.Generator,
    drawn: Sequence[int],
    walls: bool,
) -> _Record:
    """Carry out the actions from the present state. Frame 0 is the present; row k leads from frame
    k to frame k + 1.

    With `walls` a command that leads out of the workspace leads to its edge.
    """
    simulation = stage.simulation
    simulation.meet(chance)
    frames = len(actions)
    pictures, segmentation = [], []
    tips, contact = np.zeros((frames, 3), np.float32), np.zeros(frames, np.uint8)
    poses = np.full((frames, MAX_OBJECTS, 7), np.nan, np.float32)
    lifted_until = 0
    for frame in range(frames):
        tips[frame], poses[frame, : simulation.objects] = simulation.tip, simulation.poses
        if frame in drawn:
            picture, classes = stage.draw()
            pictures.append(picture)
            segmentation.append(classes)
        if frame == frames - 1:
            break
        if frame % FRAMES_PER_COMMAND == 0:
            lifted_until = max(lifted_until, frame + int(actions[frame, 3]))
        raised = frame < lifted_until
        move = actions[frame, :2] if frame % FRAMES_PER_COMMAND == 0 else np.zeros(2)
        if walls:
            at = simulation.desired[:2]
            move = np.clip(at + move, WORKSPACE_LOW, WORKSPACE_HIGH) - at
        simulation.command(move, raised, chance)
        contact[frame + 1] = simulation.advance(bool(closed[frame]), chance)
    return _Record(pictures, segmentation, tips, poses, contact)


def _psnr(a: Array, b: Array) -> float:
    error = np.mean((a.astype(np.float64) - b) ** 2)
    return float(-10 * np.log10(float(error) / 255**2 + 1e-10))


def _median(values: Array) -> float | None:
    return round(float(np.median(values)), 2) if len(values) else None
