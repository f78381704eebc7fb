"""What a comparison of runs found, as typed values; their JSON is `comparison.json`.

Letters: M clips.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

import numpy as np

from ..errors import InputError
from ..evaluation.costs import Costs
from ..evaluation.figures import to_dicts
from ..evaluation.results import Evaluation, known_metric
from ..metrics import Interval, Metric, mean_interval

_SAME = ("name", "n_past", "horizon", "clip_starts", "z_from")


@dataclass(frozen=True)
class Entry:
    """A run, or predictions, in a comparison.

    Attributes:
        name: in tables.
        source: the folder or file that was given.
        evaluation: its scores.
        costs: of its model; None where only scores or predictions are known.
        training_s: seconds that its training took; None where that is not known.
    """

    name: str
    source: str
    evaluation: Evaluation
    costs: Costs | None = None
    training_s: float | None = None

    def to_dict(self) -> dict[str, Any]:
        """As JSON values."""
        run = self.evaluation.run
        return {
            "name": self.name,
            "source": self.source,
            "model": run.model,
            "conditions": self.evaluation.protocol.given,
            "weights": run.weights,
            "samples": self.evaluation.samples,
            "scores": to_dicts(self.evaluation.scores),
            "skill": to_dicts(self.evaluation.skill),
            "costs": self.costs.to_dict() if self.costs else None,
            "training_s": self.training_s,
        }


@dataclass(frozen=True)
class Difference(Interval):
    """A metric of one entry minus that of another, clip by clip, over episodes.

    Attributes:
        of: the name of the one.
        minus: the name of the other.
        metric: the name of the metric.
    """

    of: str
    minus: str
    metric: str

    @property
    def better(self) -> bool | None:
        """Whether the one is better, by more than chance; None where that cannot be told."""
        up = known_metric(self.metric).higher_is_better
        if up is None or not (self.above(0) or self.below(0)):
            return None
        return self.above(0) == up


@dataclass(frozen=True)
class RunComparison:
    """Runs and predictions on the same clips.

    Attributes:
        folder: where it is written.
        entries: what is compared; the first is the one that tables show differences from.
        episodes: what each clip is a piece of [M].
        differences: of every pair, by every metric that clips alone have.
    """

    folder: str
    entries: tuple[Entry, ...]
    episodes: tuple[str, ...]
    differences: tuple[Difference, ...]

    @property
    def first(self) -> Evaluation:
        """The evaluation of the first entry; protocol and data of the others are the same."""
        return self.entries[0].evaluation

    @property
    def metrics(self) -> list[Metric]:
        """The metrics that all were scored by, the headline first."""
        return [m for m in self.first.metrics() if all(has(e, m.name) for e in self.entries)]

    def difference(self, of: str, minus: str, metric: str) -> Difference | None:
        """Return the difference of two entries; None if the metric has none."""
        wanted = (of, minus, metric)
        return next((d for d in self.differences if (d.of, d.minus, d.metric) == wanted), None)

    def statements(self) -> list[str]:
        """Return in words which is better by the first metric, pair by pair."""
        headline = next((d.metric for d in self.differences), None)
        return [_in_words(d) for d in self.differences if d.metric == headline]

    def left_out(self) -> list[str]:
        """Return in words which metrics some were scored by and others not."""
        names = dict.fromkeys(n for entry in self.entries for n in entry.evaluation.scores)
        return [
            f"left out: {known_metric(name).title}, which {' and '.join(lacking)}."
            for name in names
            if (lacking := [_lacks(e, name) for e in self.entries if not has(e, name)])
        ]

    def to_dict(self) -> dict[str, Any]:
        """As JSON values: what `comparison.json` holds."""
        first = self.first
        return {
            "schema": "foreframe.comparison/1",
            "protocol": first.to_dict()["protocol"],
            "data": {"store": first.data.store, "content": first.data.content},
            "split": first.split,
            "clips": first.clips,
            "episodes": len(set(self.episodes)),
            "left_out": self.left_out(),
            "entries": [entry.to_dict() for entry in self.entries],
            "differences": [
                {"of": d.of, "minus": d.minus, "metric": d.metric, **_plain(d)}
                for d in self.differences
            ],
        }


def has(entry: Entry, metric: str) -> bool:
    """Whether an entry was scored by the metric of a name."""
    return metric in entry.evaluation.scores


def compared(entries: Sequence[Entry], episodes: Sequence[str], folder: str) -> RunComparison:
    """Pair entries clip by clip.

    Args:
        entries: what to compare.
        episodes: what each clip is a piece of [M]; intervals are over them.
        folder: where it is written.

    Raises:
        InputError: entries of other data, of another protocol, or of other clips.
    """
    for entry in entries[1:]:
        check_same(entries[0], entry)
    names = [metric.name for metric in entries[0].evaluation.metrics() if metric.combine is None]
    found = [
        difference
        for one, other in combinations(entries, 2)
        for name in names
        if (difference := _difference(other, one, name, episodes)) is not None
    ]
    return RunComparison(folder, tuple(entries), tuple(episodes), tuple(found))


def check_same(one: Entry, other: Entry) -> None:
    """Raise an InputError if two entries were not scored on the same clips by the same protocol."""
    a, b = one.evaluation, other.evaluation
    pairs: list[tuple[str, Any, Any]] = [
        ("data content", a.data.content[:12], b.data.content[:12]),
        ("split", a.split, b.split),
        *((f, getattr(a.protocol, f), getattr(b.protocol, f)) for f in _SAME),
        ("clips", a.clips, b.clips),
    ]
    for what, got, expected in pairs:
        if got != expected:
            raise InputError(
                f"{one.name} was scored with {what} {got}, {other.name} with {expected}; expected "
                "the same clips: score both with the same --data, --split and --protocol"
            )
    places = ([(c.episode, c.first_frame) for c in e.per_clip] for e in (a, b))
    if len({tuple(found) for found in places}) != 1 or len(a.per_clip) != a.clips:
        raise InputError(
            f"{one.name} and {other.name} do not say scores of the same clips; expected the scores "
            "of each clip, which `foreframe eval` writes since version 0.2: score both again"
        )


def _difference(
    one: Entry, other: Entry, metric: str, episodes: Sequence[str]
) -> Difference | None:
    values = []
    for entry in (one, other):
        clips = entry.evaluation.per_clip
        if not all(metric in clip.scores for clip in clips):
            return None
        values.append([clip.scores[metric] for clip in clips])
    found = mean_interval(np.subtract(values[0], values[1]), list(episodes))
    digits = max(4, known_metric(metric).digits + 1)
    low, high = (None if v is None else round(v, digits) for v in (found.low, found.high))
    return Difference(round(found.mean, digits), low, high, one.name, other.name, metric)


def _lacks(entry: Entry, metric: str) -> str:
    """That an entry lacks a metric, and why, as far as it says."""
    samples, least = entry.evaluation.samples, known_metric(metric).least_samples
    why = f" ({samples} sample, it needs {least})" if samples < least else ""
    return f"{entry.source} lacks{why}"


def _plain(found: Difference) -> Mapping[str, Any]:
    return {"mean": found.mean, "low": found.low, "high": found.high, "better": found.better}


def _in_words(found: Difference) -> str:
    metric = known_metric(found.metric)
    unit = f" {metric.unit}" if metric.unit else ""
    figure = f"{found.mean:+.{metric.digits}f}{unit} {metric.title}"
    if found.low is None or found.high is None:
        return f"One episode cannot tell {found.of} from {found.minus}: {figure}."
    span = f"(95 %: {found.low:+.{metric.digits}f} to {found.high:+.{metric.digits}f})"
    if found.better is None:
        return f"{found.of} is not told from {found.minus}: {figure} {span}."
    verb = "better" if found.better else "worse"
    return f"{found.of} is {verb} than {found.minus}: {figure} {span}."
