"""Predictions of other tools: which clips to predict, what their files hold, and how they score."""

from .clip_lists import list_clips
from .evaluating import evaluate_predictions
from .exported_clips import export_clips

__all__ = ["evaluate_predictions", "export_clips", "list_clips"]
