"""What a figure is measured by: a figure never travels without its protocol."""

from __future__ import annotations

from dataclasses import dataclass

from ..metrics import (
    Metric,
    crps,
    energy_4,
    energy_16,
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


@dataclass(frozen=True)
class Protocol:
    """Everything that a score depends on beside the model, the data and the seed.

    Attributes:
        name: the name of its file, with dashes.
        n_past: context frames; None: as the run was trained.
        horizon: frames to predict and score (the context is never scored); None: as the run was
            trained.
        every: frames between the starts of clips in an episode; 0: one clip, at the first frame;
            None: clips end to end.
        samples: futures drawn from the prior for each clip.
        metrics: those that come first in tables, each in the variant that this protocol means; the
            first is the headline. Every other metric that is found follows them.
        about: one line, printed beside the scores.
        controls: whether reconstructions and other conditions are scored too; off where one rollout
            takes a minute.
    """

    name: str
    n_past: int | None
    horizon: int | None
    every: int | None
    samples: int
    metrics: tuple[Metric, ...]
    about: str
    controls: bool = True

    @property
    def headline(self) -> Metric:
        """The metric that comes first."""
        return self.metrics[0]

    def all_metrics(self) -> list[Metric]:
        """Return the protocol's own metrics, then every other that is found."""
        own = {metric.name for metric in self.metrics}
        return [*self.metrics, *(metric for metric in metrics() if metric.name not in own)]

    def ranking(self) -> Metric:
        """Return the metric that ranks samples.

        The first that judges each sample and has a better direction.
        """
        return next(metric for metric in self.all_metrics() if metric.ranks)


def find_protocol(name: str) -> Protocol:
    """Return a protocol by its name.

    Raises:
        InputError: no protocol has this name; the message lists the nearest.
    """
    found: Protocol = PROTOCOLS.module(name).PROTOCOL
    return found
