"""Evaluation: score a run under a named protocol, beside its baselines, with intervals."""

from .evaluating import evaluate
from .protocol import Protocol
from .results import Evaluation, read_evaluation

__all__ = ["Evaluation", "Protocol", "evaluate", "read_evaluation"]
