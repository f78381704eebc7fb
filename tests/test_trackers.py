"""Trackers: three methods each, a run that goes on in the same run of the tracker, and a training
that none of them can stop.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from types import ModuleType, SimpleNamespace
from typing import Any

import numpy as np
import pytest
from PIL import Image

import foreframe
from conftest import TINY
from foreframe.cli import main
from foreframe.data.store import ClipStore
from foreframe.errors import ForeframeError, InputError
from foreframe.plugins import TRACKERS, PluginGroup
from foreframe.trackers import UNTRACKED, check_tracker, open_tracker, strip

CONFIG = {"recipe": "push-tiny", "clip": {"horizon": 4, "conditions": ["action"]}}
EIGHT_STEPS = {**TINY, "training.steps": 8}


@pytest.fixture
def animation(tmp_path: Path) -> Path:
    frames = [Image.new("RGB", (16, 8), (40 * t, 0, 0)) for t in range(6)]
    frames[0].save(tmp_path / "step.webp", save_all=True, append_images=frames[1:], lossless=True)
    return tmp_path / "step.webp"


def say_nothing(line: str) -> None:
    raise AssertionError(line)


def tracked_twice(name: str, folder: Path, animation: Path) -> None:
    """Track a run that is stopped after its fourth step, having saved its second, and goes on."""
    for first, last in ((0, 4), (2, 6)):
        tracker = open_tracker(name, folder, CONFIG, first, say_nothing)
        for step in range(first + 1, last + 1):
            tracker.numbers(step, {"loss": 10.0 - step, "beta": 1.0})
        tracker.pictures(last, {"futures": animation})
        tracker.finish()


def test_a_strip_shows_an_animation_from_first_to_last(animation: Path) -> None:
    shown = strip(animation)
    assert shown.shape == (4 * 8, 16, 3)
    assert np.diff(shown[::8, 0, 0].astype(int)).min() > 0


def test_tensorboard_shows_a_training_that_was_stopped_and_goes_on(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip(
        "tensorboard", reason="no TensorBoard in this environment: pip install -e '.[tensorboard]'"
    )
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    run = tmp_path / "run"
    for last in (6, 8):
        foreframe.train(
            "push-tiny", store.path, run, changes=EIGHT_STEPS, max_steps=last, tracker="tensorboard"
        )
    found = EventAccumulator(str(run / "tensorboard"))
    found.Reload()
    assert [event.step for event in found.Scalars("loss")] == list(range(1, 9))
    assert [event.step for event in found.Scalars("validation_crps")] == [4, 8]
    assert [event.step for event in found.Images("futures")] == [4, 8]
    before = sorted((run / "tensorboard").iterdir())
    foreframe.train("push-tiny", store.path, run, changes=EIGHT_STEPS, tracker="tensorboard")
    assert sorted((run / "tensorboard").iterdir()) == before, "a finished run adds nothing"


def test_tensorboard_forgets_steps_that_are_done_again(tmp_path: Path, animation: Path) -> None:
    pytest.importorskip(
        "tensorboard", reason="no TensorBoard in this environment: pip install -e '.[tensorboard]'"
    )
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    tracked_twice("tensorboard", tmp_path, animation)
    found = EventAccumulator(str(tmp_path / "tensorboard"))
    found.Reload()
    assert [(e.step, e.value) for e in found.Scalars("loss")] == [
        (s, 10.0 - s) for s in range(1, 7)
    ]


def test_trackio_keeps_a_run_that_was_stopped_and_goes_on(
    tmp_path: Path, animation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRACKIO_DIR", str(tmp_path / "trackio"))
    pytest.importorskip("trackio", reason="no Trackio in this environment: pip install trackio")
    from trackio.sqlite_storage import SQLiteStorage

    tracked_twice("trackio", tmp_path, animation)
    (name,) = SQLiteStorage.get_runs("foreframe")
    logged = SQLiteStorage.get_logs("foreframe", name)
    assert {line["step"] for line in logged if "loss" in line} == set(range(1, 7))
    assert [line["step"] for line in logged if "futures" in line] == [4, 6]
    assert name.startswith(tmp_path.name)


class _FakeWandb(ModuleType):
    """What this project calls of wandb, as wandb documents it."""

    def __init__(self) -> None:
        super().__init__("wandb")
        self.runs: dict[str, list[dict[str, Any]]] = {}
        self.Settings = lambda console: console
        self.Image = lambda picture: picture.shape

    def init(self, *, project: str, id: str, resume: str, **more: Any) -> Any:  # noqa: A002
        assert (project, resume) == ("foreframe", "allow")
        assert more["config"] == CONFIG
        lines = self.runs.setdefault(id, [])
        return SimpleNamespace(
            define_metric=lambda name, step_metric: None,
            log=lines.append,
            finish=lambda: lines.append({"finished": True}),
        )


class _FakeMlflow(ModuleType):
    """What this project calls of MLflow, as MLflow documents it."""

    def __init__(self) -> None:
        super().__init__("mlflow")
        self.runs: dict[str, dict[str, Any]] = {}
        self.MlflowClient = lambda: self
        self.entities = ModuleType("mlflow.entities")
        self.entities.Metric = lambda name, value, now, step: (name, value, step)  # type: ignore[attr-defined]
        self.entities.Param = lambda key, value: (key, value)  # type: ignore[attr-defined]

    def get_experiment_by_name(self, name: str) -> None:
        return None

    def create_experiment(self, name: str) -> str:
        return name

    def search_runs(self, homes: list[str], text: str) -> list[Any]:
        key = text.partition(" = ")[2].strip("'")
        return [SimpleNamespace(info=SimpleNamespace(run_id=key))] if key in self.runs else []

    def create_run(self, home: str, run_name: str, tags: Mapping[str, str]) -> Any:
        (key,) = tags.values()
        self.runs[key] = {"metrics": [], "params": {}, "artifacts": [], "status": "RUNNING"}
        return SimpleNamespace(info=SimpleNamespace(run_id=key))

    def update_run(self, run: str, status: str) -> None:
        self.runs[run]["status"] = status

    def log_batch(self, run: str, metrics: Any = (), params: Any = ()) -> None:
        self.runs[run]["metrics"] += metrics
        self.runs[run]["params"].update(params)

    def log_artifact(self, run: str, file: str, folder: str) -> None:
        self.runs[run]["artifacts"].append((folder, Path(file).name))

    def set_terminated(self, run: str) -> None:
        self.runs[run]["status"] = "FINISHED"


def faked(module: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, module.__name__, module)
    if hasattr(module, "entities"):
        monkeypatch.setitem(sys.modules, "mlflow.entities", module.entities)
    monkeypatch.setattr("importlib.util.find_spec", lambda name: object())


def test_wandb_is_told_everything_in_one_run(
    tmp_path: Path, animation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = _FakeWandb()
    faked(wandb, monkeypatch)
    tracked_twice("wandb", tmp_path, animation)
    (lines,) = wandb.runs.values()
    assert [line["step"] for line in lines if "loss" in line] == [1, 2, 3, 4, 3, 4, 5, 6]
    assert {"futures": (32, 16, 3), "step": 4} in lines
    assert lines.count({"finished": True}) == 2


def test_mlflow_is_told_everything_in_one_run(
    tmp_path: Path, animation: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mlflow = _FakeMlflow()
    faked(mlflow, monkeypatch)
    tracked_twice("mlflow", tmp_path, animation)
    (run,) = mlflow.runs.values()
    assert ("loss", 4.0, 6) in run["metrics"]
    assert run["params"]["clip.horizon"] == "4"
    assert run["artifacts"] == [("futures", "step.webp")] * 2
    assert run["status"] == "FINISHED"


class Failing:
    """A tracker that fails from its second number on."""

    def __init__(self) -> None:
        self.calls: list[str] = []

    def numbers(self, step: int, values: Mapping[str, float]) -> None:
        self.calls.append("numbers")
        if step > 1:
            raise ConnectionError("the server\nis gone")

    def pictures(self, step: int, files: Mapping[str, Path]) -> None:
        self.calls.append("pictures")

    def finish(self) -> None:
        self.calls.append("finish")


def offered(open_it: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """Offer a tracker as an installed package would."""
    module = ModuleType("outsider")
    module.open_tracker = open_it  # type: ignore[attr-defined]
    monkeypatch.setattr(PluginGroup, "module", lambda group, name: module)


def test_a_tracker_that_fails_does_not_stop_the_training(
    store: ClipStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    tracker, run = Failing(), tmp_path / "run"
    module = PluginGroup.module
    outsider = ModuleType("outsider")
    outsider.open_tracker = lambda run: tracker  # type: ignore[attr-defined]
    monkeypatch.setattr(
        PluginGroup, "module", lambda g, name: outsider if g is TRACKERS else module(g, name)
    )
    foreframe.train(
        "push-tiny", store.path, run, changes=EIGHT_STEPS, max_steps=4, tracker="outsider"
    )
    assert tracker.calls == ["numbers", "numbers"]
    said = capsys.readouterr().out
    assert said.count("the tracker outsider failed (ConnectionError: the server is gone)") == 1
    assert len((run / "metrics.jsonl").read_text().splitlines()) == 5


def test_a_tracker_that_cannot_be_opened_stops_only_what_has_not_begun(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def open_it(run: object) -> None:
        raise RuntimeError("not logged in")

    offered(open_it, monkeypatch)
    with pytest.raises(InputError, match=r"outsider cannot be opened .*not logged in.* leave"):
        open_tracker("outsider", tmp_path, CONFIG, 0)
    told: list[str] = []
    assert open_tracker("outsider", tmp_path, CONFIG, 100, told.append) is UNTRACKED
    assert "training goes on without it" in told[0]


def test_a_tracker_that_is_not_there_is_said_before_anything_is_read(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    for name in TRACKERS.names():
        with pytest.raises(ForeframeError, match=rf"pip install 'foreframe\[{name}\]'"):
            check_tracker(name)
    with pytest.raises(SystemExit):
        main(["train", "push-tiny", "--data", "d", "--out", "o", "--tracker", "tensorbord"])
    assert "unknown tracker 'tensorbord'; did you mean tensorboard?" in capsys.readouterr().err
    with pytest.raises(SystemExit):
        main(["train", "push-tiny", "--data", "d", "--out", "o", "--wandb"])
    assert "--wandb is --tracker here: foreframe train ... --tracker wandb" in (
        capsys.readouterr().err
    )
