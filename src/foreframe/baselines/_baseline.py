"""What a baseline is: a model that is not trained but may know statistics of the training split.

Letters: C channels, H height, W width.
"""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from ..model import Model


@dataclass(frozen=True)
class TrainingStatistics:
    """What a baseline may know of the training split.

    Attributes:
        mean_frame: the mean picture [C, H, W] in [0, 1].
    """

    mean_frame: Tensor


class Baseline(Model):
    """A model without weights to learn and without randomness."""

    def fit(self, statistics: TrainingStatistics) -> None:
        """Take what the baseline needs to know of the training split; nothing by default."""
