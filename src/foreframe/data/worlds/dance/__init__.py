"""`dance`: one dancer in a furnished room, her pose as a coloured skeleton. Physics by MuJoCo,
ray-cast pictures.

Letters: T frames, J joints, H height, W width.
It stands in for the recordings of the pose-conditioned coursework: 32x64 pictures, a label image a
frame, sequences of 630 frames. What the label does not tell - clothes, plait, skirt, where the
light comes from - a model has to remember from its first frame, or to leave to chance.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ....errors import InputError
from ...sources.findings import Findings
from ...sources.recording import Column, Fork, Recording
from .._attempts import first_valid, valid_future
from .._raycast import AreaLight, Camera, RayCaster, Texture
from . import skeleton
from .figure import BONES, JOINTS, build, clothes
from .simulation import Simulation, Tick

Array = NDArray[Any]

TRAJECTORIES = 60
FRAMES = 630
FORK = Fork(count=4, start=1, frames=60)
OPTIONS = ("length",)
STEERING = {"joints": list(JOINTS), "bones": [list(bone) for bone in BONES]}
label = skeleton.draw
_FRAMES_PER_SECOND = 15
_SHORTEST = 2
_ROOM = 0x0D  # the room's random stream, beside those of the sequences
_LIGHT_TIME_S = 25.0  # the lamp wanders this slowly
_CAMERA = ((5.0, 0.0, 1.25), (0.0, 0.0, 0.92), 25.0)


@dataclass(frozen=True)
class Dance:
    """Sequences 0..N-1 of the dance world.

    Sequence i depends on (seed, i) alone, so any worker can make it.

    Attributes:
        trajectories: how many there are.
        seed: of all of them.
        height: of the pictures.
        width: of the pictures.
        frames: length of a sequence.
        fork: where true futures part, how many there are and how long; None for none.
        forked: the sequences that have futures.
    """

    trajectories: int
    seed: int = 0
    height: int = 32
    width: int = 64
    frames: int = FRAMES
    fork: Fork | None = None
    forked: frozenset[int] = frozenset()

    def __post_init__(self) -> None:
        if self.trajectories < 1:
            raise InputError(f"--trajectories is {self.trajectories}; expected at least 1")
        if self.frames < _SHORTEST:
            raise InputError(f"--length is {self.frames}; expected at least {_SHORTEST} frames")

    def with_futures(self, fork: Fork, episodes: frozenset[int]) -> Dance:
        """Return the same sequences, some of them with true futures.

        Raises:
            InputError: a future would be longer than a sequence.
        """
        if fork.start + fork.frames > self.frames:
            raise InputError(
                f"futures of {fork.frames} frames from frame {fork.start} on do not fit into "
                f"sequences of {self.frames}; expected fewer --future-frames or more --length"
            )
        return dataclasses.replace(self, fork=fork, forked=episodes)

    @property
    def settings(self) -> Mapping[str, Any]:
        """What distinguishes this world from others of its name, for the manifest."""
        return {} if self.frames == FRAMES else {"length": self.frames}

    @property
    def frames_per_second(self) -> float:
        return _FRAMES_PER_SECOND

    @property
    def findings(self) -> Findings:
        return Findings()

    @property
    def columns(self) -> Mapping[str, Column]:
        return {
            "pose": Column("label", "uint8", (self.height, self.width, 3), lag=0),
            "joints_m": Column("truth", "float32", (len(JOINTS), 3), tuple(JOINTS), lag=0),
            "joints_px": Column("truth", "float32", (len(JOINTS), 2), tuple(JOINTS), lag=0),
            "light": Column("truth", "float32", (3,), ("strength", "y_m", "z_m"), lag=0),
        }

    def __len__(self) -> int:
        return self.trajectories

    def read(self, index: int) -> Recording:
        """Simulate and draw sequence `index`.

        One that blows up is thrown away and drawn anew, and counted.
        """
        return first_valid(
            lambda streams: self._attempt(index, streams), self.seed, index, "dance sequence"
        )

    def _attempt(
        self, index: int, streams: Sequence[np.random.SeedSequence]
    ) -> tuple[Recording, str]:
        looks, will, chance, lamp = (np.random.default_rng(stream) for stream in streams)
        stage = build(np.random.default_rng((self.seed, _ROOM)), clothes(looks))
        simulation = Simulation(stage.xml, will, chance)
        textures = [stage.textures[name] for name in simulation.geom_names]
        view = _View(Camera(*_CAMERA, self.height, self.width), textures)
        light = _lamps(lamp, self.frames)
        fork = self.fork if index in self.forked else None
        parted: Simulation | None = None
        path: list[Tick] = []
        pictures, labels, joints, places = [], [], [], []
        for frame in range(self.frames):
            pictures.append(view.draw(simulation, light[frame]))
            joints.append(simulation.joints)
            places.append(view.camera.project(joints[-1]))
            labels.append(skeleton.draw(places[-1], self.height, self.width))
            if fork and frame == fork.start - 1:
                parted, simulation.ticks = simulation.forked(), path
            elif fork and frame == fork.start + fork.frames - 1:
                simulation.ticks = None
            simulation.advance(1 / _FRAMES_PER_SECOND)
        facts = {
            "copy_first_psnr": _psnr(pictures[0], pictures[1:]),
            "copy_previous_psnr": round(
                float(
                    np.mean([_psnr(a, [b]) for a, b in zip(pictures, pictures[1:], strict=False)])
                ),
                3,
            ),
        }
        values = {
            "pose": np.stack(labels),
            "joints_m": np.stack(joints).astype(np.float32),
            "joints_px": np.stack(places).astype(np.float32),
            "light": light.astype(np.float32),
        }
        recording = Recording(f"{index:06d}", pictures, values, None, facts)
        if fork and parted and not simulation.trouble:
            begin = light[fork.start - 1]
            recording.futures, discarded = _futures(view, parted, path, fork, begin, streams[2])
            recording.facts = {**facts, "futures_discarded": discarded}
        return recording, simulation.trouble

    def audit(self, facts: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
        """What the sequences are like, from their facts.

        How much changes, and how many were thrown away.
        """
        forked = [f for f in facts if "futures_discarded" in f]
        return {
            "PSNR of the first frame against the others (dB, mean)": _mean(
                [f["copy_first_psnr"] for f in facts]
            ),
            "PSNR of each frame against the one before (dB, mean)": _mean(
                [f["copy_previous_psnr"] for f in facts]
            ),
            "discarded as unstable": sum(len(f["discarded"]) for f in facts),
            **(
                {"true futures: discarded": sum(len(f["futures_discarded"]) for f in forked)}
                if forked
                else {}
            ),
        }


def simulate(trajectories: int, seed: int = 0, length: int = FRAMES) -> Dance:
    """Return the dance world with `trajectories` sequences of `length` frames."""
    return Dance(trajectories, seed, frames=length)


class _View:
    """The camera in front of the room."""

    def __init__(self, camera: Camera, textures: list[Texture]) -> None:
        self.camera, self._textures = camera, textures
        self._caster = RayCaster(camera, (0.10, 0.11, 0.13))

    def draw(self, simulation: Simulation, light: Array) -> Array:
        """Return the picture [H, W, 3] under a lamp: strength, y and z (m)."""
        strength, y, z = light
        lamp = AreaLight((3.2, y, z), 0.25, 4, 0.42 * strength, 0.85 * strength)
        return self._caster.draw(simulation.model, simulation.data, self._textures, lamp).rgb


def _futures(
    view: _View,
    parted: Simulation,
    path: Sequence[Tick],
    fork: Fork,
    begin: Array,
    stream: np.random.SeedSequence,
) -> tuple[dict[str, Array], list[str]]:
    """Play what the labels do not tell once more: how hair and skirt swing, where the lamp goes.

    The body goes the recorded `path` from the state `parted`, so the labels are the same; the lamp
    walks on from `begin`. Returns frames and columns of truth, by name: [K, T, ...], and what went
    wrong with futures that were thrown away.
    """
    ticks = len(path) // fork.frames

    def attempt(chance: np.random.Generator) -> tuple[dict[str, Array], str]:
        simulation = parted.forked()
        simulation.stir(chance)
        light = _lamps(chance, fork.frames + 1, begin)[1:]
        pictures, joints = [], []
        for frame in range(fork.frames):
            for tick in path[frame * ticks : (frame + 1) * ticks]:
                simulation.follow(tick)
            pictures.append(view.draw(simulation, light[frame]))
            joints.append(simulation.joints)
        places = [view.camera.project(points) for points in joints]
        return {
            "frames": np.stack(pictures),
            "joints_m": np.stack(joints),
            "joints_px": np.stack(places),
            "light": light,
        }, simulation.trouble

    found = [valid_future(attempt, stream, number) for number in range(fork.count)]
    names = found[0][0]
    return (
        {name: np.stack([future[name] for future, _ in found]) for name in names},
        [why for _, discarded in found for why in discarded],
    )


def _lamps(lamp: np.random.Generator, frames: int, begin: Array | None = None) -> Array:
    """Strength, y and z (m) of the lamp in each frame, an Ornstein-Uhlenbeck walk, from `begin` if
    that is given: [T, 3].
    """
    share = 1 / (_LIGHT_TIME_S * _FRAMES_PER_SECOND)
    spread, centre = np.array([0.10, 1.0, 0.35]), np.array([1.0, 0.0, 3.0])
    found = np.empty((frames, 3))
    now = lamp.normal(size=3) if begin is None else (begin - centre) / spread
    for frame in range(frames):
        found[frame] = centre + spread * now
        now = now * (1 - share) + np.sqrt(2 * share) * lamp.normal(size=3)
    return found


def _psnr(picture: Array, others: Sequence[Array]) -> float:
    """Mean PSNR in dB of a picture against others."""
    errors = np.square(picture.astype(np.float64) - np.stack(others)).mean((1, 2, 3)) / 255**2
    return round(float(np.mean(-10 * np.log10(errors + 1e-10))), 3)


def _mean(values: Sequence[float]) -> float:
    return round(float(np.mean(values)), 2)
