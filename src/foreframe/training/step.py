"""One optimiser step's arithmetic: rollout and ELBO in one module's forward, so that a strategy's hooks fire around it.

Letters: B clips, T frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..clips import to_float
from ..model import Model
from ..noise import Noise
from ..objective import Elbo, elbo
from ..rollouts import rollout
from .config import Config


class ModelWithLoss(nn.Module):
    """A model with its objective."""

    def __init__(self, model: Model, n_past: int, score_context: bool) -> None:
        super().__init__()
        self.model, self.n_past = model, n_past
        self.decode_from = 1 if score_context else n_past

    def forward(
        self,
        frames: Tensor,
        conditions: Tensor,
        seeds: list[int],
        beta: float,
        forced: tuple[int, ...],
        ahead: int = 0,
    ) -> Elbo:
        """The ELBO of clips: frames uint8 [B, T, C, H, W], conditions [B, T, *A]; `seeds[b]` draws clip b's noise.

        With `ahead` the model has first gone that many steps on its own, and its own last frames are the context.
        """
        truth, noise = to_float(frames), Noise(seeds)
        if ahead:
            own = self._own(truth, conditions[:, : self.n_past + ahead], noise)
            truth, conditions = (
                torch.cat([own, truth[:, self.n_past + ahead :]], 1),
                conditions[:, ahead:],
            )
        made = rollout(
            self.model,
            truth,
            conditions,
            self.n_past,
            forced,
            noise=noise,
            decode_from=self.decode_from,
        )
        return elbo(made, truth, beta)

    @torch.no_grad()
    def _own(self, truth: Tensor, conditions: Tensor, noise: Noise) -> Tensor:
        """The model's last own frames after the context, without gradient: [B, n_past, C, H, W]."""
        made = rollout(
            self.model,
            truth[:, : self.n_past],
            conditions,
            self.n_past,
            noise=noise,
            decode_from=self.n_past,
        )
        return made.frames[:, -self.n_past :].float().clamp(0, 1)


def forced_steps(config: Config, step: int) -> tuple[int, ...]:
    """The steps after the context whose input is the true frame, drawn from (seed, optimiser step or epoch) alone.

    In the context the input is always the truth.
    """
    options = config.teacher_forcing
    ratio = options.ratio(step)
    drawn_at = step // options.epoch_steps if options.draw == "epoch" else step
    rng = np.random.default_rng((config.training.seed, drawn_at, 0x7F))
    future = range(config.clip.n_past + 1, config.clip.n_past + config.clip.horizon)
    draws = (
        rng.random(len(future)) if options.draw == "step" else np.full(len(future), rng.random())
    )
    return tuple(t for t, draw in zip(future, draws, strict=True) if draw < ratio)


def steps_ahead(config: Config, step: int) -> int:
    """How far the model goes on its own before its clip begins, drawn from (seed, optimiser step) alone.

    Evenly over the orders of magnitude from 1 to `pushforward`: few of the steps that the drift takes to grow are enough,
    and long ones cost most. A draw below the context's length is none.
    """
    at_most = config.clip.pushforward
    if not at_most:
        return 0
    ahead = int((at_most + 1) ** np.random.default_rng((config.training.seed, step, 0xF0)).random())
    return ahead if ahead > config.clip.n_past else 0


def optimiser_of(model: Model, config: Config, sharded: bool = False) -> torch.optim.Optimizer:
    """One fused AdamW; weight decay on matrices and kernels alone. The learning rate is set before every step.

    Sharded, every process of a group has the moments of its share of the parameters alone (ZeRO stage 1; Rajbhandari et al. 2020,
    arXiv 1910.02054).
    """
    options = config.optimiser
    groups = [
        {
            "params": [p for p in model.parameters() if p.ndim >= 2],
            "weight_decay": options.weight_decay,
        },
        {"params": [p for p in model.parameters() if p.ndim < 2], "weight_decay": 0.0},
    ]
    how: dict[str, Any] = {
        "lr": options.learning_rate(0),
        "betas": (options.beta1, options.beta2),
        "fused": True,
    }
    if sharded:
        from torch.distributed.optim import ZeroRedundancyOptimizer

        return ZeroRedundancyOptimizer(groups, torch.optim.AdamW, **how)
    return torch.optim.AdamW(groups, **how)


@torch.no_grad()
def update_average(average: dict[str, Tensor], model: nn.Module, decay: float, step: int) -> None:
    """Exponential moving average of the weights; it warms up as (1 + step) / (10 + step). Integers are copied."""
    decay = min(decay, (1 + step) / (10 + step))
    now = model.state_dict()
    floats = [key for key in average if average[key].is_floating_point()]
    if decay > 0:
        torch._foreach_lerp_([average[k] for k in floats], [now[k] for k in floats], 1 - decay)
    for key in average:
        if decay <= 0 or not average[key].is_floating_point():
            average[key].copy_(now[key])
