"""`foreframe plan`: search for actions that lead to a goal, act on them, and write the result."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from .. import models
from ..errors import InputError, unknown
from ..runtime.outputs import keep_apart, new_folder
from ..runtime.progress import progress
from ..runtime.unfinished import unfinished
from ..simulate import Simulator
from .acting import act_on_plans, rounds
from .cem import CrossEntropy
from .goals import Distance, goal_of
from .gradient import Gradient
from .mppi import Mppi
from .planner import HORIZON, Judged, Plan, Planner
from .searching import Search
from .writing import write

PlannerName = Literal["cem", "mppi", "gradient"]

_SEARCHES: Mapping[str, Callable[[int, int], Search]] = {
    "cem": CrossEntropy,
    "mppi": Mppi,
    "gradient": lambda samples, iterations: Gradient(CrossEntropy(samples, iterations)),
}


@dataclass(frozen=True)
class Planned:
    """What `plan` did.

    Attributes:
        folder: where it was written.
        goal: in words.
        plans: in turn; the first is the plan from the start.
        frames: that were acted for.
        before: what the start costs; None for a reward, which is of a whole future.
        after: what the frame costs that was acted to, the mean over its futures; None likewise.
    """

    folder: Path
    goal: str
    plans: tuple[Plan, ...]
    frames: int
    before: float | None
    after: float | None

    @property
    def expected(self) -> Judged:
        """What the first plan costs in futures that the search had not seen."""
        return self.plans[0].expected


def plan(
    run: str | Path,
    out: str | Path,
    data: str | Path | None = None,
    goal: str | Path | None = None,
    goal_frame: int | None = None,
    goal_state: tuple[str, ...] = (),
    reward: str | None = None,
    distance: Distance = "pixels",
    start: int = 0,
    planner: PlannerName = "cem",
    samples: int = 64,
    iterations: int = 5,
    horizon: int | None = None,
    futures: int = 4,
    risk: float = 1.0,
    looked_at: int = 2,
    steps: int | None = None,
    replan: int | None = None,
    seed: int = 0,
    format: Literal["webp", "gif"] = "webp",  # noqa: A002 - the option's name
) -> Planned:
    """Search for the actions that lead to a goal, in the model, and act on them there.

    Many sequences of actions are imagined from one point, each in several futures; the next ones
    are drawn about the best. Actions keep to the limits, the blocks and the changes of the
    recordings.

    Args:
        run: a run folder.
        out: the new folder for plan.json, actions.csv, actions.npz and the imagined film.
        data: a store of clips to begin from; by default the one that the run was trained on.
        goal: a picture to get to, of the size that the model predicts.
        goal_frame: the number of a frame of the clip to get to.
        goal_state: states to get to, NAME=VALUE each, for a model that is conditioned on states.
        reward: a Python function to make large, MODULE:FUNCTION; it takes what was imagined
            (`foreframe.planning.Imagined`) and returns a number for each sequence and future.
        distance: how a goal picture is compared: by its pixels, or in the code of the model.
        start: the number of the clip to begin from.
        planner: how to search: the cross-entropy method, path integrals (MPPI), or a short search
            that is refined by gradients.
        samples: sequences of actions in each iteration.
        iterations: of the search.
        horizon: frames to plan; by default 10, or as many as the model was trained on.
        futures: futures imagined for each sequence.
        risk: how much the spread of its futures counts against a sequence, in standard deviations.
        looked_at: frames of each future that are compared with the goal, evenly spread up to the
            last.
        steps: frames to act for; by default the horizon.
        replan: frames after which a new plan is made; by default the horizon: one plan.
        seed: of the draws and of the futures.
        format: of the film.

    Raises:
        InputError: not a run, or one without actions; no goal, several, or one that does not fit;
            a cost that is not finite; `out` holds something.
    """
    out = Path(out)
    keep_apart(out, Path(run), "the run")
    new_folder(out, "the plan")
    if format not in ("webp", "gif"):
        raise unknown("format", format, ("webp", "gif"))
    simulator = Simulator(run, data)
    if horizon is None:
        horizon = min(HORIZON, int(simulator.notes["horizon"]))
    steps, replan = (horizon if count is None else count for count in (steps, replan))
    search = _search(planner, samples, iterations)
    if not 0 <= start < len(simulator.starts):
        raise InputError(
            f"--start is {start}; {simulator.name} has clips 0 to {len(simulator.starts) - 1}"
        )
    wanted = goal_of(simulator, start, goal, goal_frame, goal_state, reward, distance)
    made = Planner(simulator, wanted.cost, search, horizon, futures, risk, looked_at, seed)
    drive = simulator.begin(start, futures, seed)
    settings = {
        "run": simulator.name,
        "weights": models.describe(run)["tensors"],
        "start": simulator.starts[start].name,
        "goal": wanted.words,
        "planner": planner,
        "samples": samples,
        "iterations": iterations,
        "horizon": horizon,
        "futures": futures,
        "risk": risk,
        "looked_at": looked_at,
        "steps": steps,
        "replan": replan,
        "seed": seed,
    }
    before = wanted.cost_of_present(simulator, drive)
    tried = search.evaluations * rounds(steps, replan)
    with progress("planning", tried, "sequences") as advance:
        acted = act_on_plans(made, drive, steps, replan, advance)
    after = wanted.cost_of_present(simulator, acted.drive)
    planned = Planned(out, wanted.words, tuple(acted.plans), steps, before, after)
    with unfinished(out, "plan") as making:
        making.claim_or_clear(settings)
        costs = {"before": before, "after": after}
        write(making.folder, made, acted, wanted, settings, costs, format)
        making.finish()
    return planned


def _search(name: str, samples: int, iterations: int) -> Search:
    if name not in _SEARCHES:
        raise unknown("planner", name, _SEARCHES)
    return _SEARCHES[name](samples, iterations)
