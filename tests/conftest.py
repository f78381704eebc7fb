"""Small real things for tests: a store of moving squares, a push store, and a run trained on the
squares.

Letters: T frames, H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
import torch

from foreframe.data.building import assign_splits, build
from foreframe.data.sources.findings import Findings
from foreframe.data.sources.recording import Column, Recording
from foreframe.data.store import ClipStore
from foreframe.data.worlds.dance import Dance

SAMPLES = Path(__file__).resolve().parents[1].parent / "shared" / "data"

DANCE_FRAMES = 40

ELBO = {  # the bound alone, with AdamW: every part of a step is there
    "objective.elbo": 1.0,
    "objective.error": 0.0,
    "objective.futures": 0.0,
    "optimiser.kind": "adamw",
    "optimiser.learning_rate": {"kind": "warmup_cosine", "peak": 1e-3, "warmup_steps": 50},
}
TINY = {
    **ELBO,
    "model.code": 16,
    "model.width": 16,
    "model.latent": 3,
    "model.condition": 8,
    "model.channels": [8, 8, 16],
    "model.fine": 8,
    "clip.horizon": 4,
    "training.batch": 4,
    "training.log_every": 1,
    "training.save_every": 4,
    "training.validate_every": 4,
    "training.precision": "32-true",
}


@dataclass(frozen=True)
class Squares:
    """A bright square that goes where the actions say.

    (dy, dx) pixels lead from one frame to the next.
    """

    count: int = 10
    frames: int = 12
    height: int = 32
    width: int = 64
    frames_per_second: float | None = 5.0
    findings: Findings = field(default_factory=Findings)

    @property
    def columns(self) -> Mapping[str, Column]:
        return {
            "action": Column("action", "float32", (2,), ("dy", "dx")),
            "position": Column("state", "float32", (2,), ("y", "x")),
        }

    def __len__(self) -> int:
        return self.count

    def read(self, index: int) -> Recording:
        rng = np.random.default_rng(index)
        actions = rng.integers(-3, 4, (self.frames, 2)).astype(np.float32)
        at = np.array([self.height / 2, self.width / 2])
        pictures, positions = [], []
        for action in actions:
            picture = np.full((self.height, self.width, 3), 40, np.uint8)
            y, x = at.astype(int)
            picture[y - 4 : y + 4, x - 4 : x + 4] = (250, 200, 60)
            pictures.append(picture)
            positions.append(at.copy())
            at = np.clip(at + action, 6, [self.height - 6, self.width - 6])
        values = {"action": actions, "position": np.asarray(positions, np.float32)}
        return Recording(f"squares-{index}", pictures, values)


def squares_store(out: Path, count: int = 10, workers: int = 1) -> ClipStore:
    source = Squares(count)
    splits = assign_splits(count, 0, (0.6, 0.2, 0.2))
    return build(
        source,
        out,
        {"squares": count},
        (source.height, source.width, 3),
        splits,
        workers,
        "squares",
    )


@pytest.fixture(scope="session")
def store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return squares_store(tmp_path_factory.mktemp("squares") / "store")


@pytest.fixture(scope="session")
def push_store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    import foreframe

    return foreframe.data.make(
        "push", tmp_path_factory.mktemp("push") / "store", trajectories=6, seed=3
    )


@pytest.fixture(scope="session")
def dance_store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    """Short sequences: four to train on, one to validate, one to test."""
    source = Dance(6, seed=3, frames=DANCE_FRAMES)
    out = tmp_path_factory.mktemp("dance") / "store"
    return build(source, out, {"world": "dance"}, (32, 64, 3), assign_splits(6, 0), None, "dancing")


@pytest.fixture(scope="session")
def run(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A compact model after twelve steps on the squares."""
    import foreframe

    out = tmp_path_factory.mktemp("runs") / "run"
    foreframe.train("push-tiny", store.path, out, changes={**TINY, "training.steps": 12})
    return out


@pytest.fixture(autouse=True)
def _seeded() -> None:
    torch.manual_seed(0)


@pytest.fixture(scope="session")
def samples() -> Path:
    """Real recordings that lie beside the repository, where they do."""
    if not SAMPLES.is_dir():
        pytest.skip("no real recordings beside this repository (../shared/data)")
    return SAMPLES
