"""`copy_last`: the baseline for a world in which nothing moves.

Every future frame is the last context frame.

Letters: B batch, S steps, C channels, H height, W width.
"""

from __future__ import annotations

from torch import Tensor

from ..model import Features, LatentFeedback, Step
from ._baseline import Baseline


class CopyLast(Baseline):
    """Repeat the last context frame. It has no parameters and no latent, and ignores conditions."""

    feedback = LatentFeedback()

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        return Features(frames.new_zeros(*frames.shape[:2], 1), (frames,))

    def embed(self, conditions: Tensor) -> Tensor:
        return conditions.flatten(2)[:, :, :0]

    def initial(self, code: Tensor) -> tuple[()]:
        return ()

    def step(
        self,
        state: tuple[()],
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[tuple[()], Step]:
        return state, Step(
            condition.new_zeros(len(condition), 1), None if target is None else (), ()
        )

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return skips[0][:, None].expand(-1, code.shape[1], -1, -1, -1)
