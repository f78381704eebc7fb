"""Fold batch and time into a single dimension, for layers without time.

Rows are ordered clip after clip, or step after step for layers that normalise over all clips of a
step, whose rows are then adjacent.

Letters: B batch, S steps.
"""

from __future__ import annotations

import torch
from torch import Tensor


def fold(frames: Tensor) -> Tensor:
    """Fold [B, S, *] into [B * S, *], clip after clip.

    Pictures are channels-last in memory, the fastest layout for convolutions.
    """
    return _channels_last(frames.flatten(0, 1))


def unfold(rows: Tensor, steps: int) -> Tensor:
    """Unfold [B * S, *] into [B, S, *]."""
    return rows.unflatten(0, (-1, steps))


def fold_steps(frames: Tensor) -> Tensor:
    """Fold [B, S, *] into [S * B, *], step after step; pictures are channels-last in memory."""
    return _channels_last(frames.transpose(0, 1).flatten(0, 1))


def unfold_steps(rows: Tensor, steps: int) -> Tensor:
    """Unfold [S * B, *] into [B, S, *]."""
    return rows.unflatten(0, (steps, -1)).transpose(0, 1)


def _channels_last(rows: Tensor) -> Tensor:
    return rows.contiguous(memory_format=torch.channels_last) if rows.ndim == 4 else rows
