"""Evaluation: every clip once, the same whatever the batch, and figures that say what they depend
on.
"""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import foreframe
from foreframe import models
from foreframe.clips import Batch, to_float
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError
from foreframe.evaluation import Evaluation, measuring, read_evaluation
from foreframe.evaluation.predicting import reconstruct, sample_futures
from foreframe.evaluation.protocol import find_protocol
from foreframe.metrics.psnr import psnr
from foreframe.noise import Noise, clip_seeds
from foreframe.plugins import PROTOCOLS


@pytest.fixture(scope="module")
def result(run: Path, store: ClipStore) -> Evaluation:
    return foreframe.evaluate(run, store.path, samples=3, seed=5)


def test_the_json_has_what_it_promises(result: Evaluation, run: Path) -> None:
    assert json.loads((run / "eval.json").read_text()) == result.to_dict()
    assert read_evaluation(run / "eval.json") == result
    figure = result.scores["psnr"]
    assert figure.low is not None
    assert figure.high is not None
    assert figure.low <= figure.mean <= figure.high
    assert len(figure.per_frame) == result.protocol.horizon == 4
    assert {"copy_last", "mean_frame", "posterior"} <= set(result.baselines)
    assert result.best_of["psnr"].mean >= figure.mean
    assert result.protocol.conditions == ("action",)
    assert result.protocol.future_states_given is False
    assert set(result.scores) >= {"psnr", "ssim"}
    assert result.headline.name == "crps"


REPOSITORY = Path(__file__).resolve().parents[1]
OLD = sorted(
    [
        *REPOSITORY.glob("results/*/eval*.json"),
        *REPOSITORY.glob("src/foreframe/pretrained/*/eval.json"),
    ]
)


@pytest.mark.parametrize("file", OLD, ids=lambda file: f"{file.parent.name}-{file.stem}")
def test_scores_of_earlier_versions_still_read(file: Path) -> None:
    values, found = json.loads(file.read_text()), read_evaluation(file)
    assert found.scores["psnr"].mean == values["scores"]["psnr"]["mean"]
    assert found.best_of["ssim"].mean == values["best_of"]["ssim"]["mean"]
    assert found.above["copy_last"]["psnr"].low == values["above_copy_last"]["low"]
    gap = values["latent"].get("posterior_minus_prior_psnr")
    assert found.latent.posterior_minus_prior.get("psnr") == gap
    assert Evaluation.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_there_are_scores_of_earlier_versions() -> None:
    assert len(OLD) >= 6


def test_garbled_scores_are_refused(tmp_path: Path) -> None:
    (tmp_path / "eval.json").write_text('{"scores": {"psnr": 3}}')
    with pytest.raises(InputError, match="protocol is missing"):
        read_evaluation(tmp_path / "eval.json")


