"""`psnr_moving`: the PSNR, in dB, of the fifth of the pixels that changed most since the context.

Most of a picture stands still and is right in any copy of the context; this is PSNR where the task
lies.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width.
"""

from __future__ import annotations

from torch import Tensor

from ._metric import Metric
from ._moving import moving_fifth
from .psnr import decibels


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    moving = moving_fifth(truth, context)
    squares = (samples - truth[:, None]).square_().mean(3, keepdim=True) * moving[:, None]
    return decibels(squares.flatten(3).sum(3) / moving.flatten(2).sum(2)[:, None])


METRIC = Metric("psnr_moving", "PSNR moving", "dB", True, 2, _of_frames, least=0.0)
