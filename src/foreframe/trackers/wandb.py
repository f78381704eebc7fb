"""Weights & Biases; WANDB_MODE=offline keeps everything on this machine until `wandb sync`."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path

from ._pictures import strip
from ._tracker import TrackedRun, Tracker

PACKAGE = "wandb"


class _Wandb:
    def __init__(self, run: TrackedRun) -> None:
        import wandb

        self._image = wandb.Image
        self._run = wandb.init(
            project=os.environ.get("WANDB_PROJECT", "foreframe"),
            id=run.key,
            name=run.name,
            config=dict(run.config),
            dir=str(run.folder),
            resume="allow",
            settings=wandb.Settings(console="off"),
        )
        # Steps of an interrupted start come again, which the steps of wandb itself may not.
        self._run.define_metric("*", step_metric="step")

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log({**values, "step": step})

    def pictures(self, step: int, files: Mapping[str, Path]) -> None:
        images = {name: self._image(strip(file)) for name, file in files.items()}
        self._run.log({**images, "step": step})

    def finish(self) -> None:
        self._run.finish()


def open_tracker(run: TrackedRun) -> Tracker:
    return _Wandb(run)
