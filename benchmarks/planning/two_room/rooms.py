"""TwoRoom of stable-worldmodel: the environment, its pictures at 64 pixels, its scripted policy.

Letters: H height, W width.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

sys.path.append(str(Path(__file__).parent))
import stubs  # noqa: F401 - stands in for what TwoRoom does not use

try:
    from stable_worldmodel.envs.two_room import ExpertPolicy, TwoRoomEnv
except ImportError as error:
    raise SystemExit(
        f"stable-worldmodel is not here ({error}): sh benchmarks/planning/two_room/environment.sh, "
        "then run this with benchmarks/planning/two_room/.venv/bin/python"
    ) from None

Array = NDArray[Any]

SIZE = 64
NEAR = 16.0  # success: the environment ends within so many pixels (of 224) of its target
NOISE, REPEATS = 3.0, 0.1  # of the scripted policy, as its script collects data


def seen(env: TwoRoomEnv) -> Array:
    """Return the picture uint8 [H, W, 3], by area average."""
    whole = Image.fromarray(np.ascontiguousarray(env.render()))
    return np.asarray(whole.resize((SIZE, SIZE), Image.Resampling.BOX))


def place(env: TwoRoomEnv) -> Array:
    """Return where the agent is, in pixels of 224."""
    return np.asarray(env.agent_position.numpy(), np.float32).copy()


def begun(env: TwoRoomEnv, at: Array, target: Array) -> TwoRoomEnv:
    """Put the agent and the target somewhere."""
    env.reset(seed=0)
    env._set_state(at)
    env._set_goal_state(target)
    return env


def scripted(env: TwoRoomEnv, seed: int) -> Any:
    """Return its scripted policy, as noisy as its script collects data with."""
    policy = ExpertPolicy(action_noise=NOISE, action_repeat_prob=REPEATS, seed=seed)
    policy.set_env(env)
    return policy
