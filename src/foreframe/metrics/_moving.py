"""The moving pixels of a frame.

Letters: B clips, S predicted frames, K context frames, C channels, H height, W width.
"""

from __future__ import annotations

from torch import Tensor

_STILL = 0.8  # the share of pixels that is left out


def moving_fifth(truth: Tensor, context: Tensor) -> Tensor:
    """Return which pixels differ most from the last context frame in what happened, the upper
    fifth of each frame: [B, S, C, H, W] and [B, K, C, H, W] to bool [B, S, 1, H, W].
    """
    return upper_fifth((truth - context[:, -1:]).abs())


def upper_fifth(changes: Tensor) -> Tensor:
    """Return which pixels have the largest values, a mean over channels, in each frame.

    More than a fifth where pixels tie: all of them in a frame without changes.
    Shapes: [B, S, C, H, W] -> bool [B, S, 1, H, W].
    """
    pixels = changes.mean(2, keepdim=True)
    ranked = pixels.flatten(2)
    least = ranked.kthvalue(1 + int(_STILL * ranked.shape[-1]), dim=-1, keepdim=True).values
    return (ranked >= least).view(pixels.shape)
