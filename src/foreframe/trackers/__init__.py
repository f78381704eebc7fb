"""Experiment trackers: one file each, found by its name.

A tracker's module holds a function `open_tracker(run: TrackedRun) -> Tracker`, and in `PACKAGE` the
name of the package that it needs, if it needs one. A tracker is three methods, and nothing that
goes wrong in them stops a training.
"""

from ._guarded import guarded
from ._opening import check_tracker, open_tracker
from ._pictures import strip
from ._tracker import UNTRACKED, TrackedRun, Tracker

__all__ = [
    "UNTRACKED",
    "TrackedRun",
    "Tracker",
    "check_tracker",
    "guarded",
    "open_tracker",
    "strip",
]
