"""The scores of a model and its baselines on every clip of a split.

Letters: B clips of a batch, M clips in all, N samples, S predicted frames, J parts of a figure, C
channels, H height, W width, R steps of all clips, Z latent.
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
from ..metrics import Interval, Metric, mean_interval
from ..model import Model
from ..noise import Noise, clip_seeds
from ..rollouts import Rollout
from .cache import ScoreCache
from .predicting import reconstruct, sample_futures
from .protocol import Protocol
from .results import ClipScore, Figure, Latent, Scores

Array = NDArray[Any]

_FRAMES_AT_ONCE = 192  # of all clips that are scored together, at least one clip
_ACTIVE_NATS = 0.01  # a latent dimension whose mean KL is above this is in use
_LEAST_DIGITS = 4
_MODEL, _POSTERIOR = "model", "posterior"
_NATS, _DEVIATION = "nats", "deviation"


@dataclass(frozen=True)
class Task:
    """What is scored, and how.

    Attributes:
        model: in evaluation mode, on `device`.
        baselines: models without randomness, by name, on `device`.
        windows: the clips.
        protocol: which metrics, and whether there are controls.
        n_past: context frames of each clip.
        samples: N, futures drawn for each clip.
        seed: of the noise.
        device: where to compute.
    """

    model: Model
    baselines: Mapping[str, Model]
    windows: Windows
    protocol: Protocol
    n_past: int
    samples: int
    seed: int
    device: torch.device


@dataclass(frozen=True)
class Found:
    """The scores of a task; the fields are those of an `Evaluation`."""

    scores: Scores
    best_of: Scores
    baselines: Mapping[str, Scores]
    controls: Mapping[str, Scores]
    latent: Latent
    above: Mapping[str, Mapping[str, Interval]]
    per_clip: tuple[ClipScore, ...]


@dataclass(frozen=True)
class Tally:
    """What was measured of every clip, by what was scored and the metric's name.

    Values [M, N, S] or [M, N, S, J].
    """

    batches: Sequence[Mapping[str, Array]]

    def of(self, scored: str, metric: str = "") -> Array:
        """Return the values of all clips."""
        key = _key(scored, metric)
        return np.concatenate([batch[key] for batch in self.batches])

    def has(self, scored: str, metric: str) -> bool:
        """Whether there are values of this metric."""
        return _key(scored, metric) in self.batches[0]


def score(
    task: Task, kept: ScoreCache, advance: Callable[[int], None] = lambda count: None
) -> Found:
    """Score every clip once.

    Args:
        task: what is scored.
        kept: where scores of finished batches stay until all are done.
        advance: called with the number of clips after each batch.
    """
    windows, at_once = task.windows, max(1, _FRAMES_AT_ONCE // task.windows.length)
    batches = []
    for begin in range(0, len(windows), at_once):
        indices = list(range(begin, min(begin + at_once, len(windows))))
        batches.append(kept.get(f"{begin:07d}", lambda indices=indices: _batch(task, indices)))  # type: ignore[misc]
        advance(len(indices))
    return _summary(task, Tally(batches))


@torch.no_grad()
def _batch(task: Task, indices: list[int]) -> dict[str, Array]:
    """Measure some clips: the values of each metric, and the KL of each future step [R, Z]."""
    clip = task.windows.clips(indices).to(task.device)
    seeds, n_past = clip_seeds(task.seed, indices), task.n_past
    every, single = task.protocol.all_metrics(), _single(task.protocol)
    futures = sample_futures(task.model, clip, n_past, Noise(seeds, task.samples))
    found = _measured(_MODEL, every, futures, clip, n_past)
    found[_DEVIATION] = _deviation(futures)
    for name, baseline in task.baselines.items():
        drawn = sample_futures(baseline, clip, n_past, Noise(seeds))
        found |= _measured(name, every, drawn, clip, n_past)
    if task.protocol.controls:
        given, made = reconstruct(task.model, clip, n_past, Noise(seeds))
        found |= _measured(_POSTERIOR, single, given[:, None], clip, n_past)
        found[_NATS] = _nats(made, n_past)
        for name, conditions in _controls(clip.conditions, task.windows, indices).items():
            other = Batch(clip.frames, conditions.to(task.device))
            drawn = sample_futures(task.model, other, n_past, Noise(seeds))
            found |= _measured(name, single, drawn, clip, n_past)
    return {name: values.cpu().double().numpy() for name, values in found.items()}


def _single(protocol: Protocol) -> list[Metric]:
    """The metrics that one sample is enough for."""
    return [metric for metric in protocol.all_metrics() if not metric.joint]


def _measured(
    scored: str, metrics: Sequence[Metric], futures: Tensor, clip: Batch, n_past: int
) -> dict[str, Tensor]:
    """The values of futures [B, N, S, C, H, W] by each metric."""
    frames = to_float(clip.frames)
    context, truth = frames[:, :n_past], frames[:, n_past:]
    return {_key(scored, m.name): m.function(futures, truth, context) for m in metrics}


def _key(scored: str, metric: str) -> str:
    return f"{scored} {metric}" if metric else scored


def _deviation(futures: Tensor) -> Tensor:
    """The standard deviation over samples of each frame, root mean square over pixels: [B, S]."""
    correction = min(futures.shape[1] - 1, 1)
    return futures.var(1, correction=correction).flatten(2).mean(2).sqrt()


def _controls(conditions: Tensor, windows: Windows, indices: list[int]) -> dict[str, Tensor]:
    """Conditions of another clip (half the split away), and their mean.

    A model that uses them gets worse with both.
    """
    if conditions.shape[2:].numel() == 0 or len(windows) < 2:
        return {}
    away = [(i + len(windows) // 2) % len(windows) for i in indices]
    mean = torch.tensor(windows.store.clip_spec(windows.columns).mean or [0.0])
    return {
        "conditions_shuffled": windows.clips(away).conditions,
        "conditions_zeroed": torch.zeros_like(conditions.cpu()) + mean,
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


def _summary(task: Task, tally: Tally) -> Found:
    every, single = task.protocol.all_metrics(), _single(task.protocol)
    ranking = [metric for metric in every if metric.ranks]
    names = list(task.baselines)
    baselines = {name: _scores(tally, name, every) for name in names}
    if task.protocol.controls:
        baselines[_POSTERIOR] = _scores(tally, _POSTERIOR, single)
    controls = [
        n for n in ("conditions_shuffled", "conditions_zeroed") if tally.has(n, single[0].name)
    ]
    return Found(
        scores=_scores(tally, _MODEL, every),
        best_of={m.name: figure(m, _best(m, tally.of(_MODEL, m.name))) for m in ranking},
        baselines=baselines,
        controls={name: _scores(tally, name, single) for name in controls},
        latent=_latent(task, tally, single),
        above={name: _above(tally, name, every) for name in names},
        per_clip=_per_clip(task.windows, tally, every),
    )


def _scores(tally: Tally, scored: str, metrics: Sequence[Metric]) -> dict[str, Figure]:
    return {metric.name: figure(metric, tally.of(scored, metric.name)) for metric in metrics}


def figure(metric: Metric, values: Array) -> Figure:
    """Return the figure of values [M, N, S] or [M, N, S, J].

    Mean over clips with its interval, and per frame.
    """
    found = _rounded(mean_interval(values.mean((1, 2)), metric), metric)
    frames = metric.figure(values.mean((0, 1)))
    return Figure(found.mean, found.low, found.high, tuple(_round(v, metric) for v in frames))


def _best(metric: Metric, values: Array) -> Array:
    """The values of each clip's best sample: [M, N, S, ...] -> [M, 1, S, ...]."""
    of_samples = metric.figure(values.mean(2))
    best = of_samples.argmax(1) if metric.higher_is_better else of_samples.argmin(1)
    return values[np.arange(len(values)), best][:, None]


