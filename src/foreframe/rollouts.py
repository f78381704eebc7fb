"""The one loop over time in this project.

Training, reconstruction, sampling, evaluation and driving go through it.

Letters: B clips, N samples, K seen frames, T steps, S decoded steps, C channels, H height, W width,
A condition, E embedded condition.
"""

from __future__ import annotations

from collections.abc import Container
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from .clips import as_floats, as_pictures
from .decoding import DeferredDecoder, frames_at_once
from .gaussian import Gaussian
from .model import Features, Model
from .noise import Noise
from .points import Point
from .showing import facts, page, pictures


@dataclass(frozen=True)
class Rollout:
    """What came of a rollout. Rows are clip-major: row b * N + n is sample n of clip b.

    Attributes:
        frames: predictions of frames `first` ... T - 1, or of those that were asked for, not
            clamped [B * N, S, C, H, W].
        first: the number of the first frame that could be predicted.
        posteriors: for each step a tuple over latent levels, or None where no frame was seen.
        priors: for each step a tuple over latent levels.
        point: where the clips stand after the last step; see `Session` for how to go on.
    """

    frames: Tensor
    first: int
    posteriors: list[tuple[Gaussian, ...] | None]
    priors: list[tuple[Gaussian, ...]]
    point: Point

    def _repr_html_(self) -> str:
        """Show some of the futures, a row each, in a notebook."""
        steps, (channels, height, width) = self.frames.shape[1], self.frames.shape[2:]
        said = {
            "futures": f"{self.point.samples} of each of {self.point.clips} clips",
            "frames": f"{self.first} to {self.first + steps - 1}, {height}x{width}x{channels}",
        }
        shown = pictures(as_pictures(self.frames), "a future in each row")
        return page("futures", shown, facts(said))


@dataclass(frozen=True)
class Seen:
    """The frames of a clip that a model may see. By default none.

    Attributes:
        codes: the codes of frames 0 ... K - 1, each [B * N, *].
        skips: the skips of the same frames, each [B, K, *].
        n_past: the number of context frames; a step to one of them, or to the first frame after
            them, is fed the truth.
        forced: steps after the context that are fed the truth too.
        skip_frame: `Model.skip_frame`.
    """

    codes: tuple[Tensor, ...] = ()
    skips: tuple[Tensor, ...] = ()
    n_past: int = 0
    forced: Container[int] = ()
    skip_frame: int = -1

    def code(self, frame: int) -> Tensor | None:
        """Return the code of a frame [B * N, *], None if it is not seen."""
        return self.codes[frame] if frame < len(self.codes) else None

    def context_before(self, step: int) -> Tensor | None:
        """Return the code of the context frame before a step [B * N, *], None after the context."""
        return self.code(step - 1) if 0 < step <= self.n_past else None

    def forced_before(self, step: int) -> Tensor | None:
        """Return the code that a forced step is fed [B * N, *], None if it is not forced."""
        return self.code(step - 1) if step in self.forced else None

    def skips_before(self, step: int) -> tuple[Tensor, ...] | None:
        """Return the skips that a step decodes with, each [B, *].

        It is None if they are those of the step before.
        Within the context they come from the frame before the step, after it always from the same
        frame.
        """
        if not 0 < step <= self.n_past:
            return None
        index = max(0, min(step - 1, self.n_past + self.skip_frame))
        return tuple(skip[:, index] for skip in self.skips)


NOTHING_SEEN = Seen()


def rollout(
    model: Model,
    frames: Tensor,
    conditions: Tensor,
    n_past: int,
    forced: Container[int] = (),
    *,
    noise: Noise,
    decode_from: int = 1,
    decoded: Container[int] | None = None,
) -> Rollout:
    """Predict frames `decode_from` ... T - 1, each from those before it.

    A step whose frame is seen takes z from the posterior, any other takes it from the prior.
    To sample, pass the context alone: the future cannot leak, it is not an argument.
    In the context the true frame is the input.
    After it the model is fed what its `feedback` says: its own frame (at the steps in `forced` the
    true one: teacher forcing), or nothing.

    All seen frames are encoded in one call and all conditions embedded in one.
    Steps are decoded together until a frame is fed back, so the cost grows with the number of
    frames that are.

    Args:
        model: the model to roll out.
        frames: the seen frames [B, K, C, H, W], floats in [0, 1], n_past <= K <= T.
        conditions: one for each frame of the clip, context included [B, T, *A]: numbers in raw
            units, or label images.
        n_past: number of context frames, at least 1.
        forced: steps whose input is the true frame before them.
        noise: one stream per clip and sample; its `samples` is N.
        decode_from: the first frame to decode, at most n_past (where the future begins).
        decoded: of those, the frames that are wanted, by default all of them; others are decoded
            only to be fed back.

    Raises:
        ValueError: shapes that do not fit together.
    """
    batch, known, steps = frames.shape[0], frames.shape[1], conditions.shape[1]
    _check(batch, known, steps, n_past, decode_from, frames, conditions, noise)
    embedded = model.embed(as_floats(conditions))
    features = _encode(model, as_floats(frames), embedded[:, :known])
    codes = widen(features.code, noise.samples).unbind(1)
    seen = Seen(codes, features.skips, n_past, forced, model.skip_frame)
    begin = Point(model.initial(codes[0]), codes[0], (), batch, noise.samples)
    made = advance(model, begin, embedded, range(1, steps), noise, seen, decode_from, decoded)
    unused = seen.skips_before(steps)  # where the clip ends with its context
    skips = made.point.skips if unused is None else model.prepare_skips(unused)
    return replace(made, point=replace(made.point, previous=seen.code(steps - 1), skips=skips))


