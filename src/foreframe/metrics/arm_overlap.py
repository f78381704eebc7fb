"""`arm_overlap`: the predicted arm's overlap with the true arm, intersection over union.

The arm is where a picture differs from the same picture without it; what is behind it is taken from
the nearest frame in which it is seen. Pixels of moved objects do not count. Worlds that log their
objects have it.

Letters: B clips, N samples, S predicted frames, K context frames, T frames, C channels, H height, W
    width.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ._metric import Array, Metric
from ._world_truth import WorldTruth

_DIFFERS = 0.1  # mean absolute difference over channels


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor, world: WorldTruth) -> Tensor | None:
    """The numbers of pixels in both and in either: [B, N, S, 2]."""
    if world.objects is None:
        return None
    first, arm = context.shape[1], world.objects.arm
    behind, known = without_arm(torch.cat([context, truth], 1), arm)
    behind, known = behind[:, first:], known[:, first:]
    known &= ~world.objects.paths_of_moved(first)[:, first:]
    true = ((truth - behind).abs().mean(2) > _DIFFERS) & known & arm[:, first:]
    made = ((samples - behind[:, None]).abs_().mean(3) > _DIFFERS) & known[:, None]
    both, either = made & true[:, None], made | true[:, None]
    return torch.stack([both.flatten(3).sum(3), either.flatten(3).sum(3)], -1).float()


def without_arm(frames: Tensor, arm: Tensor) -> tuple[Tensor, Tensor]:
    """Return frames [B, T, C, H, W] with what is behind the arm, and where that is known.

    Args:
        frames: of whole clips.
        arm: where it is seen, bool [B, T, H, W].

    Returns: Frames, and bool [B, T, H, W]: a pixel that the arm never leaves is not known.
    """
    steps = torch.arange(frames.shape[1], device=frames.device).view(1, -1, 1, 1)
    count = frames.shape[1]
    before = torch.where(arm, -count, steps.expand_as(arm)).cummax(1).values
    after = torch.where(arm, 2 * count, steps.expand_as(arm)).flip(1).cummin(1).values.flip(1)
    nearest = torch.where(steps - before <= after - steps, before, after)
    known = (nearest >= 0) & (nearest < count)
    index = nearest.clamp(0, count - 1)[:, :, None].expand_as(frames)
    return frames.gather(1, index), known


def _ratio(parts: Array) -> Array:
    both, either = parts[..., 0], parts[..., 1]
    return np.where(either > 0, both / np.maximum(either, 1e-9), 1.0)


METRIC = Metric(
    "arm_overlap",
    "arm overlap",
    "",
    True,
    2,
    _of_frames,
    combine=_ratio,
    uses_world=True,
    least=0.0,
    most=1.0,
)
