"""Find the actions that cost least, in a simulator.

Letters: P sequences, F futures, K commands, T steps, U steered numbers, C channels, H height, W
width.
"""

from __future__ import annotations

import json
import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..errors import InputError, InputWarning
from ..simulate import Simulator
from .cem import CrossEntropy
from .commands import Commands
from .costs import Cost
from .imagining import Imagination, Present
from .searching import Problem, Search

Array = NDArray[Any]
Advance = Callable[[int], None]

HORIZON = 10
_JUDGED_FUTURES = 16  # that the plan is judged by, after the search


@dataclass(frozen=True)
class Judged:
    """What a sequence of actions costs, over futures that the search has not seen.

    Attributes:
        mean: of the futures.
        deviation: the standard deviation over the futures: how much is left to chance.
    """

    mean: float
    deviation: float

    def to_dict(self) -> dict[str, float]:
        """As JSON values."""
        return {"mean": self.mean, "deviation": self.deviation}


@dataclass(frozen=True)
class Plan:
    """A sequence of actions and what is known of it.

    Attributes:
        names: of the steered numbers.
        actions: one row per frame, in raw units [T, U].
        commands: the commands that they are made of [K, U].
        step: the number of the frame that the first action leads to.
        expected: what the plan costs in fresh futures.
        at_rest: what it costs to do the mean action of the recordings all the time.
        history: the cost of the best sequence after each iteration of the search.
        evaluations: sequences that were tried.
        at_once: how many of them were imagined together.
        seconds: how long it took.
    """

    names: tuple[str, ...]
    actions: Array
    commands: Tensor = field(repr=False)
    step: int
    expected: Judged
    at_rest: Judged
    history: tuple[float, ...]
    evaluations: int
    at_once: int
    seconds: float

    def to_dict(self) -> Mapping[str, Any]:
        """As JSON values."""
        return {
            "names": list(self.names),
            "actions": [[round(float(x), 6) for x in row] for row in self.actions],
            "first_frame": self.step,
            "expected": self.expected.to_dict(),
            "at_rest": self.at_rest.to_dict(),
            "history": list(self.history),
            "evaluations": self.evaluations,
            "sequences_at_once": self.at_once,
            "seconds": round(self.seconds, 3),
        }


