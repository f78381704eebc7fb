"""Metrics: how well sampled futures fit what happened. One file each, found by its name.

The module of a metric holds `METRIC`, a frozen `Metric`: what it is called, its unit, and a
function of tensors. It knows nothing of models, stores or protocols.
"""

from ._finding import find_metric, metrics
from ._intervals import Interval, mean_interval, seeds_interval
from ._metric import Metric
from ._ranks import rank_histogram
from ._world_truth import ObjectMarks, WorldTruth

__all__ = [
    "Interval",
    "Metric",
    "ObjectMarks",
    "WorldTruth",
    "find_metric",
    "mean_interval",
    "metrics",
    "rank_histogram",
    "seeds_interval",
]
