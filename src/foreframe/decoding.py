"""Decoding in as few calls as possible.

Letters: B clips, N samples, T steps, S decoded steps, C channels, H height, W width, E embedded
condition.
"""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

from .model import Model

_AT_ONCE = 512  # frames per encoder or decoder call without gradients: bounds memory
_AT_ONCE_ON_CPU = 16  # more are slower, they do not stay in the CPU's cache
_TRAINED_AT_ONCE_ON_CPU = 64


class _Waiting(NamedTuple):
    """A step that is not decoded yet."""

    number: int
    code: Tensor
    wanted: bool


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
        self._waiting: list[_Waiting] = []
        self._done: list[Tensor] = []
        self._last: Tensor | None = None

    def add(self, step: int, code: Tensor, skips: tuple[Tensor, ...], wanted: bool = True) -> None:
        """Take the code of the next step [B * N, *] and its prepared skips [B, *].

        A frame that is not wanted is decoded only if it is asked for as the last.
        """
        if skips is not self._skips:
            self._flush()
            self._skips = skips
        self._waiting.append(_Waiting(step, code, wanted))

    def last(self) -> Tensor:
        """Return the frame of the latest step: [B * N, C, H, W]."""
        if self._waiting:
            self._flush(self._waiting[-1])
        if self._last is None:
            raise RuntimeError("no step was decoded")
        return self._last

    def frames(self) -> Tensor:
        """Return the wanted frames: [B * N, S, C, H, W]."""
        self._flush()
        if not self._done:
            rows = self.embedded.shape[0] * self.samples
            return self.embedded.new_zeros(rows, 0, *self.model.spec.frame)
        return self._done[0] if len(self._done) == 1 else torch.cat(self._done, 1)

    def _flush(self, asked_for: _Waiting | None = None) -> None:
        """Decode what waits and is wanted, and the last step if it is asked for."""
        chosen = [waiting for waiting in self._waiting if waiting.wanted or waiting is asked_for]
        self._waiting = []
        if not chosen:
            return
        frames = self._decode(chosen)
        self._last = frames[:, -1]
        kept = frames if chosen[-1].wanted else frames[:, :-1]
        if kept.shape[1]:
            self._done.append(kept)

    def _decode(self, waiting: list[_Waiting]) -> Tensor:
        """Decode [B * N, S, C, H, W].

        A clip's samples and steps share its skips: they are one row of N * S steps.
        """
        batch = self.embedded.shape[0]
        stacked = torch.stack([step.code for step in waiting], 1)
        code = stacked.unflatten(0, (batch, self.samples)).flatten(1, 2)
        conditions = torch.stack([self.embedded[:, step.number] for step in waiting], 1)
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
