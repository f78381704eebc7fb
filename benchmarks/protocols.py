"""The same predictions under every protocol: what a figure is worth without its protocol.

    python benchmarks/protocols.py RUN --data STORE [--horizon 10] [--samples 10] [--split test]
        [--json FILE]

The futures of a run are drawn once, after its own context at the first frames of each episode, and
scored as each protocol would: its variants of PSNR and SSIM, and its choice among the samples.
Copying stands beside them, and the world's own futures where the store has them and they are as
long as the horizon (the run's own by default). Prints a table in Markdown. What each protocol gives
on its own clips is what `foreframe eval --protocol A,B` prints.
"""

from __future__ import annotations

import argparse
import dataclasses
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from foreframe import models
from foreframe.clips import Batch
from foreframe.data.store import ClipStore
from foreframe.evaluation.cache import ScoreCache
from foreframe.evaluation.evaluating import clip_windows, fitted_baselines
from foreframe.evaluation.figures import COPYING
from foreframe.evaluation.measuring import Task, measure_together
from foreframe.evaluation.predicting import sample_futures
from foreframe.evaluation.protocol import Aggregation, Protocol, find_protocol
from foreframe.evaluation.summary import Summary, summarise
from foreframe.metrics import Metric, crps
from foreframe.noise import Noise, clip_seeds
from foreframe.plugins import PROTOCOLS
from foreframe.runtime import hardware
from foreframe.runtime.progress import progress

_MEASURES = {"psnr": 2, "ssim": 3}  # with decimals
_REFERENCE = "foreframe"


class OwnMetricsAlone(Protocol):
    """A protocol that leaves out the metrics that are not its own."""

    def all_metrics(self) -> list[Metric]:
        return list(self.metrics)


def restated(name: str, samples: int, horizon: int | None) -> Protocol:
    """Return how a protocol measures, on clips of the run's own lengths."""
    found = find_protocol(name)
    metrics = tuple(metric for metric in found.metrics if metric.name in _MEASURES)
    if name == _REFERENCE:
        metrics = (crps.METRIC, *metrics)
    changes = {"n_past": None, "horizon": horizon, "every": 0, "samples": samples}
    values = {field.name: getattr(found, field.name) for field in dataclasses.fields(found)}
    return OwnMetricsAlone(
        **{**values, **changes, "metrics": metrics, "demanding": (), "controls": False}
    )


def summaries(
    run: Path, data: Path, split: str, samples: int, horizon: int | None
) -> dict[str, Summary]:
    """Return the figures of a run's futures under every protocol."""
    described, store, device = models.describe(run), ClipStore(data), hardware.device()
    model = models.load(run).to(device)
    baselines = {COPYING: fitted_baselines(model.spec, store, device)[COPYING]}
    tasks = []
    with tempfile.TemporaryDirectory() as folder:
        for name in PROTOCOLS.names():
            protocol = restated(name, samples, horizon)
            windows, n_past = clip_windows(described, store, split, protocol)

            def futures(clip: Batch, indices: Sequence[int], n_past: int = n_past) -> Any:
                return sample_futures(model, clip, n_past, Noise(clip_seeds(0, indices), samples))

            task = Task(
                futures, model, baselines, windows, protocol, n_past, samples, seed=0, device=device
            )
            tasks.append((task, ScoreCache(Path(folder), name)))
        with progress("evaluating", len(windows), "clips") as advance:
            tallies = measure_together(tasks, advance)
    made = zip(tasks, tallies, strict=True)
    return {task.protocol.name: summarise(task, tally) for (task, _), tally in made}


def row(name: str, found: Summary) -> dict[str, Any]:
    """Return the figures that a protocol is quoted by: of the run, of the world, of copying."""
    mean = find_protocol(name).aggregation is Aggregation.MEAN
    values: dict[str, Any] = {"protocol": name}
    for measure in _MEASURES:
        values[f"{measure} run"] = (found.scores if mean else found.best_of)[measure].mean
        if found.world is not None:
            world = found.world.scores if mean else found.world.scores_best
            values[f"{measure} world"] = world[measure].mean
        values[f"{measure} copy"] = found.baselines[COPYING][measure].mean
    return values


def markdown(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as a table."""
    heads = list(rows[0])
    lines = ["| " + " | ".join(heads) + " |", "|---" * len(heads) + "|"]
    for found in rows:
        cells = [
            f"{value:.{_MEASURES[head.split()[0]]}f}" if isinstance(value, float) else f"`{value}`"
            for head, value in found.items()
        ]
        lines.append("| " + " | ".join(cells) + " |")
    return "\n".join(lines)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("run", type=Path)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--horizon", type=int)
    parser.add_argument("--samples", type=int, default=10)
    parser.add_argument("--split", default="test")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    found = summaries(given.run, given.data, given.split, given.samples, given.horizon)
    rows = [row(name, summary) for name, summary in found.items()]
    reference = found[_REFERENCE]
    print(markdown(rows))
    scores = {"run": reference.scores, "copy": reference.baselines[COPYING]}
    if reference.world is not None:
        scores["world"] = reference.world.scores
    proper = {name: figures["crps"].mean for name, figures in scores.items()}
    print(f"\n{reference.episodes} episodes, {given.samples} samples; CRPS {proper}")
    if "crps" in reference.skill:
        print(f"CRPS skill {reference.skill['crps'].mean}")
    if given.json:
        given.json.write_text(json.dumps({"rows": rows, "crps": proper}, indent=1) + "\n")


if __name__ == "__main__":
    main()
