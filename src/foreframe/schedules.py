"""Schedules: pure functions of the optimiser step. A resumed run is at the same point because the step is.

A schedule is any callable from a step to a float. In a configuration it is a mapping with a `kind`:
`{kind: cyclical, period_steps: 1000}`; a bare number is a constant.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

Schedule = Callable[[int], float]


@dataclass(frozen=True)
class Constant:
    """The same value at every step; `Constant(0)` is off.

    >>> Constant(1e-4)(10)
    0.0001
    """

    value: float

    def __call__(self, step: int) -> float:
        return self.value


@dataclass(frozen=True)
class Off:
    """Zero at every step."""

    def __call__(self, step: int) -> float:
        return 0.0


@dataclass(frozen=True)
class LinearWarmup:
    """From 0 to `value` over `warmup_steps`, then constant. With a KL weight this is "monotonic" annealing.

    >>> [LinearWarmup(1.0, 4)(step) for step in (0, 1, 4, 9)]
    [0.0, 0.25, 1.0, 1.0]
    """

    value: float
    warmup_steps: int

    def __call__(self, step: int) -> float:
        return self.value * min(1.0, step / max(self.warmup_steps, 1))


@dataclass(frozen=True)
class Monotonic:
    """One ramp from 0 to `value` over the first `ramp` share of `total_steps`, then `value`: it never resets.

    >>> [Monotonic(1.0, 100, 0.5)(step) for step in (0, 25, 50, 99)]
    [0.0, 0.5, 1.0, 1.0]
    """

    value: float
    total_steps: int
    ramp: float = 0.5

    def __call__(self, step: int) -> float:
        return self.value * min(1.0, step / max(self.ramp * self.total_steps, 1e-9))


@dataclass(frozen=True)
class Cyclical:
    """`cycles` periods over `total_steps`; in each a ramp from 0 to `value` over the `ramp` share, then `value`.

    >>> [Cyclical(1.0, 100, 2, 0.5)(step) for step in (0, 25, 49, 50, 60)]
    [0.0, 1.0, 1.0, 0.0, 0.4]

    Source: Fu et al. 2019 (arXiv 1903.10145), equations 6 and 7.
    """

    value: float
    total_steps: int
    cycles: int = 4
    ramp: float = 0.5

    def __call__(self, step: int) -> float:
        period = self.total_steps / self.cycles
        if step >= self.total_steps:
            return self.value
        return self.value * min(1.0, (step % period) / period / self.ramp)


@dataclass(frozen=True)
class LinearDecay:
    """`start` until `from_step`, then down by `per_step` each step, to `floor` and no lower.

    >>> [round(LinearDecay(1.0, 10, 0.1, 0.2)(step), 3) for step in (0, 10, 15, 99)]
    [1.0, 1.0, 0.5, 0.2]
    """

    start: float
    from_step: int
    per_step: float
    floor: float = 0.0

    def __call__(self, step: int) -> float:
        return max(self.floor, self.start - self.per_step * max(0, step - self.from_step))


@dataclass(frozen=True)
class RampDown:
    """1 up to the share `begin` of `total_steps`, 0 from the share `end` on, a straight line between.

    >>> [RampDown(100, 0.2, 0.7)(step) for step in (0, 20, 45, 70, 99)]
    [1.0, 1.0, 0.5, 0.0, 0.0]
    """

    total_steps: int
    begin: float
    end: float

    def __call__(self, step: int) -> float:
        way = (step / self.total_steps - self.begin) / max(self.end - self.begin, 1e-9)
        return 1.0 - min(1.0, max(0.0, round(way, 12)))


@dataclass(frozen=True)
class Staircase:
    """`start`, and `by` less after every `every_steps`, to `floor` and no lower.

    >>> [round(Staircase(1.0, 10, 0.4)(step), 3) for step in (0, 9, 10, 20, 30)]
    [1.0, 1.0, 0.6, 0.2, 0.0]
    """

    start: float
    every_steps: int
    by: float
    floor: float = 0.0

    def __call__(self, step: int) -> float:
        return max(self.floor, self.start - self.by * (step // self.every_steps))


@dataclass(frozen=True)
class InverseSigmoid:
    """k / (k + exp(step / k)): near 1 first, 0 in the end.

    >>> round(InverseSigmoid(10.0)(0), 3), round(InverseSigmoid(10.0)(100), 3)
    (0.909, 0.0)

    Source: Bengio et al. 2015 (arXiv 1506.03099), section 2.4.
    """

    k: float

    def __call__(self, step: int) -> float:
        return self.k / (self.k + math.exp(min(step / self.k, 700.0)))


@dataclass(frozen=True)
class WarmupCosine:
    """From 0 to `peak` over `warmup_steps`, then a half cosine down to `floor * peak` at `total_steps`.

    >>> [round(WarmupCosine(1.0, 110, 10, 0.0)(step), 3) for step in (0, 10, 60, 110)]
    [0.1, 1.0, 0.5, 0.0]
    """

    peak: float
    total_steps: int
    warmup_steps: int = 0
    floor: float = 0.01

    def __call__(self, step: int) -> float:
        if step < self.warmup_steps:
            return self.peak * (step + 1) / self.warmup_steps
        way = min(1.0, (step - self.warmup_steps) / max(self.total_steps - self.warmup_steps, 1))
        return self.peak * (self.floor + (1 - self.floor) * 0.5 * (1 + math.cos(math.pi * way)))


@dataclass(frozen=True)
class MultiStep:
    """`value`, times `factor` at each milestone that was passed.

    >>> [round(MultiStep(1.0, (10, 20), 0.1)(step), 3) for step in (9, 10, 20)]
    [1.0, 0.1, 0.01]
    """

    value: float
    milestones: tuple[int, ...]
    factor: float = 0.1

    def __call__(self, step: int) -> float:
        return self.value * self.factor ** sum(step >= milestone for milestone in self.milestones)


KINDS: dict[str, type] = {
    "constant": Constant,
    "off": Off,
    "linear_warmup": LinearWarmup,
    "monotonic": Monotonic,
    "cyclical": Cyclical,
    "linear_decay": LinearDecay,
    "ramp_down": RampDown,
    "staircase": Staircase,
    "inverse_sigmoid": InverseSigmoid,
    "warmup_cosine": WarmupCosine,
    "multi_step": MultiStep,
}
