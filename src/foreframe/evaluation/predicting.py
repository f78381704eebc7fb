"""Futures of clips, for scores and for pictures.

Letters: B clips, N samples, T frames, S predicted frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import torch
from torch import Tensor

from ..clips import Batch, to_float
from ..model import Model
from ..noise import Noise
from ..rollouts import Rollout, rollout
from ..session import Session

_STEPS_AT_ONCE = 64  # of a sampled future; what a model makes of them is forgotten before the next


@torch.no_grad()
def sample_futures(model: Model, clip: Batch, n_past: int, noise: Noise) -> Tensor:
    """Futures with z from the prior, the context alone given: [B, N, S, C, H, W] in [0, 1]."""
    session = Session(model)
    session.reset(to_float(clip.frames[:, :n_past]), clip.conditions[:, :n_past], noise)
    parts = [
        session.play(conditions)
        for conditions in clip.conditions[:, n_past:].split(_STEPS_AT_ONCE, 1)
    ]
    return torch.cat(parts, 2)


@torch.no_grad()
def reconstruct(model: Model, clip: Batch, n_past: int, noise: Noise) -> tuple[Tensor, Rollout]:
    """What a perfect z would give: z from the posterior of the true future, own frames fed back: [B, S, C, H, W], and the rollout."""
    made = rollout(
        model, to_float(clip.frames), clip.conditions, n_past, noise=noise, decode_from=n_past
    )
    return made.frames.clamp(0, 1), made
