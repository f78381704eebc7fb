"""Training: a recipe and a clip store become a run folder."""

from .config import Config
from .plan import TrainingResult, TrainingSummary
from .resolving import resolve
from .runs import train

__all__ = ["Config", "TrainingResult", "TrainingSummary", "resolve", "train"]
