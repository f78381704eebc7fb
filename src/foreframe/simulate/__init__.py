"""Drive a run as a simulator in which people and agents act.

A `Simulator` is a model with clips to begin from; a `Drive` is a path through it, with undo and a
recording.
The page in the browser (`serve`) and the Gymnasium environments (`env`) are built on both.
"""

from .drive import Drive
from .simulator import Simulator
from .starts import Start

__all__ = ["Drive", "Simulator", "Start"]
