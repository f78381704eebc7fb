"""What a search is given, and what it returns.

Letters: P sequences, K commands, U steered numbers.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor

from ..errors import InputError
from .commands import Commands


@dataclass(frozen=True)
class Problem:
    """A search for the commands that cost least.

    Attributes:
        commands: those that are allowed.
        last: the command before the first [U].
        begin: where to begin [K, U].
        costs: returns the cost of each of many sequences [P, K, U] as [P].
        generator: of the random numbers.
        slopes: returns the same costs, and their gradients [P, K, U]; None where there are none.
    """

    commands: Commands
    last: Tensor
    begin: Tensor
    costs: Callable[[Tensor], Tensor]
    generator: torch.Generator
    slopes: Callable[[Tensor], tuple[Tensor, Tensor]] | None = None

    def drawn(self, count: int, middle: Tensor, spread: Tensor) -> Tensor:
        """Draw feasible sequences [P, K, U] about a middle [K, U]; the first is the middle."""
        noise = self.commands.draw(count, len(middle), self.generator)
        noise[0] = 0
        return self.commands.feasible(middle + spread * noise, self.last)


@dataclass(frozen=True)
class Found:
    """The best sequence of a search.

    Attributes:
        commands: the sequence [K, U].
        cost: what it cost.
        history: the cost of the best sequence after each iteration.
    """

    commands: Tensor
    cost: float
    history: tuple[float, ...]


class Search(Protocol):
    """A way to search. A new one is a frozen dataclass with these two.

    Attributes:
        evaluations: how many sequences are tried.
    """

    @property
    def evaluations(self) -> int: ...

    def search(self, problem: Problem) -> Found:
        """Return the best sequence that was found."""


def check_counts(**counts: int) -> None:
    """Check that every count is at least 1.

    Raises:
        InputError: one is not.
    """
    for name, count in counts.items():
        if count < 1:
            raise InputError(f"{name} is {count}; expected at least 1")


class Best:
    """The best sequence so far, and how its cost came down."""

    def __init__(self) -> None:
        self.cost, self.history = float("inf"), list[float]()
        self._commands = torch.zeros(0)

    def update(self, sequences: Tensor, costs: Tensor) -> None:
        """Take the sequences of an iteration [P, K, U] with their costs [P]."""
        least = int(costs.argmin())
        if float(costs[least]) < self.cost:
            self.cost, self._commands = float(costs[least]), sequences[least].clone()
        self.history.append(self.cost)

    def found(self) -> Found:
        """Return what was found."""
        return Found(self._commands, self.cost, tuple(self.history))
