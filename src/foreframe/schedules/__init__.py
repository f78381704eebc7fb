"""Schedules: pure functions of the optimiser step, one file each, found by name.

A resumed run is at the same point of its schedules because it is at the same step.
A module here holds one frozen dataclass that is called with a step and returns a float; its fields
are the schedule's options.
In a configuration a schedule is a mapping with a `kind`, the name of its file, such as
`{kind: cyclical, value: 1.0e-4, cycles: 4}`; a bare number is a constant.
"""

from ._finding import Schedule, kind_of, schedule_class

__all__ = ["Schedule", "kind_of", "schedule_class"]
