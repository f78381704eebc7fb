"""Model predictive path integral control: the mean of all draws, the cheaper the heavier.

Letters: P sequences, K commands, U steered numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .searching import Best, Found, Problem, check_counts


@dataclass(frozen=True)
class Mppi:
    """MPPI with a temperature in deviations of the costs, and a spread that narrows.

    Attributes:
        samples: P, sequences drawn in each iteration.
        iterations: how often they are drawn.
        temperature: a sequence that costs so many standard deviations (of the costs drawn) more
            has 1/e of the weight.
        narrowing: the spread of an iteration over that of the one before.

    References:
        Williams et al. 2017 (arXiv 1707.02342).
    """

    samples: int = 64
    iterations: int = 5
    temperature: float = 0.2
    narrowing: float = 0.6

    def __post_init__(self) -> None:
        check_counts(samples=self.samples, iterations=self.iterations)

    @property
    def evaluations(self) -> int:
        """How many sequences are tried."""
        return self.samples * self.iterations + 1

    def search(self, problem: Problem) -> Found:
        """Return the mean of the last iteration, or a draw that costs less."""
        middle, spread, best = problem.begin, problem.commands.std, Best()
        for _ in range(self.iterations):
            drawn = problem.drawn(self.samples, middle, spread)
            costs = problem.costs(drawn)
            best.update(drawn, costs)
            scale = costs.std(correction=0).clamp_min(1e-12) * self.temperature
            weights = torch.softmax(-(costs - costs.min()) / scale, 0)
            middle = (weights[:, None, None] * drawn).sum(0)
            spread = spread * self.narrowing
        mean = problem.commands.feasible(middle[None], problem.last)
        best.update(mean, problem.costs(mean))
        return best.found()
