"""Models small enough for exact tests in float64, and clips for them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from foreframe import models
from foreframe.clips import ClipSpec
from foreframe.errors import InputError
from foreframe.model import Model
from foreframe.noise import Noise
from foreframe.plugins import MODELS

NAMES = MODELS.names()
SMALL: dict[str, dict[str, Any]] = {
    "compact": {
        "code": 12,
        "latent": 3,
        "width": 16,
        "condition": 8,
        "channels": (8, 8, 16),
        "fine": 8,
    },
    "pose_compact": {"code": 12, "latent": 3, "width": 16, "channels": (8, 8, 16, 16)},
    "pose_unet": {"code": 12, "latent": 3, "width": 16, "channels": (8, 8, 16, 16)},
    "svg": {"code": 12, "latent": 3, "width": 16, "channels": (8, 8, 16, 16)},
}
T, N_PAST = 6, 2


def spec(height: int = 32, width: int = 64, conditions: int = 3) -> ClipSpec:
    names = tuple(f"c{i}" for i in range(conditions))
    statistics = {"mean": 0.1, "std": 2.0, "low": -1.0, "high": 1.0}
    each: dict[str, Any] = {key: (value,) * conditions for key, value in statistics.items()}
    return ClipSpec((3, height, width), (conditions,), ("action",), names, **each)


def label_spec(height: int = 16, width: int = 16) -> ClipSpec:
    return ClipSpec((3, height, width), (3, height, width), ("pose",))


def _takes_vectors(name: str) -> bool:
    try:
        models.build(name, spec(), SMALL.get(name, {}))
    except InputError:
        return False
    return True


VECTOR_NAMES = [name for name in NAMES if _takes_vectors(name)]


def any_spec(name: str, *size: int) -> ClipSpec:
    """Clips of the kind that a model takes.

    Conditions are vectors where it takes them, else label images.
    """
    return spec(*size) if name in VECTOR_NAMES else label_spec(*size)


def small(name: str, of: ClipSpec | None = None, **options: Any) -> Model:
    torch.manual_seed(1)
    model = models.build(name, of or any_spec(name), SMALL.get(name, {}) | options).double()
    for parameter in model.parameters():  # nothing may hide behind a zero or tiny initialisation
        if parameter.ndim >= 2 and parameter.numel():
            usual = parameter[0].numel() ** -0.5
            if parameter.abs().mean() < 0.4 * usual:
                torch.nn.init.normal_(parameter, 0, usual)
    return model


def clip(model: Model, batch: int = 2, steps: int = T) -> tuple[Tensor, Tensor]:
    torch.manual_seed(2)
    frames = torch.rand(batch, steps, *model.spec.frame)
    return frames.double(), torch.randn(batch, steps, *model.spec.condition).double()


def noise(batch: int, samples: int = 1, first: int = 0) -> Noise:
    return Noise(range(first, first + batch), samples)
