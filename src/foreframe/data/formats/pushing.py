"""The pushing layout: PNG frames beside two CSV files.

`<root>/{train,validate,test}/<group>/<k>/{0..T-1}.png` with `actions.csv` (T rows, no header) and,
if there is one, `endeffector_positions.csv`. Row k of the actions leads from frame k to frame k +
1. Numbers sort as numbers.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ...runtime.files import atomic_folder
from ...runtime.outputs import new_folder
from ..pictures import number_of, read_picture
from ..sources.findings import Findings
from ..sources.folders import files_under, is_leftover, natural_key, split_of
from ..sources.options import SourceOptions
from ..sources.recording import Column, Recording, finite, names_of
from ..store import SPLITS, ClipStore
from ._tables import read_numbers

Array = NDArray[Any]

_ACTIONS, _POSITIONS = "actions.csv", "endeffector_positions.csv"
_GROUP = 256  # trajectories a group folder, as in BAIR's own files


def recognises(path: Path) -> bool:
    return path.is_dir() and any(
        next(folder.glob(f"*/*/{_ACTIONS}"), None) is not None for _, folder in _splits(path)
    )


def open_recordings(path: Path, options: SourceOptions) -> Pushing:
    options.refuse(f"the pushing layout has one camera, {_ACTIONS} and {_POSITIONS}")
    episodes = [
        (split, folder) for split, inside in _splits(path) for folder in _episode_folders(inside)
    ]
    if not episodes:
        raise InputError(
            f"{path} has no <split>/<group>/<k>/{_ACTIONS}; "
            f"expected the pushing layout with splits {', '.join(SPLITS)}"
        )
    return Pushing(path, tuple(episodes))


@dataclass(frozen=True)
class Pushing:
    """Episodes of the pushing layout, in numeric order."""

    root: Path
    episodes: tuple[tuple[str, Path], ...]
    frames_per_second: float | None = None

    @cached_property
    def findings(self) -> Findings:
        """What is read: all that the layout knows of."""
        files = [f for _, folder in self.episodes for f in folder.iterdir() if not is_leftover(f)]
        found = Findings().reads(files)
        for name, column in self.columns.items():
            found = found.takes(name, column.role, "CSV", column.shape[0])
        return found.decided("lag", 1, "the layout: a row leads from its picture to the next")

    @cached_property
    def columns(self) -> Mapping[str, Column]:
        first = self.episodes[0][1]
        width = read_numbers(first / _ACTIONS).shape[1]
        found = {"action": Column("action", "float32", (width,), names_of("action", width))}
        if (first / _POSITIONS).exists():
            width = read_numbers(first / _POSITIONS).shape[1]
            found["endeffector_pos"] = Column(
                "state", "float32", (width,), names_of("endeffector_pos", width)
            )
        return found

    def __len__(self) -> int:
        return len(self.episodes)

    def files_read(self, index: int) -> tuple[Path, ...]:
        return tuple(files_under(self.episodes[index][1]))

    def read(self, index: int) -> Recording:
        split, folder = self.episodes[index]
        pictures = sorted((f for f in folder.glob("*.png") if not is_leftover(f)), key=number_of)
        if [number_of(p) for p in pictures] != list(range(len(pictures))) or not pictures:
            raise InputError(
                f"{folder} has pictures {[p.name for p in pictures[:4]]}...; "
                "expected 0.png to T-1.png without a gap"
            )
        values = {}
        for name, file in (("action", _ACTIONS), ("endeffector_pos", _POSITIONS)):
            if name in self.columns:
                values[name] = _matching(folder / file, len(pictures), self.columns[name].shape[0])
        return Recording(
            folder.relative_to(self.root).as_posix(), _pictures(pictures), values, split
        )


def export(store: ClipStore, out: Path) -> int:
    """Write a store in the pushing layout; numbers keep every bit of a float32.

    Returns the number of episodes.
    """
    from PIL import Image

    action = store.resolve(["action"])
    state = [name for name, column in store.columns.items() if column.role == "state"]
    if len(action) != 1 or len(state) > 1:
        raise InputError(
            f"{store.path} has actions {action} and states {state}; "
            "the pushing layout holds one of the first and at most one of the second"
        )
    new_folder(out, "the pushing layout")
    counts = dict.fromkeys(SPLITS, 0)
    with atomic_folder(out) as root:
        for episode in store.episodes:
            folder = root / _place(episode.name, episode.split, counts[episode.split])
            counts[episode.split] += 1
            folder.mkdir(parents=True)
            rows = slice(episode.start, episode.start + episode.length)
            for number, picture in enumerate(store.column("frames")[rows]):
                Image.fromarray(np.squeeze(picture)).save(folder / f"{number}.png")
            for names, file in ((action, _ACTIONS), (state, _POSITIONS)):
                for name in names:
                    np.savetxt(folder / file, store.column(name)[rows], fmt="%.9g", delimiter=",")
    return len(store.episodes)


def _splits(root: Path) -> list[tuple[str, Path]]:
    """The folders called by a split, in any case, with the split; train first."""
    found = [(s, p) for p in root.iterdir() if p.is_dir() and (s := split_of(p.name))]
    return sorted(found, key=lambda pair: (SPLITS.index(pair[0]), pair[1].name))


def _place(name: str, split: str, number: int) -> Path:
    """Where an episode goes: where it came from, or into groups of 256."""
    if re.fullmatch(rf"{split}/[\w.-]+/\d+", name) and ".." not in name:
        return Path(name)
    first = number // _GROUP * _GROUP
    return Path(split) / f"traj_{first}_to_{first + _GROUP - 1}" / str(number)


def _episode_folders(split: Path) -> list[Path]:
    found = [file.parent for file in split.glob(f"*/*/{_ACTIONS}")]
    return sorted(
        found,
        key=lambda folder: (natural_key(folder.parent.name), natural_key(folder.name)),
    )


def _pictures(files: Sequence[Path]) -> Iterator[Array]:
    shape = None
    for file in files:
        picture = read_picture(file)
        shape = shape or picture.shape
        if picture.shape != shape:
            raise InputError(
                f"{file} is {picture.shape[1]}x{picture.shape[0]}; "
                f"expected {shape[1]}x{shape[0]} as the episode's first frame"
            )
        yield picture


def _matching(file: Path, rows: int, width: int) -> Array:
    values = finite(read_numbers(file), str(file))
    if values.shape != (rows, width):
        raise InputError(
            f"{file} has {values.shape[0]} rows x {values.shape[1]} columns; "
            f"expected {rows} x {width} (one row a picture)"
        )
    return values
