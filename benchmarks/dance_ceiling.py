"""How well anybody could do on the `dance` world: what its lamp costs those who know all else.

    python benchmarks/dance_ceiling.py [--draws 32] [--every 42]

The lamp wanders, and no label tells where to. For the test sequences of the default store (60
sequences, seed 0) frames are drawn again with the same dancer in the same pose, clothes and
shadows, under lamps that walk on by chance from where the true one stood in the first frame. The
mean of these pictures is the best guess of whoever knows everything but the lamp's walk; its mean
squared error is corrected for the finite number of draws (K draws: times K / (K + 1)). Writes
results/dance-ceiling.json.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import numpy as np

import foreframe
from foreframe.data.building import assign_splits
from foreframe.data.worlds import dance
from foreframe.data.worlds._raycast import AreaLight, Camera, RayCaster
from foreframe.data.worlds.dance.figure import build, clothes
from foreframe.data.worlds.dance.simulation import Simulation

ROOT = Path(__file__).resolve().parents[1]
SEED, HEIGHT, WIDTH = 0, 32, 64
Array = Any


def ceiling(index: int, draws: int, every: int) -> float:
    """PSNR in dB of the best guess, mean over every so-manieth frame of sequence `index`."""
    looks, will, chance, lamp = (
        np.random.default_rng(stream)
        for stream in np.random.SeedSequence((SEED, index, 0)).spawn(4)
    )
    stage = build(np.random.default_rng((SEED, dance._ROOM)), clothes(looks))
    simulation = Simulation(stage.xml, will, chance)
    textures = [stage.textures[name] for name in simulation.geom_names]
    caster = RayCaster(Camera(*dance._CAMERA, HEIGHT, WIDTH), (0.10, 0.11, 0.13))
    true = dance._lamps(lamp, dance.FRAMES)
    others = [
        dance._lamps(np.random.default_rng((index, k)), dance.FRAMES, true[0]) for k in range(draws)
    ]

    def picture(light: Array) -> Array:
        strength, y, z = light
        shining = AreaLight((3.2, y, z), 0.25, 4, 0.42 * strength, 0.85 * strength)
        return caster.draw(simulation.model, simulation.data, textures, shining).rgb / 255.0

    found = []
    for frame in range(dance.FRAMES):
        if frame and frame % every == 0:
            guess = np.mean([picture(light[frame]) for light in others], 0)
            error = np.square(picture(true[frame]) - guess).mean() * draws / (draws + 1)
            found.append(-10 * np.log10(error))
        simulation.advance(1 / dance._FRAMES_PER_SECOND)
    assert not simulation.trouble, f"sequence {index} was drawn anew in the store"
    return float(np.mean(found))


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--draws", type=int, default=32)
    parser.add_argument("--every", type=int, default=42)
    parser.add_argument("--out", type=Path, default=ROOT / "results" / "dance-ceiling.json")
    options = parser.parse_args()
    splits = assign_splits(dance.TRAJECTORIES, SEED)
    test = [index for index, split in enumerate(splits) if split == "test"]
    each = {
        f"{index:06d}": round(ceiling(index, options.draws, options.every), 2) for index in test
    }
    result = {
        "psnr_db": each,
        "mean_db": round(float(np.mean(list(each.values()))), 2),
        "draws": options.draws,
    }
    print(json.dumps(result))
    options.out.write_text(
        json.dumps({**result, "every": options.every, "machine": foreframe.info()}, indent=1) + "\n"
    )


if __name__ == "__main__":
    main()
