"""Score the averaged weights on validation clips, and draw one of them.

Letters: B clips, N samples, S predicted frames.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path
from typing import NamedTuple

from ..clips import to_float
from ..data.mixtures import MixedWindows
from ..evaluation.drawing import futures
from ..evaluation.predicting import sample_futures
from ..metrics.crps import fair_crps
from ..metrics.psnr import METRIC, psnr
from ..model import Model
from ..noise import Noise, clip_seeds
from ..viz.clips import animate

_CLIPS_AT_ONCE, _SAMPLES, _SHOWN_SAMPLES = 16, 2, 4


class ValidationScores(NamedTuple):
    """Means over clips and frames.

    Attributes:
        crps: fair CRPS of two prior samples, which chooses the weights that are kept: by PSNR a
            blur would win.
        psnr: PSNR of one prior sample, in dB.
    """

    crps: float
    psnr: float


def validation_scores(
    model: Model,
    windows: MixedWindows,
    n_past: int,
    at_most: int,
    autocast: AbstractContextManager[None],
) -> ValidationScores:
    """Return the scores of a model on at most `at_most` clips."""
    count = min(len(windows), at_most)
    chosen = [i * len(windows) // count for i in range(count)]
    device = next(model.parameters()).device
    crps = decibels = 0.0
    with autocast:
        for begin in range(0, count, _CLIPS_AT_ONCE):
            some = chosen[begin : begin + _CLIPS_AT_ONCE]
            clip = windows.clips(some).to(device)
            noise = Noise(clip_seeds(0, some), _SAMPLES)
            drawn, truth = sample_futures(model, clip, n_past, noise), to_float(clip.frames)
            drawn, truth = drawn.float(), truth[:, n_past:]
            crps += float(fair_crps(drawn, truth).mean(1).sum())
            decibels += float(psnr(drawn[:, 0], truth).mean(1).sum())
    return ValidationScores(crps / count, decibels / count)


def draw_progress(model: Model, windows: MixedWindows, n_past: int, path: Path) -> Path:
    """Write an animation of the first validation clip beside samples of the model."""
    shown = futures(model, windows, 0, n_past, _SHOWN_SAMPLES, seed=0, ranking=METRIC)
    return animate(shown, path, windows.frames_per_second or 5.0)
