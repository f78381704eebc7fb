"""The random numbers of a rollout: a stream of its own for every clip and sample.

Letters: B clips, N samples, Z latent.
A clip's sample is the same alone or in any batch, with more samples beside it or more steps after it, on any device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor


class Noise:
    """N(0, I), drawn step after step for B clips x `samples`, clip-major: row b * samples + n."""

    def __init__(self, seeds: Sequence[int], samples: int = 1, temperature: float = 1.0) -> None:
        """`seeds[b]` belongs to clip b; `temperature` scales every draw (0: the Gaussians' means)."""
        self.samples, self.temperature = samples, temperature
        self._streams = [
            np.random.Generator(np.random.Philox(key=np.array([seed, sample], np.uint64)))
            for seed in seeds
            for sample in range(samples)
        ]

    def __len__(self) -> int:
        return len(self._streams) // self.samples

    def draw(self, shapes: Sequence[tuple[int, ...]], device: torch.device) -> tuple[Tensor, ...]:
        """The next step's noise: one tensor [B * N, *Z] for each shape."""
        drawn = []
        for shape in shapes:
            rows = np.empty((len(self._streams), *shape), np.float32)
            for row, stream in zip(rows, self._streams, strict=True):
                stream.standard_normal(dtype=np.float32, out=row)
            drawn.append(torch.from_numpy(rows).to(device, non_blocking=True) * self.temperature)
        return tuple(drawn)
