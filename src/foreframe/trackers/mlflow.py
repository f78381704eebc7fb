"""MLflow: a server or a folder, as MLFLOW_TRACKING_URI says; see it with `mlflow ui`."""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from pathlib import Path

from ._tracker import TrackedRun, Tracker

PACKAGE = "mlflow"

_KEY = "foreframe.run"  # the tag by which a run is found again
_LONGEST = 500  # letters of a setting that MLflow takes wherever it stores


class _Mlflow:
    def __init__(self, run: TrackedRun) -> None:
        from mlflow import MlflowClient
        from mlflow.entities import Metric, Param

        self._client, self._metric = MlflowClient(), Metric
        name = os.environ.get("MLFLOW_EXPERIMENT_NAME", "foreframe")
        there = self._client.get_experiment_by_name(name)
        home = there.experiment_id if there else self._client.create_experiment(name)
        found = self._client.search_runs([home], f"tags.`{_KEY}` = '{run.key}'")
        if found:
            self._id = found[0].info.run_id
            self._client.update_run(self._id, status="RUNNING")
            return
        made = self._client.create_run(home, run_name=run.name, tags={_KEY: run.key})
        self._id = made.info.run_id
        settings = [Param(key, str(value)[:_LONGEST]) for key, value in run.settings.items()]
        self._client.log_batch(self._id, params=settings)

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        now = int(time.time() * 1000)
        metrics = [self._metric(name, value, now, step) for name, value in values.items()]
        self._client.log_batch(self._id, metrics=metrics)

    def pictures(self, step: int, files: Mapping[str, Path]) -> None:
        for name, file in files.items():
            self._client.log_artifact(self._id, str(file), name)

    def finish(self) -> None:
        self._client.set_terminated(self._id)


def open_tracker(run: TrackedRun) -> Tracker:
    return _Mlflow(run)
