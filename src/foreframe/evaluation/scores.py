"""The scores of predictions, of baselines and of the world's own futures on every clip of a split.

Letters: B clips of a batch, M clips in all, N samples, K true futures, S predicted frames, J parts
of a figure, C channels, H height, W width, R steps of all clips, Z latent, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..clips import Batch, to_float
from ..data.windows import Windows
from ..errors import ForeframeError
from ..metrics import Metric, ObjectMarks, Score, SetMetric, WorldTruth, rank_histogram
from ..metrics.spread_skill import variance
from ..model import Model
from ..noise import Noise, clip_seeds
from ..rollouts import Rollout
from .cache import ScoreCache
from .predicting import reconstruct, sample_futures
from .protocol import Protocol
from .world_truth import world_truth

Array = NDArray[Any]
Futures = Callable[[Batch, Sequence[int]], Tensor]
"""Predicts clips, given them and their numbers: [B, N, S, C, H, W] in [0, 1]."""

# of all clips that are scored together, at least one clip
_FRAMES_AT_ONCE, _SAMPLED_FRAMES_AT_ONCE = 192, 1920

# what is scored beside the baselines, as keys of a tally
MODEL, POSTERIOR, WORLD, TRUTH = "model", "posterior", "world", "truth"
CONTROLS = ("conditions_shuffled", "conditions_zeroed")
# what is known of each clip beside its scores
NATS, DEVIATION, RANKS, MOTION, WORLD_CLIPS = "nats", "deviation", "ranks", "motion", "world clips"


@dataclass(frozen=True)
class Task:
    """What is scored, and how.

    Attributes:
        futures: predicts clips.
        model: what predicts, in evaluation mode on `device`, for reconstructions and for other
            conditions; None where only its predictions are known.
        baselines: models without randomness, by name, on `device`.
        windows: the clips.
        protocol: which metrics, and whether there are controls.
        n_past: context frames of each clip.
        samples: N, futures of each clip.
        seed: of the noise.
        device: where to compute.
        sets: the metrics of sets of videos, with their weights.
    """

    futures: Futures
    model: Model | None
    baselines: Mapping[str, Model]
    windows: Windows
    protocol: Protocol
    n_past: int
    samples: int
    seed: int
    device: torch.device
    sets: tuple[SetMetric, ...] = ()

    @property
    def set_metrics(self) -> list[SetMetric]:
        """The metrics of sets that the clips are long enough for."""
        predicted = self.windows.length - self.n_past
        frames = {True: self.windows.length, False: predicted}
        return [
            metric for metric in self.sets if frames[metric.with_context] >= metric.least_frames
        ]

    def too_short(self) -> dict[str, str]:
        """Return why the other metrics of sets are not computed."""
        left = [metric for metric in self.sets if metric not in self.set_metrics]
        return {
            metric.name: f"too few frames: it needs videos of at least {metric.least_frames}"
            for metric in left
        }

    @property
    def clips_drawn(self) -> tuple[int, int, int]:
        """Which clips these are: tasks that agree in it are of the same clips."""
        return self.n_past, self.windows.length, self.windows.stride

    @property
    def has_controls(self) -> bool:
        """Whether reconstructions and other conditions are scored."""
        return self.model is not None and self.protocol.controls


@dataclass(frozen=True)
class Tally:
    """What was measured of every clip, by what was scored and the metric's name.

    Values [M, N, S] or [M, N, S, J]; those of the world's futures of some clips alone, whose
    numbers are under `WORLD_CLIPS`. Of a metric of sets there are features [M, N, D].
    """

    batches: Sequence[Mapping[str, Array]]

    def of(self, scored: str, metric: str = "") -> Array:
        """Return the values of all clips."""
        key = _key(scored, metric)
        return np.concatenate([batch[key] for batch in self.batches if key in batch])

    def has(self, scored: str, metric: str = "") -> bool:
        """Whether there are values of this metric."""
        return any(_key(scored, metric) in batch for batch in self.batches)


def measure(
    task: Task, kept: ScoreCache, advance: Callable[[int], None] = lambda count: None
) -> Tally:
    """Measure every clip once.

    Args:
        task: what is scored.
        kept: where scores of finished batches stay until all are done.
        advance: called with the number of clips after each batch.

    Raises:
        ForeframeError: predictions that are not finite.
    """
    return measure_together([(task, kept)], advance)[0]


def measure_together(
    tasks: Sequence[tuple[Task, ScoreCache]],
    advance: Callable[[int], None] = lambda count: None,
) -> list[Tally]:
    """Measure every clip under several protocols: what is predicted is predicted once.

    The tasks differ in their protocol and in the number of samples alone, of which the smaller
    takes the first.
    """
    most = max((task for task, _ in tasks), key=lambda task: task.samples)
    batches: list[list[Mapping[str, Array]]] = [[] for _ in tasks]
    for indices in _batches_of(most):
        predicted = _Predicted(most, indices)
        for (task, kept), found in zip(tasks, batches, strict=True):
            name = f"{indices[0]:07d}"
            found.append(kept.get(name, lambda task=task: _batch(task, predicted)))  # type: ignore[misc]  # noqa: B023
        advance(len(indices))
    return [Tally(found) for found in batches]


def _batches_of(task: Task) -> list[list[int]]:
    """The numbers of the clips that are scored together."""
    frames = min(_FRAMES_AT_ONCE, _SAMPLED_FRAMES_AT_ONCE // task.samples)
    at_once, clips = max(1, frames // task.windows.length), len(task.windows)
    return [list(range(first, min(first + at_once, clips))) for first in range(0, clips, at_once)]


class _Predicted:
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
    def judge(self) -> _Judge:
        task, frames = self._task, to_float(self.clip.frames)
        known = world_truth(task.windows, self.indices, task.n_past, task.device)
        return _Judge(frames[:, task.n_past :], frames[:, : task.n_past], known)

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
    def judge_of_world(self) -> _Judge:
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


@torch.no_grad()
def _batch(task: Task, predicted: _Predicted) -> dict[str, Array]:
    """Measure some clips: the values of each metric, and what else is known of each."""
    every, judge = task.protocol.all_metrics(), predicted.judge
    futures = predicted.futures[:, : task.samples]
    found = judge.values(MODEL, every, futures) | _facts(futures, judge)
    for name, drawn in predicted.of_baselines.items():
        found |= judge.values(name, every, drawn)
    if predicted.of_world is not None:
        rows, drawn = predicted.of_world
        found[WORLD_CLIPS] = torch.tensor([predicted.indices[row] for row in rows])
        found |= predicted.judge_of_world.values(WORLD, every, drawn)
    if task.has_controls:
        found |= _controlled(task, predicted)
    if task.set_metrics:
        found |= _features(task, predicted)
    return {name: values.cpu().double().numpy() for name, values in found.items()}


def _features(task: Task, predicted: _Predicted) -> dict[str, Tensor]:
    """The features, for each metric of sets, of what happened and of one sample of each kind."""
    judge, found = predicted.judge, {}
    videos = {TRUTH: judge.truth, MODEL: predicted.futures[:, 0]}
    videos |= {name: drawn[:, 0] for name, drawn in predicted.of_baselines.items()}
    contexts = dict.fromkeys(videos, judge.context)
    if predicted.of_world is not None:
        rows, drawn = predicted.of_world
        videos[WORLD], contexts[WORLD] = drawn[:, 0], judge.context[rows]
    for metric in task.set_metrics:
        for scored, video in videos.items():
            whole = torch.cat([contexts[scored], video], 1) if metric.with_context else video
            found[_key(scored, metric.name)] = metric.features(whole)[:, None]
    return found


@dataclass(frozen=True)
class _Judge:
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
                    found[_key(scored, metric.name)] = values
        return found

    def _value(self, scored: str, metric: Metric, futures: Tensor) -> Tensor | None:
        key = scored, metric.function, futures.shape[1]
        if key not in self._kept:
            more = (self.world,) if metric.uses_world else ()
            self._kept[key] = metric.function(futures, self.truth, self.context, *more)
        return self._kept[key]

    def rows(self, rows: list[int]) -> _Judge:
        """The same of some clips."""
        return _Judge(self.truth[rows], self.context[rows], _rows(self.world, rows))


def _rows(world: WorldTruth, rows: list[int]) -> WorldTruth:
    objects, joints = world.objects, world.joints
    return WorldTruth(
        objects and ObjectMarks(objects.marks[rows], objects.moved[rows], objects.disturbed[rows]),
        None if joints is None else joints[rows],
    )


def _key(scored: str, metric: str) -> str:
    return f"{scored} {metric}" if metric else scored


def _finite(futures: Tensor) -> Tensor:
    if not bool(futures.isfinite().all()):
        raise ForeframeError(
            "the predictions hold numbers that are not finite (NaN or infinity); no score means "
            "anything then: look for the step at which training broke, and take weights from before"
        )
    return futures


def _facts(futures: Tensor, judge: _Judge) -> dict[str, Tensor]:
    """How samples [B, N, S, C, H, W] differ, and how much happens in each clip."""
    change = (judge.truth - judge.context[:, -1:]).abs().flatten(1).mean(1)
    found = {MOTION: change, DEVIATION: variance(futures).sqrt()}
    if futures.shape[1] > 1:
        found[RANKS] = rank_histogram(futures, judge.truth, judge.context)
    return found


def _controlled(task: Task, predicted: _Predicted) -> dict[str, Tensor]:
    """The values of reconstructions and of other conditions, and the KL of each future step."""
    judge, single = predicted.judge, one_sample(task.protocol)
    given, made = predicted.reconstruction
    found = judge.values(POSTERIOR, single, given[:, None]) | {NATS: _nats(made, task.n_past)}
    for name, drawn in predicted.controls.items():
        found |= judge.values(name, single, drawn)
    return found


def one_sample(protocol: Protocol) -> list[Metric]:
    """Return the metrics that one sample is enough for."""
    return [metric for metric in protocol.all_metrics() if not metric.joint]


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


def _nats(made: Rollout, n_past: int) -> Tensor:
    """The KL of each future step by latent dimension, from a rollout that saw its clips whole.

    [R, Z].
    """
    rows = []
    for posterior, prior in list(zip(made.posteriors, made.priors, strict=True))[n_past - 1 :]:
        levels = [
            q.kl_per_dimension(p).flatten(1) for q, p in zip(posterior or (), prior, strict=True)
        ]
        rows += [torch.cat(levels, 1)] if levels else []
    return torch.cat(rows) if rows else torch.zeros(1, 0)
