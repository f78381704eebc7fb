"""Evaluation: score a run or predictions under named protocols, beside baselines."""

from .clip_lists import export_clips, list_clips
from .evaluating import evaluate
from .evaluating_predictions import evaluate_predictions
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
