"""Training: a recipe and a clip store become a run folder."""

from .config import Config
from .resolving import resolve
from .runs import train

__all__ = ["Config", "resolve", "train"]
