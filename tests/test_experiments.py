"""Experiments: arms and seeds that can be stopped, and a page that says what was found."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

import foreframe
from conftest import TINY
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.experiments.running import _read
from foreframe.metrics import Interval, seeds_interval
from foreframe.plugins import EXPERIMENTS
from foreframe.training import resolve

pytestmark = pytest.mark.slow

SHORT = {key: value for key, value in TINY.items() if not key.startswith("training.")} | {
    "training.steps": 6,
    "training.batch": 2,
    "training.log_every": 1,
    "training.precision": "32-true",
}


@pytest.fixture(scope="module")
def done(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("experiment") / "annealing"
    foreframe.experiment("annealing", store.path, out, seeds=2, workers=1, changes=SHORT)
    return out


def test_every_arm_and_seed_is_there(done: Path) -> None:
    result = json.loads((done / "experiment.json").read_text())
    assert list(result["arms"]) == ["constant", "cyclical", "monotonic", "off", "constant 1e-4"]
    for arm, figures in result["arms"].items():
        assert len(figures["psnr"]["seeds"]) == 2
        assert figures["psnr"]["low"] <= figures["psnr"]["mean"] <= figures["psnr"]["high"]
        for seed in range(2):
            log = (
                (done / arm.replace(" ", "-") / f"seed-{seed}" / "metrics.jsonl")
                .read_text()
                .splitlines()
            )
            assert sum("loss" in line for line in log) == 6
    assert result["arms"]["constant"]["psnr"]["above_first"]["mean"] == 0
    assert len((done / "table.md").read_text().splitlines()) == 7
    page = (done / "index.html").read_text()
    assert result["question"] in page
    assert page.count("data:image/webp") == 5


def test_what_is_done_is_not_done_again(done: Path, store: ClipStore) -> None:
    """A lost page comes back; a run whose scores were lost is scored again to the same figures.

    Nothing is trained.
    """
    before = json.loads((done / "experiment.json").read_text())
    times = {file: file.stat().st_mtime_ns for file in done.rglob("*.safetensors")}
    (done / "index.html").unlink()
    (done / "cyclical" / "seed-1" / "eval.json").unlink()
    foreframe.experiment("annealing", store.path, done, seeds=2, workers=1, changes=SHORT)
    assert (done / "index.html").exists()
    assert json.loads((done / "experiment.json").read_text())["arms"] == before["arms"]
    assert {file: file.stat().st_mtime_ns for file in done.rglob("*.safetensors")} == times


def test_another_experiment_in_its_place_is_refused(done: Path, store: ClipStore) -> None:
    with pytest.raises(InputError, match="is another experiment"):
        foreframe.experiment(
            "annealing", store.path, done, workers=1, changes={**SHORT, "training.steps": 7}
        )


@pytest.mark.parametrize("name", EXPERIMENTS.names())
@pytest.mark.parametrize("kind", ["store", "dance_store"])
def test_each_is_whole_on_both_kinds_of_store(
    name: str, kind: str, request: pytest.FixtureRequest
) -> None:
    chosen = _read(name, request.getfixturevalue(kind), {})
    assert chosen.question.endswith("?")
    described = [
        json.dumps(resolve(chosen.recipe, None, arm).to_dict()) for arm in chosen.arms.values()
    ]
    assert len(set(described)) == len(described) >= 3


def test_wrong_arguments_are_named(store: ClipStore) -> None:
    with pytest.raises(InputError, match="did you mean annealing"):
        foreframe.experiment("anealing", store.path)
    with pytest.raises(InputError, match="--seeds is 0"):
        foreframe.experiment("annealing", store.path, seeds=0)


def test_one_seed_has_no_interval() -> None:
    assert seeds_interval([3.0]) == Interval(3.0, None, None)
    many = seeds_interval([0.0, 1.0] * 50)
    assert many.low == pytest.approx(0.5 - 1.984 * 0.5025 / 10, abs=1e-3)
