"""The one loop over time in this project. Training, reconstruction, sampling, evaluation and planning go through it.

Letters: B clips, N samples, K seen frames, T steps wanted, S decoded steps, C channels, H height, W width, A condition.
"""

from __future__ import annotations

from collections.abc import Callable, Container
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from .gaussian import Gaussian
from .model import Features, Model
from .noise import Noise

_AT_ONCE = 512  # frames in one encoder or decoder call where no gradient is wanted: bounds memory
_AT_ONCE_ON_CPU, _TRAINED_AT_ONCE_ON_CPU = (
    16,
    64,
)  # on a CPU: more are slower, they do not stay in its cache


@dataclass(frozen=True)
class Rollout:
    """What came of a rollout. Rows are clip-major: row b * N + n is sample n of clip b.

    `frames` [B * N, S, C, H, W] are the predictions of frames `first` ... T - 1, not clamped. `posteriors` and `priors`
    have an entry for each step 1 ... T - 1, a tuple over latent levels; a posterior is None where nothing was seen.
    `state`, `skips` and `previous` (the last frame's code, if it was seen) are what going on takes (see `Session`).
    """

    frames: Tensor
    first: int
    posteriors: list[tuple[Gaussian, ...] | None]
    priors: list[tuple[Gaussian, ...]]
    state: Any
    previous: Tensor | None
    skips: tuple[Tensor, ...]


def rollout(
    model: Model,
    frames: Tensor,
    conditions: Tensor,
    n_past: int,
    forced: Container[int] = (),
    *,
    noise: Noise,
    decode_from: int = 1,
) -> Rollout:
    """Predict frames `decode_from` ... T - 1, one from the other.

    A step whose frame is seen takes z from the posterior, any other takes it from the prior. To sample, pass the context
    alone: the future cannot leak, it is not an argument. In the context the true frame is the input; after it the model
    gets its own, except at the steps in `forced` (teacher forcing), or nothing if it wants latent feedback.

    All seen frames are encoded in one call and all conditions embedded in one; steps are decoded together until
    somebody has to look at one, so the cost grows with the number of frames that are fed back.

    Args:
        frames: the seen frames [B, K, C, H, W], floats in [0, 1], n_past <= K <= T.
        conditions: one for each frame of the clip, context included, in raw units [B, T, *A].
        n_past: number of context frames, at least 1.
        forced: steps whose input is the true frame before them.
        noise: one stream a clip and sample; its `samples` is N.
        decode_from: the first frame to decode, at most n_past (where the future begins).

    Raises:
        ValueError: shapes that do not fit together.
    """
    batch, seen, steps = frames.shape[0], frames.shape[1], conditions.shape[1]
    _check(batch, seen, steps, n_past, decode_from, frames, conditions, noise)
    embedded = model.embed(conditions)
    features = _encoded(model, frames, embedded[:, :seen])
    codes = [_widen(code, noise.samples) for code in features.code.unbind(1)]
    awaited = [_widen(condition, noise.samples) for condition in embedded.unbind(1)]

    def skips_before(step: int) -> tuple[Tensor, ...]:
        """The skips of the frame that `step` may look back to: in the context the one before it, then always the same."""
        index = max(0, min(step - 1, n_past + model.skip_frame))
        return tuple(skip[:, index] for skip in features.skips)

    decoder = DeferredDecoder(
        model,
        embedded,
        noise.samples,
        lambda step: model.prepare_skips(skips_before(step)),
        changing=range(2, n_past + 1),
    )
    posteriors, priors = [], []
    state = model.initial(codes[0])

    def before(step: int) -> Tensor | None:
        """The code of the frame before `step`, as the model may know it."""
        if step <= n_past or (model.feedback == "pixels" and step <= seen and step in forced):
            return codes[step - 1]
        return (
            None
            if model.feedback == "latent"
            else reencode(model, decoder.last(), awaited[step - 1])
        )

    for t in range(1, steps):
        target = codes[t] if t < seen else None
        state, made = model.step(
            state, before(t), awaited[t], target, noise.draw(model.latent_shapes, frames.device)
        )
        posteriors.append(made.posterior)
        priors.append(made.prior)
        if t >= decode_from:
            decoder.add(t, made.code)
    last = codes[-1] if seen == steps else None
    return Rollout(
        decoder.frames(), decode_from, posteriors, priors, state, last, skips_before(steps)
    )


def reencode(model: Model, frame: Tensor, condition: Tensor) -> Tensor:
    """The code of the model's own frame [B, C, H, W], clamped as a real picture is, with its condition [B, *E]: [B, *]."""
    frames, conditions = frame.clamp(0, 1)[:, None], condition[:, None]
    at_once = (
        len(frame) if model.training else _frames_at_once(frame)
    )  # batch statistics are those of all rows
    parts = zip(frames.split(at_once), conditions.split(at_once), strict=True)
    return torch.cat([model.encode(f, c).code for f, c in parts])[:, 0]


