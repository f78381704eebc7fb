"""The random numbers of a rollout: a separate stream for every clip and sample.

Letters: B clips, N samples, Z latent.
A clip's sample is the same alone or in any batch, with more samples beside it or more steps after
it, on any device.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor


class Noise:
    """Draws of N(0, I) per step for B clips x `samples`, clip-major: row b * samples + n."""

    def __init__(self, seeds: Sequence[int], samples: int = 1, temperature: float = 1.0) -> None:
        """Seed the streams.

        Args:
            seeds: a seed per clip.
            samples: N, streams per clip.
            temperature: scales every draw; at 0 a draw is the mean of its Gaussian.

        While the attribute `frozen` is set, every step is given the numbers of the step before it.
        """
        self.samples, self.temperature, self.frozen = samples, temperature, False
        self._last: list[NDArray[np.float32]] = []
        self._streams = [
            np.random.Generator(np.random.Philox(key=np.array([seed, sample], np.uint64)))
            for seed in seeds
            for sample in range(samples)
        ]

    def __len__(self) -> int:
        return len(self._streams) // self.samples

    def draw(self, shapes: Sequence[tuple[int, ...]], device: torch.device) -> tuple[Tensor, ...]:
        """Draw the noise of the next step: one tensor [B * N, *Z] for each shape."""
        if not (self.frozen and self._last):
            self._last = [self._fresh(shape) for shape in shapes]
        return tuple(
            torch.from_numpy(rows).to(device, non_blocking=True) * self.temperature
            for rows in self._last
        )

    def _fresh(self, shape: tuple[int, ...]) -> NDArray[np.float32]:
        rows = np.empty((len(self._streams), *shape), np.float32)
        for row, stream in zip(rows, self._streams, strict=True):
            stream.standard_normal(dtype=np.float32, out=row)
        return rows


class JoinedNoise(Noise):
    """Several noises side by side: each part draws from its own streams."""

    def __init__(self, parts: Sequence[Noise]) -> None:
        super().__init__((), parts[0].samples)
        self._parts = parts

    def __len__(self) -> int:
        return sum(len(part) for part in self._parts)

    def draw(self, shapes: Sequence[tuple[int, ...]], device: torch.device) -> tuple[Tensor, ...]:
        """Draw the next step's noise of every part: one tensor [B * N, *Z] for each shape."""
        drawn = [part.draw(shapes, device) for part in self._parts]
        return tuple(torch.cat(level) for level in zip(*drawn, strict=True))


def clip_seeds(seed: int, indices: Sequence[int]) -> list[int]:
    """Return a noise seed per clip, from the seed of the run and the number of the clip only."""
    return [((seed & 0xFFFFFFFF) << 32) + index for index in indices]
