"""The scores of predictions, of baselines and of the world's own futures on every clip of a split.

Letters: B clips of a batch, M clips in all, N samples, K true futures, S predicted frames, J parts
of a figure, C channels, H height, W width, R steps of all clips, Z latent, D features.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..metrics import Metric, rank_histogram
from ..metrics.spread_skill import variance
from ..rollouts import Rollout
from .cache import ScoreCache
from .judging import CONTROLS, Judge, Predicted, value_key
from .protocol import Protocol
from .task import Futures, Task

__all__ = [
    "CONTROLS",
    "DEVIATION",
    "MODEL",
    "MOTION",
    "NATS",
    "POSTERIOR",
    "RANKS",
    "TRUTH",
    "WORLD",
    "WORLD_CLIPS",
    "Futures",
    "Tally",
    "Task",
    "measure",
    "measure_together",
    "one_sample",
]

Array = NDArray[Any]
# of all clips that are scored together, at least one clip
_FRAMES_AT_ONCE, _SAMPLED_FRAMES_AT_ONCE = 192, 1920

# what is scored beside the baselines, as keys of a tally
MODEL, POSTERIOR, WORLD, TRUTH = "model", "posterior", "world", "truth"
# what is known of each clip beside its scores
NATS, DEVIATION, RANKS, MOTION, WORLD_CLIPS = "nats", "deviation", "ranks", "motion", "world clips"


@dataclass(frozen=True)
class Tally:
    """What was measured of every clip, by what was scored and the metric's name.

    Values [M, N, S] or [M, N, S, J]; those of the world's futures of some clips alone, whose
    numbers are under `WORLD_CLIPS`. Of a metric of sets there are features [M, N, D].
    """

    batches: Sequence[Mapping[str, Array]]

    def of(self, scored: str, metric: str = "") -> Array:
        """Return the values of all clips."""
        key = value_key(scored, metric)
        return np.concatenate([batch[key] for batch in self.batches if key in batch])

    def has(self, scored: str, metric: str = "") -> bool:
        """Whether there are values of this metric."""
        return any(value_key(scored, metric) in batch for batch in self.batches)


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
        predicted = Predicted(most, indices)
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


@torch.no_grad()
def _batch(task: Task, predicted: Predicted) -> dict[str, Array]:
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


def _features(task: Task, predicted: Predicted) -> dict[str, Tensor]:
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
            found[value_key(scored, metric.name)] = metric.features(whole)[:, None]
    return found


def _facts(futures: Tensor, judge: Judge) -> dict[str, Tensor]:
    """How samples [B, N, S, C, H, W] differ, and how much happens in each clip."""
    change = (judge.truth - judge.context[:, -1:]).abs().flatten(1).mean(1)
    found = {MOTION: change, DEVIATION: variance(futures).sqrt()}
    if futures.shape[1] > 1:
        found[RANKS] = rank_histogram(futures, judge.truth, judge.context)
    return found


def _controlled(task: Task, predicted: Predicted) -> dict[str, Tensor]:
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
