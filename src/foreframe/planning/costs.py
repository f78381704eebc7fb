"""What a future costs: how far it is from what is wanted. Less is better.

Letters: P sequences, F futures of each, S pictures of each, C channels, H height, W width, K
states.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional as F

from ..clips import ClipSpec, as_floats
from ..errors import InputError, unknown
from ..model import Model
from ..simulate import Simulator
from .imagining import Imagined, device_of

Array = NDArray[Any]
Reward = Callable[[Imagined], Tensor]  # of each future [P, F]; more is better

SCALES = (1, 4, 8)


class Cost(Protocol):
    """What futures cost. A new cost is a class with these two.

    Attributes:
        sees_pictures: whether the futures have to be drawn.
    """

    sees_pictures: bool

    def __call__(self, imagined: Imagined) -> Tensor:
        """Return the cost of each future [P, F]."""


def _picture(goal: Tensor) -> Tensor:
    """A goal as floats in [0, 1]: [C, H, W]."""
    if not isinstance(goal, Tensor) or goal.ndim != 3:
        got = list(goal.shape) if hasattr(goal, "shape") else type(goal).__name__
        raise InputError(f"a goal is a tensor [C, H, W], bytes or floats in [0, 1]; got {got}")
    floats = as_floats(goal)
    if not (floats.min() >= 0 and floats.max() <= 1):
        raise InputError(
            f"the goal has numbers from {float(floats.min()):g} to {float(floats.max()):g}; "
            "expected bytes, or floats in [0, 1]"
        )
    return floats


class PixelGoal:
    """The mean squared difference from a goal picture, at several sizes of the picture.

    Small pictures tell how far away a thing is that does not overlap with its goal.

    Args:
        goal: the picture [C, H, W], bytes or floats in [0, 1].
        where: weights of the pixels [H, W]; all count alike by default.
        scales: how many times smaller the pictures are that are compared, by area average; each
            counts with its scale.

    Raises:
        InputError: the goal is no such picture, or not of the size of those that are imagined.

    Example:
        >>> goal = PixelGoal(torch.ones(1, 8, 8))
        >>> goal(Imagined(torch.ones(1, 2, 1, 1, 8, 8), torch.zeros(1, 3, 2), torch.zeros(1, 0)))
        tensor([[0., 0.]])

    References:
        Ebert et al. 2018 (arXiv 1812.00568) for planning towards pictures.
    """

    sees_pictures = True

    def __init__(
        self, goal: Tensor, where: Tensor | None = None, scales: Sequence[int] = SCALES
    ) -> None:
        self.goal = _picture(goal)
        height, width = goal.shape[-2:]
        weights = torch.ones(height, width) if where is None else where.float()
        self.scales = [s for s in scales if height % s == 0 and width % s == 0] or [1]
        self._weights = weights / weights.mean().clamp_min(1e-12)

    def __call__(self, imagined: Imagined) -> Tensor:
        """Return the mean over the pictures of each future [P, F]."""
        frames = imagined.frames
        if frames.shape[-3:] != self.goal.shape:
            raise InputError(
                f"the goal is {list(self.goal.shape)} and pictures of the model are "
                f"{list(frames.shape[-3:])}; expected a goal [C, H, W] of the same size"
            )
        weighted = (frames - self.goal.to(frames)) * self._weights.to(frames).sqrt()
        flat = weighted.flatten(0, 2)
        errors = [
            scale * F.avg_pool2d(flat, scale).square().mean((1, 2, 3)) for scale in self.scales
        ]
        each = torch.stack(errors).sum(0) / sum(self.scales)
        return each.unflatten(0, frames.shape[:3]).mean(2)


class CodeGoal:
    """The mean squared difference from the goal in the model's own code.

    Pictures are imagined, then encoded as the goal is.

    Args:
        model: in evaluation mode.
        goal: the picture [C, H, W], bytes or floats in [0, 1].

    References:
        Zhou et al. 2025 (DINO-WM, arXiv 2411.04983) for planning in features.
    """

    sees_pictures = True

    def __init__(self, model: Model, goal: Tensor) -> None:
        self.model = model
        condition = torch.tensor(model.spec.mean or (0.0,) * model.spec.condition[0])
        self._condition = condition[None, None]
        with torch.no_grad():
            self.code = self._encoded(_picture(goal).to(device_of(model))[None, None])[0, 0]

    def __call__(self, imagined: Imagined) -> Tensor:
        """Return the mean over the pictures of each future [P, F]."""
        frames = imagined.frames
        codes = self._encoded(frames.flatten(0, 1))
        away = (codes - self.code).flatten(2).square().mean(2)
        return away.mean(1).unflatten(0, frames.shape[:2])

    def _encoded(self, frames: Tensor) -> Tensor:
        given = self._condition.to(frames).expand(*frames.shape[:2], -1)
        return self.model.encode(frames, self.model.embed(given)).code


class StateGoal:
    """The mean squared distance of predicted states from wanted ones, in standard deviations.

    Args:
        simulator: whose model is conditioned on states, with a head that predicts them.
        wanted: values of some of the states, by name.

    Raises:
        InputError: the model predicts no states, or none of that name.
    """

    sees_pictures = False

    def __init__(self, simulator: Simulator, wanted: Mapping[str, float]) -> None:
        if simulator.head is None:
            raise InputError(
                f"{simulator.name} predicts no states; expected a run that was trained with "
                "--conditions action,state, or another goal: a picture, or a reward"
            )
        spec, indices = simulator.spec, simulator.head.indices
        names = [spec.names[i] for i in indices]
        if not wanted:
            raise InputError(f"no state is wanted; expected some of {', '.join(names)}")
        for name in wanted:
            if name not in names:
                raise unknown("state", name, names)
        self._chosen = [names.index(name) for name in wanted]
        self._wanted = torch.tensor(list(wanted.values()), dtype=torch.float32)
        self._std = torch.tensor(spec.std)[list(indices)][self._chosen].clamp_min(1e-8)

    def __call__(self, imagined: Imagined) -> Tensor:
        """Return the distance after the last action [P, F]; it is the same in all futures."""
        away = (imagined.states[:, self._chosen].float().cpu() - self._wanted) / self._std
        return away.square().mean(1)[:, None].expand(-1, imagined.futures)


class RewardCost:
    """The cost of a reward function: its negative.

    Args:
        function: takes an `Imagined` and returns the reward of each future [P, F], or of each
            sequence [P].

    Raises:
        InputError: it returns something else.
    """

    sees_pictures = True

    def __init__(self, function: Reward) -> None:
        self.function = function

    def __call__(self, imagined: Imagined) -> Tensor:
        """Return the cost of each future [P, F]."""
        found, name = self.function(imagined), getattr(self.function, "__name__", "the reward")
        rewards = torch.as_tensor(found)
        expected = [len(imagined.actions), imagined.futures]
        if list(rewards.shape) == expected[:1]:
            rewards = rewards[:, None].expand(*expected)
        if list(rewards.shape) != expected:
            raise InputError(
                f"{name} returned shape {list(rewards.shape)} for {expected[0]} sequences with "
                f"{expected[1]} futures each; expected {expected} or {expected[:1]}"
            )
        return -rewards.float()


def picture_for(spec: ClipSpec, picture: Tensor | Array) -> Tensor:
    """Return a goal picture [C, H, W] of the model's size.

    Args:
        spec: of the model.
        picture: bytes, or floats in [0, 1]: [H, W, C] or [C, H, W].

    Raises:
        InputError: a picture of another size, or with values that are no colours.
    """
    given = torch.as_tensor(np.ascontiguousarray(picture))
    channels, height, width = spec.frame
    if given.shape == (height, width, channels):
        given = given.movedim(-1, 0)
    if given.shape != spec.frame:
        raise InputError(
            f"the goal picture has shape {list(given.shape)}; expected {height}x{width} pixels "
            f"with {channels} channels, as the model predicts them: resize it first"
        )
    floats = as_floats(given)
    if not floats.is_floating_point() or not bool(((floats >= 0) & (floats <= 1)).all()):
        raise InputError(
            "the goal picture has values that are no colours; expected bytes, or floats in [0, 1]"
        )
    return floats.float()
