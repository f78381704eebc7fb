"""A model that one drives: give it a start, then one condition after the other, and it shows what would be seen.

Letters: B clips, N samples, S steps, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves, tree_map

from .model import Model
from .noise import JoinedNoise, Noise
from .rollouts import DeferredDecoder, reencode, rollout


class Session:
    """Sampling, one step at a time. The same frames as a `rollout` over the same conditions, a test pins the two.

    Attributes:
        noise: what the futures are drawn with; its `temperature` and `frozen` may be changed between acts.
        frames: what was seen last, N futures of each clip [B, N, C, H, W]; after `reset` the last context frame.
    """

    def __init__(self, model: Model) -> None:
        """`model` is put into evaluation mode."""
        self.model = model.eval()
        self._state: Any = None

    @property
    def samples(self) -> int:
        """N, the number of futures that go on side by side."""
        return self.noise.samples

    @property
    def batch_key(self) -> tuple[int, bool]:
        """Sessions of one model that agree in this can act together: as many samples, and whether a frame is fed back next."""
        return self.samples, self._previous is None

    @property
    def uncertainty(self) -> Tensor:
        """How far the samples disagree: standard deviation over N, mean over channels [B, H, W]. Zero with one sample."""
        return self.frames.std(1, correction=0).mean(1)

    @torch.no_grad()
    def reset(self, frames: Tensor, conditions: Tensor, noise: Noise) -> None:
        """Begin after context frames [B, n_past, C, H, W], floats in [0, 1], with their conditions [B, n_past, *A]."""
        n_past = frames.shape[1]
        begun = rollout(self.model, frames, conditions, n_past, noise=noise, decode_from=n_past)
        self.noise, self.frames = noise, frames[:, -1:].expand(-1, noise.samples, -1, -1, -1)
        self._state, self._previous, self._skips = (
            begun.state,
            begun.previous,
            self.model.prepare_skips(begun.skips),
        )

    def act(self, condition: Tensor) -> Tensor:
        """Do `condition` [B, *A] (raw units) and see: N futures of each clip, [B, N, C, H, W], clamped to [0, 1]."""
        return self.play(condition[:, None])[:, :, 0]

    @torch.no_grad()
    def play(self, conditions: Tensor) -> Tensor:
        """Do `conditions` [B, S, *A], one after the other: [B, N, S, C, H, W], clamped to [0, 1].

        Called again and again it goes on for ever in the same memory.
        """
        if self._state is None:
            raise RuntimeError(
                "the session has no start; call reset(frames, conditions, noise) first"
            )
        embedded = self.model.embed(conditions)
        decoder = DeferredDecoder(self.model, embedded, self.samples, lambda step: self._skips)
        for step, condition in enumerate(embedded.unbind(1)):
            wide = condition.repeat_interleave(self.samples, 0)
            noise = self.noise.draw(self.model.latent_shapes, conditions.device)
            self._state, made = self.model.step(self._state, self._previous, wide, None, noise)
            decoder.add(step, made.code)
            self._previous = (
                reencode(self.model, decoder.last(), wide)
                if self.model.feedback == "pixels"
                else None
            )
        seen = decoder.frames().clamp(0, 1).unflatten(0, (len(conditions), self.samples))
        self.frames = seen[:, :, -1]
        return seen

    def fork(self, chosen: Sequence[int] | None = None, noise: Noise | None = None) -> Session:
        """A second session at the same point: what one does next the other does not feel. The same acts see the same.

        With `chosen` it goes on from these samples of each clip alone: `fork([2, 2, 2], Noise(seeds, 3))` draws three
        new futures of the third. `noise` has as many samples as are chosen.
        """
        other = copy.copy(self)
        other.noise = copy.deepcopy(self.noise) if noise is None else noise
        if chosen is not None:
            rows = torch.arange(len(self.frames))[:, None] * self.samples + torch.as_tensor(chosen)

            def pick(tensor: Tensor) -> Tensor:
                return tensor[rows.flatten().to(tensor.device)]

            other._state = tree_map(pick, self._state)
            other._previous = None if self._previous is None else pick(self._previous)
            other.frames = self.frames[:, list(chosen)]
        if other.samples != other.frames.shape[1]:
            raise ValueError(
                f"noise for {other.samples} samples, {other.frames.shape[1]} go on; expected as many"
            )
        return other

    @property
    def size_bytes(self) -> int:
        """What it takes to keep this point, to come back to it; skips, which all points share, are not counted."""
        kept = tree_leaves((self._state, self._previous))
        return sum(tensor.nbytes for tensor in kept if tensor is not None)


def step_batch(sessions: Sequence[Session], conditions: Sequence[Tensor]) -> list[Tensor]:
    """`act` in several sessions of one model at once, each with its own condition [B, *A]: what each of them sees.

    One step of the model is made for all together.

    Raises:
        ValueError: they are not each other's `batch_key`.
    """
    if len({session.batch_key for session in sessions}) != 1:
        raise ValueError(
            f"{len(sessions)} sessions differ in samples or feedback; expected all with the same `batch_key`"
        )
    first, sizes = sessions[0], [len(session.frames) for session in sessions]
    joined = copy.copy(first)
    joined.noise = JoinedNoise([session.noise for session in sessions])
    joined._state = tree_map(
        lambda *parts: torch.cat(parts), *(session._state for session in sessions)
    )
    joined._previous = (
        None if first._previous is None else torch.cat([s._previous for s in sessions])  # type: ignore[misc]
    )
    joined._skips = tuple(
        torch.cat(parts) for parts in zip(*(s._skips for s in sessions), strict=True)
    )
    seen = joined.act(torch.cat(list(conditions))).split(sizes)
    rows = [size * first.samples for size in sizes]
    end = 0
    for session, count, frames in zip(sessions, rows, seen, strict=True):
        own = slice(end, end + count)
        session._state = tree_map(lambda t, own=own: t[own].clone(), joined._state)
        session._previous = None if joined._previous is None else joined._previous[own].clone()
        session.frames, end = frames, own.stop
    return list(seen)
