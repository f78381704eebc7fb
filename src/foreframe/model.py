"""What the rollout asks of a model: five methods, two facts, and no loop.

Letters: B batch, S steps, C channels, H height, W width, A condition, E embedded condition, Z latent; * any dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, Literal, NamedTuple

from torch import Tensor, nn

from .clips import ClipSpec
from .gaussian import Gaussian


class Features(NamedTuple):
    """What an encoder makes of frames: a code a frame [B, S, *], and skips for the decoder, each [B, S, *]."""

    code: Tensor
    skips: tuple[Tensor, ...]


class Step(NamedTuple):
    """One step of the dynamics: the next frame's code [B, *] and the Gaussians of its latent, one a level.

    `posterior` is None where no target was seen.
    """

    code: Tensor
    posterior: tuple[Gaussian, ...] | None
    prior: tuple[Gaussian, ...]


class Model(nn.Module, ABC):
    """A conditional latent-variable model of video.

    A model never loops over time, never samples a schedule, never draws a random number, and does not know whether it
    trains: `rollout` does. State is an argument and a result. A new model is one file in `models/` with one subclass,
    whose keyword arguments are its options; it is found, configured and tested by being there.

    Attributes:
        feedback: what the model wants after the context: its own frames, encoded again (`pixels`), or nothing (`latent`).
        latent_shapes: the shape of each latent level, without the batch.
        skip_frame: which frame the skips come from, counted from the first unseen one: -1 is the last context frame.
    """

    feedback: ClassVar[Literal["pixels", "latent"]]
    latent_shapes: tuple[tuple[int, ...], ...] = ()
    skip_frame: int = -1

    def __init__(self, spec: ClipSpec) -> None:
        super().__init__()
        self.spec = spec

    @abstractmethod
    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        """Frames [B, S, C, H, W] in [0, 1], each with its condition [B, S, *E], to codes and skips.

        A model that remembers in which pose it saw a frame uses the condition; others take no heed of it.
        """

    @abstractmethod
    def embed(self, conditions: Tensor) -> Tensor:
        """Conditions in raw units [B, S, *A] to what the other methods take [B, S, *E]."""

    @abstractmethod
    def initial(self, code: Tensor) -> Any:
        """The state before the first step, from the first frame's code [B, *]: any nest of tuples of tensors."""

    @abstractmethod
    def step(
        self,
        state: Any,
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[Any, Step]:
        """From frame t - 1 to frame t.

        `previous` is the code of frame t - 1 [B, *], or None for a model with latent feedback that is on its own;
        `condition` [B, *E] is that of step t; `target` is the code of frame t where it is seen (then z comes from the
        posterior), else None (z comes from the prior); `noise` is N(0, I), one tensor [B, *Z] a latent level.
        """

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """What the decoder makes of skips [B, *] alone: done once for all steps that share them. By default nothing."""
        return skips

    @abstractmethod
    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        """Codes [B, S, *] with conditions [B, S, *E] to frames [B, S, C, H, W]; all S share what `prepare_skips` gave [B, *]."""
