"""`pose_unet`: a U-Net from a frame, its pose and the pose of a step to the picture of that step.

It is not fed its own pictures.

Letters: B batch, S steps, R rows (B * S), D channels, H height, W width, G code, Z latent.
Frame and labels enter at full size, so that limbs are drawn where labels put them, to the pixel.
What labels do not say (cloth, hair, light) is a latent state, which scales and shifts the bottom of
the U-Net.
As nothing is fed back, frame 629 is as good as frame 1.
"""

from __future__ import annotations

from itertools import pairwise
from typing import NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from ..clips import ClipSpec
from ..model import Features, LatentFeedback, Model, Step
from ..nn.bounded import bounded
from ..nn.folding import fold, unfold
from ..nn.latent_lstms import LatentLstms, LstmStates
from ..nn.recurrent import GaussianLstm, LstmStack
from ..nn.requirements import halved_size, require_labels
from ..nn.residual import FilmBlock, ResidualBlock, ResidualEncoder

_PATCH = 4  # pixels per side that enter the encoder as channels
_SEEN = (32, 48, 64)  # channels of the encoder, at 1/4, 1/8 and 1/16 of the frame's size
_GLANCE = (2, 4)  # height and width of the label as the latent state sees it


class State(NamedTuple):
    """The code of the last context frame and the states of the LSTMs."""

    origin: Tensor
    lstms: LstmStates


class PoseUnet(LatentLstms, Model):
    """A model from label images to pictures of the person seen in the context.

    Args:
        spec: shapes of the clips; label images must have the size of the frames, and H and W must
            be multiples of 16.
        code: G, numbers in the code of a frame, which is all that the recurrence sees of it.
        latent: Z, numbers in the latent of a step, which stands for what labels do not show, such
            as cloth, hair and light.
        width: numbers in the state of each LSTM: posterior, prior and predictor.
        channels: channels of the U-Net at the frame's size, a half, a quarter and an eighth of it.
        mask_bias: what is added to the logit of new pixels: above 0, training begins by painting a
            new picture rather than by keeping the context frame.
        mask_limit: largest size of that logit, so that no choice is final.

    Example:
        >>> PoseUnet(ClipSpec((3, 32, 64), (3, 32, 64))).latent_shapes
        ((8,),)

    References:
        Ronneberger et al. 2015 (arXiv 1505.04597) for the U-Net;
        Denton & Fergus 2018 (arXiv 1802.07687) for the recurrence.
    """

    feedback = LatentFeedback()

    def __init__(
        self,
        spec: ClipSpec,
        code: int = 32,
        latent: int = 8,
        width: int = 64,
        channels: tuple[int, int, int, int] = (32, 64, 128, 192),
        mask_bias: float = 1.0,
        mask_limit: float = 6.0,
    ) -> None:
        super().__init__(spec)
        bottom = halved_size("pose_unet", spec, 4)
        require_labels("pose_unet", spec)
        self.latent_shapes = ((latent,),)
        colours, label = spec.frame[0], spec.condition[0]
        glance = label * _GLANCE[0] * _GLANCE[1]
        self.encoder = ResidualEncoder(_PATCH**2 * (colours + label), _SEEN, code, bottom)
        self.decoder = Decoder(colours, label, channels, code, mask_bias, mask_limit)
        self.posterior = GaussianLstm(2 * code + glance, width, latent)
        self.prior = GaussianLstm(code + glance, width, latent)
        self.predictor = LstmStack(code + glance + latent, width, 1)
        self.predictor_out = nn.Linear(width, code)

    def encode(self, frames: Tensor, conditions: Tensor) -> Features:
        """Skips: the frame and its label."""
        shown = torch.cat([fold(frames), fold(conditions).to(frames.dtype)], 1)
        code, _ = self.encoder(F.pixel_unshuffle(shown, _PATCH))
        return Features(unfold(code, frames.shape[1]), (frames, conditions))

    def embed(self, conditions: Tensor) -> Tensor:
        return conditions

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
        origin = state.origin if previous is None else previous
        glance = F.adaptive_avg_pool2d(condition, _GLANCE).flatten(1)
        known = torch.cat([origin, glance.to(origin.dtype)], 1)
        seen = None if target is None else torch.cat([known, target], 1)
        lstms, latent = self.infer(state.lstms, known, seen, noise[0])
        lstms, hidden = self.predict(lstms, known, latent)
        return State(origin, lstms), latent.step(self.predictor_out(hidden))

    def prepare_skips(self, skips: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the context frame, and what it and its label add to every step."""
        frame, label = skips
        return (frame, self.decoder.context(frame, label))

    def decode(self, code: Tensor, conditions: Tensor, skips: tuple[Tensor, ...]) -> Tensor:
        return self.decoder(code, conditions, skips)


class Decoder(nn.Module):
    """The U-Net: down with residual blocks and strided convolutions, and up again."""

    def __init__(
        self,
        colours: int,
        label: int,
        channels: tuple[int, ...],
        code: int,
        mask_bias: float,
        mask_limit: float,
    ) -> None:
        super().__init__()
        self.mask_bias, self.mask_limit = mask_bias, mask_limit
        deep = channels[::-1]
        self.enter_context = nn.Conv2d(colours + label, channels[0], 3, padding=1)
        self.enter = nn.Conv2d(label, channels[0], 3, padding=1, bias=False)
        self.down_blocks = nn.ModuleList(ResidualBlock(c) for c in channels[:-1])
        self.downs = nn.ModuleList(
            nn.Conv2d(i, o, 3, stride=2, padding=1) for i, o in pairwise(channels)
        )
        self.bottom = FilmBlock(channels[-1], code)
        self.ups = nn.ModuleList(nn.Conv2d(i, o, 1) for i, o in pairwise(deep))
        self.up_blocks = nn.ModuleList(ResidualBlock(c) for c in deep[1:])
        self.leave = nn.Conv2d(channels[0], colours + 1, 3, padding=1)

    def context(self, frame: Tensor, label: Tensor) -> Tensor:
        """[B, C, H, W] and a label [B, *A] to [B, D, H, W], in the label's dtype."""
        shown: Tensor = self.enter_context(torch.cat([frame, label.to(frame.dtype)], 1) * 2 - 1)
        return shown

    def forward(self, code: Tensor, labels: Tensor, prepared: tuple[Tensor, ...]) -> Tensor:
        """[B, S, G] and [B, S, *A] with prepared skips -> frames [B, S, C, H, W]."""
        steps = code.shape[1]
        frame, context = prepared
        x = self.enter(fold(labels).to(code.dtype) * 2 - 1)
        x = fold(unfold(x, steps) + context[:, None])
        across = []
        for block, down in zip(self.down_blocks, self.downs, strict=True):
            x = block(x)
            across.append(x)
            x = down(x)
        x = self.bottom(x, fold(code))
        for up, block, side in zip(self.ups, self.up_blocks, reversed(across), strict=True):
            x = block(F.interpolate(up(x), scale_factor=2, mode="nearest") + side)
        painted = unfold(self.leave(F.silu(x)).float(), steps)
        mask = torch.sigmoid(bounded(painted[:, :, -1:] + self.mask_bias, self.mask_limit))
        return mask * torch.sigmoid(painted[:, :, :-1]) + (1 - mask) * frame[:, None].float()