class Planner:
    """Plans in a simulator towards what a cost says.

    Attributes:
        simulator: the model and its clips.
        cost: of a future; see `costs`.
        search: how to look for actions: `CrossEntropy`, `Mppi` or `Gradient`.
        commands: those that a plan may be made of; by default what the recordings show. Limit them
            with `dataclasses.replace(commands, low=..., high=...)`.
        horizon: T, frames that are planned.
        futures: F, futures imagined for each sequence.
        risk: a sequence counts as the mean of its futures and `risk` times their standard
            deviation.
        looked_at: the frames of a future that its cost is the mean of, evenly spread up to the
            last: with one, a plan that is made anew all the time may put off arriving.
        seed: of the draws and of the futures.

    Example:
        >>> planner = Planner(simulator, PixelGoal(picture))                       # doctest: +SKIP
        >>> planner.plan(Present.of(simulator.begin())).actions                    # doctest: +SKIP
    """

    def __init__(
        self,
        simulator: Simulator,
        cost: Cost,
        search: Search | None = None,
        horizon: int = HORIZON,
        futures: int = 4,
        risk: float = 0.0,
        looked_at: int = 2,
        seed: int = 0,
        commands: Commands | None = None,
    ) -> None:
        """Check what is asked for.

        Raises:
            InputError: a horizon, futures or risk that cannot be; a simulator without actions.
        """
        if horizon < 1:
            raise InputError(f"horizon is {horizon}; expected at least 1 frame")
        if not 0 <= risk < float("inf"):
            raise InputError(f"risk is {risk}; expected 0 or more")
        self.simulator, self.cost = simulator, cost
        self.search: Search = search or CrossEntropy()
        self.commands = commands or Commands.of(simulator)
        self.horizon, self.futures, self.risk, self.seed = horizon, futures, risk, seed
        self.looked_at = min(max(1, looked_at), horizon)
        shown = self.looked_at if cost.sees_pictures else 0
        self.imagination = Imagination.of(simulator, futures, shown)
        warn_beyond(simulator, horizon)

    def plan(
        self, present: Present, before: Plan | None = None, advance: Advance = lambda count: None
    ) -> Plan:
        """Return a plan from the present on.

        Args:
            present: where to begin.
            before: an earlier plan that was acted on up to here, which the search begins with.
            advance: is told how many more sequences were tried.

        Raises:
            InputError: a cost is NaN or infinite; a horizon in which no new command begins.
        """
        with self.simulator.autocast():
            return self._planned(present, before, advance)

    def _planned(self, present: Present, before: Plan | None, advance: Advance) -> Plan:
        began = time.monotonic()
        problem = self._problem(present, before, advance)
        found = self.search.search(problem)
        actions = self._frames(found.commands[None], present)
        rest = self.commands.mean.expand(1, len(found.commands), -1)
        expected, at_rest = self._judged(present, torch.cat([actions, self._frames(rest, present)]))
        return Plan(
            self.commands.names,
            actions[0].numpy(),
            found.commands,
            present.step,
            expected,
            at_rest,
            found.history,
            self.search.evaluations,
            self.imagination.at_once(present, self.search.evaluations),
            time.monotonic() - began,
        )

    def _problem(self, present: Present, before: Plan | None, advance: Advance) -> Problem:
        count = self.commands.count(present.step, self.horizon)
        if not count:
            raise InputError(
                f"horizon is {self.horizon}, and the last command still lasts for "
                f"{self.commands.lead(present.step)} frames; expected a longer horizon"
            )
        generator = torch.Generator().manual_seed(_mixed(self.seed, present.step))
        last = present.latest[1].float().cpu()[list(self.simulator.steered)]

        def costs(commands: Tensor) -> Tensor:
            with torch.no_grad():
                return self._costs(present, commands, advance)

        def slopes(commands: Tensor) -> tuple[Tensor, Tensor]:
            return self._slopes(present, commands, advance)

        begin = self._begin(present, count, before)
        return Problem(self.commands, last, begin, costs, generator, slopes)

    def _begin(self, present: Present, count: int, before: Plan | None) -> Tensor:
        """Return the commands that a search begins with [K, U]: the rest of an earlier plan."""
        rest = self.commands.mean.expand(count, -1)
        if before is None:
            return rest
        done = self.commands.count(before.step, present.step - before.step)
        left = before.commands[done : done + count]
        return torch.cat([left, rest[len(left) :]])

    def _frames(self, commands: Tensor, present: Present) -> Tensor:
        """Return the action of each frame [P, T, U]."""
        last = present.latest[1].float().cpu()[list(self.simulator.steered)]
        return self.commands.frames(commands, last, present.step, self.horizon)

    def _costs(self, present: Present, commands: Tensor, advance: Advance) -> Tensor:
        """Return what each sequence [P, K, U] costs, with its risk [P]."""
        actions, found = self._frames(commands, present), torch.zeros(len(commands))
        for rows, imagined in self.imagination.in_chunks(
            present, actions, self._searching(present)
        ):
            found[rows] = self._valued(self.cost(imagined), actions[rows]).cpu()
            advance(len(imagined.actions))
        return found

    def _slopes(
        self, present: Present, commands: Tensor, advance: Advance
    ) -> tuple[Tensor, Tensor]:
        with torch.enable_grad():
            given = commands.detach().requires_grad_()
            actions = self._frames(given, present)
            imagined = self.imagination.imagine(present, actions, self._searching(present))
            valued = self._valued(self.cost(imagined), actions)
            if not valued.requires_grad:
                raise InputError(
                    "the cost has no gradient with respect to the actions; expected one made of "
                    "torch functions: use another planner (cem or mppi)"
                )
            (slope,) = torch.autograd.grad(valued.sum(), given)
        advance(len(commands))
        return valued.detach().cpu(), slope

    def _valued(self, costs: Tensor, actions: Tensor) -> Tensor:
        """Return the mean and `risk` deviations of the costs of futures [P, F] as [P]."""
        _check_finite(costs, actions)
        return costs.mean(1) + self.risk * _deviation(costs)

    @torch.no_grad()
    def _judged(self, present: Present, actions: Tensor) -> list[Judged]:
        """Judge sequences [P, T, U] in futures that the search has not seen."""
        fresh = Imagination.of(
            self.simulator, max(self.futures, _JUDGED_FUTURES), self.imagination.looked_at
        )
        costs = self.cost(fresh.imagine(present, actions, self._judging(present)))
        _check_finite(costs, actions)
        return [
            Judged(float(row.mean()), float(row.std(correction=0))) for row in costs.float().cpu()
        ]

    def _searching(self, present: Present) -> int:
        return _mixed(self.seed, present.step, 1)

    def _judging(self, present: Present) -> int:
        return _mixed(self.seed, present.step, 2)


def warn_beyond(simulator: Simulator, horizon: int) -> None:
    """Warn if a model was neither trained nor evaluated on so many frames."""
    tried = _tried(simulator)
    if horizon > tried:
        warnings.warn(
            f"a horizon of {horizon} frames is beyond the {tried} that {simulator.name} was "
            "trained or evaluated on: the plan may follow what the model makes up",
            InputWarning,
            stacklevel=3,
        )


def _tried(simulator: Simulator) -> int:
    """Return the most frames that a model was trained or evaluated on."""
    trained = int(simulator.notes["horizon"])
    try:
        scores = json.loads((simulator.folder / "eval.json").read_text())
        return max(trained, int(scores["protocol"]["horizon"]))
    except (OSError, ValueError, KeyError, TypeError):
        return trained


def _deviation(costs: Tensor) -> Tensor:
    """Return the standard deviation over futures [P, F] as [P], with a gradient where it is 0."""
    away = costs - costs.mean(1, keepdim=True)
    return (away.square().mean(1) + 1e-20).sqrt()


def _check_finite(costs: Tensor, actions: Tensor) -> None:
    wrong = (~torch.isfinite(costs)).any(1)
    if bool(wrong.any()):
        first = int(wrong.nonzero()[0])
        value = costs[first][~torch.isfinite(costs[first])][0]
        shown = np.round(actions[first, 0].detach().cpu().numpy(), 4).tolist()
        raise InputError(
            f"the cost of {int(wrong.sum())} of {len(costs)} sequences is {float(value)} (one "
            f"begins with {shown}); expected finite numbers: check the goal or the reward"
        )


def _mixed(*numbers: int) -> int:
    """Return a seed that depends on all of these."""
    return int(np.random.SeedSequence(numbers).generate_state(1, np.uint64)[0] >> 1)
