"""The whole pipeline in one call: make data, train, evaluate, draw and report."""

from __future__ import annotations

from pathlib import Path

from . import data, evaluation, training
from .evaluation.drawing import sample
from .reporting import report
from .runtime.outputs import claim_output

RECIPE = "push-tiny"
_TRAJECTORIES = 280


def demo(out: str | Path = "runs/demo") -> evaluation.Evaluation:
    """Make robot-pushing data, train a small model, score it against baselines and write a page.

    The same call resumes where it was stopped: finished data and training are kept.

    Args:
        out: the run, with `data/` (the clip store), `eval.json` and `report.html` in it.

    Returns:
        The scores, which `eval.json` holds too.
    """
    out = Path(out)
    claim_output(out, "demo", ("data/manifest.json", "data.partial"))
    store = data.make("push", out / "data", trajectories=_TRAJECTORIES).path
    training.train(RECIPE, store, out)
    scores = evaluation.evaluate(out, store)
    sample(out, store)
    report(out)
    return scores
