"""The verbs of the command line. A new one is a line here and what it says in `telling`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import telling


@dataclass(frozen=True)
class Verb:
    """`function` ("module:name" under foreframe) is what the verb is; `tell` says what came of it.

    `positionals` are the parameters that are given without a name; `flags` are switches of the command line alone.
    """

    name: str
    usage: str
    summary: str
    function: str
    tell: Callable[[Any, telling.Arguments], None]
    positionals: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)


_TABLE = (
    Verb(
        "demo",
        "[--out runs/demo]",
        "the main job, in minutes: from no data to a page",
        "demonstration:demo",
        telling.demonstrated,
    ),
    Verb(
        "data make",
        "WORLD OUT [--trajectories N] [--seed S] [--workers W]",
        "make a clip store from an embedded world (push, shove, dance)",
        "data:make",
        telling.made,
        ("world", "out"),
    ),
    Verb(
        "data import",
        "SRC OUT [--format F] [--size H W] [--stride K] ...",
        "turn recordings into a clip store",
        "data:import_recordings",
        telling.made,
        ("src", "out"),
    ),
    Verb(
        "data export",
        "STORE OUT [--format pushing]",
        "write a clip store in another layout",
        "data:export",
        telling.exported,
        ("store", "out"),
    ),
    Verb(
        "data inspect",
        "STORE [--json]",
        "what to know of a store before training on it",
        "data:inspect",
        telling.inspected,
        ("store",),
        {"json": "print JSON"},
    ),
    Verb(
        "data validate",
        "STORE",
        "read a store back and verify every digest",
        "data:validate",
        telling.validated,
        ("store",),
    ),
    Verb(
        "data preview",
        "STORE OUT.png|.gif|.webp",
        "a contact sheet or an animation of a store",
        "data:preview",
        telling.previewed,
        ("store", "out"),
    ),
    Verb(
        "train",
        "RECIPE --data STORE --out RUN [--any.field VALUE]",
        "train a recipe; the same command resumes",
        "training:train",
        telling.trained,
        ("recipe",),
    ),
    Verb(
        "eval",
        "RUN --data STORE [--split test] [--protocol P] ...",
        "score a run beside its baselines",
        "evaluation:evaluate",
        telling.evaluated,
        ("run",),
    ),
    Verb(
        "sample",
        "RUN --data STORE [--out DIR] [--clips I,J] ...",
        "draw futures beside the truth",
        "evaluation.drawing:sample",
        telling.drawn,
        ("run",),
    ),
    Verb(
        "plot", "RUN... --out DIR", "training curves and scores per frame", "reporting:plot", telling.plotted, ("runs",)
    ),
    Verb("report", "RUN", "one page that shows a run", "reporting:report", telling.reported, ("run",)),
    Verb(
        "play",
        "[RUN] [--data STORE] [--port 8765] [--no-browser]",
        "steer a model in the browser; without RUN those that come with foreframe",
        "serve:play",
        telling.played,
        ("run",),
    ),
    Verb(
        "publish",
        "RUN OUT --data STORE [--protocol P]",
        "a model folder to hand on: rounded weights, clips, card",
        "publishing:publish",
        telling.published,
        ("run", "out"),
    ),
    Verb(
        "experiment",
        "NAME --data STORE [--seeds 3] [--out DIR] [--any.field VALUE]",
        "compare arms over seeds: annealing, forcing, learning-rate",
        "experiments:experiment",
        telling.compared,
        ("name",),
    ),
    Verb("info", "", "versions and machine, for a bug report", "hardware:info", telling.informed),
)

VERBS = {verb.name: verb for verb in _TABLE}
