"""What a metric is.

Letters: B clips, N samples, S predicted frames, K context frames, C channels, H height, W width, J
    parts of a figure, M clips of all batches.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from ._weights import WeightFile, Weights

Array = NDArray[Any]
Score = Callable[..., Tensor | None]


@dataclass(frozen=True)
class Metric:
    """A score of sampled futures.

    Attributes:
        name: its key in results: the name of its file.
        title: its name in tables and plots.
        unit: such as `dB`; empty for a pure number.
        higher_is_better: the direction of improvement; None where neither is, as for a ratio that
            should be 1.
        digits: decimals that tables show.
        function: samples [B, N, S, C, H, W], truth [B, S, C, H, W] and context [B, K, C, H, W], all
            in [0, 1], to values [B, N, S], one for each frame of each sample.
        joint: the samples of a clip are judged together, as a distribution: values are [B, 1, S].
        combine: for a figure that is not a mean over frames and clips, such as a ratio of two
            means: `function` gives values with one more dimension [..., J], and `combine` turns
            their means [..., J] into the figure [...].
        least: the smallest value that a figure can have; None: there is no bound.
        most: the largest.
        proper: in expectation the true distribution has the best value, so that the share of the
            way from a baseline to the truth, the skill, means something.
        uses_world: `function` takes a `WorldTruth` as its fourth argument, and returns None where
            that lacks what it needs; the metric is left out for stores without such truth.
        least_samples: N below which it says nothing and is left out.
        variant: which of the ways to compute it this is, in words.
        over_frames: turns the values of a clip's frames [..., S] into the clip's [...]; None: their
            mean.
        needs: the files of weights without which it cannot be computed; empty where it needs none,
            or has them.
        load: makes `function` of the tensors of such files, by the files' keys.

    Example:
        >>> import torch
        >>> def worst(samples, truth, context):
        ...     return (samples - truth[:, None]).abs().flatten(3).amax(-1)
        >>> metric = Metric("worst", "largest error", "", False, 2, worst)
        >>> samples, truth = torch.zeros(1, 2, 3, 1, 4, 4), torch.ones(1, 3, 1, 4, 4)
        >>> metric.function(samples, truth, torch.zeros(1, 1, 1, 4, 4)).shape
        torch.Size([1, 2, 3])
    """

    name: str
    title: str
    unit: str
    higher_is_better: bool | None
    digits: int
    function: Score
    joint: bool = False
    combine: Callable[[Array], Array] | None = None
    least: float | None = None
    most: float | None = None
    proper: bool = False
    least_samples: int = 1
    variant: str = ""
    over_frames: Callable[[Array], Array] | None = None
    needs: tuple[WeightFile, ...] = ()
    load: Callable[[Mapping[str, Weights]], Score] | None = None
    uses_world: bool = False

    @property
    def label(self) -> str:
        """The title with the unit.

        >>> Metric("psnr", "PSNR", "dB", True, 2, lambda samples, truth, context: samples).label
        'PSNR (dB)'
        """
        return f"{self.title} ({self.unit})" if self.unit else self.title

    @property
    def heading(self) -> str:
        """The label with the direction of improvement, for the head of a column or of a plot.

        >>> Metric("psnr", "PSNR", "dB", True, 2, lambda samples, truth, context: samples).heading
        'PSNR (dB) ↑'
        """
        if self.higher_is_better is None:
            arrow = " →1" if self.combine is not None else ""
        else:
            arrow = " ↑" if self.higher_is_better else " ↓"
        return self.label + arrow

    @property
    def ranks(self) -> bool:
        """Whether it can tell the best of several samples, of any clip."""
        return not self.joint and not self.uses_world and self.higher_is_better is not None

    def figure(self, means: Array) -> Array:
        """Return the figure of means over frames or clips.

        [...], or [..., J] where parts are combined, to [...].
        """
        return means if self.combine is None else self.combine(means)

    def of_clips(self, values: Array) -> Array:
        """Return the values of clips of those of their frames.

        [M, N, S], or [M, N, S, J] of J parts, to [M, N] or [M, N, J].
        """
        found = values.mean(2) if self.over_frames is None else self.over_frames(values)
        return np.asarray(found)

    def with_weights(self, weights: Mapping[str, Weights]) -> Metric:
        """Return the metric ready to be computed, with the tensors of each file that it needs.

        Raises:
            InputError: tensors are missing, or of another shape.
        """
        if self.load is None:
            return self
        return dataclasses.replace(self, function=self.load(weights), needs=(), load=None)
