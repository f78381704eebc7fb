"""Baselines: models without weights to learn that every score stands beside.

One file each, found by its name.
The module of a baseline defines one `Baseline`: a model that may take statistics of the training
split.
"""

from ._baseline import Baseline, TrainingStatistics

__all__ = ["Baseline", "TrainingStatistics"]
