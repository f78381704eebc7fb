"""A path through a simulator, with undo and a recording of what was seen and done.

Letters: N samples, C channels, H height, W width, A condition.
"""

from __future__ import annotations

from collections import deque
from typing import NamedTuple

import numpy as np
import torch
from torch import Tensor

from ..clips import to_float, to_uint8
from ..metrics.psnr import psnr
from ..noise import Noise
from ..session import Session
from .starts import Start

_UNDO_BYTES = 32 << 20  # memory for the points that undo returns to
_UNDO_STEPS = 500
RECORDED_STEPS = 1500  # then the recording is full, and the drive goes on without it


class _Moment(NamedTuple):
    """The state that undo restores."""

    session: Session
    step: int
    on_track: bool
    latest: tuple[Tensor, Tensor]


class Drive:
    """A session with undo and a recording.

    `Simulator.begin` makes one and `Simulator.act` advances it.

    Attributes:
        start: the clip that the drive began from.
        session: the session of the model.
        step: the number of the next frame, counted from the first frame of the context.
        latest: the conditions of the last two steps, each [*A].
        pictures: the frames seen so far, each uint8 [C, H, W]: the context, then sample 0 of each
            step.
        conditions: the conditions so far, including those of the context, each [*A]; label images
            as bytes.
        on_track: whether all acts were those of the recording, so that its frames are the truth.
    """

    def __init__(self, start: Start, session: Session, n_past: int, seed: int) -> None:
        self.start, self.session, self.n_past = start, session, n_past
        self.step, self.on_track = n_past, True
        self.latest = (start.conditions[max(0, n_past - 2)], start.conditions[n_past - 1])
        self.pictures: list[Tensor] = list(start.frames[:n_past])
        self.conditions: list[Tensor] = list(start.conditions[:n_past])
        self._moments: deque[_Moment] = deque()
        self._seed, self._reseeded = seed, 0

    @property
    def truth(self) -> Tensor | None:
        """The recorded frame of the last step, uint8 [C, H, W].

        It is None once an act differed from the recording's, and after the recording's end.
        """
        return (
            self.start.frames[self.step - 1]
            if self.on_track and self.step <= len(self.start)
            else None
        )

    @property
    def psnr(self) -> float | None:
        """PSNR in dB of sample 0 against the recording; None if there is no truth."""
        if self.truth is None or self.step == self.n_past:
            return None
        return float(psnr(self.session.frames[0, 0].float().cpu(), to_float(self.truth)))

    @property
    def can_undo(self) -> int:
        """The number of steps that can be undone."""
        return len(self._moments)

    def about_to_act(self) -> None:
        """Remember this point for `undo`; the oldest are dropped if they take too much memory."""
        self._moments.append(_Moment(self.session.fork(), self.step, self.on_track, self.latest))
        room = max(1, _UNDO_BYTES // max(1, self.session.size_bytes))
        while len(self._moments) > min(room, _UNDO_STEPS):
            self._moments.popleft()

    def acted(self, condition: Tensor) -> None:
        """Record an act and the frame that it led to."""
        recorded = self.start.conditions[self.step] if self.step < len(self.start) else None
        self.on_track = self.on_track and recorded is not None and torch.equal(condition, recorded)
        self.step += 1
        self.latest = (self.latest[1], condition)
        if len(self.pictures) < self.n_past + RECORDED_STEPS:
            self.pictures.append(to_uint8(self.session.frames[0, 0]).cpu())
            self.conditions.append(condition)

    def undo(self, steps: int = 1) -> int:
        """Go back by `steps`, or as far as is remembered, and return by how many.

        The same acts then lead to the same futures again.
        """
        count = min(steps, len(self._moments))
        for _ in range(count):
            self.session, self.step, self.on_track, self.latest = self._moments.pop()
        del self.pictures[self.step :], self.conditions[self.step :]
        return count

    def reseed(self) -> None:
        """Draw new random numbers from here on, for another future."""
        old = self.session.noise
        self.session = self.session.fork(noise=self._fresh(old.samples))

    def choose(self, sample: int, samples: int | None = None) -> None:
        """Go on from one sample, with `samples` new futures of it; by default as many as before."""
        count = samples or self.session.samples
        self.session = self.session.fork([sample] * count, self._fresh(count))
        if self.step > self.n_past and len(self.pictures) == self.step:
            self.pictures[-1] = to_uint8(self.session.frames[0, 0]).cpu()

    def _fresh(self, samples: int) -> Noise:
        """Return new noise, from the seed of the drive and the number of calls."""
        self._reseeded += 1
        old = self.session.noise
        seed = int(
            np.random.SeedSequence((self._seed, self._reseeded)).generate_state(1, np.uint64)[0]
        )
        noise = Noise([seed], samples, old.temperature)
        noise.frozen = old.frozen
        return noise
