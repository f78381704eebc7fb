"""Comparisons of runs: paired on the same clips, and refused on others."""

from __future__ import annotations

import csv
import dataclasses
import json
import re
from pathlib import Path

import numpy as np
import pytest
import torch

import foreframe
from conftest import TINY, squares_store
from foreframe.cli import main
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.evaluation import Evaluation, read_evaluation
from foreframe.evaluation.costs import costs_of
from foreframe.evaluation.figures import World
from foreframe.evaluation.results import known_metric
from foreframe.metrics import mean_interval
from foreframe.model import Model
from foreframe.models import load
from foreframe.reporting.comparison_tables import score_tables
from foreframe.reporting.run_comparison import Difference, Entry, compared


@pytest.fixture(scope="module")
def other(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of another seed, half as long."""
    out = tmp_path_factory.mktemp("runs") / "other"
    changes = {**TINY, "training.steps": 6, "training.seed": 1}
    foreframe.train("push-tiny", store.path, out, changes=changes)
    return out


@pytest.fixture(scope="module")
def copied(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Predictions that repeat the last frame."""
    clips = foreframe.data.Windows(store, "test", 6, (), stride=6)
    frames = clips.clips(range(len(clips))).frames
    last = frames[:, None, 1:2].expand(-1, -1, 4, -1, -1, -1)
    file = tmp_path_factory.mktemp("made") / "copies.npy"
    np.save(file, last.numpy())
    return file


def test_runs_and_predictions_are_paired_clip_by_clip(
    run: Path, other: Path, copied: Path, store: ClipStore, tmp_path: Path
) -> None:
    found = foreframe.compare([run, copied, other], store.path, tmp_path / "out", samples=2)
    assert [entry.name for entry in found.entries] == ["run", "copies", "other"]
    a, b = found.entries[0].evaluation, found.entries[2].evaluation
    pairs = [y.scores["crps"] - x.scores["crps"] for x, y in zip(a.per_clip, b.per_clip)]
    episodes = [clip.episode for clip in a.per_clip]
    expected = mean_interval(pairs, episodes)
    got = found.difference("other", "run", "crps")
    assert got is not None
    assert (got.mean, got.low, got.high) == pytest.approx(
        (expected.mean, expected.low, expected.high), abs=1e-5
    )
    assert found.difference("other", "copies", "crps") is not None
    assert found.difference("other", "run", "spread_skill") is None
    assert "spread_skill" not in [metric.name for metric in found.metrics]
    copies = found.entries[1]
    assert copies.evaluation.scores["crps"].mean == a.baselines["copy_last"]["crps"].mean
    assert copies.costs is None
    costs = found.entries[0].costs
    assert costs is not None
    assert costs.parameters == sum(p.numel() for p in load(run).parameters())
    assert (found.entries[0].training_s or 0) > 0


def test_what_is_written_says_the_same(
    run: Path, other: Path, store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = tmp_path / "out"
    words = ["compare", str(run), str(other), "--data", str(store.path), "--out", str(out)]
    main([*words, "--samples", "2"])
    said = capsys.readouterr().out
    told = json.loads((out / "comparison.json").read_text())
    (crps,) = [d for d in told["differences"] if d["metric"] == "crps"]
    assert (crps["of"], crps["minus"]) == ("other", "run")
    rows = list(csv.DictReader((out / "comparison.csv").read_text().splitlines()))
    (row,) = [r for r in rows if (r["name"], r["metric"]) == ("other", "crps")]
    assert float(row["minus_first_mean"]) == crps["mean"]
    text = (out / "comparison.md").read_text()
    assert text in said
    assert "| other - run |" in text
    assert f"{crps['mean']:+.4f}" in text
    assert "PSNR (dB) ↑" in text
    page = (out / "index.html").read_text()
    assert page.count("data:image/webp") == len(list((out / "clips").glob("*.webp"))) > 0
    assert "http" not in re.sub(r"data:image/[^\"]*", "", page)
    assert (out / "curves.svg").is_file()


def test_scores_that_are_there_are_taken(
    run: Path, other: Path, store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = foreframe.compare([run, other], store.path, tmp_path / "out", samples=2)

    def refuse(*_: object) -> None:
        raise AssertionError("measured again")

    monkeypatch.setattr("foreframe.evaluation.scoring.measure_together", refuse)
    again = foreframe.compare([run, other], store.path, tmp_path / "out", samples=2)
    assert again.differences == first.differences
    files = [tmp_path / "out" / "scores" / f"{name}.json" for name in ("run", "other")]
    by_files = foreframe.compare(files, store.path, tmp_path / "more")
    assert [d.mean for d in by_files.differences] == [d.mean for d in first.differences]
    assert by_files.entries[0].costs is not None


def test_tables_fit_a_page_and_say_what_bounds_the_scores(
    run: Path, store: ClipStore, tmp_path: Path
) -> None:
    one, other = entries(run, store, tmp_path)
    found = compared([one, other], ["x"] * one.evaluation.clips, "")
    tables = score_tables(found)
    assert all(len(table.headings) <= 4 for table in tables)
    headings = [heading for table in tables for heading in table.headings]
    assert headings == ["skill (CRPS) ↑", *(metric.heading for metric in found.metrics)]
    rows = {row.title: row for row in tables[0].rows}
    assert list(rows) == ["a", "b", "b - a", "copy last frame"]
    copied = found.first.baselines["copy_last"]["crps"].mean
    assert [figure.mean for figure in rows["copy last frame"].cells[:2]] == ["0", f"{copied:.4f}"]
    world = World(1, 1, found.first.scores, {}, {}, 1, {}, {})
    known = dataclasses.replace(found.first, world=world)
    first = dataclasses.replace(found.entries[0], evaluation=known)
    bounded = dataclasses.replace(found, entries=(first, *found.entries[1:]))
    (row,) = [row for row in score_tables(bounded)[0].rows if row.kind == "world"]
    assert row.title == "the world itself, 1 clip"
    assert row.cells[0].mean == "100"


def test_a_metric_that_some_lack_is_said_to_be_left_out(
    run: Path, store: ClipStore, tmp_path: Path
) -> None:
    first, second = entries(run, store, tmp_path)
    scores = dict(second.evaluation.scores)
    del scores["ssim"]
    older = dataclasses.replace(
        second, evaluation=dataclasses.replace(second.evaluation, scores=scores)
    )
    clips = ["x"] * first.evaluation.clips
    found = compared([first, older], clips, "")
    assert found.left_out() == [f"left out: SSIM, which {second.source} lacks."]
    assert compared([older, first], clips, "").left_out() == found.left_out()
    assert found.to_dict()["left_out"] == found.left_out()
    assert "ssim" not in [metric.name for metric in found.metrics]


@pytest.mark.parametrize(
    ("metric", "low", "high", "better"),
    [
        ("crps", -0.2, -0.1, True),
        ("crps", 0.1, 0.2, False),
        ("psnr", 0.1, 0.2, True),
        ("psnr", -0.1, 0.2, None),
        ("sharpness", 0.1, 0.2, None),
    ],
)
def test_better_is_by_the_metrics_direction(
    metric: str, low: float, high: float, better: bool | None
) -> None:
    assert known_metric(metric).name == metric
    assert Difference((low + high) / 2, low, high, "a", "b", metric).better is better


def entries(run: Path, store: ClipStore, folder: Path, **change: object) -> list[Entry]:
    one = foreframe.evaluate(run, store.path, samples=1, out=folder / "one.json")
    return [Entry("a", "a", one), Entry("b", "b", dataclasses.replace(one, **change))]  # type: ignore[arg-type]


def test_entries_of_other_clips_are_refused(run: Path, store: ClipStore, tmp_path: Path) -> None:
    one, _ = entries(run, store, tmp_path)
    scored: Evaluation = one.evaluation
    longer = dataclasses.replace(scored.protocol, horizon=9)
    elsewhere = dataclasses.replace(scored.data, content="0" * 32)
    swapped = (scored.per_clip[1], scored.per_clip[0], *scored.per_clip[2:])
    for change, message in (
        ({"protocol": longer}, "a was scored with horizon 4, b with 9"),
        ({"data": elsewhere}, "data content"),
        ({"split": "train"}, "split test, b with train"),
        ({"per_clip": swapped}, "do not say scores of the same clips"),
        ({"per_clip": ()}, "score both again"),
    ):
        with pytest.raises(InputError, match=message):
            compared(entries(run, store, tmp_path, **change), ["x"] * scored.clips, "")
    same = compared(entries(run, store, tmp_path), ["x"] * scored.clips, "")
    assert same.statements() == ["One episode cannot tell b from a: +0.0000 CRPS."]


def test_mistakes_are_one_line(
    run: Path, store: ClipStore, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    away = squares_store(tmp_path / "away", count=6)
    foreframe.evaluate(run, away.path, samples=1, out=tmp_path / "away.json")
    assert read_evaluation(tmp_path / "away.json").clips
    for runs, message in (
        ([str(run)], "expected at least two"),
        ([str(run), str(run)], "was given twice"),
        ([str(run), str(tmp_path / "gone")], "gone does not exist; expected a run folder"),
        ([str(run), str(tmp_path / "away.json")], "score it on this store"),
    ):
        with pytest.raises(SystemExit) as ended:
            main(["compare", *runs, "--data", str(store.path), "--out", str(tmp_path / "o")])
        told = [s for s in capsys.readouterr().err.splitlines() if s.startswith("foreframe:")]
        assert ended.value.code == 2
        assert len(told) == 1
        assert message in told[0]


def test_costs_are_counted(run: Path, store: ClipStore) -> None:
    windows = foreframe.data.Windows(store, "test", 6, ("action",), stride=6)
    found = costs_of(load(run), windows, 2, 3)
    longer = foreframe.data.Windows(store, "test", 8, ("action",), stride=8)
    assert 0 < costs_of(load(run), longer, 2, 3).flops_per_frame < found.flops_per_frame
    assert found.frames_per_second > 0


def test_flops_of_a_known_model_are_those_of_its_layers(store: ClipStore) -> None:
    from foreframe import models

    class Linear(type(models.build("copy_last", store.clip_spec(()), {}))):  # type: ignore[misc]
        def decode(
            self, code: torch.Tensor, conditions: torch.Tensor, skips: tuple[torch.Tensor, ...]
        ) -> torch.Tensor:
            torch.ones(7, 5) @ torch.ones(5, 3)
            return super().decode(code, conditions, skips)

    model: Model = Linear(store.clip_spec(())).eval()
    model.register_buffer("there", torch.zeros(1))
    windows = foreframe.data.Windows(store, "test", 3, (), stride=3)
    assert costs_of(model, windows, 2, 1).flops_per_frame == 2 * 7 * 5 * 3
