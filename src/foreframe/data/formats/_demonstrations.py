"""HDF5 files of demonstrations, `data/demo_<i>` an episode: what robomimic's and LIBERO's share.

Demonstrations sort as numbers. Needs h5py (extra `hdf5`).
Letters: T frames, H height, W width, K numbers.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..pictures import number_of
from ..sources.findings import Findings
from ..sources.folders import split_of
from ..sources.options import ChannelOrder, Flip, SourceOptions
from ..sources.pixels import SMALLEST, is_depth
from ..sources.recording import Column, Recording, Role, one_a_frame, side_by_side
from ..sources.targets import TARGETS, target_column, targets_among
from . import _hdf5
from ._array_pictures import ArrayPictures, reordered, sampled, upright, with_camera

Array = NDArray[Any]

_NAMED = ("_image", "_rgb")
_OF_THE_SIMULATOR = {
    "states": "the simulator's whole state, from which pictures are rendered again",
}


@dataclass(frozen=True)
class Convention:
    """What the writer of a file does not say in its layout, and what decided it.

    Attributes:
        states: keys of observations that are states unless others are chosen.
        flip: how stored pictures are turned to stand upright.
        order: the order of the stored colours.
        lag: of the actions.
        findings: what decided them.
        facts: about every episode of the file, such as its instruction.
    """

    states: tuple[str, ...]
    flip: Flip
    order: ChannelOrder
    lag: int
    findings: Findings
    facts: Mapping[str, Any] = dataclasses.field(default_factory=dict)


Decide = Callable[[Any, Path, SourceOptions], Convention]


def demos_of(root: Any) -> list[str]:
    """Return the names of the demonstrations of a file, in order."""
    names = [name for name in _hdf5.names(root, "data") if name.startswith("demo_")]
    return sorted(names, key=lambda name: number_of(Path(name)))


def cameras_of(root: Any, demo: str) -> list[str]:
    """Return the observations of a demonstration that are colour pictures, the usual one first."""
    folder = f"data/{demo}/obs"
    found = [key for key in _hdf5.names(root, folder) if not is_depth(key)]
    pictures = [key for key in found if _is_camera(key, _hdf5.dataset(root, f"{folder}/{key}"))]
    return sorted(pictures, key=lambda name: ("agentview" not in name, name))


def _is_camera(key: str, array: Any) -> bool:
    """Whether an array is pictures: by its name, or by the colours in its last or second axis."""
    shape = array.shape
    if key.endswith(_NAMED):
        return len(shape) in (3, 4)
    last = len(shape) == 4 and shape[3] in (3, 4) and min(shape[1:3]) >= SMALLEST
    return last or (len(shape) == 4 and shape[1] in (3, 4) and min(shape[2:]) >= SMALLEST)


def open_file(file: Path, options: SourceOptions, decide: Decide) -> Demonstrations:
    with _hdf5.opened(file) as root:
        demos = demos_of(root)
        convention = decide(root, file, options)
        folders = [f"data/{demo}" for demo in demos]
        first = folders[0]
        observed = _hdf5.names(root, f"{first}/obs")
        cameras = cameras_of(root, demos[0])
        camera = options.one("camera", observed, cameras, file) or cameras[0]
        states = options.some("states", observed, convention.states, file)
        labels = options.one("labels", observed, (), file)
        widths = {key: _width(_hdf5.dataset(root, f"{first}/obs/{key}")) for key in states}
        action = _hdf5.dataset(root, f"{first}/actions")
        found = Findings().reads([file]).takes("actions", "action", action.dtype, _width(action))
        for key, width in widths.items():
            dtype = _hdf5.dataset(root, f"{first}/obs/{key}").dtype
            found = found.takes(f"obs/{key}", "state", dtype, width)
        common = [k for k in _single(root, first) if all(k in _single(root, d) for d in folders)]
        targets = targets_among(common)
        for role, key in targets.items():
            found = found.takes(key, role, _hdf5.dataset(root, f"{first}/{key}").dtype)
        pictures = {
            key: _pictures(root, demos, key, file, options) for key in (camera, labels) if key
        }
        found = pictures[camera].add_to(with_camera(found, camera, cameras, options.camera))
        taken = (camera, labels, *states, *cameras)
        rest = [key for key in observed if key not in taken]
        found = _left_out(found, root, demos[0], rest, ("obs", "actions", *targets.values()))
        splits, found = _splits(root, demos, options, found)
        rate, action_width = _rate(root), _width(action)
    return Demonstrations(
        file, tuple(demos), camera, action_width, widths, labels, splits, rate, pictures,
        found + convention.findings, convention, options, targets,
    )  # fmt: skip


@dataclass(frozen=True)
class Demonstrations:
    """A demonstration an episode; `pictures` says how each key's arrays become pictures."""

    file: Path
    demos: tuple[str, ...]
    camera: str
    action_width: int
    state_widths: Mapping[str, int]
    labels: str | None
    splits: Mapping[str, str]
    frames_per_second: float | None
    pictures: Mapping[str, ArrayPictures]
    findings: Findings
    convention: Convention
    options: SourceOptions
    targets: Mapping[Role, str]

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        widths = {"action": self.action_width}
        found = {"action": side_by_side("action", widths, self.convention.lag)}
        if self.state_widths:
            found["state"] = side_by_side("state", self.state_widths)
        for role in self.targets:
            found[str(role)] = target_column(role, self.convention.lag)
        if self.labels:
            with _hdf5.opened(self.file) as root:
                array = _hdf5.sized(root, f"data/{self.demos[0]}/obs/{self.labels}", self.options)
                shape = self._shown(self.labels, array[:1], self.demos[0]).shape
            found["label"] = Column("label", "uint8", shape[1:], lag=0)
        return found

    def with_findings(self, more: Findings) -> Demonstrations:
        return dataclasses.replace(self, findings=self.findings + more)

    def __len__(self) -> int:
        return len(self.demos)

    def files_read(self, index: int) -> tuple[Path, ...]:
        return (self.file,)

    def read(self, index: int) -> Recording:
        demo = self.demos[index]
        where = f"{self.file}: data/{demo}"
        with _hdf5.opened(self.file) as root:
            count = _hdf5.sized(root, f"data/{demo}/obs/{self.camera}", self.options).shape[0]

            def rows(key: str, lag: int = 1) -> Array:
                values = _hdf5.member(root, f"data/{demo}/{key}", self.options)
                return one_a_frame(values, count, f"{where}/{key}", lag)

            values = {"action": rows("actions", self.convention.lag)}
            if self.state_widths:
                values["state"] = np.concatenate([rows(f"obs/{k}") for k in self.state_widths], 1)
            for role, key in self.targets.items():
                values[str(role)] = rows(key, self.convention.lag)
            if self.labels:
                array = _hdf5.sized(root, f"data/{demo}/obs/{self.labels}", self.options)
                values["label"] = self._shown(self.labels, np.asarray(array[()]), demo)
        facts = self.convention.facts
        return Recording(demo, self._frames(demo), values, self.splits.get(demo), facts)

    def _frames(self, demo: str) -> Iterator[Array]:
        """The pictures of a demonstration, a few at a time."""
        with _hdf5.opened(self.file) as root:
            array = _hdf5.sized(root, f"data/{demo}/obs/{self.camera}", self.options)
            for block in _hdf5.blocks(array):
                shown = self._shown(self.camera, block, demo)
                yield from reordered(shown, self.convention.order)

    def _shown(self, key: str, pictures: Array, demo: str) -> Array:
        where = f"{self.file}: data/{demo}/obs/{key}"
        return upright(self.pictures[key].to_rgb(pictures, where), self.convention.flip)


