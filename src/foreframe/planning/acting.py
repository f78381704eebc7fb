"""Act on plans in the model itself: plan, act a few frames, plan again.

Letters: T frames, U steered numbers, F futures.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clips import to_uint8
from ..errors import InputError
from ..simulate import Drive
from .imagining import Present
from .planner import Plan, Planner

Array = NDArray[Any]


@dataclass(frozen=True)
class Acted:
    """What came of acting on plans.

    Attributes:
        plans: in turn.
        actions: those that were done [T, U].
        pictures: what they led to, in each future, uint8 [T, F, H, W, C].
        drive: where it stands now.
    """

    plans: Sequence[Plan]
    actions: Array
    pictures: Array
    drive: Drive


def act_on_plans(
    planner: Planner,
    drive: Drive,
    steps: int,
    replan: int,
    advance: Callable[[int], None] = lambda count: None,
) -> Acted:
    """Plan and act for `steps` frames, with a new plan every `replan` frames.

    Raises:
        InputError: no frames to act for, or more between two plans than a plan has.
    """
    if steps < 1 or not 1 <= replan <= planner.horizon:
        raise InputError(
            f"steps is {steps}, replan {replan}; expected at least 1 step, and a new plan every "
            f"1 to {planner.horizon} frames (the horizon)"
        )
    plans: list[Plan] = []
    done: list[Array] = []
    seen: list[Array] = []
    while len(done) < steps:
        plan = planner.plan(Present.of(drive), plans[-1] if plans else None, advance)
        plans.append(plan)
        for action in plan.actions[: min(replan, steps - len(done))]:
            (futures,) = planner.simulator.act([drive], [action])
            done.append(action)
            seen.append(to_uint8(futures).movedim(1, -1).cpu().numpy())
    return Acted(plans, np.stack(done), np.stack(seen), drive)


def rounds(steps: int, replan: int) -> int:
    """Return how many plans it takes to act for so many frames."""
    return -(-steps // max(1, replan))
