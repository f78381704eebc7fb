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

_EARLY = (20, 10)  # checks are due after a twentieth and a tenth of the steps
_LEAST_STEPS = 20
_COPY, _MEAN = 0.05, 0.02  # shares of what really changes, and really differs between clips
_STILL = 0.25 / 255  # a change of pixels that is none
_DEAD_NATS = 0.01
_IMPROVEMENT = 0.01
SHOWN_CLIPS = 8


@dataclass
class HealthCheck:
    """Watch the losses of a run, and say what is wrong with it.

    Attributes:
        steps: optimiser steps of the whole run.
        said: what was said already; it is not said again.
    """

    steps: int
    said: set[str] = field(default_factory=set)
    _distortions: list[Tensor] = field(default_factory=list)
    _rates: list[Tensor] = field(default_factory=list)

    @property
    def marks(self) -> tuple[int, ...]:
        """The numbers of steps after which a check is due."""
        return tuple(max(_LEAST_STEPS, self.steps // part) for part in _EARLY)

    def observe(self, step: int, distortion: Tensor, rate_nats: Tensor) -> None:
        """Note the losses of a step; nothing is read from the device yet."""
        if step <= self.marks[-1]:
            self._distortions.append(distortion)
            self._rates.append(rate_nats)

    def findings(self, predicted: Tensor, clip: Batch, n_past: int, latent: bool) -> list[str]:
        """Return what is wrong, each with what to try; the noted losses are forgotten.

        Args:
            predicted: futures of the clip [B, S, C, H, W] in [0, 1].
            clip: the clip.
            n_past: its context frames.
            latent: whether the model has a latent and a KL weight.
        """
        frames = to_float(clip.frames)
        found = {
            "copy": _copies(predicted, frames[:, n_past - 1], frames[:, n_past:]),
            "mean": _one_picture(predicted, frames[:, n_past:]),
            "still": self._stands_still(),
            "rate": self._dead_latent() if latent else None,
        }
        self._distortions.clear()
        self._rates.clear()
        news = {key: text for key, text in found.items() if text and key not in self.said}
        self.said |= news.keys()
        return list(news.values())

    def _stands_still(self) -> str | None:
        """The last quarter of the noted losses against the first."""
        quarter = len(self._distortions) // 4
        if quarter < _LEAST_STEPS // 4:
            return None
        losses = torch.stack(self._distortions).float()
        first, last = float(losses[:quarter].mean()), float(losses[-quarter:].mean())
        noise = float(losses.std()) / quarter**0.5
        if first - last > max(_IMPROVEMENT * first, noise):
            return None
        return (
            f"the error stands still ({first:.4g}, then {last:.4g}): try another "
            "optimiser.learning_rate, ten times lower and three times higher"
        )

    def _dead_latent(self) -> str | None:
        if len(self._rates) < _LEAST_STEPS // 4:
            return None
        rate = float(torch.stack(self._rates[-_LEAST_STEPS:]).float().mean())
        if rate >= _DEAD_NATS:
            return None
        return (
            f"the latent is not used (rate {rate:.3f} nats per frame), so all samples of a clip "
            "will be the same: try a lower objective.beta"
        )


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
