"""Trackio: a local database, shown by `trackio show`; TRACKIO_DIR and TRACKIO_SPACE_ID as usual."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from ._pictures import strip
from ._tracker import TrackedRun, Tracker

PACKAGE = "trackio"
PROJECT = "foreframe"


class _Trackio:
    def __init__(self, run: TrackedRun) -> None:
        import trackio

        self._image = trackio.Image
        self._run = trackio.init(
            PROJECT, run.name, config=run.settings, resume="allow", embed=False, auto_log_gpu=False
        )

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self._run.log(dict(values), step=step)

    def pictures(self, step: int, files: Mapping[str, Path]) -> None:
        images = {name: self._image(strip(file)) for name, file in files.items()}
        self._run.log(images, step=step)

    def finish(self) -> None:
        self._run.finish()


def open_tracker(run: TrackedRun) -> Tracker:
    return _Trackio(run)
