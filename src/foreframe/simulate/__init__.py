"""Driving: a run as a simulator that people and agents act in.

A `Simulator` is a model with clips to begin from; a `Drive` is one way through it, with a memory, an undo and a recording.
The browser's page (`serve`) and the gymnasium environments (`env`) are two faces of it.
"""

from .drive import Drive
from .simulator import Simulator
from .starts import Start

__all__ = ["Drive", "Simulator", "Start"]
