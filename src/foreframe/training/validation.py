"""Score the averaged weights on validation clips, and draw one of them.

Letters: B clips, N samples, S predicted frames.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from pathlib import Path

from ..clips import to_float
from ..data.mixtures import MixedWindows
from ..evaluation.drawing import futures
from ..evaluation.predicting import sample_futures
from ..metrics.psnr import METRIC, psnr
from ..model import Model
from ..noise import Noise, clip_seeds
from ..viz.clips import animate

_CLIPS_AT_ONCE, _SHOWN_SAMPLES = 16, 4


def validation_psnr(
    model: Model,
    windows: MixedWindows,
    n_past: int,
    at_most: int,
    autocast: AbstractContextManager[None],
) -> float:
    """Return the mean PSNR in dB of one prior sample per clip, over at most `at_most` clips."""
    count = min(len(windows), at_most)
    chosen = [i * len(windows) // count for i in range(count)]
    device = next(model.parameters()).device
    total = 0.0
    with autocast:
        for begin in range(0, count, _CLIPS_AT_ONCE):
            some = chosen[begin : begin + _CLIPS_AT_ONCE]
            clip = windows.clips(some).to(device)
            drawn = sample_futures(model, clip, n_past, Noise(clip_seeds(0, some)))[:, 0]
            total += float(psnr(drawn.float(), to_float(clip.frames[:, n_past:])).mean(1).sum())
    return total / count


def draw_progress(model: Model, windows: MixedWindows, n_past: int, path: Path) -> Path:
    """Write an animation of the first validation clip beside samples of the model."""
    shown = futures(model, windows, 0, n_past, _SHOWN_SAMPLES, seed=0, ranking=METRIC)
    return animate(shown, path, windows.frames_per_second or 5.0)
