"""`objects_kept`: the share of untouched, visible objects that are still there.

An object counts as there if its own pixels have a PSNR of at least 20 dB. Worlds that log their
objects have it.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ._metric import Array, Metric
from ._world_truth import WorldTruth, squared_error

_LEAST_PIXELS = 8
_MOST_ERROR = 0.01  # mean squared error of 20 dB


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor, world: WorldTruth) -> Tensor | None:
    """The numbers of objects that are there, and of those that should be: [B, N, S, 2]."""
    if world.objects is None:
        return None
    first, error = context.shape[1], squared_error(samples, truth)
    kept, should = error.new_zeros(error.shape[:3]), error.new_zeros(error.shape[:3])
    for number in range(world.objects.disturbed.shape[-1]):
        seen = world.objects.of_object(number)[:, first:]
        pixels = seen.flatten(2).sum(2)
        counts = (pixels >= _LEAST_PIXELS) & ~world.objects.disturbed[:, first:, number]
        own = (error * seen[:, None]).flatten(3).sum(3) / pixels.clamp_min(1)[:, None]
        kept += (own <= _MOST_ERROR) & counts[:, None]
        should += counts[:, None]
    return torch.stack([kept, should], -1)


def _share(parts: Array) -> Array:
    kept, should = parts[..., 0], parts[..., 1]
    return np.where(should > 0, kept / np.maximum(should, 1e-9), 1.0)


METRIC = Metric(
    "objects_kept",
    "objects kept",
    "",
    True,
    3,
    _of_frames,
    combine=_share,
    uses_world=True,
    least=0.0,
    most=1.0,
)
