"""Schedules: pure functions of the optimiser step, one file each.

A schedule is any callable from a step to a float.
It has no state, so a run that is resumed at a step has the same value there.
In a configuration it is a mapping whose `kind` is the name of a file here, or of an installed
plug-in: `{kind: cyclical, cycles: 4}`; a bare number is a constant.

The module of a schedule defines one class, whose keyword arguments are its options.
An option `total_steps` is the length of the run unless it is given.
"""

from ._finding import kind_of, schedule_class
from ._schedule import Schedule
from .constant import Constant
from .cyclical import Cyclical
from .inverse_sigmoid import InverseSigmoid
from .linear_decay import LinearDecay
from .linear_warmup import LinearWarmup
from .monotonic import Monotonic
from .multi_step import MultiStep
from .off import Off
from .ramp_down import RampDown
from .staircase import Staircase
from .warmup_cosine import WarmupCosine

__all__ = [
    "Constant",
    "Cyclical",
    "InverseSigmoid",
    "LinearDecay",
    "LinearWarmup",
    "Monotonic",
    "MultiStep",
    "Off",
    "RampDown",
    "Schedule",
    "Staircase",
    "WarmupCosine",
    "kind_of",
    "schedule_class",
]
