"""Plans as a policy: pictures in, actions out, for any gymnasium environment.

Letters: H height, W width, C channels, U steered numbers, A condition.
"""

from __future__ import annotations

from collections import deque
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..clips import to_uint8
from ..errors import InputError
from .costs import picture_for
from .imagining import Present
from .planner import Plan, Planner

Array = NDArray[Any]


class PlanningPolicy:
    """Choose actions by planning from the last pictures that were seen.

    The model is shown real pictures before each plan; between two plans it is not asked.

    Attributes:
        planner: how to plan, and towards what.
        replan: frames after which a new plan is made.
        plan: the latest plan; None before the first action.

    Args:
        planner: how to plan, and towards what.
        replan: frames after which a new plan is made; by default as many as a command is held for.

    Example:
        >>> policy = PlanningPolicy(planner)                                       # doctest: +SKIP
        >>> picture, _ = env.reset()                                               # doctest: +SKIP
        >>> policy.reset()                                                         # doctest: +SKIP
        >>> picture, *_ = env.step(policy(picture))                                # doctest: +SKIP
    """

    def __init__(self, planner: Planner, replan: int | None = None) -> None:
        self.planner = planner
        self.replan = planner.commands.held if replan is None else replan
        if not 1 <= self.replan <= planner.horizon:
            raise InputError(
                f"replan is {self.replan}; expected 1 to {planner.horizon} frames (the horizon)"
            )
        self.reset()

    def reset(self) -> None:
        """Forget what was seen: an episode begins."""
        simulator = self.planner.simulator
        n_past = simulator.n_past
        self._pictures: deque[Tensor] = deque(maxlen=n_past)
        self._conditions: deque[Tensor] = deque(maxlen=max(2, n_past))
        self._step, self._done = 0, self.planner.commands.mean.numpy()
        self._states: Array | None = None
        self.plan: Plan | None = None

    def __call__(self, picture: Array, states: Array | None = None) -> Array:
        """Return the action after a picture, in raw units [U].

        Args:
            picture: what is seen, uint8 [H, W, C].
            states: the measured states at the picture, in the order of the model's conditions,
                for a model that is conditioned on them.

        Raises:
            InputError: a picture of another size; states that are missing, or not asked for.
        """
        self._see(picture, states)
        if self.plan is None or self._step - self.plan.step >= self.replan:
            self.plan = self.planner.plan(self._present(), self.plan)
        action: Array = self.plan.actions[self._step - self.plan.step]
        self._done = action
        return action

    def _see(self, picture: Array, states: Array | None) -> None:
        seen = to_uint8(picture_for(self.planner.simulator.spec, picture))
        # A condition holds the states before its picture.
        before, self._states = self._states if self._step else states, states
        if not self._step:  # nothing was seen before the first picture: it stood still
            rest = self._condition(self._done, before)
            self._pictures.extend([seen] * (self._pictures.maxlen or 1))
            self._conditions.extend([rest] * (self._conditions.maxlen or 1))
            self._step = 1
            return
        self._pictures.append(seen)
        self._conditions.append(self._condition(self._done, before))
        self._step += 1

    def _present(self) -> Present:
        simulator, n_past = self.planner.simulator, len(self._pictures)
        conditions = torch.stack(list(self._conditions))
        return Present.after(
            simulator.model, torch.stack(list(self._pictures)), conditions[-n_past:], self._step
        )

    def _condition(self, action: Array, states: Array | None) -> Tensor:
        """Return the condition of the picture that was just seen [A]."""
        simulator = self.planner.simulator
        places = simulator.head.indices if simulator.head else ()
        got = 0 if states is None else len(states)
        if got != len(places):
            names = ", ".join(simulator.spec.names[i] for i in places) or "none"
            raise InputError(f"got {got} states; expected {len(places)} ({names})")
        whole = np.zeros(simulator.spec.condition[0], np.float32)
        whole[list(simulator.steered)] = action
        if states is not None and len(places):
            whole[list(places)] = states
        return torch.from_numpy(whole)
