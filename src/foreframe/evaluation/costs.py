"""What a model costs: parameters, floating-point operations and frames per second.

Letters: N samples, S predicted frames.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

import torch

from ..data.windows import Windows
from ..model import Model
from ..noise import Noise
from .predicting import sample_futures

_TIMES = 3


@dataclass(frozen=True)
class Costs:
    """What a model costs.

    Attributes:
        parameters: numbers that are learned.
        flops_per_frame: floating-point operations of one sample of a clip, its context included,
            per predicted frame; multiplications and additions of matrices and convolutions.
        frames_per_second: predicted frames of N samples of one clip, the median of three, on this
            device.
        device: what `frames_per_second` was measured on.
    """

    parameters: int
    flops_per_frame: int
    frames_per_second: float
    device: str

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        return asdict(self)

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Costs:
        """From JSON values."""
        return cls(**values)


def costs_of(model: Model, windows: Windows, n_past: int, samples: int) -> Costs:
    """Measure a model in evaluation mode on the first of the clips."""
    from torch.utils.flop_counter import FlopCounterMode

    device = next(iter(model.state_dict().values())).device
    clip, horizon = windows.clips([0]).to(device), windows.length - n_past
    with FlopCounterMode(display=False) as counted:
        sample_futures(model, clip, n_past, Noise([0]))
    seconds = []
    for _ in range(_TIMES):
        began = time.perf_counter()
        sample_futures(model, clip, n_past, Noise([0], samples)).cpu()
        seconds.append(time.perf_counter() - began)
    return Costs(
        parameters=sum(parameter.numel() for parameter in model.parameters()),
        flops_per_frame=round(counted.get_total_flops() / horizon),
        frames_per_second=round(samples * horizon / statistics.median(seconds), 1),
        device=_named(device),
    )


def _named(device: torch.device) -> str:
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"CPU, {threads} thread{'s' if threads > 1 else ''}"
