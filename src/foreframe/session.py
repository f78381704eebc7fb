"""A model that one drives: give it a start, then one condition after the other, and it shows what would be seen.

Letters: B clips, N samples, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import copy
from typing import Any

import torch
from torch import Tensor

from .model import Model
from .noise import Noise
from .rollouts import look, rollout


class Session:
    """Sampling, one step at a time. The same frames as a `rollout` over the same conditions, a test pins the two."""

    def __init__(self, model: Model) -> None:
        """`model` is put into evaluation mode."""
        self.model = model.eval()
        self._state: Any = None

    @torch.no_grad()
    def reset(self, frames: Tensor, conditions: Tensor, noise: Noise) -> None:
        """Begin after context frames [B, n_past, C, H, W], floats in [0, 1], with their conditions [B, n_past, *A]."""
        n_past = frames.shape[1]
        begun = rollout(self.model, frames, conditions, n_past, noise=noise, decode_from=n_past)
        self._noise = noise
        self._state, self._previous, self._skips = begun.state, begun.previous, begun.skips

    @torch.no_grad()
    def act(self, condition: Tensor) -> Tensor:
        """Do `condition` [B, *A] (raw units) and see: N futures of each clip, [B, N, C, H, W], clamped to [0, 1]."""
        if self._state is None:
            raise RuntimeError("the session has no start; call reset(frames, conditions, noise) first")
        samples = self._noise.samples
        embedded = self.model.embed(condition[:, None])
        noise = self._noise.draw(self.model.latent_shapes, condition.device)
        wide = embedded[:, 0].repeat_interleave(samples, 0)
        self._state, made = self.model.step(self._state, self._previous, wide, None, noise)
        code = made.code.unflatten(0, (len(condition), samples))
        frames = self.model.decode(code, embedded.expand(-1, samples, *embedded.shape[2:]), self._skips).clamp(0, 1)
        self._previous = look(self.model, frames.flatten(0, 1)) if self.model.feedback == "pixels" else None
        return frames

    def fork(self) -> Session:
        """A second session at the same point: what one does next the other does not feel. The same acts see the same."""
        other = copy.copy(self)
        other._noise = copy.deepcopy(self._noise)
        return other
