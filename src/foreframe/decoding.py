"""Decoding in as few calls as possible.

Letters: B clips, N samples, T steps, S decoded steps, C channels, H height, W width, E embedded
condition.
"""

from __future__ import annotations

import torch
from torch import Tensor

from .model import Model

_AT_ONCE = 512  # frames per encoder or decoder call without gradients: bounds memory
_AT_ONCE_ON_CPU = 16  # more are slower, they do not stay in the CPU's cache
_TRAINED_AT_ONCE_ON_CPU = 64


class DeferredDecoder:
    """Decode steps together until a frame is asked for or the skips change.

    Args:
        model: the model whose codes are decoded.
        embedded: the conditions of all steps [B, T, *E].
        samples: N.
    """

    def __init__(self, model: Model, embedded: Tensor, samples: int) -> None:
        self.model, self.embedded, self.samples = model, embedded, samples
        self._skips: tuple[Tensor, ...] = ()
        self._waiting: list[tuple[int, Tensor]] = []
        self._done: list[Tensor] = []

    def add(self, step: int, code: Tensor, skips: tuple[Tensor, ...]) -> None:
        """Take the code of the next step [B * N, *] and its prepared skips [B, *]."""
        if skips is not self._skips:
            self._flush()
            self._skips = skips
        self._waiting.append((step, code))

    def last(self) -> Tensor:
        """Return the frames of the latest step: [B * N, C, H, W]."""
        self._flush()
        return self._done[-1][:, -1]

    def frames(self) -> Tensor:
        """Return the frames of all steps: [B * N, S, C, H, W]."""
        self._flush()
        if not self._done:
            rows = self.embedded.shape[0] * self.samples
            return self.embedded.new_zeros(rows, 0, *self.model.spec.frame)
        return self._done[0] if len(self._done) == 1 else torch.cat(self._done, 1)

    def _flush(self) -> None:
        if self._waiting:
            self._done.append(self._decode(self._waiting))
            self._waiting = []

    def _decode(self, waiting: list[tuple[int, Tensor]]) -> Tensor:
        """Decode [B * N, S, C, H, W].

        A clip's samples and steps share its skips: they are one row of N * S steps.
        """
        batch = self.embedded.shape[0]
        stacked = torch.stack([code for _, code in waiting], 1)
        code = stacked.unflatten(0, (batch, self.samples)).flatten(1, 2)
        conditions = torch.stack([self.embedded[:, step] for step, _ in waiting], 1)
        shared = conditions[:, None].expand(-1, self.samples, *conditions.shape[1:]).flatten(1, 2)
        at_once = max(1, frames_at_once(code) // batch)
        parts = zip(code.split(at_once, 1), shared.split(at_once, 1), strict=True)
        frames = torch.cat([self.model.decode(z, c, self._skips) for z, c in parts], 1)
        return frames.unflatten(1, (self.samples, len(waiting))).flatten(0, 1)


def frames_at_once(like: Tensor) -> int:
    """Return how many frames go through a network in one call, on the device of `like`."""
    on_cpu = like.device.type == "cpu"
    if torch.is_grad_enabled():
        return _TRAINED_AT_ONCE_ON_CPU if on_cpu else 1 << 30
    return _AT_ONCE_ON_CPU if on_cpu else _AT_ONCE
