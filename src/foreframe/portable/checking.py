"""Compare graphs with the model that they were made from.

Letters: N futures, K context frames, C channels, H height, W width, A condition, Z latent.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..clips import ClipSpec
from ..errors import ForeframeError
from ..model import Model
from ..noise import Noise
from ..session import Session
from .manifest import Check
from .running import Array, OnnxSession

MOST = 1e-3  # of colours in [0, 1], that a pixel may differ
_FRAMES, _FUTURES = 8, 2
_CPU = torch.device("cpu")


def compare(model: Model, n_past: int, folder: Path) -> Check:
    """Drive the model and its graphs alike, and return how far their pictures differ.

    Raises:
        ForeframeError: some pixel differs by more than `MOST`.
    """
    import onnxruntime

    generator = torch.Generator().manual_seed(0)
    frames = torch.rand(n_past, *model.spec.frame, generator=generator)
    conditions = _conditions(model.spec, n_past + _FRAMES, generator)
    reference, graphs = Session(model), OnnxSession(folder)
    reference.reset(frames[None], conditions[None, :n_past], Noise([0]))
    reference = reference.fork([0] * _FUTURES, Noise([1], _FUTURES))
    graphs.reset(frames.numpy(), conditions[:n_past].numpy(), _context(model, n_past), _FUTURES)
    noise, largest = Noise([1], _FUTURES), 0.0
    for condition in conditions[n_past:]:
        expected = reference.act(condition[None])[0].numpy()
        drawn = [level.numpy() for level in noise.draw(model.latent_shapes, _CPU)]
        largest = max(largest, float(np.abs(graphs.act(condition.numpy(), drawn) - expected).max()))
    if not largest <= MOST:
        raise ForeframeError(
            f"the graphs differ from the model by {largest:.2g} in some pixel after {_FRAMES} "
            f"frames; expected at most {MOST:g}: nothing is written. Please report it with the "
            "output of `foreframe info`"
        )
    return Check(f"onnxruntime {onnxruntime.__version__}", _FRAMES, largest)


def _conditions(spec: ClipSpec, count: int, generator: torch.Generator) -> Tensor:
    """Return conditions as the training data might have them [count, *A]."""
    if not spec.names:
        return torch.rand(count, *spec.condition, generator=generator)
    drawn = torch.randn(count, *spec.condition, generator=generator)
    return drawn * torch.tensor(spec.std) + torch.tensor(spec.mean)


def _context(model: Model, n_past: int) -> list[Array]:
    """Return the noise that a session with seed 0 draws within its context, [K - 1, *Z] each."""
    if n_past == 1:
        return []
    noise = Noise([0])
    steps = [noise.draw(model.latent_shapes, _CPU) for _ in range(1, n_past)]
    return [torch.cat(level).numpy() for level in zip(*steps, strict=True)]
