"""`moved_error`: the error where moved objects were and are, over copying's.

1 for a model that leaves pushed objects where they were, 0 for one that is right. Worlds that log
their objects have it.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ._metric import Array, Metric
from ._world_truth import WorldTruth, squared_error


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor, world: WorldTruth) -> Tensor | None:
    """The sums of squared errors, predicted and copied, over those pixels: [B, N, S, 2]."""
    if world.objects is None:
        return None
    first = context.shape[1]
    where = world.objects.paths_of_moved(first)[:, first:] & ~world.objects.arm[:, first:]
    copied = context[:, -1:].expand_as(truth)[:, None]
    errors = [
        (squared_error(made, truth) * where[:, None]).flatten(3).sum(3)
        for made in (samples, copied)
    ]
    return torch.stack([errors[0], errors[1].expand_as(errors[0])], -1)


def _ratio(parts: Array) -> Array:
    made, copied = parts[..., 0], parts[..., 1]
    return np.where(copied > 0, made / np.maximum(copied, 1e-12), 1.0)


METRIC = Metric(
    "moved_error",
    "moved error",
    "",
    False,
    2,
    _of_frames,
    combine=_ratio,
    uses_world=True,
    least=0.0,
)
