"""Goals as they are written on a command line: a picture, a frame of a clip, states, a function.

Letters: C channels, H height, W width.
"""

from __future__ import annotations

import importlib
import sys
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor

from ..errors import InputError
from ..simulate import Drive, Simulator
from .costs import CodeGoal, Cost, PixelGoal, RewardCost, StateGoal, picture_for
from .imagining import Imagined

Distance = Literal["pixels", "code"]


@dataclass(frozen=True)
class Goal:
    """What a plan is for.

    Attributes:
        cost: how far a future is from it.
        picture: the goal picture [C, H, W] in [0, 1]; None if it is no picture.
        words: what it is, for people.
    """

    cost: Cost
    picture: Tensor | None
    words: str

    @torch.no_grad()
    def cost_of_present(self, simulator: Simulator, drive: Drive) -> float | None:
        """Return what it costs to be where a drive is; None for a reward of whole futures."""
        if isinstance(self.cost, RewardCost):
            return None
        none = torch.zeros(1, 0, len(simulator.steered))
        states = torch.zeros(1, 0)
        if simulator.head is not None:
            before, now = (row.float()[None] for row in drive.latest)
            states = simulator.head.following_rows(before, now)
        present = Imagined(drive.session.frames[:, :, None].float(), none, states)
        return float(self.cost(present).mean())


def goal_of(
    simulator: Simulator,
    start: int,
    image: str | Path | None = None,
    frame: int | None = None,
    states: Sequence[str] = (),
    reward: str | Callable[..., Any] | None = None,
    distance: Distance = "pixels",
) -> Goal:
    """Return the one goal that was given.

    Args:
        simulator: in which it is planned.
        start: the clip that `frame` counts in.
        image: a picture file.
        frame: the number of a frame of the clip.
        states: `NAME=VALUE` each.
        reward: a function, or `module:function`.
        distance: of pictures.

    Raises:
        InputError: none or several goals; a goal that does not exist or does not fit the model.
    """
    given = {
        "--goal": image is not None,
        "--goal-frame": frame is not None,
        "--goal-state": bool(states),
        "--reward": reward is not None,
    }
    named = [name for name, there in given.items() if there]
    if len(named) != 1:
        raise InputError(
            f"got {' and '.join(named) or 'no goal'}; expected one of {', '.join(given)}"
        )
    if reward is not None:
        function = reward if callable(reward) else load_function(reward)
        return Goal(RewardCost(function), None, f"reward {getattr(function, '__name__', reward)}")
    if states:
        wanted = read_states(states)
        words = ", ".join(f"{name} {value:g}" for name, value in wanted.items())
        return Goal(StateGoal(simulator, wanted), None, words)
    if image is not None:
        return picture_goal(simulator, read_picture(simulator, Path(image)), distance, str(image))
    assert frame is not None
    clip = simulator.starts[start]
    if not 0 <= frame < len(clip):
        raise InputError(
            f"--goal-frame is {frame}; clip {start} ({clip.name}) has frames 0 to {len(clip) - 1}"
        )
    words = f"frame {frame} of clip {start} ({clip.name})"
    return picture_goal(simulator, clip.frames[frame], distance, words)


def picture_goal(simulator: Simulator, picture: Any, distance: Distance, words: str) -> Goal:
    """Return a picture as a goal, compared in pixels or in the model's code."""
    wanted = picture_for(simulator.spec, picture)
    cost: Cost = CodeGoal(simulator.model, wanted) if distance == "code" else PixelGoal(wanted)
    return Goal(cost, wanted, f"{words}, compared in {distance}")


def read_picture(simulator: Simulator, file: Path) -> Tensor:
    """Read a picture file as bytes [C, H, W].

    Raises:
        InputError: it cannot be read, or has another size than the model's pictures.
    """
    from PIL import Image

    channels, height, width = simulator.spec.frame
    try:
        with Image.open(file) as image:
            pixels = np.array(image.convert("L" if channels == 1 else "RGB"))
    except (OSError, ValueError, Image.DecompressionBombError) as error:
        raise InputError(
            f"{file} cannot be read as a picture ({error}); expected PNG, JPEG or WebP"
        ) from None
    if pixels.shape[:2] != (height, width):
        raise InputError(
            f"{file} is {pixels.shape[0]}x{pixels.shape[1]} pixels; expected {height}x{width}, "
            "as the model predicts them: resize it first"
        )
    return torch.from_numpy(pixels.reshape(height, width, -1)).movedim(-1, 0)


def read_states(words: Sequence[str]) -> Mapping[str, float]:
    """Return states from `NAME=VALUE` words.

    >>> read_states(["x_m=0.6", "y_m=-0.1"])
    {'x_m': 0.6, 'y_m': -0.1}

    Raises:
        InputError: a word is anything else.
    """
    found = {}
    for word in words:
        name, equals, value = word.partition("=")
        try:
            found[name] = float(value)
        except ValueError:
            equals = ""
        if not equals or not np.isfinite(found[name]):
            raise InputError(f"--goal-state is {word!r}; expected NAME=VALUE, such as x_m=0.6")
    return found


def load_function(name: str) -> Callable[..., Any]:
    """Return the function that `module:function` names; modules here may be in this folder.

    Raises:
        InputError: there is no such module, or no such function in it.
    """
    module, colon, attribute = name.partition(":")
    if not (module and colon and attribute):
        raise InputError(f"--reward is {name!r}; expected MODULE:FUNCTION, such as rewards:upright")
    sys.path.insert(0, "")
    try:
        found = getattr(importlib.import_module(module), attribute, None)
    except ImportError as error:
        raise InputError(
            f"--reward {name}: {error}; expected a module that can be imported here"
        ) from None
    finally:
        sys.path.remove("")
    if not callable(found):
        raise InputError(f"--reward {name}: {module} has no function {attribute!r}")
    function: Callable[..., Any] = found
    return function