class DeferredDecoder:
    """Decodes codes in as few calls as possible: together until a frame is asked for or the skips change.

    Args:
        model: whose codes they are.
        embedded: the conditions of all steps [B, T, *E].
        samples: N.
        skips_at: what `model.prepare_skips` makes of a step's skips; asked for again at the steps in `changing` alone.
        changing: steps whose skips differ from those of the step before.
    """

    def __init__(
        self,
        model: Model,
        embedded: Tensor,
        samples: int,
        skips_at: Callable[[int], tuple[Tensor, ...]],
        changing: Container[int] = (),
    ) -> None:
        self.model, self.embedded, self.samples = model, embedded, samples
        self.skips_at, self.changing = skips_at, changing
        self._skips: tuple[Tensor, ...] | None = None
        self._waiting: list[tuple[int, Tensor]] = []
        self._done: list[Tensor] = []

    def add(self, step: int, code: Tensor) -> None:
        """The code of the next step [B * N, *]."""
        if step in self.changing:
            self._flush()
            self._skips = None
        self._waiting.append((step, code))

    def last(self) -> Tensor:
        """The prediction of the latest step: [B * N, C, H, W]."""
        self._flush()
        return self._done[-1][:, -1]

    def frames(self) -> Tensor:
        """All predictions: [B * N, S, C, H, W]."""
        self._flush()
        if not self._done:
            rows = self.embedded.shape[0] * self.samples
            return self.embedded.new_zeros(rows, 0, *self.model.spec.frame)
        return self._done[0] if len(self._done) == 1 else torch.cat(self._done, 1)

    def _flush(self) -> None:
        if not self._waiting:
            return
        self._done.append(self._decode(self._waiting))
        self._waiting = []

    def _decode(self, waiting: list[tuple[int, Tensor]]) -> Tensor:
        """[B * N, S, C, H, W]. Samples and steps of a clip share its skips, so they go in as one row of N * S steps."""
        first, last = waiting[0][0], waiting[-1][0]
        batch = self.embedded.shape[0]
        code = (
            torch.stack([code for _, code in waiting], 1)
            .unflatten(0, (batch, self.samples))
            .flatten(1, 2)
        )
        condition = self.embedded[:, None, first : last + 1].expand(
            -1, self.samples, *self.embedded[:, first : last + 1].shape[1:]
        )
        if self._skips is None:
            self._skips = self.skips_at(first)
        condition, at_once = condition.flatten(1, 2), max(1, _frames_at_once(code) // batch)
        parts = zip(code.split(at_once, 1), condition.split(at_once, 1), strict=True)
        frames = torch.cat([self.model.decode(z, c, self._skips) for z, c in parts], 1)
        return frames.unflatten(1, (self.samples, len(waiting))).flatten(0, 1)


def _encoded(model: Model, frames: Tensor, embedded: Tensor) -> Features:
    """Seen frames [B, K, C, H, W] encoded in one call, or in a few if they are many."""
    at_once = max(1, _frames_at_once(frames) // len(frames))
    parts = [
        model.encode(f, e)
        for f, e in zip(frames.split(at_once, 1), embedded.split(at_once, 1), strict=True)
    ]
    if len(parts) == 1:
        return parts[0]
    code = torch.cat([part.code for part in parts], 1)
    return Features(
        code,
        tuple(torch.cat(skips, 1) for skips in zip(*(part.skips for part in parts), strict=True)),
    )


def _frames_at_once(like: Tensor) -> int:
    """How many frames go through a network in one call, on the device of `like`."""
    on_cpu = like.device.type == "cpu"
    if torch.is_grad_enabled():
        return _TRAINED_AT_ONCE_ON_CPU if on_cpu else 1 << 30
    return _AT_ONCE_ON_CPU if on_cpu else _AT_ONCE


def _widen(rows: Tensor, samples: int) -> Tensor:
    return rows if samples == 1 else rows.repeat_interleave(samples, 0)


def _check(
    batch: int,
    seen: int,
    steps: int,
    n_past: int,
    decode_from: int,
    frames: Tensor,
    conditions: Tensor,
    noise: Noise,
) -> None:
    if not 1 <= n_past <= seen:
        raise ValueError(
            f"{seen} frames are seen, n_past is {n_past}; expected 1 <= n_past <= {seen}"
        )
    if steps < seen:
        raise ValueError(
            f"conditions have {steps} steps but {seen} frames are seen; conditions[:, t] describes every frame of the clip, "
            f"context included: expected [B, T, *A] with T >= {seen}, got {list(conditions.shape)}"
        )
    if not 1 <= decode_from <= n_past:
        raise ValueError(f"decode_from is {decode_from}; expected 1 to n_past = {n_past}")
    if conditions.shape[0] != batch or len(noise) != batch:
        raise ValueError(
            f"frames {list(frames.shape)}, conditions {list(conditions.shape)} and noise for {len(noise)} clips disagree; "
            f"expected {batch} clips in each"
        )
