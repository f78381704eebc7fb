"""`nudge`: the last context frame, changed a little by vector conditions and one latent.

Letters: B batch, S steps, C channels, H height, W width, A condition, E embedded condition.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from foreframe.clips import ClipSpec
from foreframe.errors import InputError
from foreframe.gaussian import Gaussian
from foreframe.model import Features, LatentFeedback, Model, Step

_SIDE = 16  # pixels of the small picture that is read and drawn


class Nudge(Model):
    """Add a coarse change to the last context frame.

    Args:
        spec: what clips look like.
        width: size of codes and of the recurrent state.
        latent: size of the latent.
    """

    feedback = LatentFeedback()

    def __init__(self, spec: ClipSpec, width: int = 64, latent: int = 4) -> None:
        super().__init__(spec)
        if len(spec.condition) != 1:
            raise InputError(f"nudge takes vector conditions, got shape {list(spec.condition)}")
        pixels = spec.frame[0] * _SIDE**2
        self.latent_shapes = ((latent,),)
        self.encoder = nn.Sequential(
            nn.AdaptiveAvgPool2d(_SIDE), nn.Flatten(), nn.Linear(pixels, width)
        )
        self.condition = nn.Linear(spec.condition[0], width)
        self.prior = nn.Linear(3 * width, 2 * latent)
        self.posterior = nn.Linear(4 * width, 2 * latent)
        self.cell = nn.GRUCell(2 * width + latent, width)
        self.decoder = nn.Linear(width, pixels)

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        code = self.encoder(frames.flatten(0, 1)).unflatten(0, frames.shape[:2])
        return Features(code, (frames,))

    def embed(self, conditions: Tensor) -> Tensor:
        return self.condition(conditions)

    def initial(self, code: Tensor) -> Tensor:
        return code.tanh()

    def step(
        self,
        state: Tensor,
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[Tensor, Step]:
        before = state if previous is None else previous
        known = torch.cat([before, state, condition], 1)
        prior = Gaussian(*self.prior(known).chunk(2, 1))
        posterior = None
        if target is not None:
            posterior = Gaussian(*self.posterior(torch.cat([known, target], 1)).chunk(2, 1))
        z = (posterior or prior).sample(noise[0])
        state = self.cell(torch.cat([before, condition, z], 1), state)
        return state, Step(state, posterior and (posterior,), (prior,))

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        (last,) = skips
        change = self.decoder(code).unflatten(2, (last.shape[1], _SIDE, _SIDE)).flatten(0, 1)
        change = functional.interpolate(change, last.shape[2:], mode="bilinear")
        return last[:, None] + change.unflatten(0, code.shape[:2])
