"""What is scored, and how.

Letters: B clips, N samples, S predicted frames, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from ..clips import Batch
from ..data.windows import Windows
from ..metrics import SetMetric
from ..model import Model
from .protocol import Protocol

Futures = Callable[[Batch, Sequence[int]], Tensor]
"""Predicts clips, given them and their numbers: [B, N, S, C, H, W] in [0, 1]."""


@dataclass(frozen=True)
class Task:
    """What is scored, and how.

    Attributes:
        futures: predicts clips.
        model: what predicts, in evaluation mode on `device`, for reconstructions and for other
            conditions; None where only its predictions are known.
        baselines: models without randomness, by name, on `device`.
        windows: the clips.
        protocol: which metrics, and whether there are controls.
        n_past: context frames of each clip.
        samples: N, futures of each clip.
        seed: of the noise.
        device: where to compute.
        sets: the metrics of sets of videos, with their weights.
    """

    futures: Futures
    model: Model | None
    baselines: Mapping[str, Model]
    windows: Windows
    protocol: Protocol
    n_past: int
    samples: int
    seed: int
    device: torch.device
    sets: tuple[SetMetric, ...] = ()

    @property
    def set_metrics(self) -> list[SetMetric]:
        """The metrics of sets that the clips are long enough for."""
        predicted = self.windows.length - self.n_past
        frames = {True: self.windows.length, False: predicted}
        return [
            metric for metric in self.sets if frames[metric.with_context] >= metric.least_frames
        ]

    def too_short(self) -> dict[str, str]:
        """Return why the other metrics of sets are not computed."""
        left = [metric for metric in self.sets if metric not in self.set_metrics]
        return {
            metric.name: f"too few frames: it needs videos of at least {metric.least_frames}"
            for metric in left
        }

    @property
    def clips_drawn(self) -> tuple[int, int, int]:
        """Which clips these are: tasks that agree in it are of the same clips."""
        return self.n_past, self.windows.length, self.windows.stride

    @property
    def has_controls(self) -> bool:
        """Whether reconstructions and other conditions are scored."""
        return self.model is not None and self.protocol.controls
