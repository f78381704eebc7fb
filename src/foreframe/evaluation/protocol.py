"""What a figure is measured by: a figure never travels without its protocol."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from ..errors import InputError
from ..metrics import (
    Metric,
    SetMetric,
    crps,
    demanding_metrics,
    energy_4,
    energy_16,
    fvd,
    lpips,
    metrics,
    psnr,
    psnr_moving,
    sharpness,
    spread_skill,
    ssim,
)
from ..plugins import PROTOCOLS

PROPER_FIRST = tuple(
    module.METRIC
    for module in (crps, energy_4, energy_16, spread_skill, sharpness, psnr, ssim, psnr_moving)
)
"""The order of our own protocols: proper scores, what they are made of, then single samples."""


class Aggregation(Enum):
    """Which samples of a clip make the figure that a protocol is quoted by."""

    MEAN = "the mean of the samples"
    BEST_OF_EACH = "the best sample of each clip, chosen by each metric itself"
    BEST_OF_FIRST = "the best sample of each clip, chosen by the first metric for all"


@dataclass(frozen=True)
class Protocol:
    """Everything that a score depends on beside the model, the data and the seed.

    Attributes:
        name: the name of its file, with dashes.
        n_past: context frames; None: as the run was trained.
        horizon: frames to predict and score; None: as the run was trained.
        every: frames between the starts of clips in an episode; 0: one clip, at the first frame;
            None: clips end to end.
        samples: futures drawn from the prior for each clip.
        metrics: those that come first in tables, each in the variant that this protocol means; the
            first is the headline. Every other metric that is found follows them.
        about: one line, printed beside the scores.
        controls: whether reconstructions and other conditions are scored too; off where one rollout
            takes a minute.
        aggregation: which samples make the figure that is quoted; the mean and the best are both
            shown.
        demanding: metrics of sets and metrics that need weights, each in the variant that this
            protocol means.
        source: where the published evaluator is; empty for our own protocols.
    """

    name: str
    n_past: int | None
    horizon: int | None
    every: int | None
    samples: int
    metrics: tuple[Metric, ...]
    about: str
    controls: bool = True
    aggregation: Aggregation = Aggregation.MEAN
    demanding: tuple[Metric | SetMetric, ...] = (lpips.METRIC, fvd.METRIC)
    source: str = ""

    @property
    def headline(self) -> Metric:
        """The metric that comes first."""
        return self.metrics[0]

    def all_metrics(self) -> list[Metric]:
        """Return the protocol's own metrics, then every other that needs no weights."""
        own = {metric.name for metric in self.metrics}
        return [*self.metrics, *(metric for metric in metrics() if metric.name not in own)]

    def all_demanding(self) -> list[Metric | SetMetric]:
        """Return metrics of sets and metrics that need weights: the protocol's own, then others."""
        own = {metric.name for metric in (*self.demanding, *self.metrics)}
        return [*self.demanding, *(m for m in demanding_metrics() if m.name not in own)]

    def ranking(self) -> Metric:
        """Return the metric that ranks samples.

        The first that judges each sample and has a better direction.
        """
        return next(metric for metric in self.all_metrics() if metric.ranks)

    def best_by(self) -> Metric | None:
        """Return the metric that chooses the best sample for all; None: each by itself."""
        return self.ranking() if self.aggregation is Aggregation.BEST_OF_FIRST else None

    def in_words(self) -> dict[str, str]:
        """Return every choice in words, by what it is a choice of.

        >>> find_protocol("svg-best100").in_words()["frames"]
        '2 of context, 28 predicted and scored'
        """
        past = "the run's own number" if self.n_past is None else str(self.n_past)
        horizon = "the run's own number" if self.horizon is None else str(self.horizon)
        words = {
            "frames": f"{past} of context, {horizon} predicted and scored",
            "clips": _STARTS.get(self.every, f"one at every {self.every} frames of an episode"),
            "samples": f"{self.samples} for each clip, z from the prior",
            "quoted figure": self.aggregation.value,
            "pictures": "as they are in the store: not resized, predictions clamped to [0, 1]",
        }
        measured = (*self.metrics, *self.demanding)
        words |= {metric.title: metric.variant for metric in measured if metric.variant}
        return words | ({"source": self.source} if self.source else {})


_STARTS: Mapping[int | None, str] = {
    0: "one for each episode, at its first frame",
    None: "end to end through every episode",
}


def find_protocol(name: str) -> Protocol:
    """Return a protocol by its name.

    Raises:
        InputError: no protocol has this name; the message lists the nearest.
    """
    found: Protocol = PROTOCOLS.module(name).PROTOCOL
    return found


def find_protocols(names: str) -> list[Protocol]:
    """Return protocols by their names with commas between them, each once.

    Raises:
        InputError: no protocol has one of these names.
    """
    wanted = dict.fromkeys(name.strip() for name in names.split(",") if name.strip())
    if not wanted:
        raise InputError(f"--protocol {names!r} has no name; expected {PROTOCOLS.names()}")
    return [find_protocol(name) for name in wanted]
