"""Figures, with intervals over episodes, of what was measured of every clip.

Letters: M clips, N samples, K true futures, S predicted frames, J parts of a figure.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..data.windows import Windows
from ..metrics import Interval, Metric, mean_interval
from .figures import COPYING, ClipScore, Figure, Latent, Scores, World
from .measuring import (
    CONTROLS,
    DEVIATION,
    MODEL,
    MOTION,
    NATS,
    POSTERIOR,
    RANKS,
    WORLD,
    WORLD_CLIPS,
    Tally,
    Task,
    one_sample,
)
from .sets import SetScore, set_score

Array = NDArray[Any]

_ACTIVE_NATS = 0.01  # a latent dimension whose mean KL is above this is in use
_LEAST_DIGITS = 4
_NO_ROOM = 1e-6  # between copying and the best there is; then no skill can be told


@dataclass(frozen=True)
class Summary:
    """The figures of a task; the fields are those of an `Evaluation`."""

    episodes: int
    scores: Scores
    best_of: Scores
    skill: Scores
    skill_by_motion: Mapping[str, Interval]
    world: World | None
    baselines: Mapping[str, Scores]
    controls: Mapping[str, Scores]
    latent: Latent
    ranks: tuple[float, ...]
    above: Mapping[str, Mapping[str, Interval]]
    per_clip: tuple[ClipScore, ...]
    sets: Mapping[str, SetScore]


def summarise(task: Task, tally: Tally) -> Summary:
    """Return the figures of what was measured."""
    every, single = task.protocol.all_metrics(), one_sample(task.protocol)
    figures = _Figures(tally, np.array(task.windows.sessions()))
    names = list(task.baselines)
    baselines = {name: figures.scores(name, every) for name in names}
    if task.has_controls:
        baselines[POSTERIOR] = figures.scores(POSTERIOR, single)
    controls = [name for name in CONTROLS if tally.has(name, single[0].name)]
    proper = [metric for metric in every if metric.proper]
    return Summary(
        episodes=len(np.unique(figures.sessions)),
        scores=figures.scores(MODEL, every, bands=True),
        best_of=figures.best_of(MODEL, every, task.samples, task.protocol.best_by()),
        skill={m.name: found for m in proper if (found := figures.skill(m)) is not None},
        skill_by_motion=figures.skill_by_motion(proper[0]) if proper else {},
        world=_world(figures, task) if tally.has(WORLD_CLIPS) else None,
        baselines=baselines,
        controls={name: figures.scores(name, single) for name in controls},
        latent=_latent(task, tally, single),
        ranks=_ranks(tally),
        above={name: figures.above(name, every) for name in (*names, *controls)},
        per_clip=_per_clip(task.windows, tally, every),
        sets={metric.name: set_score(metric, task, tally) for metric in task.set_metrics},
    )


@dataclass(frozen=True)
class _Figures:
    """Figures of some clips of a tally.

    Attributes:
        tally: what was measured.
        sessions: what each clip is a piece of [M]: intervals are over them.
        clips: the numbers of the clips; all of them unless given.
    """

    tally: Tally
    sessions: NDArray[np.str_]
    clips: NDArray[np.intp] | None = None

    def values(self, scored: str, metric: Metric) -> Array:
        """[M, N, S] or [M, N, S, J] of the clips; those of the world are of its clips alone."""
        found = self.tally.of(scored, metric.name)
        if scored == WORLD:
            return found if self.clips is None else found[np.isin(self.of_world, self.clips)]
        return found if self.clips is None else found[self.clips]

    @property
    def of_world(self) -> NDArray[np.intp]:
        """The numbers of the clips that have true futures."""
        return self.tally.of(WORLD_CLIPS).astype(np.intp)

    def only(self, clips: NDArray[np.intp]) -> _Figures:
        """The same of some clips."""
        return _Figures(self.tally, self.sessions, clips)

    @property
    def _episodes(self) -> NDArray[np.str_]:
        return self.sessions if self.clips is None else self.sessions[self.clips]

    def scores(
        self, scored: str, metrics: Sequence[Metric], bands: bool = False
    ) -> dict[str, Figure]:
        """The figure of each metric that there are values of."""
        found = {}
        for metric in metrics:
            if self.tally.has(scored, metric.name):
                plain = self.figure(metric, self.values(scored, metric))
                found[metric.name] = self.with_band(metric, scored, plain) if bands else plain
        return found

    def best_of(
        self, scored: str, metrics: Sequence[Metric], count: int, by: Metric | None = None
    ) -> dict[str, Figure]:
        """The figures of the best of the first `count` samples.

        The metric `by` chooses it; each metric that can tell by itself where there is none.
        """
        found = {}
        for metric in metrics:
            if metric.ranks and self.tally.has(scored, metric.name):
                values = self.values(scored, metric)[:, :count]
                judge = by or metric
                best = _best(judge, self.values(scored, judge)[:, :count])
                chosen = values[np.arange(len(values)), best][:, None]
                found[metric.name] = self.figure(metric, chosen)
        return found

    def figure(self, metric: Metric, values: Array) -> Figure:
        """The mean over clips with its interval, and over clips for each frame."""
        found = mean_interval(metric.of_clips(values).mean(1), self._episodes, metric.figure)
        frames = metric.figure(values.mean((0, 1)))
        rounded = _rounded(_possible(found, metric), metric)
        of_frames = tuple(_round(value, metric) for value in frames)
        return Figure(rounded.mean, rounded.low, rounded.high, of_frames)

    def with_band(self, metric: Metric, scored: str, figure: Figure) -> Figure:
        """The figure with an interval for each frame; without where there is a single episode."""
        if not figure.known:
            return figure
        values = self.values(scored, metric).mean(1)  # [M, S] or [M, S, J]
        ends = (
            _rounded(_possible(self._of_frame(values[:, frame], metric), metric), metric)
            for frame in range(values.shape[1])
        )
        band = tuple((e.low, e.high) for e in ends if e.low is not None and e.high is not None)
        return replace(figure, band=band)

    def _of_frame(self, values: Array, metric: Metric) -> Interval:
        return mean_interval(values, self._episodes, metric.figure)

    def above(self, other: str, metrics: Sequence[Metric]) -> dict[str, Interval]:
        """The model's score minus another's, clip by clip.

        Metrics that combine parts have no score of a clip alone.
        """
        found = {}
        for metric in metrics:
            if metric.combine is None and self.tally.has(other, metric.name):
                both = (self.values(name, metric) for name in (MODEL, other))
                pair = (metric.of_clips(values).mean(1) for values in both)
                difference = mean_interval(np.subtract(*pair), self._episodes)
                found[metric.name] = _rounded(difference, metric)
        return found

    def skill(self, metric: Metric) -> Figure | None:
        """How much of the way from copying to the world's own futures the model has gone, in per
        cent; to a perfect prediction where there are none.

        None where copying leaves no room for it.
        """
        has_world = self.tally.has(WORLD_CLIPS)
        some = self.only(self.of_world) if has_world and self.clips is None else self
        copied, made = some.values(COPYING, metric), some.values(MODEL, metric)
        ceiling = some.values(WORLD, metric) if has_world else np.zeros_like(made)
        parts = np.stack([v.mean(1) for v in (copied, made, ceiling)], -1)  # [M, S, 3]
        if not len(parts) or parts[..., 0].mean() - parts[..., 2].mean() < _NO_ROOM:
            return None
        found = mean_interval(parts.mean(1), some._episodes, _share)
        low, high = (None if v is None else round(v, 1) for v in (found.low, found.high))
        frames = tuple(round(float(v), 1) for v in _share(parts.mean(0)))
        return Figure(round(found.mean, 1), low, high, frames)

    def skill_by_motion(self, metric: Metric) -> dict[str, Interval]:
        """The skill on the third of the clips that moves least, and on that which moves most."""
        clips = self.of_world if self.tally.has(WORLD_CLIPS) else np.arange(len(self.sessions))
        if len(clips) < 6:
            return {}
        ranked = clips[np.argsort(self.tally.of(MOTION)[clips], kind="stable")]
        third = len(ranked) // 3
        thirds = {"least": np.sort(ranked[:third]), "most": np.sort(ranked[-third:])}
        found = {name: self.only(some).skill(metric) for name, some in thirds.items()}
        return {
            name: Interval(skill.mean, skill.low, skill.high)
            for name, skill in found.items()
            if skill is not None
        }


def _share(parts: Array) -> Array:
    """[..., 3] copying, model, ceiling -> [...] per cent of the way."""
    copied, made, ceiling = np.moveaxis(parts, -1, 0)
    room = np.maximum(copied - ceiling, _NO_ROOM)
    return np.asarray(100 * (copied - made) / room)


def _best(metric: Metric, values: Array) -> Array:
    """The number of each clip's best sample: [M, N, S, ...] -> [M]."""
    of_samples = metric.figure(metric.of_clips(values))
    return np.asarray(of_samples.argmax(1) if metric.higher_is_better else of_samples.argmin(1))


