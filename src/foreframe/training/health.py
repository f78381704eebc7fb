"""What a run that goes wrong looks like while there is time to stop it.

Letters: B clips, S predicted frames, C channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor

from ..clips import Batch, to_float
from ..evaluation.predicting import sample_futures
from ..model import Model
from ..noise import Noise, clip_seeds

_EARLY = 10  # the check is due after a tenth of the steps
_LEAST_STEPS = 40
_COPY, _MEAN = 0.05, 0.02  # shares of what really changes, and really differs between clips
_STILL = 0.25 / 255  # a change of pixels that is none
_DEAD_NATS = 0.01
_IMPROVEMENT = 0.01
SHOWN_CLIPS = 8


@dataclass
class HealthCheck:
    """Watch the losses of a run's first tenth, and say what is wrong with it.

    Attributes:
        steps: optimiser steps of the whole run.
    """

    steps: int
    _errors: list[Tensor] = field(default_factory=list)
    _rates: list[Tensor] = field(default_factory=list)

    @property
    def due(self) -> int:
        """The number of steps after which the check is due."""
        return max(_LEAST_STEPS, self.steps // _EARLY)

    def observe(self, step: int, error: Tensor, rate_nats: Tensor) -> None:
        """Note a step; nothing is read from the device yet.

        Args:
            step: how many steps are done.
            error: of the model's pictures, over that of copying in the same clips.
            rate_nats: KL per frame.
        """
        if step <= self.due:
            self._errors.append(error)
            self._rates.append(rate_nats)

    def findings(self, predicted: Tensor, clip: Batch, n_past: int, latent: bool) -> list[str]:
        """Return what is wrong, each with what to try.

        Args:
            predicted: futures of the clip [B, S, C, H, W] in [0, 1].
            clip: the clip.
            n_past: its context frames.
            latent: whether the model has a latent and a KL weight.
        """
        frames = to_float(clip.frames)
        found = (
            _copies(predicted, frames[:, n_past - 1], frames[:, n_past:]),
            _one_picture(predicted, frames[:, n_past:]),
            self._stands_still(),
            self._dead_latent() if latent else None,
        )
        return [text for text in found if text]

    def _stands_still(self) -> str | None:
        """The last quarter of the noted errors against the first."""
        quarter = len(self._errors) // 4
        if quarter < _LEAST_STEPS // 4:
            return None
        errors = torch.stack(self._errors).float()
        first, last = float(errors[:quarter].mean()), float(errors[-quarter:].mean())
        if first - last > _IMPROVEMENT * first:
            return None
        return (
            f"the error stands still ({100 * first:.0f} % of copying's, then {100 * last:.0f} %): "
            "try another optimiser.learning_rate, ten times lower and three times higher"
        )

    def _dead_latent(self) -> str | None:
        if len(self._rates) < _LEAST_STEPS // 4:
            return None
        rate = float(torch.stack(self._rates[-_LEAST_STEPS // 4 :]).float().mean())
        if rate >= _DEAD_NATS:
            return None
        return (
            f"the latent is not used (rate {rate:.3f} nats per frame), so all samples of a clip "
            "will be the same: try a lower objective.beta"
        )


def copying_error(frames: Tensor, n_past: int) -> Tensor:
    """Return the squared error per frame of copying the last context frame of clips.

    Args:
        frames: uint8 [B, T, C, H, W].
        n_past: context frames.
    """
    pictures = to_float(frames)
    change = pictures[:, n_past:] - pictures[:, n_past - 1 : n_past]
    return change.square().flatten(2).sum(2).mean()


def _copies(predicted: Tensor, last: Tensor, truth: Tensor) -> str | None:
    """Whether futures are the last context frame [B, C, H, W], while something moves."""
    made, real = ((frames - last[:, None]).abs().mean() for frames in (predicted, truth))
    if float(real) < _STILL or float(made) >= _COPY * float(real):
        return None
    return (
        f"its pictures are copies of the last given frame (they differ from it by "
        f"{255 * float(made):.2f} grey levels, what happened by {255 * float(real):.2f}): "
        "try a lower optimiser.learning_rate, or more steps of warm-up"
    )


def _one_picture(predicted: Tensor, truth: Tensor) -> str | None:
    """Whether futures of different clips are one picture, while the clips differ."""
    if len(predicted) < 2:
        return None
    made, real = (frames.std(0).mean() for frames in (predicted, truth))
    if float(real) < _STILL or float(made) >= _MEAN * float(real):
        return None
    return (
        "its pictures are the same for every clip, a mean of the data: try a lower "
        "optimiser.learning_rate, or a larger model"
    )


@torch.no_grad()
def futures_of(model: Model, clip: Batch, n_past: int, numbers: list[int]) -> Tensor:
    """Return a future of each clip [B, S, C, H, W], with the model as it is now."""
    training = model.training
    drawn = sample_futures(model, clip, n_past, Noise(clip_seeds(0, numbers)))[:, 0].float()
    model.train(training)
    return drawn
