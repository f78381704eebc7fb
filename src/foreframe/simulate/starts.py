"""The clips that drives begin from: the first frames of recorded episodes.

Letters: T frames, C channels, H height, W width, A condition, J joints.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..clips import ClipSpec
from ..data.store import ClipStore, Episode
from ..data.windows import Windows
from ..errors import InputError

Array = NDArray[Any]

JOINTS = "joints_px"  # the truth column that holds the places of a skeleton's joints
_MOST_STARTS, _MOST_FRAMES = 12, 630


@dataclass(frozen=True)
class Start:
    """An episode to begin from.

    Attributes:
        name: the name of the episode.
        frames: uint8 [T, C, H, W].
        conditions: the condition of each frame [T, *A]: numbers as float32, label images as uint8.
        joints: the places of the skeleton's joints in each label, in pixels [T, J, 2]; None if
            unknown.
    """

    name: str
    frames: Tensor
    conditions: Tensor
    joints: Array | None

    def __len__(self) -> int:
        return len(self.frames)


def starts_of(store: ClipStore, spec: ClipSpec, n_past: int) -> list[Start]:
    """Choose evenly spaced episodes, of a split that the model was not trained on if there is one.

    Raises:
        InputError: no episode is as long as the model's context.
    """
    for split in ("test", "validate", "train"):
        if not any(episode.split == split for episode in store.episodes):
            continue
        windows = Windows(store, split, n_past, spec.columns, visible=n_past, numbers=spec.names)
        spread = np.linspace(0, len(windows.episodes) - 1, min(_MOST_STARTS, len(windows.episodes)))
        return [_start(windows, windows.episodes[i]) for i in np.unique(spread.round().astype(int))]
    raise InputError(f"{store.path} has no episodes to begin from")


def _start(windows: Windows, episode: Episode) -> Start:
    length = min(episode.seen, _MOST_FRAMES)
    rows = slice(episode.start, episode.start + length)
    frames = torch.from_numpy(np.array(windows.store.column("frames")[rows])).movedim(-1, 1)
    conditions = torch.from_numpy(np.array(windows.conditions(episode, 0, length)))
    known = JOINTS in windows.store.columns
    return Start(
        episode.name,
        frames,
        conditions,
        np.array(windows.store.column(JOINTS)[rows]) if known else None,
    )
