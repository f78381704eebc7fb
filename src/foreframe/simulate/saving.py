"""Save a drive, as an animation to look at or as a clip that `sample` and `eval` read.

Letters: T frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.building import build
from ..data.sources.recording import Column, Recording, Recordings
from ..data.store import ClipStore
from ..data.windows import by_column
from ..errors import InputError
from ..runtime.digests import digest
from ..runtime.files import make_folder
from ..runtime.outputs import is_taken
from ..runtime.systems import is_running, rename, sync
from ..viz.clips import Track, animation
from .drive import Drive
from .simulator import Simulator

Array = NDArray[Any]

_RATE = 5.0  # frames per second of an animation, where the data do not say
_UNFINISHED = ".saving-"


@dataclass(frozen=True)
class DriveRecord:
    """The frames and conditions of a drive up to a moment; the drive may go on.

    Attributes:
        name: the simulator's name.
        begun_from: the name of the clip that the drive began from.
        n_past: number of frames that were given.
        frames: the frames seen, uint8 [T, H, W, C].
        conditions: the condition of each frame [T, *A]; label images as bytes.
        columns: the store's columns that the conditions are made of.
        frames_per_second: the rate of the recordings; None if unknown.
    """

    name: str
    begun_from: str
    n_past: int
    frames: Array
    conditions: Tensor
    columns: Mapping[str, Column]
    frames_per_second: float | None

    @classmethod
    def of(cls, simulator: Simulator, drive: Drive) -> DriveRecord:
        """Copy the frames and conditions of a drive."""
        return cls(
            simulator.name,
            drive.start.name,
            drive.n_past,
            np.ascontiguousarray(torch.stack(drive.pictures).movedim(1, -1).numpy()),
            torch.stack(drive.conditions),
            {name: dataclasses.replace(c, lag=0) for name, c in simulator.columns.items()},
            simulator.spec.frames_per_second,
        )

    @property
    def track(self) -> Track:
        """The drive as a track, with green borders on given frames and red on imagined ones."""
        return Track(f"{self.name}: imagined", self.frames, self.n_past)

    @property
    def rate(self) -> float:
        """The frames per second of an animation."""
        return self.frames_per_second or _RATE

    def values(self) -> dict[str, Array]:
        """Return the values of each column [T, *A of the column]."""
        return by_column(self.conditions.numpy(), self.columns)


def animated(simulator: Simulator, drive: Drive, suffix: str, zoom: int = 4) -> bytes:
    """Return a drive as an animation: the content of a `.gif`, `.webp` or `.mp4` file.

    Raises:
        InputError: another suffix; MP4 without PyAV.
    """
    record = DriveRecord.of(simulator, drive)
    return animation([record.track], suffix, record.rate, zoom)


def save_clip(simulator: Simulator, drive: Drive, out: Path) -> ClipStore:
    """Write a drive as a store with one test episode, whole or not at all.

    Raises:
        InputError: `out` holds something else.
    """
    with _written(DriveRecord.of(simulator, drive), out.parent) as store:
        if is_taken(out):
            raise InputError(f"{out} is there already; expected a new folder for the drive")
        rename(store, out)
    return ClipStore(out)


def save_numbered(record: DriveRecord, folder: Path) -> ClipStore:
    """Write a drive into `folder` under the next free name: `push-1`, `push-2`, and so on."""
    with _written(record, folder) as store:
        for number in itertools.count(1):
            out = folder / f"{record.name}-{number}"
            if out.exists():
                continue
            try:
                os.rename(store, out)
            except OSError:
                if not out.exists():
                    raise
                continue  # another process was faster
            break
    return ClipStore(out)


def remove_unfinished(folder: Path) -> None:
    """Remove stores that processes which have ended left unfinished."""
    for path in folder.glob(f"{_UNFINISHED}*"):
        process = path.name.removeprefix(_UNFINISHED).partition("-")[0]
        if process.isdigit() and not is_running(int(process)):
            shutil.rmtree(path, ignore_errors=True)


@contextlib.contextmanager
def _written(record: DriveRecord, folder: Path) -> Any:
    """A finished store under a temporary name in `folder`; what is not moved away is removed."""
    make_folder(folder)
    remove_unfinished(folder)
    temporary = Path(tempfile.mkdtemp(prefix=f"{_UNFINISHED}{os.getpid()}-", dir=folder))
    try:
        yield _build(record, temporary / "store").path
        sync(folder)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _build(record: DriveRecord, out: Path) -> ClipStore:
    facts = {"begun_from": record.begun_from, "imagined_from_frame": record.n_past}
    episode = Recording("drive", list(record.frames), record.values(), "test", facts)
    identity = {
        "drive": record.name,
        "begun_from": record.begun_from,
        "steps": len(record.frames) - record.n_past,
        "content": digest(record.frames.tobytes() + record.conditions.numpy().tobytes()),
    }
    _, height, width, channels = record.frames.shape
    return build(
        Recordings(record.columns, record.frames_per_second, [episode]),
        out,
        identity,
        (height, width, channels),
        ["test"],
        1,
        "saving the drive",
    )
