"""Sources of episodes: what a recording is, how a source is opened, and how it is resampled on its way into a store."""

from .options import SourceOptions
from .recording import Column, Recording, Recordings, Source

__all__ = ["Column", "Recording", "Recordings", "Source", "SourceOptions"]