def _width(array: Any) -> int:
    return int(np.prod(array.shape[1:], dtype=int))


def _pictures(
    root: Any, demos: Sequence[str], key: str, file: Path, options: SourceOptions
) -> ArrayPictures:
    """How the pictures of a key are read, by the first of demonstrations from all over the file."""
    arrays = [
        _hdf5.sized(root, f"data/{demos[place]}/obs/{key}", options)
        for place in sampled(len(demos))
    ]
    samples = [np.asarray(array[:1]) for array in arrays]
    return ArrayPictures.of(samples, f"{file}: obs/{key}", options.pixel_range)


def _single(root: Any, folder: str) -> list[str]:
    """Return the arrays of a demonstration that hold one number per action."""
    arrays = {
        key: root[f"{folder}/{key}"]
        for names in TARGETS.values()
        for key in names
        if f"{folder}/{key}" in root
    }
    count = _hdf5.dataset(root, f"{folder}/actions").shape[0]
    return [
        key
        for key, array in arrays.items()
        if getattr(array, "shape", ()) in ((count,), (count, 1)) and array.dtype.kind in "biuf"
    ]


def _left_out(
    found: Findings, root: Any, demo: str, observed: Sequence[str], taken: Sequence[str]
) -> Findings:
    """Add what is not taken of a demonstration: `observed`, and the arrays beside obs."""
    for key in observed:
        if is_depth(key):
            found = found.leaves_out(f"obs/{key}", "its pixels are distances", f"--camera {key}")
        else:
            found = found.leaves_out(f"obs/{key}", "no usual state", f"--states {key}")
    for key in _hdf5.names(root, f"data/{demo}"):
        if key not in taken:
            found = found.leaves_out(key, _OF_THE_SIMULATOR.get(key, "only obs/* are states"))
    return found


def _splits(
    root: Any, demos: Sequence[str], options: SourceOptions, found: Findings
) -> tuple[dict[str, str], Findings]:
    """The split of each demonstration that `mask/` lists, and what is said of them.

    Raises:
        InputError: a demonstration in two splits.
    """
    splits: dict[str, str] = {}
    for name in _hdf5.names(root, "mask"):
        split = split_of(name)
        if split is None:
            found = found.leaves_out(f"mask/{name}", "a choice of demonstrations, no split")
            continue
        for demo in _mask(root, name, options):
            if splits.setdefault(demo, split) != split:
                raise InputError(
                    f"{root.file.filename}: {demo} is in mask/{name} and in that of "
                    f"{splits[demo]}; expected one split of each: "
                    "say which with --split-list FILE"
                )
    there = {demo: split for demo, split in splits.items() if demo in demos}
    if there:
        found = found.decided("splits", f"{len(there)} of {len(demos)} demonstrations", "mask/")
    if len(there) < len(splits):
        found = found.warn(
            f"mask/ lists {len(splits) - len(there)} demonstrations that are not here"
        )
    return there, found


def _mask(root: Any, name: str, options: SourceOptions) -> list[str]:
    listed = _hdf5.member(root, f"mask/{name}", options).tolist()
    return [demo.decode() if isinstance(demo, bytes) else str(demo) for demo in listed]


def _rate(root: Any) -> float | None:
    """The control rate, if the environment's arguments say it."""
    try:
        kwargs = json.loads(_hdf5.attribute(root["data"], "env_args"))["env_kwargs"]
        return float(kwargs["control_freq"])
    except (KeyError, TypeError, ValueError):
        return None
