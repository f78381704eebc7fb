"""Predictions in the form that the pose coursework asks for: a CSV file with a row per frame.

Letters: C channels, H height, W width.
"""

from __future__ import annotations

from pathlib import Path

import torch

from ..clips import to_uint8
from ..data.windows import Windows
from ..model import Model
from ..noise import Noise, clip_seeds
from ..runtime.files import atomic_write
from ..runtime.progress import progress
from .predicting import sample_futures


def write_submission(
    model: Model, windows: Windows, n_past: int, seed: int, device: torch.device, path: Path
) -> Path:
    """Write a prior sample of every window.

    The header is `id,0..CHW-1`; values are integers round(255 x) in C-H-W order; context frames are
    included.
    """
    channels, height, width = model.spec.frame
    lines = [",".join(["id", *(str(i) for i in range(channels * height * width))])]
    with progress("predicting", len(windows), "sequences") as advance:
        for index in range(len(windows)):
            clip = windows.clips([index]).to(device)
            drawn = sample_futures(model, clip, n_past, Noise(clip_seeds(seed, [index])))[0, 0]
            frames = torch.cat([clip.frames[0, :n_past], to_uint8(drawn)]).flatten(1).cpu().numpy()
            lines += [
                f"{len(lines) - 1 + row}," + ",".join(map(str, values))
                for row, values in enumerate(frames.tolist())
            ]
            advance(1)
    return atomic_write(path, "\n".join(lines) + "\n")
