"""A run that goes wrong says so early."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

import foreframe
from foreframe.clips import Batch
from foreframe.data.store import ClipStore
from foreframe.training.health import HealthCheck

from .conftest import TINY


def clips(moving: bool = True) -> Batch:
    """Four clips of noise, two frames given, three to come; those that stand still repeat one."""
    frames = torch.randint(0, 256, (4, 5, 3, 8, 8), dtype=torch.uint8)
    return Batch(frames if moving else frames[:, :1].repeat(1, 5, 1, 1, 1), torch.zeros(4, 5, 0))


def check(losses: list[float], rates: list[float] | None = None) -> HealthCheck:
    """A check that has seen these errors, as shares of copying's."""
    found = HealthCheck(len(losses))
    for step, (loss, rate) in enumerate(zip(losses, rates or [1.0] * len(losses)), start=1):
        found.observe(step, torch.tensor(loss), torch.tensor(rate))
    return found


FALLING = [10.0 - 0.1 * step for step in range(40)]


def words(predicted: Tensor, clip: Batch, health: HealthCheck, latent: bool = True) -> str:
    return " ".join(health.findings(predicted, clip, 2, latent))


def test_a_healthy_run_is_left_in_peace() -> None:
    assert words(torch.rand(4, 3, 3, 8, 8), clips(), check(FALLING)) == ""


def test_a_copy_is_called_a_copy() -> None:
    clip = clips()
    copied = (clip.frames[:, 1:2] / 255).repeat(1, 3, 1, 1, 1)
    assert "copies of the last given frame" in words(copied, clip, check(FALLING))


def test_copying_a_world_that_stands_still_is_right() -> None:
    clip = clips(moving=False)
    assert words(clip.frames[:, 2:] / 255, clip, check(FALLING)) == ""


def test_one_picture_for_all_clips_is_a_mean() -> None:
    same = torch.rand(1, 3, 3, 8, 8).repeat(4, 1, 1, 1, 1)
    assert "the same for every clip" in words(same, clips(), check(FALLING))


def test_an_error_that_does_not_fall_stands_still() -> None:
    predicted = torch.rand(4, 3, 3, 8, 8)
    assert "stands still" in words(predicted, clips(), check([5.0] * 40))


def test_a_rate_of_zero_is_a_dead_latent() -> None:
    predicted, dead = torch.rand(4, 3, 3, 8, 8), check(FALLING, [0.0] * 40)
    assert "latent is not used" in words(predicted, clips(), dead)
    assert words(predicted, clips(), check(FALLING, [0.0] * 40), latent=False) == ""


@pytest.mark.parametrize("steps", [400, 5500])
def test_the_check_falls_into_the_first_tenth(steps: int) -> None:
    assert HealthCheck(steps).due == steps // 10


def test_a_run_that_learns_nothing_says_so_in_its_log(store: ClipStore, tmp_path: Path) -> None:
    changes = {
        **TINY,
        "training.steps": 40,
        "optimiser.learning_rate.peak": 1e-12,
    }
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    lines = [json.loads(s) for s in (tmp_path / "run/metrics.jsonl").read_text().splitlines()]
    warnings = [line["warning"] for line in lines if "warning" in line]
    assert any("stands still" in warning for warning in warnings)
    assert "Training warned after 40 steps" in foreframe.report(tmp_path / "run").read_text()
