"""The commands of the command line. A new one is a line here and what it says in `output`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from . import output


@dataclass(frozen=True)
class Command:
    """`function` ("module:name" under foreframe) is what the verb is; `tell` says what came of it.

    `positionals` are the parameters that are given without a name; `flags` are switches of the command line alone.
    """

    name: str
    usage: str
    summary: str
    function: str
    tell: Callable[[Any, output.Arguments], None]
    positionals: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict)


_TABLE = (
    Command(
        "demo",
        "[--out runs/demo]",
        "the main job, in minutes: from no data to a page",
        "demonstration:demo",
        output.demonstrated,
    ),
    Command(
        "data make",
        "WORLD OUT [--trajectories N] [--seed S] [--workers W]",
        "make a clip store from an embedded world (push, push_keys, dance)",
        "data:make",
        output.made,
        ("world", "out"),
    ),
    Command(
        "data import",
        "SRC OUT [--format F] [--size H W] [--stride K] ...",
        "turn recordings into a clip store",
        "data:import_recordings",
        output.made,
        ("src", "out"),
    ),
    Command(
        "data export",
        "STORE OUT [--format pushing]",
        "write a clip store in another layout",
        "data:export",
        output.exported,
        ("store", "out"),
    ),
    Command(
        "data inspect",
        "STORE [--json]",
        "what to know of a store before training on it",
        "data:inspect",
        output.inspected,
        ("store",),
        {"json": "print JSON"},
    ),
    Command(
        "data validate",
        "STORE",
        "read a store back and verify every digest",
        "data:validate",
        output.validated,
        ("store",),
    ),
    Command(
        "data preview",
        "STORE OUT.png|.gif|.webp",
        "a contact sheet or an animation of a store",
        "reporting:preview",
        output.previewed,
        ("store", "out"),
    ),
    Command(
        "train",
        "RECIPE --data STORE --out RUN [--any.field VALUE]",
        "train a recipe; the same command resumes",
        "training:train",
        output.trained,
        ("recipe",),
    ),
    Command(
        "eval",
        "RUN --data STORE [--split test] [--protocol P] ...",
        "score a run beside its baselines",
        "evaluation:evaluate",
        output.evaluated,
        ("run",),
    ),
    Command(
        "sample",
        "RUN --data STORE [--out DIR] [--clips I,J] ...",
        "draw futures beside the truth",
        "evaluation.drawing:sample",
        output.drawn,
        ("run",),
    ),
    Command(
        "plot",
        "RUN... --out DIR",
        "training curves and scores per frame",
        "reporting:plot",
        output.plotted,
        ("runs",),
    ),
    Command(
        "report", "RUN", "one page that shows a run", "reporting:report", output.reported, ("run",)
    ),
    Command(
        "play",
        "[RUN] [--data STORE] [--port 8765] [--no-browser]",
        "steer a model in the browser; without RUN those that come with foreframe",
        "serve:play",
        output.played,
        ("run",),
    ),
    Command(
        "publish",
        "RUN OUT --data STORE [--protocol P]",
        "a model folder to hand on: rounded weights, clips, card",
        "reporting:publish",
        output.published,
        ("run", "out"),
    ),
    Command(
        "experiment",
        "NAME --data STORE [--seeds 3] [--out DIR] [--any.field VALUE]",
        "compare arms over seeds: annealing, forcing, learning-rate",
        "experiments:experiment",
        output.compared,
        ("name",),
    ),
    Command(
        "info",
        "",
        "versions and machine, for a bug report",
        "runtime.hardware:info",
        output.informed,
    ),
)

COMMANDS = {verb.name: verb for verb in _TABLE}
