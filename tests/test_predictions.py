"""Predictions of other tools: read from any file that holds them, scored as a run is."""

from __future__ import annotations

import csv
import json
import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

import foreframe
from foreframe.cli import main
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.evaluation import Evaluation, export_clips, list_clips
from foreframe.evaluation.external.reading import Expected, open_predictions
from foreframe.evaluation.predicting import sample_futures
from foreframe.models import load
from foreframe.noise import Noise, clip_seeds

Array = NDArray[Any]

CONTEXT, HORIZON, SAMPLES = 2, 4, 2
LENGTHS = ("--n-past", str(CONTEXT), "--horizon", str(HORIZON))


@pytest.fixture(scope="module")
def sampled(run: Path, store: ClipStore) -> Array:
    """What the run itself predicts: floats [B, N, T, H, W, C]."""
    windows = foreframe.data.Windows(store, "test", 6, ("action",), stride=6)
    every = list(range(len(windows)))
    drawn = sample_futures(
        load(run), windows.clips(every), CONTEXT, Noise(clip_seeds(0, every), SAMPLES)
    )
    return np.asarray(drawn.movedim(3, -1).numpy())


def bytes_of(floats: Array) -> Array:
    return (floats * 255).round().astype(np.uint8)


def write(folder: Path, name: str, values: Array) -> Path:
    file = folder / name
    if name.endswith(".npy"):
        np.save(file, values)
    elif name.startswith("packed"):
        np.savez_compressed(file, values)
    else:
        np.savez(file, predictions=values, other=np.zeros(3))
    return file


def evaluated(file: Path, store: ClipStore, **more: Any) -> Evaluation:
    return foreframe.evaluate_predictions(file, store.path, n_past=CONTEXT, horizon=HORIZON, **more)


def test_a_runs_own_predictions_have_its_scores(
    run: Path, store: ClipStore, sampled: Array, tmp_path: Path
) -> None:
    expected = foreframe.evaluate(run, store.path, samples=SAMPLES, out=tmp_path / "run.json")
    found = evaluated(write(tmp_path, "floats.npz", sampled), store)
    assert found.scores == expected.scores
    assert found.skill == expected.skill
    assert found.per_clip == expected.per_clip
    assert found.run.model == "predictions"
    assert found.run.weights
    assert found.run.notes["layout"].startswith("BNTHWC")
    topics = {statement.topic for statement in found.verdict}
    assert {"copying", "samples", "clips"} <= topics
    assert "conditions" not in topics
    assert (tmp_path / "floats.eval.json").is_file()
    assert (tmp_path / "floats.eval.svg").is_file()


LAYOUTS: dict[str, Callable[[Array], Array]] = {
    "BNTHWC": lambda values: values,
    "BNTCHW": lambda values: np.moveaxis(values, -1, 3),
    "BTHWC": lambda values: values[:, 0],
    "BTCHW": lambda values: np.moveaxis(values[:, 0], -1, 2),
    "BNTHW": lambda values: values[..., 0],
    "BTHW": lambda values: values[:, 0, ..., 0],
}


@pytest.mark.parametrize("name", ["whole.npy", "whole.npz", "packed.npz"])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_axes_are_found_by_their_sizes(
    layout: str, name: str, sampled: Array, tmp_path: Path
) -> None:
    made = open_predictions(
        write(tmp_path, name, LAYOUTS[layout](bytes_of(sampled))), expected_of(sampled)
    )
    assert made.layout == layout
    got = made.read([1], 1).numpy()
    wanted = bytes_of(sampled)[1:2, :1] / 255
    if "C" not in layout:
        wanted = np.repeat(wanted[..., :1], 3, -1)
    np.testing.assert_allclose(got, np.moveaxis(wanted, -1, 3), atol=1e-6)


def expected_of(values: Array) -> Expected:
    clips, _, frames, height, width, channels = values.shape
    return Expected(clips, CONTEXT, frames, height, width, channels)


