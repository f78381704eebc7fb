"""The clip store: memory-mapped columns beside a JSON manifest.

Letters: N frames of all episodes end to end, H height, W width, C channels.
A store is a folder: `manifest.json`, one raw array per column in `columns/` (`frames` is uint8 [N,
H, W, C]; conditions and the truth of a world are further columns), and `mean_frame.npy`. A window
of an episode is one contiguous slice.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import cached_property
from pathlib import Path
from tokenize import TokenError
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..clips import ClipSpec
from ..errors import InputError, unknown
from ..runtime.digests import digest, digest_file, read_json_with_digest
from ..runtime.files import is_inside, read_json
from ..runtime.tensors import map_array
from ..runtime.typed import read_as
from .manifest import SPLITS, Episode, read_manifest
from .matching import Places, as_they_lie, match_names
from .sources.recording import Column

Array = NDArray[Any]

SCHEMA = "foreframe.clips/1"
MANIFEST = "manifest.json"
MEAN = "mean_frame.npy"
SOURCE_FILES = "source_files.json"
_OF_RUNS = ("recipe.yaml", "metrics.jsonl")

__all__ = ["MANIFEST", "MEAN", "SCHEMA", "SOURCE_FILES", "SPLITS", "ClipStore", "Episode"]


class ClipStore:
    """A store opened for reading. Columns are mapped when first asked for, and in each process
    anew.

    Attributes:
        written_now: whether the call that returned this store wrote it; otherwise it was there
            already.
    """

    written_now = False

    def __init__(self, path: str | Path) -> None:
        self.path = Path(path)
        if not (self.path / MANIFEST).is_file():
            raise InputError(f"{self.path} is not a clip store: {self._instead()}")
        manifest = read_json_with_digest(self.path / MANIFEST, "a clip store's manifest", SCHEMA)
        self.manifest: dict[str, Any] = manifest
        described = read_manifest(manifest, str(self.path / MANIFEST))
        self.columns, self.episodes = described.columns, described.episodes
        self.source, self.frames_per_second = described.source, described.frames_per_second
        self._statistics, self.future_columns = described.statistics, described.future_columns
        self._check_sizes()

    def _instead(self) -> str:
        if not self.path.exists():
            return (
                "the folder does not exist; "
                "make one with `foreframe data make` or `foreframe data import`"
            )
        if all((self.path / name).is_file() for name in _OF_RUNS):
            return (
                f"it is a run, what `foreframe train` wrote: see it with `foreframe report "
                f"{self.path}`, and name the store that it was trained on here"
            )
        if self.path.is_dir():
            return (
                f"it has no {MANIFEST}; to turn recordings into a store use "
                f"`foreframe data import {self.path} OUT`"
            )
        return f"it is a file; to turn it into a store use `foreframe data import {self.path} OUT`"

    def _check_sizes(self) -> None:
        frames = sum(episode.length for episode in self.episodes)
        for name, column in self.columns.items():
            file = self._file(name)
            expected = (
                frames * int(np.prod(column.shape, dtype=int)) * np.dtype(column.dtype).itemsize
            )
            whole = is_inside(file, self.path)
            got = file.stat().st_size if whole else None
            if got != expected:
                what = (
                    f"has {got} bytes"
                    if whole
                    else "is a link out of the store"
                    if file.is_file()
                    else "is missing"
                )
                raise InputError(
                    f"{file} {what}; expected {expected} for {frames} frames: "
                    "the store is damaged, make it again"
                )
        if self.future_columns:
            self.future_columns.check_sizes(self.path, len(self._with_futures))

    def _file(self, name: str) -> Path:
        return self.path / "columns" / f"{name}.{np.dtype(self.columns[name].dtype).name}"

    @cached_property
    def _maps(self) -> dict[str, Array]:
        return {}

    def column(self, name: str) -> Array:
        """A column of all episodes, memory-mapped and read-only: [N, *shape]."""
        if name not in self.columns:
            raise unknown(f"column of {self.path}", name, self.columns)
        if name not in self._maps:
            column, frames = self.columns[name], sum(e.length for e in self.episodes)
            self._maps[name] = map_array(self._file(name), column.dtype, (frames, *column.shape))
        return self._maps[name]

    @property
    def _with_futures(self) -> list[Episode]:
        return [episode for episode in self.episodes if episode.futures is not None]

    @property
    def futures_start(self) -> int | None:
        """The first frame of the true futures in their episodes; None if the store has none."""
        return self.future_columns.fork.start if self.future_columns else None

    def futures(self, episode: Episode) -> Tensor | None:
        """What else could have happened in an episode from frame `futures_start` on.

        Returns:
            uint8 [K, T, C, H, W], channels last in memory; None for an episode without.
        """
        found = self.future_values(episode, "frames")
        return None if found is None else torch.from_numpy(found.copy()).movedim(-1, 2)

    def future_values(self, episode: Episode, name: str) -> Array | None:
        """A column of an episode's true futures, read-only: [K, T, *row]; None without.

        Raises:
            InputError: the futures have no such column.
        """
        if self.future_columns is None or episode.futures is None:
            return None
        if name not in self.future_columns.columns:
            raise unknown(
                f"column of the futures of {self.path}", name, self.future_columns.columns
            )
        key = f"futures/{name}"
        if key not in self._maps:
            rows = len(self._with_futures)
            self._maps[key] = self.future_columns.open(self.path, name, rows)
        found: Array = self._maps[key][episode.futures.row]
        return found

    def __getstate__(self) -> dict[str, Any]:
        return {key: value for key, value in self.__dict__.items() if key != "_maps"}

    @property
    def frame_shape(self) -> tuple[int, int, int]:
        """(H, W, C)."""
        height, width, channels = self.columns["frames"].shape
        return height, width, channels

    def of_split(self, split: str) -> list[Episode]:
        """The episodes of a split, in order; an error if there is none."""
        if split not in SPLITS:
            raise unknown("split", split, SPLITS)
        episodes = [episode for episode in self.episodes if episode.split == split]
        if not episodes:
            there = ", ".join(f"{s} {sum(e.split == s for e in self.episodes)}" for s in SPLITS)
            raise InputError(
                f"{self.path} has no episodes in split {split!r} (it has {there}); "
                "choose another --split, or import with other --splits"
            )
        return episodes

    @property
    def longest_clip(self) -> int:
        """How many frames a clip may have so that every split with episodes has room for one."""
        return min(
            max(e.seen for e in self.episodes if e.split == split)
            for split in {e.split for e in self.episodes}
        )

    def source_files(self) -> dict[str, list[int | str]]:
        """Fingerprints of the files that the store was made from.

        Empty for stores written before they were kept.
        """
        file = self.path / SOURCE_FILES
        if not file.is_file():
            return {}
        found = read_json(file, "the list of a store's source files")
        fingerprints = read_as(dict[str, tuple[int, int, str]], found, str(file))
        return {name: list(each) for name, each in fingerprints.items()}

    def statistics(self, name: str) -> dict[str, list[float]]:
        """mean, std, low and high of each number of a vector column, over the training split."""
        found = self._statistics[name]
        return {key: list(getattr(found, key)) for key in ("mean", "std", "low", "high")}

    def mean_frame(self) -> Array:
        """The mean picture of the training split, floats in [0, 1]: [H, W, C]."""
        file = self.path / MEAN
        known = self.manifest.get("mean_frame")
        if not is_inside(file, self.path) or digest_file(file) != known:
            raise InputError(
                f"{file} is missing or not what was written: the store is damaged, make it again"
            )
        try:
            mean: Array = np.load(file, allow_pickle=False)
        except (OSError, ValueError, TypeError, SyntaxError, TokenError, MemoryError) as error:
            raise InputError(
                f"{file} cannot be read ({error}): the store is damaged, make it again"
            ) from None
        if mean.shape != self.frame_shape or mean.dtype.kind != "f":
            raise InputError(
                f"{file} is {mean.dtype} of shape {list(mean.shape)}; expected floats of shape "
                f"{list(self.frame_shape)}: the store is damaged, make it again"
            )
        return mean

    @property
    def content(self) -> str:
        """One digest of all that the episodes hold, whatever the folder is called."""
        parts = [f"{e.name}:{e.split}:{sorted(e.digests.items())}" for e in self.episodes]
        parts += [
            f"{e.name}:{sorted(e.futures.digests.items())}" for e in self.episodes if e.futures
        ]
        return digest("\n".join(parts).encode(errors="backslashreplace"))

    def clip_spec(self, conditions: Sequence[str], numbers: Sequence[str] = ()) -> ClipSpec:
        """What clips with these condition columns look like.

        `state` and `action` also stand for every column of that role. With `numbers`, the names of
        the numbers of a condition, these alone and in this order.
        """
        height, width, channels = self.frame_shape
        names = self.resolve(conditions)
        columns = [self.columns[name] for name in names]
        common: dict[str, Any] = {
            "columns": tuple(names),
            "frames_per_second": self.frames_per_second,
        }
        if any(column.role == "label" for column in columns):
            if len(columns) > 1:
                raise InputError(
                    f"conditions {list(names)} mix label images with other columns; "
                    "expected one label column, or vectors only"
                )
            label = columns[0].shape
            return ClipSpec((channels, height, width), (label[2], label[0], label[1]), **common)
        places = self.places(names, numbers)
        joined: dict[str, Any] = {
            key: tuple(self.statistics(name)[key][i] for name in names for i in places[name])
            for key in ("mean", "std", "low", "high")
        }
        return ClipSpec(
            (channels, height, width),
            (sum(len(found) for found in places.values()),),
            names=tuple(self.columns[name].names[i] for name in names for i in places[name]),
            uses_future_state=any(column.role == "state" for column in columns),
            **joined,
            **common,
        )

    def columns_of(self, spec: ClipSpec) -> dict[str, Column]:
        """The columns that a model's conditions are made of, with the numbers that it takes."""
        places = self.places(spec.columns, spec.names) if spec.names else {}
        return {
            name: self.columns[name].only(places[name]) if spec.names else self.columns[name]
            for name in spec.columns
        }

    def places(self, columns: Sequence[str], numbers: Sequence[str] = ()) -> Places:
        """Which numbers of vector columns make a condition: those with the names `numbers`, in this
        order; all as they lie if none are given.

        Raises:
            InputError: a name that is in none of the columns.
        """
        chosen = {name: self.columns[name] for name in columns}
        return match_names(chosen, numbers, str(self.path)) if numbers else as_they_lie(chosen)

    def resolve(self, conditions: Sequence[str]) -> list[str]:
        """Column names for names or roles.

        An unknown one names the nearest condition columns there are.
        """
        there = {name: column for name, column in self.columns.items() if column.is_condition}
        chosen: list[str] = []
        for wanted in conditions:
            by_role = [name for name, column in there.items() if column.role == wanted]
            if wanted not in there and not by_role:
                roles = {column.role for column in there.values()}
                wrong = unknown(f"condition column of {self.path}", wanted, {*there, *roles})
                instead = (
                    f"--conditions {' '.join(sorted(roles))}" if roles else "--clip.conditions []"
                )
                raise InputError(f"{wrong}: say {instead}")
            chosen += [wanted] if wanted in there else by_role
        return list(dict.fromkeys(chosen))
