"""Plan towards a goal picture aside, in a thread of its own beside that of the acts.

Letters: C channels, H height, W width, U steered numbers.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from torch import Tensor

from ..errors import InputError
from ..planning import CrossEntropy, PixelGoal, Plan, Planner, Present
from ..simulate import Drive, Simulator

_SEARCH = CrossEntropy(samples=24, iterations=3)  # about a second on one core
_HORIZON, _FUTURES, _RISK = 10, 2, 0.5
_MOST_WAITING = 8


class Seekers:
    """Makes the plans of all clients, one at a time; a few more may wait."""

    def __init__(self) -> None:
        self._thread = ThreadPoolExecutor(1, "foreframe-planning")
        self._there = 0

    async def plan(
        self, simulator: Simulator, present: Present, goal: Tensor, before: Plan | None
    ) -> Plan:
        """Return a plan to a goal picture [C, H, W]; the search ends if this is cancelled.

        Raises:
            InputError: too many wait, or the simulator cannot be planned in.
        """
        if self._there > _MOST_WAITING:
            raise InputError("too many plans are being made; try again in a minute")
        gone = threading.Event()
        self._there += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(
                self._thread, _planned, simulator, present, goal, before, gone
            )
        finally:
            gone.set()
            self._there -= 1


def present_of(drive: Drive) -> Present:
    """Return where a drive stands; what is planned goes on from its first sample."""
    found = Present.of(drive)
    return Present(found.point.fork([0]), found.latest, found.step)


def told(plan: Plan) -> Mapping[str, Any]:
    """Return a plan as the page is told of it."""
    return {
        "is": "plan",
        "row": plan.step,
        "actions": [[float(x) for x in row] for row in plan.actions],
        "cost": plan.expected.mean,
        "spread": plan.expected.deviation,
        "at_rest": plan.at_rest.mean,
    }


def _planned(
    simulator: Simulator,
    present: Present,
    goal: Tensor,
    before: Plan | None,
    gone: threading.Event,
) -> Plan:
    if simulator.compiled:
        raise InputError("a compiled model is not planned in; start `play` without --compile")

    def advance(count: int) -> None:
        if gone.is_set():
            raise InputError("the client is gone")

    advance(0)
    horizon = min(_HORIZON, int(simulator.notes["horizon"]))
    planner = Planner(simulator, PixelGoal(goal), _SEARCH, horizon, _FUTURES, _RISK)
    return planner.plan(present, before, advance)
