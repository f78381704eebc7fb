"""What many sequences of actions lead to, from one point.

Letters: P sequences, F futures of each, T steps, S steps that are looked at, C channels, H height,
W width, A condition, U steered numbers, K states.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from ..errors import InputError
from ..feedback import LatentFeedback
from ..model import Model
from ..noise import Noise
from ..points import Point, join
from ..rollouts import advance
from ..session import Session
from ..simulate import Drive, Simulator
from ..state_head import StateHead

_BUDGET_BYTES = {"cpu": 512 << 20, "cuda": 8 << 30}  # that a chunk may take
_ACTIVATIONS = 96  # numbers that a decoder holds for each number of a frame, at most
_AT_ONCE_ON_CPU = 32  # sequences; more do not stay in the CPU's cache


@dataclass(frozen=True)
class Present:
    """Where plans begin.

    Attributes:
        point: of one clip.
        latest: the conditions of the last two frames, each [A].
        step: the number of the next frame.
    """

    point: Point
    latest: tuple[Tensor, Tensor]
    step: int

    @classmethod
    def of(cls, drive: Drive) -> Present:
        """Return where a drive stands."""
        return cls(drive.session.point, drive.latest, drive.step)

    @classmethod
    def after(
        cls, model: Model, frames: Tensor, conditions: Tensor, step: int | None = None
    ) -> Present:
        """Return the present after pictures [n_past, C, H, W] with their conditions [n_past, A]."""
        session = Session(model)
        device = device_of(model)
        session.reset(frames[None].to(device), conditions[None].to(device), Noise([0]))
        latest = (conditions[max(0, len(conditions) - 2)].cpu(), conditions[-1].cpu())
        return cls(session.point, latest, len(frames) if step is None else step)


@dataclass(frozen=True)
class Imagined:
    """What sequences of actions lead to.

    Attributes:
        frames: S pictures of each future, the last one too: [P, F, S, C, H, W] in [0, 1].
        actions: the actions [P, T, U].
        states: the states after the last action, in raw units [P, K]; K is 0 for a model that
            predicts none.
    """

    frames: Tensor
    actions: Tensor
    states: Tensor

    @property
    def futures(self) -> int:
        """F, the number of futures of each sequence."""
        return self.frames.shape[1]


class CommonNoise(Noise):
    """The same N random streams for each of B clips.

    Sequences that are compared meet the same chance: their costs differ by what is done.
    """

    def __init__(self, seed: int, clips: int, samples: int) -> None:
        super().__init__([seed], samples)
        self._clips = clips

    def __len__(self) -> int:
        return self._clips

    def draw(self, shapes: Sequence[tuple[int, ...]], device: torch.device) -> tuple[Tensor, ...]:
        """Draw the noise of the next step: one tensor [B * N, *Z] for each shape."""
        return tuple(
            rows.repeat(self._clips, *(1 for _ in rows.shape[1:]))
            for rows in super().draw(shapes, device)
        )


@dataclass(frozen=True)
class Imagination:
    """A model that sequences of actions are tried in.

    Attributes:
        model: in evaluation mode.
        steered: the numbers of a condition that are chosen.
        head: predicts the other ones; None if there are none.
        futures: F.
        looked_at: S, the frames that are decoded, evenly spread up to the last; 0 for none.
    """

    model: Model
    steered: Sequence[int]
    head: StateHead | None = None
    futures: int = 1
    looked_at: int = 1

    @classmethod
    def of(cls, simulator: Simulator, futures: int, looked_at: int) -> Imagination:
        """Return the imagination of a simulator.

        Raises:
            InputError: there are no futures.
        """
        if futures < 1:
            raise InputError(f"futures is {futures}; expected at least 1")
        return cls(simulator.model, simulator.steered, simulator.head, futures, looked_at)

    def imagine(self, present: Present, actions: Tensor, seed: int) -> Imagined:
        """Return what `actions` [P, T, U] lead to; equal seeds are equal chance.

        Gradients go through to the actions where they are enabled.
        """
        conditions, states = self.conditions(present, actions)
        embedded = self.model.embed(conditions.to(device_of(self.model)))
        wide = present.point.fork([n % present.point.samples for n in range(self.futures)])
        noise = CommonNoise(seed, len(actions), self.futures)
        frames = self._frames(join([wide] * len(actions)), embedded, noise)
        return Imagined(
            frames.clamp(0, 1).unflatten(0, (len(actions), self.futures)), actions, states
        )

    def _frames(self, point: Point, embedded: Tensor, noise: Noise) -> Tensor:
        """Return the frames that are looked at [P * F, S, C, H, W]."""
        steps = embedded.shape[1]
        looks = self.looks(steps)
        if not isinstance(self.model.feedback, LatentFeedback):
            # A model that is fed its own frames decodes all of them anyway.
            made = advance(self.model, point, embedded, range(steps), noise)
            return made.frames[:, [step - 1 for step in looks]]
        frames, begin = [], 0
        for end in looks or [steps]:
            seen = end - 1 if looks else end
            made = advance(self.model, point, embedded, range(begin, end), noise, decode_from=seen)
            point, begin = replace(made.point, previous=None), end
            frames.append(made.frames)
        return torch.cat(frames, 1)

    def looks(self, steps: int) -> list[int]:
        """Return after which of `steps` steps a frame is looked at: evenly spread, the last too."""
        count = min(self.looked_at, steps)
        return [steps * (n + 1) // count for n in range(count)]

    def conditions(self, present: Present, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Return the condition of each step [P, T, A], and the states after the last one [P, K].

        States that belong to conditions are predicted from step to step, without the model.
        """
        if self.head is None:
            return actions, actions.new_zeros(len(actions), 0)
        before, now = (row.float().expand(len(actions), -1) for row in present.latest)
        width, chosen, rows = before.shape[1], list(self.steered), []
        for action in actions.unbind(1):
            whole = action.new_zeros(len(actions), width)
            whole[:, list(self.head.indices)] = self.head.following_rows(before, now)
            whole[:, chosen] = action
            rows.append(whole)
            before, now = now, whole
        return torch.stack(rows, 1), self.head.following_rows(before, now)

    def at_once(self, present: Present, sequences: int) -> int:
        """Return how many sequences are imagined together: as many as fit into the memory."""
        pixels = self.model.spec.pixels * 4 * _ACTIVATIONS
        skips = sum(skip[0].nbytes for skip in present.point.skips)
        state = present.point.size_bytes // max(1, present.point.samples)
        each = skips + self.futures * (4 * state + max(1, self.looked_at) * pixels)
        kind = device_of(self.model).type
        fits = max(1, _BUDGET_BYTES.get(kind, _BUDGET_BYTES["cpu"]) // max(1, each))
        return min(sequences, fits, _AT_ONCE_ON_CPU if kind == "cpu" else sequences)

    def in_chunks(
        self, present: Present, actions: Tensor, seed: int
    ) -> Iterator[tuple[slice, Imagined]]:
        """Imagine as many sequences at a time as fit into the memory, and say which they are."""
        size = self.at_once(present, len(actions))
        for begin in range(0, len(actions), size):
            rows = slice(begin, begin + size)
            yield rows, self.imagine(present, actions[rows], seed)


def device_of(model: Model) -> torch.device:
    """Return the device of a model's weights; the CPU for a model without any."""
    weights = itertools.chain(model.parameters(), model.buffers())
    return next((tensor.device for tensor in weights), torch.device("cpu"))
