"""Evaluation: score a run or predictions under named protocols, beside baselines."""

from .evaluating import evaluate
from .external import evaluate_predictions, export_clips, list_clips
from .protocol import Protocol
from .results import Evaluation, read_evaluation

__all__ = [
    "Evaluation",
    "Protocol",
    "evaluate",
    "evaluate_predictions",
    "export_clips",
    "list_clips",
    "read_evaluation",
]