def test_any_order_of_axes_can_be_said(sampled: Array, tmp_path: Path) -> None:
    file = write(tmp_path, "odd.npy", sampled.transpose(3, 0, 1, 2, 4, 5))
    with pytest.raises(InputError, match="or --layout LETTERS"):
        open_predictions(file, expected_of(sampled))
    made = open_predictions(file, expected_of(sampled), layout="hbntwc")
    np.testing.assert_allclose(made.read([0], SAMPLES), np.moveaxis(sampled[:1], -1, 3))
    with pytest.raises(InputError, match="expected a letter for each axis"):
        open_predictions(file, expected_of(sampled), layout="xyz")


@pytest.mark.parametrize(
    ("change", "about"),
    [
        (lambda x: x, "1 is white"),
        (lambda x: np.where(x == x.max(), 1.05, x), r"cut to \[0, 1\]"),
        (lambda x: x * 255, "255 is white"),
        (lambda x: (x * 255).round().astype(np.int32), "255 is white"),
        (lambda x: x.astype(np.float16), "float16 .* 1 is white"),
    ],
)
def test_the_range_is_found_and_said(
    change: Callable[[Array], Array], about: str, sampled: Array, tmp_path: Path
) -> None:
    made = open_predictions(write(tmp_path, "a.npy", change(sampled)), expected_of(sampled))
    assert re.search(about, made.values.about)
    np.testing.assert_allclose(made.read([0], 2), np.moveaxis(sampled[:1], -1, 3), atol=0.08)


def test_a_range_that_may_be_two_is_asked_for(sampled: Array, tmp_path: Path) -> None:
    file = write(tmp_path, "a.npy", sampled * 2 - 1)
    with pytest.raises(InputError, match="say --pixel-range LOW HIGH"):
        open_predictions(file, expected_of(sampled))
    made = open_predictions(file, expected_of(sampled), pixel_range=(-1.0, 1.0))
    np.testing.assert_allclose(made.read([0], 2), np.moveaxis(sampled[:1], -1, 3), atol=1e-6)


def test_folders_of_pictures_are_read_in_natural_order(sampled: Array, tmp_path: Path) -> None:
    values = bytes_of(sampled)
    for clip, sample, frame in np.ndindex(*values.shape[:3]):
        file = tmp_path / "made" / f"clip{clip}" / f"sample{sample}" / f"{frame + 8}.png"
        file.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(values[clip, sample, frame]).save(file)
    made = open_predictions(tmp_path / "made", expected_of(sampled))
    assert made.samples == SAMPLES
    np.testing.assert_allclose(made.read([1], 2), np.moveaxis(values[1:2] / 255, -1, 3), atol=1e-6)
    (tmp_path / "made" / "clip1" / "sample1" / "9.png").unlink()
    with pytest.raises(InputError, match=r"clip1 has samples of .* expected one length"):
        made.read([1], 2)


def test_folders_of_videos_are_read(sampled: Array, tmp_path: Path) -> None:
    values = bytes_of(sampled)[:, 0]
    (tmp_path / "made").mkdir()
    for clip, frames in enumerate(values):
        first, *more = (Image.fromarray(frame) for frame in frames)
        file = tmp_path / "made" / f"{clip}.gif"
        first.save(file, save_all=True, append_images=more, duration=200)
    made = open_predictions(tmp_path / "made", expected_of(sampled))
    assert made.samples == 1
    assert made.layout == "BNTHWC"
    assert np.abs(made.read([0], 1).numpy() - np.moveaxis(values[0] / 255, -1, 1)).mean() < 0.03


def test_the_clips_to_predict_are_listed_and_exported(store: ClipStore, tmp_path: Path) -> None:
    listed = list_clips(tmp_path / "clips.csv", store.path, n_past=CONTEXT, horizon=HORIZON)
    rows = list(csv.DictReader(listed.read_text().splitlines()))
    windows = foreframe.data.Windows(store, "test", 6, ("action",), stride=6)
    assert len(rows) == len(windows)
    for index, row in enumerate(rows):
        episode, first = windows.place(index)
        assert (int(row["clip"]), row["episode"], int(row["first_frame"])) == (
            index,
            episode.name,
            first,
        )
    exported = export_clips(tmp_path / "clips.npz", store.path, n_past=CONTEXT, horizon=HORIZON)
    with np.load(exported) as archive:
        clips = windows.clips(range(len(windows)))
        context = clips.frames[:, :CONTEXT].movedim(2, -1).numpy()
        np.testing.assert_array_equal(archive["context"], context)
        np.testing.assert_array_equal(archive["condition/action"], clips.conditions.numpy())
        assert list(archive["names/action"]) == ["dy", "dx"]
        assert list(archive["episode"]) == [row["episode"] for row in rows]


