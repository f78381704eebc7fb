"""How fast tiny episodes come in, and how much memory one long episode takes.

    python benchmarks/intake.py --episodes 20000 --frames 100000

Prints one JSON object: episodes per second, and the peak of this process's memory in GB.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from foreframe.data.building import build
from foreframe.data.sources.findings import Findings
from foreframe.data.sources.recording import Column, Recording
from foreframe.data.sources.resampled import ResampledSource


@dataclass(frozen=True)
class Synthetic:
    """Episodes of noise that are drawn while they are read."""

    count: int
    frames: int
    side: int
    frames_per_second: float | None = None
    findings: Findings = field(default_factory=Findings)

    @property
    def columns(self) -> dict[str, Column]:
        return {"action": Column("action", "float32", (2,), ("x", "y"))}

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> Recording:
        return Recording(
            f"episode_{index}", self._pictures(index), {"action": np.ones((self.frames, 2))}
        )

    def _pictures(self, index: int) -> Iterator[np.ndarray[Any, Any]]:
        picture = np.random.default_rng(index).integers(0, 255, (self.side, self.side, 3), np.uint8)
        return (picture for _ in range(self.frames))


def measure(source: Synthetic, folder: Path) -> float:
    """Seconds that the store takes."""
    began = time.monotonic()
    taken = ResampledSource(source)
    build(taken, folder, {}, taken.frame_shape, ["train"] * len(source), 1, "measuring")
    return time.monotonic() - began


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--episodes", type=int, default=20_000)
    parser.add_argument("--frames", type=int, default=100_000)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        many = measure(Synthetic(options.episodes, 3, 16), Path(folder) / "many")
        long = measure(Synthetic(1, options.frames, 64), Path(folder) / "long")
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(
        json.dumps(
            {
                "episodes": options.episodes,
                "episodes_per_second": round(options.episodes / many, 1),
                "frames": options.frames,
                "long_episode_s": round(long, 1),
                "peak_gb": round(peak, 2),
            }
        )
    )


if __name__ == "__main__":
    main()
