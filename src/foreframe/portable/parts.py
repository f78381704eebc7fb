"""The three parts of a drive as pure functions of tensors, which become the graphs.

The encoder sees the context, the step goes from one frame to the next, and the decoder draws it.
State is an input and an output, a list of tensors; randomness is an input.

Letters: N futures of one clip, K context frames, C channels, H height, W width, A condition,
E embedded condition, Z latent; * any dimensions.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import TreeSpec, tree_flatten, tree_unflatten

from ..model import Model
from ..nn.upsampling import UpConv2d
from ..noise import Noise
from ..rollouts import rollout

Tensors = tuple[Tensor, ...]


class GivenNoise(Noise):
    """Noise that was drawn elsewhere, one tensor [1, K - 1, *Z] per latent level."""

    def __init__(self, drawn: Tensors) -> None:
        super().__init__([0])
        self._steps = list(zip(*(level.unbind(1) for level in drawn), strict=True))

    def draw(self, shapes: Sequence[tuple[int, ...]], device: torch.device) -> Tensors:
        """Return the noise of the next step."""
        return self._steps.pop(0)


class Encoder(nn.Module):
    """See the context: what a rollout over its frames alone comes to."""

    def __init__(self, model: Model, n_past: int) -> None:
        super().__init__()
        self.model, self.n_past = model, n_past

    def forward(
        self, frames: Tensor, conditions: Tensor, noise: Tensors | None
    ) -> tuple[Tensors, Tensor, Tensors]:
        """Return the state, the code that the next step begins from, and the prepared skips.

        Args:
            frames: the context [1, K, C, H, W] in [0, 1].
            conditions: those of the same frames [1, K, *A].
            noise: for the steps within the context, a tensor [1, K - 1, *Z] per latent level;
                None where the context is a single frame.
        """
        seen = rollout(
            self.model,
            frames,
            conditions,
            self.n_past,
            noise=GivenNoise(noise or ()),
            decode_from=self.n_past,
        )
        assert seen.point.previous is not None
        return tuple(tree_flatten(seen.point.state)[0]), seen.point.previous, seen.point.skips


class Step(nn.Module):
    """Go from a frame to the next, with z of the prior.

    Args:
        model: the model.
        structure: how the list of tensors in a state becomes the state of the model.
    """

    def __init__(self, model: Model, structure: TreeSpec) -> None:
        super().__init__()
        self.model, self.structure = model, structure

    def forward(
        self,
        state: Tensors | None,
        previous: Tensor,
        fed: Tensor | None,
        condition: Tensor,
        noise: Tensors | None,
    ) -> tuple[Tensors, Tensor, Tensor]:
        """Return the next state, the code of the next frame and its embedded condition.

        Args:
            state: the state after the last step, each [N, *]; None for a model without state.
            previous: the code that the step begins from [N, *].
            fed: whether the step is fed `previous` (bool, a scalar): true in the first step after
                the context, then false. None for a model that is always fed its own frame.
            condition: [N, *A] in raw units.
            noise: N(0, I), a tensor [N, *Z] per latent level; None for a model without latent.
        """
        embedded = self.model.embed(condition[:, None])[:, 0]
        first = self._step(state, previous, embedded, noise)
        if fed is None:
            return first[0], first[1], embedded
        later = self._step(state, None, embedded, noise)
        chosen = tuple(torch.where(fed, a, b) for a, b in zip(first[0], later[0], strict=True))
        return chosen, torch.where(fed, first[1], later[1]), embedded

    def _step(
        self,
        state: Tensors | None,
        previous: Tensor | None,
        embedded: Tensor,
        noise: Tensors | None,
    ) -> tuple[Tensors, Tensor]:
        whole: Any = tree_unflatten(list(state or ()), self.structure)
        after, made = self.model.step(whole, previous, embedded, None, noise or ())
        return tuple(tree_flatten(after)[0]), made.code


class Decoder(nn.Module):
    """Draw the frames of N futures that share the skips of their clip.

    Args:
        model: the model.
        encodes: whether the frame is encoded again, for a model that is fed its own frames.
    """

    def __init__(self, model: Model, encodes: bool) -> None:
        super().__init__()
        self.model, self.encodes = model, encodes

    def forward(self, code: Tensor, embedded: Tensor, skips: Tensors | None) -> Tensors:
        """Return frames [N, C, H, W] in [0, 1], and what the next step begins from if it is fed.

        Args:
            code: what the step returned [N, *].
            embedded: what the step returned [N, *E].
            skips: what the encoder returned, each [1, *]; None for a model without skips.
        """
        # Each future is a clip with one step: simple shapes, which take half the time to export.
        futures = code.shape[0]
        shared = tuple(skip.expand(futures, *skip.shape[1:]) for skip in skips or ())
        frames = self.model.decode(code[:, None], embedded[:, None], shared)[:, 0].clamp(0, 1)
        if not self.encodes:
            return (frames,)
        return frames, self.model.encode(frames[:, None], embedded[:, None]).code[:, 0]


def feeds_back(model: Model) -> bool:
    """Return whether a model is fed its own frames after the context."""
    return model.feedback.next_input(None, lambda: torch.zeros(())) is not None


def prepare(model: Model) -> Model:
    """Choose the layers that export: no branch may depend on the number of futures."""
    for module in model.modules():
        if isinstance(module, UpConv2d):
            module.narrow = False  # the other way sums weights in every call
    return model.eval().requires_grad_(False)
