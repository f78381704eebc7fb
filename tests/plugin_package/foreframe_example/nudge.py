"""`nudge`: the last context frame, changed a little by vector conditions and one latent."""

import torch
from torch import Tensor, nn

from foreframe.clips import ClipSpec
from foreframe.gaussian import Gaussian
from foreframe.model import Features, LatentFeedback, Model, Step
from foreframe.nn.standardise import Standardise


class Nudge(Model):
    """Add a coarse change, drawn at 16x16, to the last context frame.

    Args:
        spec: shapes of the clips; conditions must be vectors.
        size: numbers in the code of a frame and in the recurrent state.
        latent: numbers in the latent of a step.
    """

    feedback = LatentFeedback()

    def __init__(self, spec: ClipSpec, size: int = 64, latent: int = 4) -> None:
        super().__init__(spec)
        self.latent_shapes, pixels = ((latent,),), spec.frame[0] * 16**2
        self.enter = nn.Sequential(nn.AdaptiveAvgPool2d(16), nn.Flatten(), nn.Linear(pixels, size))
        self.condition = nn.Sequential(Standardise(spec), nn.Linear(spec.condition[0], size))
        self.prior, self.posterior = (nn.Linear(n * size, 2 * latent) for n in (2, 3))
        self.cell = nn.GRUCell(2 * size + latent, size)
        self.leave = nn.Linear(size, pixels)

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        return Features(self.enter(frames.flatten(0, 1)).unflatten(0, frames.shape[:2]), (frames,))

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
        known = torch.cat([state if previous is None else previous, condition], 1)
        prior, posterior = Gaussian.from_heads(*self.prior(known).chunk(2, 1)), None
        if target is not None:
            heads = self.posterior(torch.cat([known, target], 1)).chunk(2, 1)
            posterior = Gaussian.from_heads(*heads)
        state = self.cell(torch.cat([known, (posterior or prior).sample(noise[0])], 1), state)
        return state, Step(state, posterior and (posterior,), (prior,))

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        change = self.leave(code).unflatten(2, (-1, 16, 16)).flatten(0, 1)
        change = nn.functional.interpolate(change, self.spec.frame[1:])
        return skips[0][:, None] + change.unflatten(0, code.shape[:2])
