"""Plan in what was learned: search for the actions that lead to what is wanted.

A `Planner` tries many sequences of actions from one point of a simulator, several futures each, and
looks for the one that costs least. `plan` is the command; `PlanningPolicy` acts in a gymnasium
environment.
"""

from .cem import CrossEntropy
from .commands import Commands
from .costs import CodeGoal, Cost, PixelGoal, RewardCost, StateGoal
from .gradient import Gradient
from .imagining import Imagination, Imagined, Present
from .mppi import Mppi
from .planner import Plan, Planner
from .plans import Planned, plan
from .policy import PlanningPolicy
from .searching import Found, Problem, Search

__all__ = [
    "CodeGoal",
    "Commands",
    "Cost",
    "CrossEntropy",
    "Found",
    "Gradient",
    "Imagination",
    "Imagined",
    "Mppi",
    "PixelGoal",
    "Plan",
    "Planned",
    "Planner",
    "PlanningPolicy",
    "Present",
    "Problem",
    "RewardCost",
    "Search",
    "StateGoal",
    "plan",
]
