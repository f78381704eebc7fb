"""`compact`: a small model with a vector state, which is not fed its own pictures.

Letters: B batch, S steps, R rows (B * S), D channels, H height, W width, A condition, E embedded
condition, G code, Z latent.
The recurrence is that of SVG (posterior, learned prior, frame predictor), but after the context it
runs in the code alone:
training equals testing, no frame is encoded twice, and the whole future is decoded in one batch.
Pictures are composed: a mask chooses between new pixels and those of the last context frame.
It trains to sharp backgrounds and a well-placed arm in minutes on two CPU cores.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..clips import ClipSpec
from ..model import Features, LatentFeedback, Model, Step
from ..nn.affine import Affine
from ..nn.bounded import bounded
from ..nn.folding import fold, unfold
from ..nn.latent_lstms import LatentLstms, LstmStates
from ..nn.recurrent import GaussianLstm, LstmStack
from ..nn.requirements import halved_size, require_vectors
from ..nn.residual import FilmBlock, ResidualEncoder
from ..nn.standardise import Standardise

_PATCH, _HALVINGS = 4, 4  # pixels per side that enter as channels; halvings down to the bottom


class State(NamedTuple):
    """The code of the last frame and the states of the LSTMs."""

    code: Tensor
    lstms: LstmStates


class Compact(LatentLstms, Model):
    """A vector-LSTM model with latent feedback and mask compositing.

    Args:
        spec: shapes and statistics of the clips; H and W must be multiples of 16, and conditions
            vectors.
        code: G, numbers in the code of a frame, which is all that the recurrence sees of it.
        latent: Z, numbers in the latent of a step, which stands for what conditions do not
            determine.
        width: numbers in the state of each LSTM: posterior, prior, and both of the predictor.
        condition: E, numbers in an embedded condition.
        channels: channels of encoder and decoder at 1/4, 1/8 and 1/16 of the frame's size.
        fine: channels of the decoder's last stage, at half the frame's size; few, because it costs
            the most per channel.
        mask_bias: what is added to the logit of the mask of new pixels: below 0, training begins by
            keeping the context frame.
        mask_limit: largest size of that logit, so that no choice is final; 0 sets no limit, and a
            large learning rate may then end in a copy of the context frame.

    Example:
        >>> spec = ClipSpec((3, 64, 64), (2,), names=("x", "y"), mean=(0.0,) * 2, std=(1.0,) * 2)
        >>> Compact(spec, code=16).latent_shapes
        ((8,),)

    References:
        Denton & Fergus 2018 (arXiv 1802.07687) for the recurrence.
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
        mask_bias: float = -2.0,
        mask_limit: float = 0.0,
    ) -> None:
        super().__init__(spec)
        require_vectors("compact", spec)
        bottom = halved_size("compact", spec, _HALVINGS)
        self.latent_shapes = ((latent,),)
        self.embedding = nn.Sequential(
            Standardise(spec),
            Affine(spec.condition[0], condition),
            nn.SiLU(),
            nn.Linear(condition, condition),
        )
        self.encoder = ResidualEncoder(_PATCH**2 * spec.frame[0], channels, code, bottom)
        self.decoder = Decoder(
            spec.frame[0], channels, fine, code, condition, bottom, mask_bias, mask_limit
        )
        self.posterior = GaussianLstm(2 * code + condition, width, latent)
        self.prior = GaussianLstm(code + condition, width, latent)
        self.predictor = LstmStack(code + condition + latent, width, 2)
        self.predictor_out = nn.Linear(width, code)

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        """Skips: the frame itself, then a picture per stage but the last."""
        steps = frames.shape[1]
        code, pictures = self.encoder(F.pixel_unshuffle(fold(frames), _PATCH))
        skips = (frames, *(unfold(picture, steps) for picture in pictures[:-1]))
        return Features(unfold(code, steps), skips)

    def embed(self, conditions: Tensor) -> Tensor:
        return self.embedding(conditions)

    def initial(self, code: Tensor) -> State:
        return State(code, self.initial_states(code))

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
        seen = None if target is None else torch.cat([known, target], 1)
        lstms, latent = self.infer(state.lstms, known, seen, noise[0])
        lstms, hidden = self.predict(lstms, known, latent)
        code = now + self.predictor_out(hidden)
        return State(code, lstms), latent.step(code)

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self.decoder.prepare_skips(skips)

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return self.decoder(code, conditions, skips)


class Decoder(nn.Module):
    """The mirror of the encoder, with a light last stage at half size.

    The last stage sees the pixels of the context frame.

    What depends on the skips alone is computed once per clip and added to every step.
    """

    def __init__(
        self,
        colours: int,
        channels: tuple[int, ...],
        fine: int,
        code: int,
        condition: int,
        bottom: tuple[int, int],
        mask_bias: float,
        mask_limit: float,
    ) -> None:
        super().__init__()
        deep = channels[::-1]
        self.mask_bias, self.mask_limit = mask_bias, mask_limit
        self.bottom = (deep[0], *bottom)
        self.enter = nn.Linear(code + condition, deep[0] * bottom[0] * bottom[1])
        self.blocks = nn.ModuleList(FilmBlock(c, condition) for c in deep)
        self.ups = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in pairwise((*deep, fine)))
        self.joins = nn.ModuleList(nn.Conv2d(o, o, 1) for o in deep[1:])
        self.join_frame = nn.Conv2d(4 * colours, fine, 3, padding=1)
        self.leave = nn.Conv2d(fine, 4 * (colours + 1), 3, padding=1)

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the context frame, then what each stage adds, the smallest first."""
        frame, *pictures = skips
        joined = [join(p) for join, p in zip(self.joins, reversed(pictures), strict=True)]
        return (frame, *joined, self.join_frame(F.pixel_unshuffle(frame, 2)))

    def forward(self, code: Tensor, conditions: Tensor, prepared: tuple[Tensor, ...]) -> Tensor:
        """[B, S, G] and [B, S, E] with prepared skips [B, D, H, W] -> frames [B, S, C, H, W]."""
        steps, condition = code.shape[1], fold(conditions).to(code.dtype)
        frame, *backgrounds = prepared
        x = self.enter(torch.cat([fold(code), condition], 1)).unflatten(1, self.bottom)
        for block, up, background in zip(self.blocks, self.ups, backgrounds, strict=True):
            moving = F.interpolate(up(block(x, condition)), scale_factor=2, mode="nearest")
            x = fold(unfold(moving, steps) + background[:, None])
        painted = unfold(F.pixel_shuffle(self.leave(F.silu(x)), 2).float(), steps)
        logit = bounded(painted[:, :, -1:] + self.mask_bias, self.mask_limit)
        mask, new = torch.sigmoid(logit), torch.sigmoid(painted[:, :, :-1])
        return mask * new + (1 - mask) * frame[:, None].float()
