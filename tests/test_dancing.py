"""From a store of dancing to predictions.

Both pose models, the coursework's protocol, and very long rollouts.

Letters: B clips, T frames, C channels.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import foreframe
from conftest import DANCE_FRAMES
from foreframe import models
from foreframe.clips import to_uint8
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError
from foreframe.evaluation.predicting import sample_futures
from foreframe.noise import Noise, clip_seeds
from foreframe.points import Point
from foreframe.session import Session
from small_models import clip, label_spec, noise, small

pytestmark = pytest.mark.slow

TINY_DANCE = {
    "model.code": 8,
    "model.latent": 2,
    "model.width": 8,
    "model.channels": [8, 8, 8, 8],
    "clip.horizon": 3,
    "training.steps": 4,
    "training.batch": 2,
    "training.precision": "32-true",
}


@pytest.fixture(scope="module")
def dancer(dance_store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dancer") / "run"
    foreframe.train("pose-dance", dance_store.path, out, changes=TINY_DANCE)
    return out


@pytest.fixture(autouse=True)
def _short_protocol(monkeypatch: pytest.MonkeyPatch) -> None:
    """The test's sequences are shorter than 630 frames."""
    import dataclasses

    from foreframe.evaluation.protocols import lab_pose

    monkeypatch.setattr(
        lab_pose, "PROTOCOL", dataclasses.replace(lab_pose.PROTOCOL, horizon=DANCE_FRAMES - 1)
    )


def test_the_protocol_scores_each_sequence_whole(dancer: Path, dance_store: ClipStore) -> None:
    result = foreframe.evaluate(dancer, dance_store.path, protocol="lab-pose")
    assert json.loads((dancer / "eval-lab-pose.json").read_text()) == result.to_dict()
    assert (dancer / "eval-lab-pose.svg").exists()
    assert result.clips == len(result.per_clip) == 1
    assert len(result.scores["psnr"].per_frame) == DANCE_FRAMES - 1
    assert result.scores["psnr"].mean == pytest.approx(result.per_clip[0].scores["psnr"], abs=1e-3)
    assert {"copy_last", "mean_frame"} == set(result.baselines)


def test_a_submission_is_the_courseworks_and_the_predictions(
    dancer: Path, dance_store: ClipStore, tmp_path: Path
) -> None:
    """Given frame included, integers, C-H-W; the rows are what the protocol scores."""
    foreframe.evaluate(
        dancer,
        dance_store.path,
        protocol="lab-pose",
        out=tmp_path / "e.json",
        submission=tmp_path / "s.csv",
    )
    lines = (tmp_path / "s.csv").read_text().splitlines()
    assert lines[0] == "id," + ",".join(str(i) for i in range(6144))
    rows = np.array([[int(v) for v in line.split(",")] for line in lines[1:]])
    assert (rows[:, 0] == np.arange(DANCE_FRAMES)).all()
    windows = Windows(dance_store, "test", DANCE_FRAMES, ["label"])
    truth = windows.clips([0])
    np.testing.assert_array_equal(rows[0, 1:], truth.frames[0, 0].flatten().numpy())
    drawn = sample_futures(foreframe.load(dancer), truth, 1, Noise(clip_seeds(0, [0])))[0, 0]
    np.testing.assert_array_equal(rows[1:, 1:], to_uint8(drawn).flatten(1).numpy())


def test_withheld_sequences_are_predicted_but_not_scored(
    dancer: Path, dance_store: ClipStore, tmp_path: Path
) -> None:
    foreframe.data.export(dance_store.path, tmp_path / "layout", "dance")
    for file in (tmp_path / "layout" / "test").glob("test_img/*/*.png"):
        if file.stem != "0":
            file.unlink()
    store = foreframe.data.import_recordings(tmp_path / "layout", tmp_path / "store")
    with pytest.raises(
        InputError, match="withheld: there is nothing to score; write predictions with --submission"
    ):
        foreframe.evaluate(dancer, store.path, protocol="lab-pose", out=tmp_path / "e.json")
    found = foreframe.evaluate(
        dancer,
        store.path,
        protocol="lab-pose",
        out=tmp_path / "e.json",
        submission=tmp_path / "s.csv",
    )
    assert found.submission == str(tmp_path / "s.csv")
    assert (found.clips, found.scores) == (0, {})
    assert len((tmp_path / "s.csv").read_text().splitlines()) == 1 + DANCE_FRAMES
    assert not (tmp_path / "e.json").exists()


