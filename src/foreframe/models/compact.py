"""`compact`: a small vector-state model that imagines the future without looking at its own pictures.

Letters: B batch, S steps, R rows (B * S), D channels, H height, W width, A condition, E embedded condition, G code, Z latent.
The recurrence is SVG's (posterior, learned prior, frame predictor), but after the context it runs in the code alone:
training equals testing, no frame is encoded twice, and the whole future is decoded in one batch. Pictures are composed:
a mask takes new pixels or those of the last context frame. Trains to sharp backgrounds and a well-placed arm in minutes
on two CPU cores.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..clips import ClipSpec
from ..errors import InputError
from ..model import Features, LatentFeedback, Model, Step
from ..nn.folding import fold, unfold
from ..nn.recurrent import GaussianLstm, LstmStack, LstmState
from ..nn.residual import FilmBlock, ResidualBlock, group_norm
from ..nn.standardise import Standardise

_PATCH, _STAGES = 4, 4  # pixels a side that enter as channels; halvings down to the bottom
_MASK_BIAS = -2.0  # begin by keeping the old picture


class State(NamedTuple):
    code: Tensor
    posterior: LstmState
    prior: LstmState
    predictor: LstmState


class Compact(Model):
    """A vector-LSTM model with latent feedback and mask compositing.

    Args:
        spec: what clips look like; H and W must be multiples of 16.
        code: G, size of a frame's code.
        latent: Z.
        width: of every LSTM.
        condition: E, size of an embedded condition.
        channels: of the picture networks at 1/4, 1/8 and 1/16 of the size.
        fine: channels of the decoder's last stage, at half the size.
    """

    feedback = LatentFeedback()

    def __init__(
        self,
        spec: ClipSpec,
        code: int = 128,
        latent: int = 8,
        width: int = 128,
        condition: int = 64,
        channels: tuple[int, int, int] = (48, 96, 128),
        fine: int = 32,
    ) -> None:
        super().__init__(spec)
        bottom = _bottom(spec)
        self.latent_shapes = ((latent,),)
        self.embedding = nn.Sequential(
            Standardise(spec),
            nn.Linear(spec.condition[0], condition),
            nn.SiLU(),
            nn.Linear(condition, condition),
        )
        self.encoder = Encoder(spec.frame[0], channels, code, bottom)
        self.decoder = Decoder(spec.frame[0], channels, fine, code, condition, bottom)
        self.posterior = GaussianLstm(2 * code + condition, width, latent)
        self.prior = GaussianLstm(code + condition, width, latent)
        self.predictor = LstmStack(code + condition + latent, width, 2)
        self.predictor_out = nn.Linear(width, code)

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        return self.encoder(frames)

    def embed(self, conditions: Tensor) -> Tensor:
        return self.embedding(conditions)

    def initial(self, code: Tensor) -> State:
        return State(
            code,
            self.posterior.initial(code),
            self.prior.initial(code),
            self.predictor.initial(code),
        )

    def step(
        self,
        state: State,
        previous: Tensor | None,
        condition: Tensor,
        target: Tensor | None,
        noise: tuple[Tensor, ...],
    ) -> tuple[State, Step]:
        now = state.code if previous is None else previous
        known = torch.cat([now, condition.to(now.dtype)], 1)
        prior, prior_state = self.prior(known, state.prior)
        posterior, posterior_state = None, state.posterior
        if target is not None:
            posterior, posterior_state = self.posterior(
                torch.cat([known, target], 1), state.posterior
            )
        z = (prior if posterior is None else posterior).sample(noise[0])
        hidden, predictor_state = self.predictor(
            torch.cat([known, z.to(known.dtype)], 1), state.predictor
        )
        code = now + self.predictor_out(hidden)
        after = State(code, posterior_state, prior_state, predictor_state)
        return after, Step(code, None if posterior is None else (posterior,), (prior,))

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return self.decoder(code, conditions, skips)


class Encoder(nn.Module):
    """Patches of 4x4 pixels, then a residual block a stage with strided convolutions between."""

    def __init__(
        self, colours: int, channels: tuple[int, ...], code: int, bottom: tuple[int, int]
    ) -> None:
        super().__init__()
        self.enter = nn.Conv2d(_PATCH**2 * colours, channels[0], 3, padding=1)
        self.blocks = nn.ModuleList(ResidualBlock(c) for c in channels)
        self.downs = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(channels)
        )
        self.norm = group_norm(channels[-1])
        self.leave = nn.Linear(channels[-1] * bottom[0] * bottom[1], code)

    def forward(self, frames: Tensor) -> Features:
        """[B, S, C, H, W] -> code [B, S, G]; skips: the frame itself, then a picture a stage but the last."""
        steps = frames.shape[1]
        x = self.blocks[0](self.enter(F.pixel_unshuffle(fold(frames), _PATCH)))
        skips = [frames]
        for down, block in zip(self.downs, self.blocks[1:], strict=True):
            skips.append(unfold(x, steps))
            x = block(down(x))
        code = self.leave(F.silu(self.norm(x)).flatten(1))
        return Features(unfold(code, steps), tuple(skips))


class Decoder(nn.Module):
    """The encoder's mirror, and a light last stage at half size that sees the context frame's own pixels.

    What depends on the skips alone is computed once a clip and added to every step.
    """

    def __init__(
        self,
        colours: int,
        channels: tuple[int, ...],
        fine: int,
        code: int,
        condition: int,
        bottom: tuple[int, int],
    ) -> None:
        super().__init__()
        deep = channels[::-1]
        self.bottom = (deep[0], *bottom)
        self.enter = nn.Linear(code + condition, deep[0] * bottom[0] * bottom[1])
        self.blocks = nn.ModuleList(FilmBlock(c, condition) for c in deep)
        self.ups = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in pairwise((*deep, fine)))
        self.joins = nn.ModuleList(nn.Conv2d(o, o, 1) for o in deep[1:])
        self.join_frame = nn.Conv2d(4 * colours, fine, 3, padding=1)
        self.leave = nn.Conv2d(fine, 4 * (colours + 1), 3, padding=1)

    def forward(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        """[B, S, G] and [B, S, E] with skips [B, D, H, W] -> frames [B, S, C, H, W]."""
        steps, condition = code.shape[1], fold(conditions).to(code.dtype)
        frame, *pictures = skips
        still = [join(p) for join, p in zip(self.joins, reversed(pictures), strict=True)]
        still.append(self.join_frame(F.pixel_unshuffle(frame, 2)))
        x = self.enter(torch.cat([fold(code), condition], 1)).unflatten(1, self.bottom)
        for block, up, background in zip(self.blocks, self.ups, still, strict=True):
            moving = F.interpolate(up(block(x, condition)), scale_factor=2, mode="nearest")
            x = fold(unfold(moving, steps) + background[:, None])
        painted = unfold(F.pixel_shuffle(self.leave(F.silu(x)), 2).float(), steps)
        mask, new = (
            torch.sigmoid(painted[:, :, -1:] + _MASK_BIAS),
            torch.sigmoid(painted[:, :, :-1]),
        )
        return mask * new + (1 - mask) * frame[:, None].float()


def _bottom(spec: ClipSpec) -> tuple[int, int]:
    """Height and width at the smallest stage."""
    (_, height, width), factor = spec.frame, 2**_STAGES
    if height % factor or width % factor:
        raise InputError(
            f"compact halves pictures {_STAGES} times: expected height and width in multiples of {factor}, got {height}x{width}"
        )
    if len(spec.condition) != 1:
        raise InputError(
            f"compact takes conditions as vectors, got images {list(spec.condition)}: choose other --conditions"
        )
    return height // factor, width // factor