def test_every_clip_counts_once_whatever_the_batch(
    run: Path, store: ClipStore, tmp_path: Path, result: Evaluation, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert result.clips == 4  # two test episodes of twelve frames, clips of six end to end
    for at_once in (1, 18):
        monkeypatch.setattr(measuring, "_FRAMES_AT_ONCE", at_once)
        again = foreframe.evaluate(run, store.path, samples=3, seed=5, out=tmp_path / "e.json")
        for part in ("scores", "best_of"):
            one, other = (getattr(found, part)["psnr"].mean for found in (again, result))
            assert one == pytest.approx(other, abs=2e-4)


def test_scores_are_those_of_a_plain_loop(run: Path, store: ClipStore, result: Evaluation) -> None:
    model = foreframe.load(run)
    windows = Windows(store, "test", 6, ("action",), stride=6)
    drawn, copied = [], []
    for index in range(len(windows)):
        clip = windows.clips([index])
        truth = to_float(clip.frames[:, 2:])
        futures = sample_futures(model, clip, 2, Noise(clip_seeds(5, [index]), 3))
        drawn.append(psnr(futures, truth[:, None]).mean().item())
        copied.append(psnr(to_float(clip.frames[:, 1:2]), truth).mean().item())
    assert result.scores["psnr"].mean == pytest.approx(np.mean(drawn), abs=1e-3)
    assert result.baselines["copy_last"]["psnr"].mean == pytest.approx(np.mean(copied), abs=1e-3)


def test_samples_do_not_see_the_future_and_reconstructions_do(run: Path, store: ClipStore) -> None:
    model = foreframe.load(run)
    clip = Windows(store, "test", 6, ("action",)).clips([0])
    other = clip.frames.clone()
    other[:, 2:] = 255 - other[:, 2:]
    changed = Batch(other, clip.conditions)
    torch.testing.assert_close(
        sample_futures(model, clip, 2, Noise([1])), sample_futures(model, changed, 2, Noise([1]))
    )
    a, b = (reconstruct(model, c, 2, Noise([1]))[0] for c in (clip, changed))
    assert not torch.equal(a, b)


def test_protocols_are_pinned() -> None:
    """A protocol that changes is another protocol.

    Scores of fixed pictures, to the fourth digit.
    """
    rng = np.random.default_rng(0)
    truth = torch.from_numpy(rng.random((2, 1, 4, 3, 32, 32)))
    made = (
        truth
        + torch.from_numpy(rng.normal(0, 0.05, truth.shape))
        * torch.tensor([1.0, 0.3, 2.0]).view(3, 1, 1)
    ).clamp(0, 1)
    pinned = {"foreframe": 24.0241, "long": 24.0241, "lab-pose": 24.0241, "lab-svg": 27.6926}
    for name, value in pinned.items():
        protocol = find_protocol(name)
        metric = next(metric for metric in protocol.metrics if metric.name == "psnr")
        values = metric.function(made, truth[:, 0], truth[:, 0])
        assert float(values.mean()) == pytest.approx(value, abs=1e-4), name
    frozen = {name: find_protocol(name) for name in PROTOCOLS.names()}
    assert (
        frozen["lab-svg"].n_past,
        frozen["lab-svg"].horizon,
        frozen["lab-svg"].samples,
        frozen["lab-svg"].every,
    ) == (2, 10, 1, 0)
    lab_pose = frozen["lab-pose"]
    assert (lab_pose.n_past, lab_pose.horizon, lab_pose.samples, lab_pose.every) == (1, 629, 1, 0)
    assert (
        frozen["long"].n_past,
        frozen["long"].horizon,
        frozen["long"].samples,
        frozen["long"].every,
    ) == (
        None,
        60,
        5,
        None,
    )
    assert (frozen["foreframe"].n_past, frozen["foreframe"].samples, frozen["foreframe"].every) == (
        None,
        10,
        None,
    )


def test_baselines_on_a_still_world_are_perfect(tmp_path: Path) -> None:
    """Where nothing moves copy-last has 100 dB, in every frame."""
    still = models.build("copy_last", foreframe.ClipSpec((3, 16, 16), (2,)), {})
    frames = torch.full((1, 6, 3, 16, 16), 99, dtype=torch.uint8)
    futures = sample_futures(still, Batch(frames, torch.zeros(1, 6, 2)), 2, Noise([0]))
    assert (psnr(futures, to_float(frames[:, None, 2:])) == 100).all()


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"run": "nowhere"}, "nowhere is not a run with a model: it does not exist"),
        ({"data": "nowhere"}, "nowhere is not a clip store"),
        ({"split": "tset"}, "unknown split 'tset'; did you mean test"),
        ({"protocol": "lab_svg"}, "did you mean lab-svg"),
        ({"protocol": "lab-svg", "split": "validate"}, None),
    ],
)
def test_wrong_arguments_are_named(
    run: Path, store: ClipStore, tmp_path: Path, arguments: dict, message: str | None
) -> None:  # type: ignore[type-arg]
    given = {"run": run, "data": store.path, "out": tmp_path / "e.json", **arguments}
    if message is None:
        assert foreframe.evaluate(**given).protocol.name == "lab-svg"
        return
    with pytest.raises(InputError, match=message):
        foreframe.evaluate(**given)
    assert not (tmp_path / "e.json").exists()


@pytest.mark.slow
def test_clips_of_another_kind_are_refused(run: Path, push_store: ClipStore) -> None:
    with pytest.raises(
        InputError, match=r"has pictures of 64x64, the run .* takes 32x64: import with --size 32 64"
    ):
        foreframe.evaluate(run, push_store.path)


@pytest.mark.slow
def test_a_stopped_evaluation_goes_on_where_it_was(
    run: Path, store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(measuring, "_FRAMES_AT_ONCE", 1)  # a clip at a time
    whole = foreframe.evaluate(run, store.path, samples=2, out=tmp_path / "whole.json")
    batch, calls = measuring._batch, []

    def stopping(*arguments: Any) -> Any:
        calls.append(arguments[1].indices)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return batch(*arguments)

    monkeypatch.setattr(measuring, "_batch", stopping)
    with pytest.raises(KeyboardInterrupt):
        foreframe.evaluate(run, store.path, samples=2, out=tmp_path / "halves.json")
    assert len(calls) == 3
    halves = foreframe.evaluate(run, store.path, samples=2, out=tmp_path / "halves.json")
    assert calls[:4] == [[0], [1], [2], [2]]
    assert replace(whole, environment={}) == replace(halves, environment={})
    assert sorted(p.name for p in tmp_path.iterdir()) == [
        "halves.json",
        "halves.svg",
        "whole.json",
        "whole.svg",
    ]
