"""The cross-entropy method: draw, keep the best, draw about them.

Letters: P sequences, K commands, U steered numbers.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch

from .searching import Best, Found, Problem, check_counts

_LEAST = 0.02  # of the first spread, which the spread never falls below


@dataclass(frozen=True)
class CrossEntropy:
    """CEM with draws that are correlated in time, and elites that are kept.

    Attributes:
        samples: P, sequences drawn in each iteration.
        iterations: how often they are drawn.
        elites: the share of the sequences that the next draws come from.
        inertia: the share of the old middle and spread that is kept.

    References:
        Rubinstein 1999; Pinneri et al. 2020 (iCEM, arXiv 2008.06389).
    """

    samples: int = 64
    iterations: int = 5
    elites: float = 0.125
    inertia: float = 0.1

    def __post_init__(self) -> None:
        check_counts(samples=self.samples, iterations=self.iterations)

    @property
    def evaluations(self) -> int:
        """How many sequences are tried."""
        return self.samples * self.iterations

    def search(self, problem: Problem) -> Found:
        """Return the best sequence that was drawn."""
        middle = problem.begin
        first = problem.commands.std.expand_as(middle)
        spread, best = first, Best()
        few = max(2, round(self.elites * self.samples))
        kept, kept_costs = middle.new_zeros(0, *middle.shape), torch.zeros(0)
        for _ in range(self.iterations):
            drawn = problem.drawn(self.samples, middle, spread)
            costs = problem.costs(drawn)
            best.update(drawn, costs)
            sequences, known = torch.cat([drawn, kept]), torch.cat([costs, kept_costs])
            order = known.argsort()[:few]
            kept, kept_costs = sequences[order], known[order]
            middle = torch.lerp(kept.mean(0), middle, self.inertia)
            narrow = kept.std(0, correction=0)
            spread = torch.lerp(narrow, spread, self.inertia).maximum(_LEAST * first)
        return best.found()
