"""What people look at: animations, strips, curves, the page."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import foreframe
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError
from foreframe.evaluation.drawing import futures
from foreframe.metrics import find_metric
from foreframe.models import load
from foreframe.viz import curves, palette
from foreframe.viz.captions import caption, colour_of
from foreframe.viz.clips import Track, animate, bars, deviation


def test_animations_have_a_column_a_track_and_borders_that_tell(tmp_path: Path) -> None:
    frames = (
        np.full((5, 16, 24, 3), 128, np.uint8)
        + np.arange(5, dtype=np.uint8)[:, None, None, None] * 20
    )
    tracks = [Track("truth", frames, 5), Track("sample", frames, 2)]
    for suffix in (".gif", ".webp"):
        with Image.open(animate(tracks, tmp_path / f"a{suffix}", 5.0)) as image:
            assert image.n_frames == 5
    with Image.open(tmp_path / "a.webp") as image:
        width = image.width // 2
        for t, colour in ((1, palette.GIVEN), (2, palette.PREDICTED)):
            image.seek(t)
            picture = np.asarray(image.convert("RGB"))
            assert tuple(picture[18, width + 10]) == palette.rgb(colour)
            assert tuple(picture[18, 10]) == palette.rgb(palette.GIVEN)


@pytest.mark.parametrize("suffix", [".png", ".webp"])
def test_bars_are_named_in_their_colours(suffix: str, tmp_path: Path) -> None:
    numbers = np.zeros((6, 3), np.float32)
    empty = bars(numbers, [-1] * 3, [1] * 3, 32, 32)
    names = ("dx", "dy", "grip")
    heights = {}
    for title, tracks in (
        ("named", [Track("truth", empty, 2), Track("conditions", empty, None, names)]),
        ("plain", [Track("truth", empty, 2), Track("conditions", empty, None)]),
    ):
        file = animate(tracks, tmp_path / f"{title}{suffix}", 5.0)
        picture = np.asarray(Image.open(file).convert("RGB"))
        heights[title] = len(picture)
    assert heights["named"] > heights["plain"]
    below = caption(names, 200, 1)
    for number in range(len(names)):
        assert (below == colour_of(number)).all(-1).any()


def test_futures_name_the_numbers_of_their_conditions(run: Path, store: ClipStore) -> None:
    windows = Windows(store, "test", 6, ("action",), stride=6)
    tracks = futures(load(run), windows, 0, 2, 2, 0, find_metric("psnr"))
    assert {track.title: track.names for track in tracks if track.names} == {
        "conditions": ("dy", "dx")
    }


def test_a_caption_keeps_to_its_lines() -> None:
    names = [f"joint_{number}" for number in range(20)]
    assert len(caption(names, 100, 3)) == 3 * len(caption(names[:1], 100, 3))
    assert caption((), 100, 3).shape == (0, 100, 3)
    assert caption(["a name that is wider than the picture"], 20, 1).shape[1] == 20


def test_deviation_is_dark_where_samples_agree() -> None:
    samples = np.zeros((4, 2, 8, 8, 3), np.uint8)
    samples[:2, :, :4] = 200
    shown = deviation(samples).astype(int)
    assert shown[:, :4].sum() > 20 * shown[:, 4:].sum()


def test_an_unknown_ending_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(
        InputError, match=r"ends in '\.mov'; expected one of \.webp, \.gif, \.mp4, \.png"
    ):
        animate([], tmp_path / "a.mov", 5.0)


def test_sampling_draws_every_clip_it_is_asked_for(
    run: Path, store: ClipStore, tmp_path: Path
) -> None:
    clip = Windows(store, "test", 6, ("action",), stride=6).clips([0]).frames[0].numpy()
    paths = foreframe.sample(run, store.path, tmp_path / "s", clips=(0, 3), samples=4)
    assert sorted(p.name for p in (tmp_path / "s").iterdir()) == [
        "clip-0000.png",
        "clip-0000.webp",
        "clip-0003.png",
        "clip-0003.webp",
    ]
    with Image.open(paths[0]) as image:
        assert image.n_frames == len(
            {p.tobytes() for p in clip}
        )  # neighbours that are the same are merged
    with pytest.raises(InputError, match="has clips 0 to 3"):
        foreframe.sample(run, store.path, tmp_path / "s", clips=(4,))


def test_previews_of_every_kind(store: ClipStore, tmp_path: Path) -> None:
    for suffix in (".png", ".gif", ".webp"):
        path = foreframe.preview(store.path, tmp_path / f"p{suffix}")
        with Image.open(path) as image:
            assert image.width > 64


def test_the_page_is_whole_and_stands_alone(run: Path, store: ClipStore) -> None:
    foreframe.evaluate(run, store.path, samples=2)
    foreframe.sample(run, store.path, samples=2)
    page = foreframe.report(run).read_text()
    assert page.count("data:image/webp;base64,") == 4
    assert page.count("data:image/svg+xml;base64,") == 3  # training, scores per frame, ranks
    assert not re.findall(r'(?:src|href)="(?!data:)', page)
    assert "copy last frame" in page
    assert "push-tiny" in page
    assert "are of other weights" not in page
    text = (run / "eval.json").read_text()
    scores = json.loads(text)
    scores["run"] |= {"weights": "0" * 12, "step": 3}
    (run / "eval.json").write_text(json.dumps(scores))
    assert "foreframe are of other weights (step 3)" in foreframe.report(run).read_text()
    (run / "eval.json").write_text(text)


def test_wide_bands_do_not_hide_the_lines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    limits = []

    def keep(figure: Any, path: Path) -> Path:
        limits.append(figure.axes[0].get_ylim())
        return path

    monkeypatch.setattr(curves, "_save", keep)
    model = curves.Line("model", [22.0, 20.0], "blue", band=[(-20.0, 80.0)] * 2)
    world = curves.Line("world", [30.0, math.inf], "black")
    curves.per_frame({"PSNR": [model, world]}, 2, tmp_path / "plot.svg")
    ((low, high),) = limits
    assert 15 < low < 20
    assert 30 < high < 35


def test_plots_of_several_runs(run: Path, tmp_path: Path) -> None:
    written = foreframe.plot([run, run], tmp_path)
    assert written[0].stat().st_size > 1000
    with pytest.raises(InputError, match="is not a run"):
        foreframe.plot([tmp_path], tmp_path / "plots")