def _world(figures: _Figures, task: Task) -> World:
    """The world's own futures beside the model, on the clips that have them."""
    metrics, samples, by = task.protocol.all_metrics(), task.samples, task.protocol.best_by()
    some = figures.only(figures.of_world)
    count = some.values(WORLD, next(m for m in metrics if not m.joint)).shape[1]
    fewer = min(count, samples)
    return World(
        futures=count,
        clips=len(figures.of_world),
        scores=some.scores(WORLD, metrics, bands=True),
        model=some.scores(MODEL, metrics),
        copy_last=some.scores(COPYING, metrics),
        best_of=fewer,
        scores_best=some.best_of(WORLD, metrics, fewer, by),
        model_best=some.best_of(MODEL, metrics, fewer, by),
    )


def _latent(task: Task, tally: Tally, single: Sequence[Metric]) -> Latent:
    """How much the latent is used.

    Of the deviation of samples alone where there are no controls.
    """
    deviation = round(float(tally.of(DEVIATION).mean()), _LEAST_DIGITS + 2)
    if not task.has_controls:
        return Latent(deviation)
    mean = tally.of(NATS).mean(0)
    gaps = {
        m.name: m.of_clips(tally.of(POSTERIOR, m.name)).mean()
        - m.of_clips(tally.of(MODEL, m.name)).mean()
        for m in single
        if m.combine is None and tally.has(POSTERIOR, m.name)
    }
    return Latent(
        deviation,
        rate_nats_per_frame=round(float(mean.sum()), _LEAST_DIGITS),
        active_dimensions=int((mean > _ACTIVE_NATS).sum()),
        dimensions=len(mean),
        posterior_minus_prior={m.name: _round(gaps[m.name], m) for m in single if m.name in gaps},
    )


