"""Carry out commands in a simulation and record what is seen and what is true.

Letters: T frames, H height, W width, O objects.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .._raycast import AreaLight, Camera, RayCaster, Texture
from .scene import MAX_OBJECTS, WORKSPACE_HIGH, WORKSPACE_LOW
from .simulation import Simulation

Array = NDArray[Any]

_LAMP = AreaLight((1.0, -0.7, 1.5), 0.12, 4, 0.38, 0.85)
_UNSEEN = Texture((0, 0, 0), (0, 0, 0))
_BACKGROUND = (0.10, 0.11, 0.13)


@dataclass(frozen=True)
class Script:
    """What the arm is told.

    Attributes:
        actions: dx, dy (m), frames to close, frames to lift; row k leads from frame k to frame
            k + 1: [T, 4].
        closed: whether the gripper is closed on the way to the next frame: [T].
        held: frames that each command is held for.
        walls: a command that leads out of the workspace leads to its edge.
    """

    actions: Array
    closed: Array
    held: int
    walls: bool

    def give(self, simulation: Simulation, row: int, chance: np.random.Generator) -> None:
        """Tell the arm what row `row` says."""
        begins = row % self.held == 0
        move = self.actions[row, :2] if begins else np.zeros(2)
        if self.walls:
            at = simulation.desired[:2]
            move = np.clip(at + move, WORKSPACE_LOW, WORKSPACE_HIGH) - at
        firsts = range(0, row + 1, self.held)
        raised = any(row < first + int(self.actions[first, 3]) for first in firsts)
        simulation.command(move, raised, chance)


class View:
    """The camera in front of a scene."""

    def __init__(
        self, camera: Camera, geoms: Sequence[str], textures: Mapping[str, Texture]
    ) -> None:
        self._textures = [textures.get(name, _UNSEEN) for name in geoms]
        self._caster = RayCaster(camera, _BACKGROUND)
        self._classes = np.array([_class_of(name) for name in geoms] + [0], np.uint8)

    def draw(self, simulation: Simulation) -> tuple[Array, Array]:
        """Return the picture [H, W, 3] and what is in it [H, W].

        0 is the room, 1 the bin, 2 the arm, 3 + i object i.
        """
        simulation.pose_links()
        picture = self._caster.draw(simulation.model, simulation.data, self._textures, _LAMP)
        return picture.rgb, self._classes[picture.geoms]


def _class_of(geom: str) -> int:
    if geom.startswith("object"):
        return 3 + int(geom[6:].split("_")[0])
    if geom in ("floor", "table", "") or geom.startswith("wall"):
        return int(geom.startswith(("floor", "wall")))
    return 2


@dataclass(frozen=True)
class Record:
    """What happened in some frames.

    Attributes:
        pictures: uint8 [H, W, 3] each, of the frames that were drawn.
        segmentation: uint8 [H, W] each, of the same frames.
        tips: the point between the fingertips, m: [T, 3].
        poses: position and quaternion of the objects, NaN where there is none: [T, O, 7].
        touched: objects that the hand touched on the way to the frame: [T, O].
    """

    pictures: list[Array]
    segmentation: list[Array]
    tips: Array
    poses: Array
    touched: Array

    def __add__(self, later: Record) -> Record:
        """Return both, one after the other."""
        return Record(
            self.pictures + later.pictures,
            self.segmentation + later.segmentation,
            np.concatenate([self.tips, later.tips]),
            np.concatenate([self.poses, later.poses]),
            np.concatenate([self.touched, later.touched]),
        )

    def truth(self) -> dict[str, Array]:
        """Return the columns of truth, by name."""
        return {
            "contact": np.asarray(self.touched.any(1), np.uint8),
            "touched": self.touched,
            "object_pose": self.poses,
            "segmentation": np.stack(self.segmentation),
        }


def play(
    view: View,
    simulation: Simulation,
    script: Script,
    chance: np.random.Generator,
    frames: range,
    drawn: Container[int] | None = None,
) -> Record:
    """Play consecutive frames from the one before them, which is the present.

    Frame 0 is the present itself. All frames are drawn unless `drawn` says which.
    """
    pictures, segmentation = [], []
    tips, touched = (
        np.zeros((len(frames), 3), np.float32),
        np.zeros((len(frames), MAX_OBJECTS), np.uint8),
    )
    poses = np.full((len(frames), MAX_OBJECTS, 7), np.nan, np.float32)
    for row, frame in enumerate(frames):
        if frame:
            script.give(simulation, frame - 1, chance)
            met = simulation.advance(bool(script.closed[frame - 1]), chance)
            touched[row, : simulation.objects] = met
        tips[row], poses[row, : simulation.objects] = simulation.tip, simulation.poses
        if drawn is None or frame in drawn:
            picture, classes = view.draw(simulation)
            pictures.append(picture)
            segmentation.append(classes)
    return Record(pictures, segmentation, tips, poses, touched)
