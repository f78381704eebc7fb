"""Evaluation: score a run under a named protocol, beside its baselines, with intervals."""

from .evaluating import evaluate
from .protocol import Protocol

__all__ = ["Protocol", "evaluate"]