def _above(tally: Tally, baseline: str, metrics: Sequence[Metric]) -> dict[str, Interval]:
    """The model's score minus a baseline's, clip by clip.

    Metrics that combine parts have no score of a clip alone.
    """
    found = {}
    for metric in metrics:
        if metric.combine is None:
            model, other = (tally.of(n, metric.name).mean((1, 2)) for n in (_MODEL, baseline))
            found[metric.name] = _rounded(mean_interval(model - other), metric)
    return found


def _per_clip(windows: Windows, tally: Tally, metrics: Sequence[Metric]) -> tuple[ClipScore, ...]:
    of_clips = {m: m.figure(tally.of(_MODEL, m.name).mean((1, 2))) for m in metrics}
    rows = []
    for index in range(len(windows)):
        episode, first = windows.place(index)
        scores = {m.name: _round(values[index], m) for m, values in of_clips.items()}
        rows.append(ClipScore(episode.name, first, scores))
    return tuple(rows)


def _latent(task: Task, tally: Tally, single: Sequence[Metric]) -> Latent:
    """How much the latent is used.

    Of the deviation of samples alone where there are no controls.
    """
    deviation = round(float(tally.of(_DEVIATION).mean()), _LEAST_DIGITS + 2)
    if not task.protocol.controls:
        return Latent(deviation)
    mean = tally.of(_NATS).mean(0)
    gaps = {
        m.name: tally.of(_POSTERIOR, m.name).mean() - tally.of(_MODEL, m.name).mean()
        for m in single
        if m.combine is None
    }
    return Latent(
        deviation,
        rate_nats_per_frame=round(float(mean.sum()), _LEAST_DIGITS),
        active_dimensions=int((mean > _ACTIVE_NATS).sum()),
        dimensions=len(mean),
        posterior_minus_prior={m.name: _round(gaps[m.name], m) for m in single if m.name in gaps},
    )


def _rounded(found: Interval, metric: Metric) -> Interval:
    low, high = (None if v is None else _round(v, metric) for v in (found.low, found.high))
    return Interval(_round(found.mean, metric), low, high)


def _round(value: float, metric: Metric) -> float:
    return round(float(value), max(_LEAST_DIGITS, metric.digits + 1))
