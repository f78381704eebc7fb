"""Experiments: one question, several arms that differ in one thing, several seeds. One YAML file
each, found by its name.

An experiment's file holds its `question` and `about`; for stores whose conditions are `vectors`,
and for those that have `labels`, a `recipe` with `changes`, and the `protocol` that scores it where
that is not `foreframe`; and `arms`, each a name with further changes.
"""

from ..reporting.experiment_results import ExperimentResult
from .running import experiment

__all__ = ["ExperimentResult", "experiment"]
