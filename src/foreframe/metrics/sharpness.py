"""`sharpness`: the gradient energy of moving pixels, predicted over true.

Below 1 a prediction is blurred where things move, above 1 it has edges that are not there; 1 says
nothing of where they are.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ._metric import Array, Metric
from ._moving import moving_fifth

_NOTHING = 1e-9  # energy per pixel; two flat pictures are as sharp as each other


def gradient_energy(pictures: Tensor, where: Tensor) -> Tensor:
    """Return the sum of squared differences of neighbours, a mean over `where`'s pixels.

    [*, C, H, W] and bool [*, 1, H, W] to [*].
    """
    down = (pictures[..., 1:, :] - pictures[..., :-1, :]).square_() * where[..., :-1, :]
    right = (pictures[..., 1:] - pictures[..., :-1]).square_() * where[..., :-1]
    total = down.flatten(-3).sum(-1) + right.flatten(-3).sum(-1)
    return total / where.flatten(-3).sum(-1)


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    moving = moving_fifth(truth, context)
    true = gradient_energy(truth, moving)[:, None]
    made = gradient_energy(samples, moving[:, None])
    return torch.stack([made, true.expand_as(made)], -1)


def _ratio(parts: Array) -> Array:
    return (parts[..., 0] + _NOTHING) / (parts[..., 1] + _NOTHING)


METRIC = Metric("sharpness", "sharpness", "", None, 2, _of_frames, combine=_ratio, least=0.0)