def test_a_picture_has_truth_pose_prediction_and_error(
    dancer: Path, dance_store: ClipStore, tmp_path: Path
) -> None:
    (whole,) = foreframe.sample(
        dancer, dance_store.path, tmp_path, protocol="lab-pose", format="gif"
    )
    with Image.open(whole) as animation:
        assert animation.n_frames == DANCE_FRAMES
        assert (
            animation.width == 4 * (2 * 64 + 6) + 3 * 4
        )  # four columns with borders, and the gaps between
    short = foreframe.sample(dancer, dance_store.path, tmp_path / "short", samples=2, clips=(0,))
    with Image.open(short[0]) as animation:
        assert animation.width == 6 * (2 * 64 + 6) + 5 * 4


def test_resumed_is_uninterrupted(dance_store: ClipStore, dancer: Path, tmp_path: Path) -> None:
    for most in (2, 4):
        foreframe.train(
            "pose-dance", dance_store.path, tmp_path / "run", changes=TINY_DANCE, max_steps=most
        )
    for part in ("model", "average", "optimiser"):
        file = Path("state") / "step-0000004" / f"{part}.safetensors"
        assert (tmp_path / "run" / file).read_bytes() == (dancer / file).read_bytes()


def test_it_remembers_the_pose_that_a_frame_was_seen_with() -> None:
    """Another label beside the same context frame is another prediction, for the same labels to
    come.
    """
    model = small("pose_compact").eval()
    frames, labels = clip(model)
    other = labels.clone()
    other[:, 0] += 1
    a, b = (
        foreframe.rollout(model, frames[:, :1], c, 1, noise=noise(2)).frames
        for c in (labels, other)
    )
    assert not torch.allclose(a, b)


def test_size_of_the_recommended_model() -> None:
    model = models.build("pose_compact", label_spec(32, 64), {})
    assert 2.0e6 < sum(p.numel() for p in model.parameters()) < 2.5e6
    with pytest.raises(InputError, match="expected height and width in multiples of 16, got 24x64"):
        models.build("pose_compact", label_spec(24, 64), {})
    with pytest.raises(InputError, match="one label image of 32x64"):
        models.build("pose_compact", foreframe.ClipSpec((3, 32, 64), (4,)), {})


@pytest.mark.parametrize("name", ["pose", "pose_compact"])
def test_frames_for_ever_in_the_same_memory(name: str) -> None:
    """2,000 frames: finite, within [0, 1], and what a session keeps is as large at the end as at
    the beginning.
    """
    model = small(name).float()
    frames, labels = (t.float() for t in clip(model, batch=1))
    session = Session(model)
    session.reset(frames[:, :1], labels[:, :1], noise(1))
    sizes = []
    for _ in range(20):
        seen = session.play(labels[:, :1].expand(-1, 100, -1, -1, -1))
        assert torch.isfinite(seen).all()
        sizes.append(sum(t.numel() for t in _tensors(session)))
    assert len(set(sizes)) == 1
    assert sizes[0] > 0


def _tensors(value: object) -> list[torch.Tensor]:
    """All tensors that a session, or anything in it but its model, holds."""
    if isinstance(value, torch.Tensor):
        return [value]
    if isinstance(value, Session | Point | Noise):
        value = vars(value)
    if isinstance(value, dict):
        return [t for v in value.values() for t in _tensors(v)]
    return [t for v in value for t in _tensors(v)] if isinstance(value, tuple | list) else []


def test_a_chunked_future_is_the_future(
    dance_store: ClipStore, dancer: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    model = foreframe.load(dancer)
    some = Windows(dance_store, "test", 12, ["label"]).clips([0, 5])
    whole = sample_futures(model, some, 1, Noise([1, 2], 2))
    monkeypatch.setattr("foreframe.evaluation.predicting._STEPS_AT_ONCE", 3)
    torch.testing.assert_close(sample_futures(model, some, 1, Noise([1, 2], 2)), whole)


def test_published_recipes_resolve_and_say_what_they_keep() -> None:
    from importlib import resources

    from foreframe.plugins import RECIPES
    from foreframe.training import resolve

    for name in RECIPES.names():
        resolve(name)
        text = (resources.files("foreframe") / "recipes" / f"{name}.yaml").read_text()
        assert text.startswith(f"# {name}: ")
        if name.removeprefix("pose-dance-") in ("cyclical", "monotonic", "none"):
            assert "# Kept: " in text
            assert "# Corrected: " in text


def test_labels_go_with_their_pictures(dance_store: ClipStore, tmp_path: Path) -> None:
    """A preview shows both, and a label that changed is damage as a picture's would be."""
    copied = shutil.copytree(dance_store.path, tmp_path / "copy")
    file = copied / "columns" / "pose.uint8"
    content = bytearray(file.read_bytes())
    content[1000] ^= 1
    file.write_bytes(content)
    assert len(foreframe.data.validate(copied)["damaged"]) == 1
    foreframe.preview(copied, tmp_path / "p.webp")
    with Image.open(tmp_path / "p.webp") as animation:
        assert animation.height > 2 * 2 * 32