def test_measured_states_are_exported_only_when_they_are_asked_for(
    store: ClipStore, tmp_path: Path
) -> None:
    def held(**more: Any) -> set[str]:
        file = tmp_path / "clips.npz"
        export_clips(file, store.path, n_past=CONTEXT, horizon=HORIZON, **more)
        with np.load(file) as archive:
            return {name for name in archive if name.startswith("condition/")}

    assert held() == {"condition/action"}
    assert held(conditions=("action", "state")) == {"condition/action", "condition/position"}
    assert held(conditions=()) == set()
    with pytest.raises(InputError, match="unknown condition column"):
        held(conditions=("atcion",))


def test_scores_say_what_the_predictions_were_made_from(
    store: ClipStore, sampled: Array, tmp_path: Path
) -> None:
    file, clips = write(tmp_path, "a.npz", sampled), tmp_path / "clips.npz"
    export_clips(clips, store.path, n_past=CONTEXT, horizon=HORIZON)
    unsaid = evaluated(file, store)
    assert unsaid.protocol.given == "unknown: not said"
    said = foreframe.evaluate_predictions(file, store.path, clips=clips)
    assert said.protocol.given == "action"
    assert said.scores == unsaid.scores
    read = foreframe.evaluation.read_evaluation(tmp_path / "a.eval.json")
    assert read.protocol == said.protocol
    written = json.loads((tmp_path / "a.eval.json").read_text())
    del written["protocol"]["conditions_known"]  # as versions wrote that could not say it
    written["protocol"]["conditions"] = []
    (tmp_path / "old.json").write_text(json.dumps(written))
    old = foreframe.evaluation.read_evaluation(tmp_path / "old.json")
    assert old.protocol.given == "unknown: not said"
    every = ("action", "state")
    export_clips(clips, store.path, n_past=CONTEXT, horizon=HORIZON, conditions=every)
    told = foreframe.evaluate_predictions(file, store.path, clips=clips)
    assert told.protocol.given == "action, position (future states are ground truth)"


def test_other_clips_than_those_that_were_exported_are_refused(
    store: ClipStore, sampled: Array, tmp_path: Path
) -> None:
    file, clips = write(tmp_path, "a.npz", sampled), tmp_path / "clips.npz"
    export_clips(clips, store.path, "validate", n_past=CONTEXT, horizon=HORIZON)
    with pytest.raises(InputError, match=r"with split validate; .* have test"):
        evaluated(file, store, clips=clips)
    export_clips(clips, store.path, n_past=CONTEXT, horizon=3)
    with pytest.raises(InputError, match=r"with predicted frames 3; .* have 4"):
        evaluated(file, store, clips=clips)
    with pytest.raises(InputError, match="export them again"):
        evaluated(file, store, clips=file)


def test_other_lengths_or_numbers_of_the_same_file_are_other_scores(
    store: ClipStore, sampled: Array, tmp_path: Path
) -> None:
    file = write(tmp_path, "a.npz", sampled)
    first = evaluated(file, store)
    assert evaluated(file, store) == first
    darker = evaluated(file, store, pixel_range=(0.0, 2.0))
    assert darker.identity != first.identity
    assert darker.scores["psnr"].mean < first.scores["psnr"].mean
    assert evaluated(file, store, samples=1).samples == 1


def as_they_are(values: Array) -> Array:
    return values


def with_context(values: Array) -> Array:
    return np.concatenate([values[:, :, :CONTEXT], values], 2)


def with_nan(values: Array) -> Array:
    broken = values.copy()
    broken[1, 0, 0, 3, 3, 0] = np.nan
    return broken


