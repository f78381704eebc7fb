"""Gradient refinement: search roughly, then go down the slope of the model.

Letters: P sequences, K commands, U steered numbers.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import torch

from ..errors import InputError
from .cem import CrossEntropy
from .searching import Best, Found, Problem, check_counts

_BETAS, _EPSILON = (0.8, 0.95), 1e-8


@dataclass(frozen=True)
class Gradient:
    """Adam on the best sequences of a short search, within what is allowed.

    Whole numbers have no slope: they stay as the search found them.

    Attributes:
        rough: the search that it begins with.
        sequences: P, how many of the best drawn sequences are refined.
        steps: steps of Adam.
        rate: the length of a step, in standard deviations of each number.

    References:
        Kingma & Ba 2015 (arXiv 1412.6980).
    """

    rough: CrossEntropy = field(default_factory=lambda: CrossEntropy(iterations=3))
    sequences: int = 4
    steps: int = 12
    rate: float = 0.15

    def __post_init__(self) -> None:
        check_counts(sequences=self.sequences, steps=self.steps)

    @property
    def evaluations(self) -> int:
        """How many sequences are tried."""
        return self.rough.evaluations + self.sequences * (self.steps + 1)

    def search(self, problem: Problem) -> Found:
        """Return the best sequence that was drawn or refined.

        Raises:
            InputError: the costs have no gradient.
        """
        if problem.slopes is None:
            raise InputError("these costs have no gradient; expected another search, such as cem")
        rough = self.rough.search(problem)
        best = Best()
        best.update(rough.commands[None], torch.tensor([rough.cost]))
        commands = problem.commands
        now = problem.drawn(self.sequences, rough.commands, commands.std / 4)
        first, second = torch.zeros_like(now), torch.zeros_like(now)
        unit = self.rate * commands.std * ~commands.whole
        for step in range(1, self.steps + 1):
            costs, slope = problem.slopes(now)
            best.update(now, costs)
            slope = slope * commands.std  # a step is measured in deviations
            first = torch.lerp(slope, first, _BETAS[0])
            second = torch.lerp(slope.square(), second, _BETAS[1])
            mean, square = first / (1 - _BETAS[0] ** step), second / (1 - _BETAS[1] ** step)
            way = mean / (square.sqrt() + _EPSILON * float(square.max().sqrt() + _EPSILON))
            now = commands.feasible(now - unit * way, problem.last)
        best.update(now, problem.costs(now))
        found = best.found()
        return Found(found.commands, found.cost, rough.history + found.history[1:])
