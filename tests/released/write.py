"""Write what one version of foreframe leaves on a disk: a store, a run that stopped half way, its
scores, a published model.

    PYTHONPATH=CHECKOUT/src python tests/released/write.py tests/released/VERSION

Run it once for every release, with that release on PYTHONPATH, and add the folder:
`tests/test_released.py` loads every folder for ever. It uses public functions only, so that old and
new code can run it. Everything together stays below 300 kB.
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from pathlib import Path

import numpy as np

import foreframe

EPISODES, FRAMES, HEIGHT, WIDTH = 5, 8, 16, 32
CHANGES = {
    "model.code": 4,
    "model.width": 4,
    "model.latent": 2,
    "model.condition": 3,
    "model.channels": [2, 2, 4],
    "model.fine": 2,
    "clip.conditions": ["action", "state"],
    "clip.horizon": 3,
    "training.batch": 2,
    "training.steps": 6,
    "training.log_every": 1,
    "training.save_every": 3,
    "training.validate_every": 3,
    "training.keep": 1,
    "training.precision": "32-true",
}


def recordings(folder: Path) -> Path:
    """Squares that move as the actions say: one archive per episode."""
    folder.mkdir()
    for number in range(EPISODES):
        rng = np.random.default_rng(number)
        actions = rng.integers(-3, 4, (FRAMES, 2)).astype(np.float32)
        frames = np.full((FRAMES, HEIGHT, WIDTH, 3), 40, np.uint8)
        places = np.empty((FRAMES, 2), np.float32)
        place = np.array([HEIGHT / 2, WIDTH / 2])
        for t in range(FRAMES):
            y, x = place.astype(int)
            frames[t, y - 4 : y + 4, x - 4 : x + 4] = (250, 200, 60)
            places[t] = place
            place = np.clip(place + actions[t], 5, [HEIGHT - 5, WIDTH - 5])
        np.savez(folder / f"squares-{number}.npz", frames=frames, action=actions, state=places)
    return folder


def write(out: Path) -> None:
    """Everything under `out`, with relative paths so that no machine's folders are written down."""
    out.mkdir(parents=True)
    os.chdir(out)
    with tempfile.TemporaryDirectory() as scratch:
        source = recordings(Path(scratch) / "squares")
        foreframe.data.import_recordings(source, "store", splits=(0.6, 0.2, 0.2), workers=1)
    foreframe.train("push-tiny", "store", "run", changes=CHANGES, max_steps=3)
    foreframe.evaluate("run", "store", samples=2, seed=1)
    foreframe.train("push-tiny", "store", "whole", changes=CHANGES)
    foreframe.publish("whole", "store", "published", episodes=1, frames=6, samples=2)
    shutil.rmtree("whole")
    for needless in ("run/.lock", "run/eval.svg"):
        Path(needless).unlink(missing_ok=True)


if __name__ == "__main__":
    write(Path(sys.argv[1]))
