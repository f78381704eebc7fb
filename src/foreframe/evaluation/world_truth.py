"""What an embedded world logged of the clips that are scored, as tensors for metrics.

Letters: B clips, T frames of a clip, O objects, J joints.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..data.truth import objects_of
from ..data.windows import Windows
from ..metrics import ObjectMarks, WorldTruth

Array = NDArray[Any]

_JOINTS = "joints_px"


def world_truth(
    windows: Windows, indices: Sequence[int], n_past: int, device: torch.device
) -> WorldTruth:
    """Return what the store knows of clips beside their pixels; nothing of recordings."""
    return WorldTruth(_objects(windows, indices, n_past, device), _joints(windows, indices, device))


def _objects(
    windows: Windows, indices: Sequence[int], n_past: int, device: torch.device
) -> ObjectMarks | None:
    marks, moved, disturbed = [], [], []
    for index in indices:
        episode, first = windows.place(index)
        known = objects_of(windows.store, episode)
        if known is None:
            return None
        last, rows = first + n_past - 1, slice(first, first + windows.length)
        marks.append(known.marks[rows])
        moved.append(known.moved(last)[rows])
        disturbed.append(known.disturbed(last)[rows])
    return ObjectMarks(
        torch.from_numpy(np.stack(marks)).to(device),
        _padded(moved).to(device),
        _padded(disturbed).to(device),
    )


def _padded(flags: Sequence[Array]) -> Tensor:
    """Flags [T, O] of clips with different numbers of objects as one tensor [B, T, O]."""
    most = max(rows.shape[1] for rows in flags)
    full = [np.pad(rows, ((0, 0), (0, most - rows.shape[1]))) for rows in flags]
    return torch.from_numpy(np.stack(full))


def _joints(windows: Windows, indices: Sequence[int], device: torch.device) -> Tensor | None:
    store = windows.store
    if _JOINTS not in store.columns:
        return None
    joints = []
    for index in indices:
        episode, first = windows.place(index)
        begin = episode.start + first
        rows = store.column(_JOINTS)[begin : begin + windows.length]
        joints.append(np.asarray(rows, np.float32).reshape(windows.length, -1, 2))
    return torch.from_numpy(np.stack(joints)).to(device)
