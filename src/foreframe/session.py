"""An interactive model: give it a start, then a condition per step, and see what follows.

Letters: B clips, N samples, S steps, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor

from .clips import as_floats, as_pictures
from .errors import InputError
from .model import Model
from .noise import JoinedNoise, Noise
from .points import Point, join
from .rollouts import advance, reencode, rollout, widen
from .showing import facts, page, pictures, words


class Session:
    """Sampling, step by step: the same frames as a `rollout` over the same conditions.

    Attributes:
        noise: what the futures are drawn with; its `temperature` and `frozen` may be changed
            between acts.
        frames: what was seen last, N futures of each clip [B, N, C, H, W]; after `reset` the last
            context frame.

    Example:
        >>> frames, conditions = clip.frames[:, :2], clip.conditions[:, :2]        # doctest: +SKIP
        >>> session = Session(model)                                               # doctest: +SKIP
        >>> session.reset(frames, conditions, Noise([0], samples=4))               # doctest: +SKIP
        >>> futures = session.act(clip.conditions[:, 2])                           # doctest: +SKIP
    """

    def __init__(self, model: Model) -> None:
        """`model` is put into evaluation mode."""
        self.model = model.eval()
        self._point: Point | None = None

    @property
    def point(self) -> Point:
        """Where the session stands.

        Raises:
            RuntimeError: the session was not reset yet.
        """
        if self._point is None:
            raise RuntimeError(
                "the session has no start; call reset(frames, conditions, noise) first"
            )
        return self._point

    @property
    def is_begun(self) -> bool:
        """Whether the session was reset, so that it stands somewhere."""
        return self._point is not None

    @property
    def samples(self) -> int:
        """N, the number of futures side by side."""
        return self.noise.samples

    @property
    def batch_key(self) -> tuple[int, bool]:
        """Sessions of one model that agree in this can act in one step; see `step_batch`."""
        return self.point.batch_key

    @property
    def uncertainty(self) -> Tensor:
        """How far the samples disagree: standard deviation over N, mean over channels [B, H, W].

        It is zero with one sample.
        """
        return self.frames.std(1, correction=0).mean(1)

    @property
    def size_bytes(self) -> int:
        """The memory that it takes to keep this point; see `Point.size_bytes`."""
        return self.point.size_bytes

    def _repr_html_(self) -> str:
        """Show what was seen last, the futures of each clip in a row, in a notebook."""
        title = f"session of {type(self.model).__name__}"
        if not self.is_begun:
            return page(title, words(["no start yet: call reset(frames, conditions, noise)"]))
        said = {
            "clips": self.point.clips,
            "futures": self.samples,
            "temperature": self.noise.temperature,
            "disagreement": f"{float(self.uncertainty.float().mean()):.4f} of 1",
            "steered": ", ".join(self.model.spec.names) or "label images",
        }
        shown = pictures(as_pictures(self.frames), "the futures of each clip, as they are now")
        return page(title, shown, facts(said))

    @torch.no_grad()
    def reset(self, frames: Tensor, conditions: Tensor, noise: Noise) -> None:
        """Begin after context frames.

        Args:
            frames: the context [B, n_past, C, H, W], bytes or floats in [0, 1].
            conditions: those of the same frames [B, n_past, *A].
            noise: one stream per clip and sample.

        Raises:
            InputError: floats outside [0, 1].
        """
        seen, n_past = _pictures(frames), frames.shape[1]
        begun = rollout(self.model, seen, conditions, n_past, noise=noise, decode_from=n_past)
        self.noise = noise
        self.resume(begun.point, seen[:, -1:].expand(-1, noise.samples, -1, -1, -1))

    def resume(self, point: Point, frames: Tensor) -> None:
        """Go on from a point, at which `frames` [B, N, C, H, W] were seen last."""
        self._point, self.frames = point, frames

    def act(self, condition: Tensor) -> Tensor:
        """Do `condition` [B, *A] and return N futures of each clip [B, N, C, H, W] in [0, 1].

        A condition is numbers in raw units, or a label image: bytes or floats in [0, 1].
        """
        return self.play(condition[:, None])[:, :, 0]

    def play(self, conditions: Tensor) -> Tensor:
        """Do `conditions` [B, S, *A] in turn and return [B, N, S, C, H, W], clamped to [0, 1].

        It can be called any number of times, in the same memory.
        """
        point, seen = _play(self.model, self.point, conditions, self.noise)
        self.resume(point, seen[:, :, -1])
        return seen

    def fork(self, chosen: Sequence[int] | None = None, noise: Noise | None = None) -> Session:
        """Return a second session at the same point, which goes its own way.

        The same acts see the same in both.
        With `chosen` it goes on from these samples of each clip: `fork([2, 2, 2], Noise(seeds, 3))`
        draws three new futures of the third. `noise` has as many samples as are chosen.
        """
        other = copy.copy(self)
        other.noise = copy.deepcopy(self.noise) if noise is None else noise
        if chosen is not None:
            other.resume(self.point.fork(chosen), self.frames[:, list(chosen)])
        if other.samples != other.frames.shape[1]:
            raise ValueError(
                f"noise for {other.samples} samples, {other.frames.shape[1]} go on; "
                "expected as many"
            )
        return other


def step_batch(sessions: Sequence[Session], conditions: Sequence[Tensor]) -> list[Tensor]:
    """Act in several sessions of one model, each with its own condition [B, *A], in one step.

    Raises:
        ValueError: the sessions differ in their `batch_key`.
    """
    points = [session.point for session in sessions]
    noise = JoinedNoise([session.noise for session in sessions])
    after, seen = _play(
        sessions[0].model, join(points), torch.cat(list(conditions))[:, None], noise
    )
    frames = seen[:, :, 0].split([point.clips for point in points])
    for session, point, own in zip(sessions, after.split(points), frames, strict=True):
        session.resume(point, own)
    return list(frames)


@torch.no_grad()
def _play(model: Model, point: Point, conditions: Tensor, noise: Noise) -> tuple[Point, Tensor]:
    """Advance a point over conditions [B, S, *A] and feed its last frame back.

    Returns:
        The point after, and what was seen [B, N, S, C, H, W] in [0, 1].
    """
    embedded = model.embed(as_floats(conditions))
    made = advance(model, point, embedded, range(embedded.shape[1]), noise)
    previous = model.feedback.next_input(
        None,
        lambda: reencode(model, made.frames[:, -1], widen(embedded[:, -1], point.samples)),
    )
    seen = made.frames.clamp(0, 1).unflatten(0, (point.clips, point.samples))
    return replace(made.point, previous=previous), seen


def _pictures(frames: Tensor) -> Tensor:
    """Return frames as floats, and refuse floats that are no pictures."""
    if frames.is_floating_point():
        low, high = (float(bound) for bound in frames.aminmax())
        if not (low >= 0 and high <= 1):
            raise InputError(
                f"frames are floats from {low:g} to {high:g}; "
                "expected bytes, or floats in [0, 1]: divide by 255"
            )
    return as_floats(frames)
