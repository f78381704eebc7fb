"""Scores of futures as objectives: fair, proper, and trained by name."""

from __future__ import annotations

import itertools
import json
from pathlib import Path

import pytest
import torch
from torch import Tensor

import foreframe
from foreframe.clips import to_float
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.futures_score import SCORES, patch_energy, pooled_crps
from foreframe.metrics.crps import fair_crps
from foreframe.noise import Noise
from small_models import N_PAST, T, any_spec, small

from .conftest import ELBO, TINY


def test_pooled_crps_is_a_mean_over_four_sizes_of_the_metric() -> None:
    samples, truth = torch.rand(2, 3, 2, 3, 16, 16), torch.rand(2, 2, 3, 16, 16)
    sizes = []
    for by in (1, 2, 4, 8):
        small, true = (
            frames.unfold(-2, by, by).unfold(-2, by, by).mean((-2, -1))
            for frames in (samples, truth)
        )
        sizes.append(fair_crps(small, true))
    torch.testing.assert_close(pooled_crps(samples, truth), torch.stack(sizes).mean(0))


def test_patch_energy_is_that_of_a_plain_loop() -> None:
    samples, truth = torch.rand(1, 3, 1, 2, 16, 16), torch.rand(1, 1, 2, 16, 16)

    def norms(difference: Tensor, side: int) -> Tensor:
        patches = difference.unfold(-2, side, side).unfold(-2, side, side)
        return patches.square().mean((0, -2, -1)).sqrt().mean()

    scores = []
    for side in (1, 4, 16):
        drawn = samples[0, :, 0]
        error = torch.stack([norms(x - truth[0, 0], side) for x in drawn]).mean()
        apart = [norms(a - b, side) for a, b in itertools.combinations(drawn, 2)]
        scores.append(error - torch.stack(apart).mean() / 2)
    assert patch_energy(samples, truth).item() == pytest.approx(float(sum(scores)) / 3, abs=1e-5)


@pytest.mark.parametrize("name", SCORES)
def test_equal_samples_have_a_finite_gradient(name: str) -> None:
    samples = torch.full((1, 2, 1, 3, 16, 16), 0.5, requires_grad=True)
    SCORES[name](samples, torch.full((1, 1, 3, 16, 16), 0.5)).sum().backward()
    assert samples.grad is not None
    assert samples.grad.isfinite().all()


@pytest.mark.parametrize("name", SCORES)
def test_minimising_finds_the_distribution_and_not_its_mean(name: str) -> None:
    """A picture is dark or bright, evenly: samples learn to be either, where an error's best is
    grey."""
    draw = torch.Generator().manual_seed(0)
    spread, centre = torch.tensor(0.05, requires_grad=True), torch.tensor(0.5, requires_grad=True)
    optimiser = torch.optim.Adam([spread, centre], lr=0.02)
    for _ in range(200):
        truth = torch.randint(0, 2, (32, 1, 1, 1, 1), generator=draw).float().expand(-1, 1, 1, 8, 8)
        signs = 2.0 * torch.randint(0, 2, (32, 2, 1, 1, 1, 1), generator=draw) - 1
        samples = (centre + spread * signs).expand(-1, -1, 1, 1, 8, 8)
        optimiser.zero_grad()
        SCORES[name](samples, truth).mean().backward()
        optimiser.step()
    assert abs(spread.item()) == pytest.approx(0.5, abs=0.1)


def test_a_run_goes_from_the_elbo_to_futures(store: ClipStore, tmp_path: Path) -> None:
    changes = {
        **TINY,
        "training.steps": 8,
        "objective.elbo": {"kind": "switch", "before": 1.0, "after": 0.0},
        "objective.futures": {"kind": "switch", "before": 0.0, "after": 1.0},
    }
    result = foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    assert result.best_crps is not None
    text = (tmp_path / "run/metrics.jsonl").read_text()
    lines = [line for line in map(json.loads, text.splitlines()) if "loss" in line]
    assert ["rate_nats" in line for line in lines] == [True] * 4 + [False] * 4
    assert ["score" in line for line in lines] == [False] * 4 + [True] * 4
    assert all("distortion" in line for line in lines)


def test_both_at_once(store: ClipStore, tmp_path: Path) -> None:
    changes = {**TINY, "training.steps": 2, "objective.futures": 0.5, "objective.score": "energy"}
    foreframe.train("push-tiny", store.path, tmp_path / "run", changes=changes)
    first = json.loads((tmp_path / "run/metrics.jsonl").read_text().splitlines()[0])
    assert {"rate_nats", "score"} <= first.keys()


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective.samples": 1}, "at least 2"),
        ({"objective.elbo": 0.0}, "all 0 at step 0"),
        ({"objective.score": "psnr"}, "score"),
    ],
)
def test_objectives_that_cannot_be_are_refused(
    store: ClipStore, tmp_path: Path, changes: dict[str, object], message: str
) -> None:
    with pytest.raises(InputError, match=message):
        foreframe.train("push-tiny", store.path, tmp_path / "run", changes={**TINY, **changes})


def test_samples_alone_then_a_posterior(store: ClipStore, tmp_path: Path) -> None:
    """The recipe as it is: no bound while it trains, and at the end a posterior that is of use."""
    tiny = {name: value for name, value in TINY.items() if name not in ELBO}
    changes = {**tiny, "training.steps": 60, "training.validate_every": 60}
    run = tmp_path / "run"
    foreframe.train("push-tiny", store.path, run, changes=changes)
    lines = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    assert not any("rate_nats" in line for line in steps)
    assert ["score" in line for line in steps] == [False] * 24 + [True] * 36
    weights = (run / "model.safetensors").read_bytes()
    foreframe.train("push-tiny", store.path, run, changes=changes)
    assert (run / "model.safetensors").read_bytes() == weights  # fitted once

    model = foreframe.load(run)
    clips = foreframe.data.Windows(store, "train", 6, ["action"]).clips(range(16))
    frames, conditions = to_float(clips.frames), clips.conditions

    def error(seen: int) -> float:
        with torch.no_grad():
            made = foreframe.rollout(
                model, frames[:, :seen], conditions, 2, noise=Noise(range(16)), decode_from=2
            )
        return float((made.frames - frames[:, 2:]).square().mean())

    assert error(6) < error(2)


@pytest.mark.parametrize("name", ["compact", "svg"])
def test_some_frames_stand_for_all(name: str) -> None:
    """The same frames, whether others are wanted or not, fed back or not."""
    model, spec = small(name).eval(), any_spec(name)
    frames = torch.rand(2, N_PAST, *spec.frame, dtype=torch.float64)
    conditions = torch.rand(2, T, *spec.condition, dtype=torch.float64)

    def futures(wanted: tuple[int, ...] | None) -> Tensor:
        return foreframe.rollout(
            model,
            frames,
            conditions,
            N_PAST,
            noise=Noise([0, 1]),
            decode_from=N_PAST,
            decoded=wanted,
        ).frames

    every, some = futures(None), futures((3, 5))
    torch.testing.assert_close(every[:, [3 - N_PAST, 5 - N_PAST]], some)
