"""The scores of predictions, of baselines and of the world's own futures on every clip of a split.

Letters: B clips of a batch, M clips in all, N samples, K true futures, S predicted frames, J parts
of a figure, C channels, H height, W width, R steps of all clips, Z latent.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..clips import Batch, to_float
from ..data.windows import Windows
from ..errors import ForeframeError
from ..metrics import Metric, ObjectMarks, WorldTruth, rank_histogram
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

_FRAMES_AT_ONCE = 192  # of all clips that are scored together, at least one clip

# what is scored beside the baselines, as keys of a tally
MODEL, POSTERIOR, WORLD = "model", "posterior", "world"
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

    @property
    def has_controls(self) -> bool:
        """Whether reconstructions and other conditions are scored."""
        return self.model is not None and self.protocol.controls


@dataclass(frozen=True)
class Tally:
    """What was measured of every clip, by what was scored and the metric's name.

    Values [M, N, S] or [M, N, S, J]; those of the world's futures of some clips alone, whose
    numbers are under `WORLD_CLIPS`.
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
    windows, at_once = task.windows, max(1, _FRAMES_AT_ONCE // task.windows.length)
    batches = []
    for begin in range(0, len(windows), at_once):
        indices = list(range(begin, min(begin + at_once, len(windows))))
        batches.append(kept.get(f"{begin:07d}", lambda indices=indices: _batch(task, indices)))  # type: ignore[misc]
        advance(len(indices))
    return Tally(batches)


@torch.no_grad()
def _batch(task: Task, indices: list[int]) -> dict[str, Array]:
    """Measure some clips: the values of each metric, and what else is known of each."""
    clip = task.windows.clips(indices).to(task.device)
    seeds, n_past = clip_seeds(task.seed, indices), task.n_past
    frames, every = to_float(clip.frames), task.protocol.all_metrics()
    known = world_truth(task.windows, indices, n_past, task.device)
    judge = _Judge(frames[:, n_past:], frames[:, :n_past], known)
    futures = _finite(task.futures(clip, indices))
    found = judge.values(MODEL, every, futures) | _facts(futures, judge)
    for name, baseline in task.baselines.items():
        drawn = sample_futures(baseline, clip, n_past, Noise(seeds))
        found |= judge.values(name, every, drawn)
    found |= _world(task, indices, judge, every)
    if task.has_controls:
        found |= _controlled(task, indices, clip, judge)
    return {name: values.cpu().double().numpy() for name, values in found.items()}


@dataclass(frozen=True)
class _Judge:
    """What happened [B, S, C, H, W], the context before it, and what the world knows of it."""

    truth: Tensor
    context: Tensor
    world: WorldTruth

    def values(self, scored: str, metrics: Sequence[Metric], futures: Tensor) -> dict[str, Tensor]:
        """The values of futures [B, N, S, C, H, W] by each metric that can judge them."""
        found = {}
        for metric in metrics:
            if metric.least_samples <= futures.shape[1]:
                more = (self.world,) if metric.uses_world else ()
                values = metric.function(futures, self.truth, self.context, *more)
                if values is not None:
                    found[_key(scored, metric.name)] = values
        return found

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
    found = {MOTION: change, DEVIATION: _deviation(futures)}
    if futures.shape[1] > 1:
        found[RANKS] = rank_histogram(futures, judge.truth, judge.context)
    return found


def _deviation(futures: Tensor) -> Tensor:
    """The standard deviation over samples of each frame, root mean square over pixels: [B, S]."""
    correction = min(futures.shape[1] - 1, 1)
    return futures.var(1, correction=correction).flatten(2).mean(2).sqrt()


def _world(
    task: Task, indices: Sequence[int], judge: _Judge, metrics: Sequence[Metric]
) -> dict[str, Tensor]:
    """The values of the world's own futures, of the clips that have them."""
    horizon = task.windows.length - task.n_past
    known = {row: task.windows.futures(index, task.n_past) for row, index in enumerate(indices)}
    full = {
        row: futures
        for row, futures in known.items()
        if futures is not None and futures.shape[1] == horizon
    }
    if not full:
        return {}
    drawn = to_float(torch.stack(list(full.values())).to(task.device))
    clips = torch.tensor([indices[row] for row in full])
    return {WORLD_CLIPS: clips} | judge.rows(list(full)).values(WORLD, metrics, drawn)


def _controlled(task: Task, indices: list[int], clip: Batch, judge: _Judge) -> dict[str, Tensor]:
    """The values of reconstructions and of other conditions, and the KL of each future step."""
    assert task.model is not None
    seeds, n_past, single = clip_seeds(task.seed, indices), task.n_past, one_sample(task.protocol)
    given, made = reconstruct(task.model, clip, n_past, Noise(seeds))
    found = judge.values(POSTERIOR, single, given[:, None]) | {NATS: _nats(made, n_past)}
    for name, conditions in _other_conditions(clip.conditions, task.windows, indices).items():
        other = Batch(clip.frames, conditions.to(task.device))
        drawn = sample_futures(task.model, other, n_past, Noise(seeds))
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
