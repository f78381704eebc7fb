"""Sources of episodes: what a recording is, how a source is opened, what was found of it, and how
it is resampled.
"""

from .findings import AmbiguousSource, Findings
from .options import SourceOptions
from .recording import Column, Recording, Recordings, Source

__all__ = [
    "AmbiguousSource",
    "Column",
    "Findings",
    "Recording",
    "Recordings",
    "Source",
    "SourceOptions",
]
