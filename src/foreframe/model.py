"""What the rollout asks of a model: a few methods, a few facts, and no loop.

Letters: B batch, S steps, C channels, H height, W width, A condition, E embedded condition, Z
latent; * any dimensions.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar, NamedTuple

from torch import Tensor, nn

from .clips import ClipSpec
from .feedback import Feedback, LatentFeedback, PixelFeedback
from .gaussian import Gaussian
from .showing import Page, facts, page

__all__ = ["Features", "Feedback", "LatentFeedback", "Model", "PixelFeedback", "Step"]


class Features(NamedTuple):
    """What an encoder makes of frames.

    Attributes:
        code: a code per frame [B, S, *].
        skips: what the decoder is given beside it, each [B, S, *].
    """

    code: Tensor
    skips: tuple[Tensor, ...]


class Step(NamedTuple):
    """One step of the dynamics.

    Attributes:
        code: the code of the next frame [B, *].
        posterior: the posterior of each latent level, None where no target was seen.
        prior: the prior of each latent level.
    """

    code: Tensor
    posterior: tuple[Gaussian, ...] | None
    prior: tuple[Gaussian, ...]


class Model(nn.Module, ABC):
    """A conditional latent-variable model of video.

    A model does not loop over time, sample a schedule, draw a random number, or know whether it
    trains: `rollout` does.
    State is an argument and a result.
    A new model is one file in `models/` with one subclass, whose keyword arguments are its options;
    it is found, configured and tested by being there.

    Attributes:
        feedback: what the model is fed after the context: `PixelFeedback()` or `LatentFeedback()`.
        latent_shapes: the shape of each latent level, without the batch.
        skip_frame: the frame that the skips come from, counted from the first unseen one: -1 is the
            last context frame.
    """

    feedback: ClassVar[Feedback]
    latent_shapes: tuple[tuple[int, ...], ...] = ()
    skip_frame: int = -1

    def __init__(self, spec: ClipSpec) -> None:
        super().__init__()
        self.spec = spec

    def _repr_html_(self) -> str:
        """Show what the model is in a notebook."""
        spec = self.spec
        channels, height, width = spec.frame
        ranges = zip(spec.names, spec.low, spec.high)
        said = {
            "parameters": sum(p.numel() for p in self.parameters()),
            "frames": f"{height}x{width}x{channels}",
            "per second": spec.frames_per_second,
            "conditions": ", ".join(f"{name} {low:.3g} to {high:.3g}" for name, low, high in ranges)
            or f"label images {list(spec.condition)}",
            "latent": ", ".join(str(list(shape)) for shape in self.latent_shapes) or "none",
            "fed back": type(self.feedback).__name__,
            "on": str(next(iter(self.state_dict().values())).device) if self.state_dict() else "",
        }
        return page(f"model {type(self).__name__}", facts(said))

    def _display_(self) -> Page:  # for marimo, which would show the layers
        return Page(self._repr_html_())

    @abstractmethod
    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        """Encode frames [B, S, C, H, W] in [0, 1], each with its embedded condition [B, S, *E].

        A model that remembers in which pose it saw a frame uses the condition; others ignore it.
        """

    @abstractmethod
    def embed(self, conditions: Tensor) -> Tensor:
        """Turn conditions [B, S, *A] into what the other methods take [B, S, *E].

        Numbers are in raw units; label images are floats in [0, 1].
        """

    @abstractmethod
    def initial(self, code: Tensor) -> Any:
        """Return the state before the first step from the code of the first frame [B, *].

        A state is any nest of tuples of tensors.
        """

    @abstractmethod
    def step(
        self,
        state: Any,
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[Any, Step]:
        """Go from frame t - 1 to frame t.

        Args:
            state: what `initial` or the last step returned.
            previous: the code of frame t - 1 [B, *]; None after the context of a model with latent
                feedback.
            condition: the embedded condition of step t [B, *E].
            target: the code of frame t where it is seen: then z comes from the posterior; else
                None: from the prior.
            noise: N(0, I), one tensor [B, *Z] per latent level.
        """

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Compute what depends on the skips [B, *] alone, once for all steps that share them.

        By default the skips are returned as they are.
        """
        return skips

    @abstractmethod
    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        """Decode codes [B, S, *] with conditions [B, S, *E] to frames [B, S, C, H, W].

        All S steps share `skips`, what `prepare_skips` returned, each [B, *].
        """
