"""What is predicted for some clips, and what judges it: each is made once for all protocols.

Letters: B clips, N samples, K true futures, S predicted frames, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import torch
from torch import Tensor

from ..clips import Batch, to_float
from ..data.windows import Windows
from ..errors import ForeframeError
from ..metrics import Metric, ObjectMarks, Score, WorldTruth
from ..noise import Noise, clip_seeds
from ..rollouts import Rollout
from .predicting import reconstruct, sample_futures
from .task import Task
from .world_truth import world_truth

CONTROLS = ("conditions_shuffled", "conditions_zeroed")


class Predicted:
    """What is predicted for some clips, each thing when it is first asked for, and kept.

    Args:
        task: of the most samples.
        indices: the numbers of the clips.
    """

    def __init__(self, task: Task, indices: list[int]) -> None:
        self.indices, self._task = indices, task
        self._seeds = clip_seeds(task.seed, indices)

    @cached_property
    def clip(self) -> Batch:
        return self._task.windows.clips(self.indices).to(self._task.device)

    @cached_property
    def judge(self) -> Judge:
        task, frames = self._task, to_float(self.clip.frames)
        known = world_truth(task.windows, self.indices, task.n_past, task.device)
        return Judge(frames[:, task.n_past :], frames[:, : task.n_past], known)

    @cached_property
    def futures(self) -> Tensor:
        """Of the model: [B, N, S, C, H, W]."""
        return _finite(self._task.futures(self.clip, self.indices))

    @cached_property
    def of_baselines(self) -> dict[str, Tensor]:
        """Of each baseline: [B, 1, S, C, H, W]."""
        task, noise = self._task, Noise(self._seeds)
        return {
            name: sample_futures(baseline, self.clip, task.n_past, noise)
            for name, baseline in task.baselines.items()
        }

    @cached_property
    def of_world(self) -> tuple[list[int], Tensor] | None:
        """The true futures [b, K, S, C, H, W], and the rows of the clips that have them."""
        task = self._task
        horizon = task.windows.length - task.n_past
        known = (task.windows.futures(index, task.n_past) for index in self.indices)
        full = {
            row: futures
            for row, futures in enumerate(known)
            if futures is not None and futures.shape[1] == horizon
        }
        if not full:
            return None
        return list(full), to_float(torch.stack(list(full.values())).to(task.device))

    @cached_property
    def judge_of_world(self) -> Judge:
        """Of the clips that have true futures."""
        assert self.of_world is not None
        return self.judge.rows(self.of_world[0])

    @cached_property
    def reconstruction(self) -> tuple[Tensor, Rollout]:
        """With z from the posterior: [B, S, C, H, W], and the rollout."""
        assert self._task.model is not None
        return reconstruct(self._task.model, self.clip, self._task.n_past, Noise(self._seeds))

    @cached_property
    def controls(self) -> dict[str, Tensor]:
        """Under other conditions: [B, 1, S, C, H, W]."""
        task = self._task
        assert task.model is not None
        others = _other_conditions(self.clip.conditions, task.windows, self.indices)
        return {
            name: sample_futures(
                task.model,
                Batch(self.clip.frames, conditions.to(task.device)),
                task.n_past,
                Noise(self._seeds),
            )
            for name, conditions in others.items()
        }


@dataclass(frozen=True)
class Judge:
    """What happened [B, S, C, H, W], the context before it, and what the world knows of it.

    Values are kept: most protocols differ in two of their metrics.
    """

    truth: Tensor
    context: Tensor
    world: WorldTruth
    _kept: dict[tuple[str, Score, int], Tensor | None] = field(default_factory=dict)

    def values(self, scored: str, metrics: Sequence[Metric], futures: Tensor) -> dict[str, Tensor]:
        """The values of futures [B, N, S, C, H, W] by each metric that can judge them."""
        found = {}
        for metric in metrics:
            if metric.least_samples <= futures.shape[1]:
                values = self._value(scored, metric, futures)
                if values is not None:
                    found[value_key(scored, metric.name)] = values
        return found

    def _value(self, scored: str, metric: Metric, futures: Tensor) -> Tensor | None:
        key = scored, metric.function, futures.shape[1]
        if key not in self._kept:
            more = (self.world,) if metric.uses_world else ()
            self._kept[key] = metric.function(futures, self.truth, self.context, *more)
        return self._kept[key]

    def rows(self, rows: list[int]) -> Judge:
        """The same of some clips."""
        return Judge(self.truth[rows], self.context[rows], _rows(self.world, rows))


def _rows(world: WorldTruth, rows: list[int]) -> WorldTruth:
    objects, joints = world.objects, world.joints
    return WorldTruth(
        objects and ObjectMarks(objects.marks[rows], objects.moved[rows], objects.disturbed[rows]),
        None if joints is None else joints[rows],
    )


def value_key(scored: str, metric: str) -> str:
    """Return the key of a metric's values of what was scored."""
    return f"{scored} {metric}" if metric else scored


def _finite(futures: Tensor) -> Tensor:
    if not bool(futures.isfinite().all()):
        raise ForeframeError(
            "the predictions hold numbers that are not finite (NaN or infinity); no score means "
            "anything then: look for the step at which training broke, and take weights from before"
        )
    return futures


def _other_conditions(
    conditions: Tensor, windows: Windows, indices: list[int]
) -> dict[str, Tensor]:
    """Conditions of another clip (half the split away), and their mean.

    A model that uses them gets worse with both.
    """
    if conditions.shape[2:].numel() == 0 or len(windows) < 2:
        return {}
    away = [(i + len(windows) // 2) % len(windows) for i in indices]
    mean = torch.tensor(windows.spec.mean or [0.0])
    shuffled, zeroed = CONTROLS
    return {
        shuffled: windows.clips(away).conditions,
        zeroed: torch.zeros_like(conditions.cpu()) + mean,
    }