BAD: list[tuple[Callable[[Array], Array], tuple[str, ...], str]] = [
    (
        lambda x: x[:-1],
        LENGTHS,
        r"expected \[\d, samples, 4, 32, 64, 3\]: it has .* clips; predict",
    ),
    (with_context, LENGTHS, "leave out the 2 context frames"),
    (lambda x: x[:, :, :3], LENGTHS, "it has 3 frames; say --horizon"),
    (lambda x: x[:, :, :, ::2], LENGTHS, "it has 16 height; resize"),
    (lambda x: x[..., :2], LENGTHS, "it has 2 channels"),
    (lambda x: x[0, 0], LENGTHS, r"or --layout LETTERS"),
    (with_nan, LENGTHS, "clip 1 holds NaN or infinity"),
    (lambda x: x * 9000, LENGTHS, "say --pixel-range"),
    (lambda x: x + 1j, LENGTHS, "holds complex"),
    (as_they_are, (), "protocol foreframe leaves n_past to the run.*say --n-past"),
    (as_they_are, (*LENGTHS, "--protocol", "lab-svg"), "--horizon is 4, protocol lab-svg has 10"),
    (as_they_are, (*LENGTHS, "--samples", "0"), "--samples is 0; expected at least 1"),
]


@pytest.mark.parametrize(("change", "words", "message"), BAD)
def test_what_cannot_be_scored_is_one_line(
    change: Callable[[Array], Array],
    words: tuple[str, ...],
    message: str,
    store: ClipStore,
    sampled: Array,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = write(tmp_path, "a.npz", change(sampled))
    refused(["--data", str(store.path), *words, "--predictions", str(file)], message, capsys)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.npz", b"PK\x03\x04 not whole", "cannot be read"),
        ("a.npy", b"\x93NUMPY\x01\x00v\x00{'descr': '<f4'", "cannot be read"),
        ("a.txt", b"hello", "expected predictions as .npz, .npy or a folder"),
        ("gone.npz", None, "does not exist"),
        ("folder", None, "has no clips"),
    ],
)
def test_what_cannot_be_read_is_one_line(
    name: str,
    content: bytes | None,
    message: str,
    store: ClipStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    file = tmp_path / name
    if content is not None:
        file.write_bytes(content)
    elif name == "folder":
        file.mkdir()
    refused(["--predictions", str(file), "--data", str(store.path), *LENGTHS], message, capsys)


def refused(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["eval", *words])
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("foreframe:")]
    assert ended.value.code == 2
    assert len(told) == 1
    assert re.search(message, told[0]), told[0]


def test_the_command_line_says_what_it_took_them_for(
    store: ClipStore, sampled: Array, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = write(tmp_path, "a.npz", bytes_of(sampled))
    main(["eval", "--data", str(store.path), f"--predictions={file}", *LENGTHS])
    said = capsys.readouterr().out
    assert f"predictions of {file}: BNTHWC" in said
    assert "uint8, 255 is white" in said
    assert "verdict" in said
    assert "conditions unknown: not said" in said


@pytest.mark.parametrize("option", ["--list-clips", "--export-clips"])
def test_the_next_command_scores_predictions_of_these_clips(
    option: str,
    run: Path,
    store: ClipStore,
    sampled: Array,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    out = tmp_path / ("clips.npz" if option == "--export-clips" else "clips.csv")
    main(["eval", option, str(out), "--data", str(store.path), *LENGTHS])
    said = capsys.readouterr().out
    assert "in this order" in said
    (line,) = re.findall(r"then, FILE the predictions: foreframe (.*)", said)
    file = write(tmp_path, "a.npz", sampled)
    main([word if word != "FILE" else str(file) for word in shlex.split(line)])
    said = capsys.readouterr().out
    given = "action" if option == "--export-clips" else "unknown: not said"
    assert f"conditions {given}\n" in said
    (line,) = re.findall(r"beside a run, RUN its folder: foreframe (.*)", said)
    monkeypatch.chdir(tmp_path)
    main([word if word != "RUN" else str(run) for word in shlex.split(line)])
    assert Path("comparison/index.html").is_file()
