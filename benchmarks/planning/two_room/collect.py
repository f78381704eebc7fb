"""Collect TwoRoom episodes with the scripted policy of stable-worldmodel.

    .venv/bin/python collect.py OUT [--episodes 2000] [--steps 100] [--seed 0]

Writes OUT/episodes/NUMBER.npz (64x64 pictures, and the actions between them), which
`foreframe data import OUT/episodes STORE` reads, and OUT/places.npz, where the agent was.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from rooms import TwoRoomEnv, place, scripted, seen

from foreframe.runtime.progress import progress


def episode(env: TwoRoomEnv, seed: int, steps: int) -> dict[str, np.ndarray]:
    """Return pictures [T, H, W, 3], actions [T - 1, 2] and places [T, 2] of an episode."""
    _, info = env.reset(seed=seed)
    policy = scripted(env, seed)
    frames, places, actions = [seen(env)], [place(env)], []
    for _ in range(steps):
        action = np.asarray(policy.get_action(info), np.float32)
        _, _, over, _, info = env.step(action)
        actions.append(action)
        frames.append(seen(env))
        places.append(place(env))
        if over:
            break
    return {"frames": np.stack(frames), "actions": np.stack(actions), "places": np.stack(places)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("out", type=Path)
    parser.add_argument("--episodes", type=int, default=2000)
    parser.add_argument("--steps", type=int, default=100)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    folder, env, places = options.out / "episodes", TwoRoomEnv(), {}
    folder.mkdir(parents=True, exist_ok=True)
    with progress("collecting", options.episodes, "episodes") as advance:
        for number in range(options.episodes):
            made = episode(env, options.seed * 1_000_000 + number, options.steps)
            places[f"{number:05d}"] = made["places"]
            kept = {name: made[name] for name in ("frames", "actions")}
            np.savez_compressed(folder / f"{number:05d}.npz", **kept)
            advance(1)
    np.savez_compressed(options.out / "places.npz", **places)


if __name__ == "__main__":
    main()
