"""Metrics: how well sampled futures fit what happened. One file each, found by its name.

The module of a metric holds `METRIC`, a frozen `Metric` of frames or `SetMetric` of whole sets of
videos: what it is called, its unit, and a function of tensors. It knows nothing of models, stores
or protocols, and reads no files. Other variants of the same metric lie beside it.
"""

from ._context import counting_context
from ._finding import demanding_metrics, find_metric, metrics
from ._intervals import Interval, mean_interval, seeds_interval
from ._metric import Metric, Score
from ._ranks import rank_histogram
from ._set import SetMetric
from ._weights import WeightFile, Weights
from ._world_truth import ObjectMarks, WorldTruth

__all__ = [
    "Interval",
    "Metric",
    "ObjectMarks",
    "Score",
    "SetMetric",
    "WeightFile",
    "Weights",
    "WorldTruth",
    "counting_context",
    "demanding_metrics",
    "find_metric",
    "mean_interval",
    "metrics",
    "rank_histogram",
    "seeds_interval",
]
