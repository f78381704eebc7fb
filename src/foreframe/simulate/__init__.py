"""Driving: a run as a simulator that people and agents act in.

A `Simulator` is a model with clips to begin from; a `Drive` is a path through it, with an undo and
a recording.
The page in the browser (`serve`) and the gymnasium environments (`env`) are built on both.
"""

from .drive import Drive
from .simulator import Simulator
from .starts import Start

__all__ = ["Drive", "Simulator", "Start"]
