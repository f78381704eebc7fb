"""Draw and reconstruct futures of clips, for scores and for pictures.

Letters: B clips, N samples, T frames, S predicted frames, C channels, H height, W width, A
condition.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..clips import Batch, to_float
from ..model import Model
from ..noise import Noise
from ..rollouts import Rollout, rollout
from ..session import Session

_STEPS_AT_ONCE = 64  # per call: bounds the memory of a long future


@torch.no_grad()
def sample_futures(model: Model, clip: Batch, n_past: int, noise: Noise) -> Tensor:
    """Sample futures from the context alone, with z from the prior.

    [B, N, S, C, H, W] in [0, 1].
    """
    session = Session(model)
    session.reset(clip.frames[:, :n_past], clip.conditions[:, :n_past], noise)
    parts = [
        session.play(conditions)
        for conditions in clip.conditions[:, n_past:].split(_STEPS_AT_ONCE, 1)
    ]
    return torch.cat(parts, 2)


@torch.no_grad()
def reconstruct(model: Model, clip: Batch, n_past: int, noise: Noise) -> tuple[Tensor, Rollout]:
    """Predict with z from the posterior of the true future, own frames fed back.

    This is what a perfect z would give.

    Returns:
        Frames [B, S, C, H, W] in [0, 1], and the rollout.
    """
    made = rollout(
        model, to_float(clip.frames), clip.conditions, n_past, noise=noise, decode_from=n_past
    )
    return made.frames.clamp(0, 1), made
