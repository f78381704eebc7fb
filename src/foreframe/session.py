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
from .rollouts import Canvas, look, rollout


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

    def act(self, condition: Tensor) -> Tensor:
        """Do `condition` [B, *A] (raw units) and see: N futures of each clip, [B, N, C, H, W], clamped to [0, 1]."""
        return self.play(condition[:, None])[:, :, 0]

    @torch.no_grad()
    def play(self, conditions: Tensor) -> Tensor:
        """Do `conditions` [B, S, *A], one after the other: [B, N, S, C, H, W], clamped to [0, 1].

        Called again and again it goes on for ever in the same memory.
        """
        if self._state is None:
            raise RuntimeError("the session has no start; call reset(frames, conditions, noise) first")
        samples = self._noise.samples
        embedded = self.model.embed(conditions)
        canvas = Canvas(self.model, embedded, samples, lambda step: self._skips)
        for step, condition in enumerate(embedded.unbind(1)):
            wide = condition.repeat_interleave(samples, 0)
            noise = self._noise.draw(self.model.latent_shapes, conditions.device)
            self._state, made = self.model.step(self._state, self._previous, wide, None, noise)
            canvas.add(step, made.code)
            self._previous = look(self.model, canvas.last(), wide) if self.model.feedback == "pixels" else None
        return canvas.frames().clamp(0, 1).unflatten(0, (len(conditions), samples))

    def fork(self) -> Session:
        """A second session at the same point: what one does next the other does not feel. The same acts see the same."""
        other = copy.copy(self)
        other._noise = copy.deepcopy(self._noise)
        return other
