"""The commands of the command line; a new one is an entry here and a function in `output`.

Summaries may hold placeholders such as `{worlds}` for the names that exist.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Any

from . import beside, output


@dataclass(frozen=True)
class Command:
    """A Python function as a command.

    Attributes:
        name: the words that call it.
        usage: its arguments, as the help shows them.
        summary: what it does, in one line.
        function: the function to call, as "module:name" under foreframe.
        report: prints the function's result.
        positionals: parameters that are given without a name.
        flags: switches that only the command line has, with their help.
        around: what runs beside the function, from the arguments.
        on_device: whether `--device` chooses where it computes.
    """

    name: str
    usage: str
    summary: str
    function: str
    report: Callable[[Any, output.Arguments], None]
    positionals: tuple[str, ...] = ()
    flags: Mapping[str, str] = field(default_factory=dict, hash=False)
    around: Callable[[output.Arguments], AbstractContextManager[Any]] = contextlib.nullcontext
    on_device: bool = False


_TABLE = (
    Command(
        "demo",
        "[--out runs/demo] [--quick]",
        "make data, train, evaluate and write a page, in a few minutes",
        "demonstration:demo",
        output.demonstrated,
        on_device=True,
    ),
    Command(
        "data make",
        "WORLD OUT [--trajectories N] [--seed S] [--workers W]",
        "make a clip store from an embedded world ({worlds})",
        "data:make",
        output.made,
        ("world", "out"),
    ),
    Command(
        "data import",
        "SRC OUT [--format F] [--size H W] [--stride K] ...",
        "turn recordings, or a data set on the hub, into a clip store",
        "data:import_recordings",
        output.made,
        ("src", "out"),
    ),
    Command(
        "data export",
        "STORE OUT [--format pushing|dance|lerobot]",
        "write a clip store in another layout",
        "data:export",
        output.exported,
        ("store", "out"),
    ),
    Command(
        "data inspect",
        "STORE [--json]",
        "show what to know about a store before training on it",
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
        "draw a contact sheet or an animation of a store",
        "reporting:preview",
        output.previewed,
        ("store", "out"),
    ),
    Command(
        "recipes",
        "[--measure] [--json]",
        "list the recipes: what for, how large, how long, which score",
        "training.listing:list_recipes",
        output.recipes_listed,
        flags={"json": "print JSON"},
        on_device=True,
    ),
    Command(
        "train",
        "RECIPE --data STORE --out RUN [--any.field VALUE] [--watch]",
        "train a recipe; the same command resumes, more steps train longer",
        "training:train",
        output.trained,
        ("recipe",),
        {"watch": "serve the run's page while it trains, and open it in the browser"},
        around=beside.watching,
        on_device=True,
    ),
    Command(
        "watch",
        "RUN [--port 8766] [--no-browser]",
        "show in the browser how a run trains, live",
        "serve:watch",
        output.watched,
        ("run",),
    ),
    Command(
        "eval",
        "RUN --data STORE [--split test] [--protocol P] ...",
        "score a run against baselines",
        "evaluation:evaluate",
        output.evaluated,
        ("run",),
        on_device=True,
    ),
    Command(
        "eval --predictions",
        "FILE --data STORE [--clips CLIPS.npz] ...",
        "score predictions of another tool, as a run is scored",
        "evaluation:evaluate_predictions",
        output.predictions_evaluated,
        ("predictions",),
    ),
    Command(
        "eval --list-clips",
        "OUT.csv --data STORE [--protocol P] ...",
        "list the clips that a protocol scores, for other tools to predict",
        "evaluation:list_clips",
        output.clips_listed,
        ("out",),
    ),
    Command(
        "eval --export-clips",
        "OUT.npz --data STORE [--conditions C,D] ...",
        "write contexts and actions of these clips, for other models",
        "evaluation:export_clips",
        output.clips_exported,
        ("out",),
    ),
    Command(
        "sample",
        "RUN --data STORE [--out DIR] [--clips I,J] ...",
        "draw sampled futures beside the truth",
        "evaluation.drawing:sample",
        output.drawn,
        ("run",),
        on_device=True,
    ),
    Command(
        "compare",
        "RUN... --data STORE --out DIR [--protocol P]",
        "compare runs, eval.json files and predictions on the same clips",
        "reporting:compare",
        output.runs_compared,
        ("runs",),
    ),
    Command(
        "plot",
        "RUN... --out DIR",
        "plot training curves and scores per frame",
        "reporting:plot",
        output.plotted,
        ("runs",),
    ),
    Command(
        "report",
        "RUN",
        "write one page that shows a run",
        "reporting:report",
        output.reported,
        ("run",),
    ),
    Command(
        "play",
        "[RUN] [--data STORE] [--port 8765] [--no-browser]",
        "steer a model in the browser; without RUN, the pretrained ones",
        "serve:play",
        output.played,
        ("run",),
        on_device=True,
    ),
    Command(
        "plan",
        "RUN OUT --goal IMAGE|--goal-frame I|--goal-state N=V|--reward M:F",
        "search for the actions that lead to a goal, and act on them",
        "planning:plan",
        output.planned,
        ("run", "out"),
        on_device=True,
    ),
    Command(
        "publish",
        "RUN [OUT] [--data STORE] [--push ORG/NAME]",
        "write a model folder to share: weights, clips, card; push it to the hub",
        "reporting:publish",
        output.published,
        ("run", "out"),
        on_device=True,
    ),
    Command(
        "export",
        "RUN OUT --onnx|--web [--data STORE]",
        "write a model that runs without PyTorch: graphs, or a page",
        "portable:export",
        output.model_exported,
        ("run", "out"),
    ),
    Command(
        "experiment",
        "NAME --data STORE [--seeds 3] [--out DIR] [--any.field VALUE]",
        "compare arms over seeds: {experiments}",
        "experiments:experiment",
        output.compared,
        ("name",),
    ),
    Command(
        "completion",
        "bash|zsh|fish",
        "print the completion script of a shell; the docs say where to put it",
        "cli.completing:completion",
        output.completed,
        ("shell",),
    ),
    Command(
        "info",
        "",
        "print versions and hardware, for a bug report",
        "runtime.hardware:info",
        output.informed,
    ),
)

COMMANDS = {command.name: command for command in _TABLE}
