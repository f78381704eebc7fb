"""A drive as something to keep: an animation to look at, or a clip that `sample` and `eval` read.

Letters: T frames, A condition.
"""

from __future__ import annotations

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from ..data.building import build
from ..data.sources.recording import Recording, Recordings
from ..data.store import ClipStore
from ..viz.clips import Track, animation
from .drive import Drive
from .simulator import Simulator

Array = NDArray[Any]

_RATE = 5.0  # frames/s of an animation, where the data do not tell


def animated(simulator: Simulator, drive: Drive, suffix: str, zoom: int = 4) -> bytes:
    """The drive as an animation: `.gif`, `.webp` or `.mp4`. Green borders are given frames, red ones imagined.

    Raises:
        InputError: another suffix; MP4 without PyAV.
    """
    frames = torch.stack(drive.pictures).movedim(1, -1).numpy()
    track = Track(f"{simulator.name}: imagined", frames, drive.n_past)
    return animation([track], suffix, simulator.spec.frames_per_second or _RATE, zoom)


def save_clip(simulator: Simulator, drive: Drive, out: Path) -> ClipStore:
    """Write what was done, with what was seen as its frames, as a store with one test episode.

    Raises:
        InputError: `out` holds something else.
    """
    rows = torch.stack(drive.conditions)
    values: dict[str, Array] = {}
    end = 0
    for name, column in simulator.columns.items():
        if simulator.by_pictures:
            values[name] = rows.movedim(1, -1).numpy()
        else:
            width = column.shape[0]
            values[name] = rows[:, end : end + width].numpy().astype(column.dtype)
            end += width
    columns = {
        name: dataclasses.replace(column, lag=0) for name, column in simulator.columns.items()
    }
    height, width, channels = (simulator.spec.frame[i] for i in (1, 2, 0))
    frames = [np.ascontiguousarray(picture.movedim(0, -1).numpy()) for picture in drive.pictures]
    facts = {"begun_from": drive.start.name, "imagined_from_frame": drive.n_past}
    source = Recordings(
        columns,
        simulator.spec.frames_per_second,
        [Recording("drive", frames, values, "test", facts)],
    )
    identity = {
        "drive": simulator.name,
        "begun_from": drive.start.name,
        "steps": len(frames) - drive.n_past,
    }
    return build(source, out, identity, (height, width, channels), ["test"], 1, "saving the drive")
