"""TensorBoard: event files in the run's folder. See them with `tensorboard --logdir RUN`."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

from ._pictures import strip
from ._tracker import TrackedRun, Tracker

PACKAGE = "tensorboard"


class _TensorBoard:
    def __init__(self, run: TrackedRun) -> None:
        from torch.utils.tensorboard import SummaryWriter

        # Steps of an earlier start that are done again are shown once.
        first = run.first_step + 1
        self._writer = SummaryWriter(str(run.folder / "tensorboard"), purge_step=first)
        if not run.first_step:
            self._writer.add_text("settings", f"```json\n{json.dumps(run.config, indent=1)}\n```")

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        for name, value in values.items():
            self._writer.add_scalar(name, value, step)

    def pictures(self, step: int, files: Mapping[str, Path]) -> None:
        for name, file in files.items():
            self._writer.add_image(name, strip(file), step, dataformats="HWC")
        self._writer.flush()

    def finish(self) -> None:
        self._writer.close()


def open_tracker(run: TrackedRun) -> Tracker:
    return _TensorBoard(run)