def _ranks(tally: Tally) -> tuple[float, ...]:
    """How often what happened has each rank among the samples, all clips alike."""
    if not tally.has(RANKS):
        return ()
    return tuple(round(float(share), _LEAST_DIGITS) for share in tally.of(RANKS).mean(0))


def _per_clip(windows: Windows, tally: Tally, metrics: Sequence[Metric]) -> tuple[ClipScore, ...]:
    of_clips = {
        m: m.figure(m.of_clips(tally.of(MODEL, m.name)).mean(1))
        for m in metrics
        if tally.has(MODEL, m.name)
    }
    motion, rows = tally.of(MOTION), []
    for index in range(len(windows)):
        episode, first = windows.place(index)
        scores = {m.name: _round(values[index], m) for m, values in of_clips.items()}
        moved = round(float(motion[index]), _LEAST_DIGITS)
        rows.append(ClipScore(episode.name, first, scores, moved))
    return tuple(rows)


def _possible(found: Interval, metric: Metric) -> Interval:
    """The part of an interval that the figure can have."""
    if found.low is None or found.high is None:
        return found
    least = -math.inf if metric.least is None else min(metric.least, found.mean)
    most = math.inf if metric.most is None else max(metric.most, found.mean)
    return Interval(found.mean, max(found.low, least), min(found.high, most))


def _rounded(found: Interval, metric: Metric) -> Interval:
    low, high = (None if v is None else _round(v, metric) for v in (found.low, found.high))
    return Interval(_round(found.mean, metric), low, high)


def _round(value: float, metric: Metric) -> float:
    return round(float(value), max(_LEAST_DIGITS, metric.digits + 1))
