"""Write plans: JSON, tables of actions, and a film of what was imagined.

Letters: T frames, A condition, U steered numbers, F futures, H height, W width, C channels.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..clips import to_uint8
from ..runtime.files import atomic_write, write_json
from ..runtime.schemas import stamped
from ..viz.captions import short_names
from ..viz.clips import Track, animate, bars, deviation
from .acting import Acted
from .goals import Goal
from .planner import Planner

Array = NDArray[Any]

PLAN, TABLE, ARRAYS = "plan.json", "actions.csv", "actions.npz"
_SCHEMA = "foreframe.plan/1"
_RATE = 5.0  # frames per second of a film, where the data do not say
_SHOWN_FUTURES = 3


def write(
    folder: Path,
    planner: Planner,
    acted: Acted,
    goal: Goal,
    settings: Mapping[str, Any],
    costs: Mapping[str, float | None],
    suffix: str,
) -> None:
    """Write everything about plans and what came of them into a folder."""
    found = {
        "settings": dict(settings),
        "costs": dict(costs),
        "names": list(planner.commands.names),
        "held_frames": planner.commands.held,
        "actions": _rounded(acted.actions),
        "plans": [plan.to_dict() for plan in acted.plans],
    }
    write_json(folder / PLAN, stamped(found, _SCHEMA))
    first = acted.plans[0].step
    atomic_write(folder / TABLE, _table(planner.commands.names, acted.actions, first))
    _arrays(folder / ARRAYS, acted, first)
    rate = planner.simulator.spec.frames_per_second or _RATE
    animate(film(planner, acted, goal), folder / f"film.{suffix}", rate)


def film(planner: Planner, acted: Acted, goal: Goal) -> list[Track]:
    """Return the columns of a film: goal, futures, where they disagree, and the actions."""
    drive, spec = acted.drive, planner.simulator.spec
    context = np.stack([_picture(frame) for frame in drive.start.frames[: drive.n_past]])
    given, count = len(context), acted.pictures.shape[1]
    whole = [np.concatenate([context, acted.pictures[:, n]]) for n in range(count)]
    tracks = []
    if goal.picture is not None:
        still = _picture(to_uint8(goal.picture))
        tracks.append(Track("goal", np.repeat(still[None], len(whole[0]), 0), None))
    titles = ["planned", *(f"future {n + 1}" for n in range(1, count))]
    shown = zip(titles, whole[:_SHOWN_FUTURES], strict=False)
    tracks += [Track(title, frames, given) for title, frames in shown]
    if count > 1:
        tracks.append(Track("std. deviation", deviation(np.stack(whole)), given))
    steered = planner.simulator.steered
    before = drive.start.conditions[:given].numpy()[:, steered]
    numbers = np.concatenate([before, acted.actions])
    low, high = (np.asarray(x)[steered].tolist() for x in (spec.low, spec.high))
    pictures = bars(numbers, low, high, *spec.frame[1:])
    return [*tracks, Track("actions", pictures, None, short_names(planner.commands.names))]


def _table(names: Sequence[str], actions: Array, first: int) -> str:
    """Return actions as CSV: the frame that each leads to, then its numbers."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["frame", *names])
    writer.writerows([first + n, *row] for n, row in enumerate(_rounded(actions)))
    return text.getvalue()


def _arrays(file: Path, acted: Acted, first: int) -> None:
    content = io.BytesIO()
    np.savez_compressed(
        content, actions=acted.actions, frames=acted.pictures[:, 0], first_frame=np.array(first)
    )
    atomic_write(file, content.getvalue())


def _rounded(actions: Array) -> list[list[float]]:
    return [[round(float(x), 6) for x in row] for row in actions]


def _picture(frame: Any) -> Array:
    """Return a picture uint8 [C, H, W] as [H, W, C]."""
    found: Array = frame.movedim(0, -1).numpy()
    return found