def advance(
    model: Model,
    point: Point,
    embedded: Tensor,
    steps: range,
    noise: Noise,
    seen: Seen = NOTHING_SEEN,
    decode_from: int = 0,
    decoded: Container[int] | None = None,
) -> Rollout:
    """Go from a point to the point after `steps`: the only loop over time.

    The last frame is not fed back: the point that is returned has the input of the last step in it.

    Args:
        model: the model to advance.
        point: where to begin.
        embedded: embedded conditions, one for each frame up to the last step [B, T, *E].
        steps: the numbers of the steps; step t leads to frame t.
        noise: one stream per clip and sample.
        seen: the frames that are known.
        decode_from: the first frame to decode.
        decoded: of those, the frames that are wanted; all by default.
    """
    decoder = DeferredDecoder(model, embedded, point.samples)
    conditions = widen(embedded, point.samples).unbind(1)
    posteriors, priors = [], []

    def fed(step: int) -> Tensor | None:
        """The code that a step begins from."""
        truth, forced = seen.context_before(step), seen.forced_before(step)
        if truth is not None:
            return truth
        return model.feedback.next_input(
            forced, lambda: reencode(model, decoder.last(), conditions[step - 1])
        )

    for t in steps:
        skips = seen.skips_before(t) if t >= decode_from else None
        point = replace(
            point,
            previous=point.previous if t == steps.start else fed(t),
            skips=point.skips if skips is None else model.prepare_skips(skips),
        )
        drawn = noise.draw(model.latent_shapes, embedded.device)
        state, made = model.step(point.state, point.previous, conditions[t], seen.code(t), drawn)
        point = replace(point, state=state)
        posteriors.append(made.posterior)
        priors.append(made.prior)
        if t >= decode_from:
            decoder.add(t, made.code, point.skips, decoded is None or t in decoded)
    return Rollout(decoder.frames(), decode_from, posteriors, priors, point)


def reencode(model: Model, frame: Tensor, condition: Tensor) -> Tensor:
    """Encode a model's own frame [R, C, H, W] with its condition [R, *E]: [R, *].

    The frame is clamped to [0, 1], as a real picture is.
    """
    frames, conditions = frame.clamp(0, 1)[:, None], condition[:, None]
    # Batch statistics in training are those of all rows, so training encodes all of them in one
    # call.
    at_once = len(frame) if model.training else frames_at_once(frame)
    parts = zip(frames.split(at_once), conditions.split(at_once), strict=True)
    return torch.cat([model.encode(f, c).code for f, c in parts])[:, 0]


def widen(rows: Tensor, samples: int) -> Tensor:
    """Repeat the row of each clip for its samples: [B, *] -> [B * N, *]."""
    return rows if samples == 1 else rows.repeat_interleave(samples, 0)


def _encode(model: Model, frames: Tensor, embedded: Tensor) -> Features:
    """Encode seen frames [B, K, C, H, W] in one call, or in a few if they are many."""
    at_once = max(1, frames_at_once(frames) // len(frames))
    chunks = zip(frames.split(at_once, 1), embedded.split(at_once, 1), strict=True)
    parts = [model.encode(f, e) for f, e in chunks]
    if len(parts) == 1:
        return parts[0]
    skips = zip(*(part.skips for part in parts), strict=True)
    return Features(
        torch.cat([part.code for part in parts], 1), tuple(torch.cat(skip, 1) for skip in skips)
    )


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
            f"conditions have {steps} steps but {seen} frames are seen; "
            "conditions[:, t] describes every frame of the clip, context included: "
            f"expected [B, T, *A] with T >= {seen}, got {list(conditions.shape)}"
        )
    if not 1 <= decode_from <= n_past:
        raise ValueError(f"decode_from is {decode_from}; expected 1 to n_past = {n_past}")
    if conditions.shape[0] != batch or len(noise) != batch:
        raise ValueError(
            f"frames {list(frames.shape)}, conditions {list(conditions.shape)} and noise for "
            f"{len(noise)} clips disagree; expected {batch} clips in each"
        )
