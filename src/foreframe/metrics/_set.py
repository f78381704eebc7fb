"""What a metric of sets of videos is.

Letters: V videos, T frames, C channels, H height, W width, D features.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from ._metric import Array
from ._weights import WeightFile, Weights


@dataclass(frozen=True)
class SetMetric:
    """A score of a set of videos against another set; no video has a score of its own.

    Attributes:
        name: its key in results: the name of its file.
        title: its name in tables.
        digits: decimals that are shown.
        features: videos [V, T, C, H, W] in [0, 1] to [V, D].
        distance: features [V, D] of two sets of as many videos to their distance, as it is
            published.
        unbiased: the same, as it would be with infinitely many videos.
        with_context: whether the context frames belong to the videos.
        least_frames: T below which there are no features.
        variant: which of the ways to compute it this is, in words.
        needs: the files of weights without which it cannot be computed; empty where it needs none,
            or has them.
        load: makes `features` of the tensors of such files, by the files' keys.
    """

    name: str
    title: str
    digits: int
    features: Callable[[Tensor], Tensor]
    distance: Callable[[Array, Array], float]
    unbiased: Callable[[Array, Array], float]
    with_context: bool = False
    least_frames: int = 1
    variant: str = ""
    needs: tuple[WeightFile, ...] = ()
    load: Callable[[Mapping[str, Weights]], Callable[[Tensor], Tensor]] | None = None

    def with_weights(self, weights: Mapping[str, Weights]) -> SetMetric:
        """Return the metric ready to be computed, with the tensors of each file that it needs.

        Raises:
            InputError: tensors are missing, or of another shape.
        """
        if self.load is None:
            return self
        return dataclasses.replace(self, features=self.load(weights), needs=(), load=None)
