"""Stores as LeRobotDatasets: the published description, the timing of actions, a way back."""

from __future__ import annotations

import dataclasses
import json
import os
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreframe
from foreframe.data.building import build
from foreframe.data.formats import _lerobot_films, _lerobot_writing
from foreframe.data.formats._lerobot_places import Limits
from foreframe.data.sources.recording import Column, Recording, Recordings
from foreframe.data.store import SPLITS, ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError
from foreframe.simulate import Simulator
from foreframe.simulate.saving import save_clip

parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra lerobot")
pytest.importorskip("av", reason="needs the extra lerobot")

CAMERA = _lerobot_writing.CAMERA
COUNTERS = {
    "timestamp": "float32",
    "frame_index": "int64",
    "episode_index": "int64",
    "index": "int64",
    "task_index": "int64",
}
QUANTILES = ("q01", "q10", "q50", "q90", "q99")


@pytest.fixture(scope="module")
def exported(store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("lerobot") / "set"
    assert foreframe.data.export(store.path, out, "lerobot") == len(store.episodes)
    return out


@pytest.fixture(scope="module")
def info(exported: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((exported / "meta" / "info.json").read_text())
    return found


def episodes_in_order(store: ClipStore) -> list[foreframe.data.Episode]:
    return [e for split in SPLITS for e in store.episodes if e.split == split]


def test_the_description_has_the_published_fields(
    store: ClipStore, exported: Path, info: dict[str, Any]
) -> None:
    """Source: huggingface.co/docs/lerobot/lerobot-dataset-v3, and the cards of published sets."""
    assert set(info) == {
        "codebase_version", "robot_type", "total_episodes", "total_frames", "total_tasks",
        "chunks_size", "data_files_size_in_mb", "video_files_size_in_mb", "fps", "splits",
        "data_path", "video_path", "features",
    }  # fmt: skip
    assert (info["codebase_version"], info["fps"], info["chunks_size"]) == ("v3.0", 5, 1000)
    assert isinstance(info["fps"], int)
    assert info["splits"] == {"train": "0:6", "val": "6:8", "test": "8:10"}
    features = info["features"]
    assert all(set(f) - {"info"} == {"dtype", "shape", "names"} for f in features.values())
    assert {n: f["dtype"] for n, f in features.items() if n in COUNTERS} == COUNTERS
    assert features[CAMERA]["dtype"] == "video"
    assert features[CAMERA]["shape"] == [32, 64, 3]
    assert features["action"] == {"dtype": "float32", "shape": [2], "names": ["dy", "dx"]}
    assert not any("/" in name for name in features)
    for name, place in (("data_path", {}), ("video_path", {"video_key": CAMERA})):
        assert (exported / info[name].format(chunk_index=0, file_index=0, **place)).is_file()


def test_rows_and_episodes_say_where_all_is(exported: Path, info: dict[str, Any]) -> None:
    table = parquet.read_table(exported / "data" / "chunk-000" / "file-000.parquet")
    assert set(table.column_names) == set(info["features"]) - {CAMERA}
    assert str(table.schema.field("action").type).startswith("fixed_size_list<")
    assert str(table.schema.field("timestamp").type) == "float"
    assert table["index"].to_pylist() == list(range(info["total_frames"]))
    rows = parquet.read_table(exported / "meta" / "episodes" / "chunk-000" / "file-000.parquet")
    episodes = rows.to_pylist()
    assert [e["episode_index"] for e in episodes] == list(range(info["total_episodes"]))
    after = 0
    for episode in episodes:
        assert (episode["dataset_from_index"], episode["length"]) == (after, 12)
        after = episode["dataset_to_index"]
        here = table.slice(episode["dataset_from_index"], episode["length"])
        assert set(here["episode_index"].to_pylist()) == {episode["episode_index"]}
        assert here["frame_index"].to_pylist() == list(range(episode["length"]))
        span = [episode[f"videos/{CAMERA}/{end}_timestamp"] for end in ("from", "to")]
        assert span == [episode["dataset_from_index"] / 5, episode["dataset_to_index"] / 5]
        assert episode["tasks"]
        assert {"data/chunk_index", "meta/episodes/file_index"} < set(episode)
    assert after == info["total_frames"]


def test_tasks_are_found_by_their_words(exported: Path) -> None:
    table = parquet.read_table(exported / "meta" / "tasks.parquet")
    said = json.loads(table.schema.metadata[b"pandas"])
    assert said["index_columns"] == ["task"]
    assert table["task_index"].to_pylist() == [0]


def test_statistics_are_those_of_the_store(store: ClipStore, exported: Path) -> None:
    found = json.loads((exported / "meta" / "stats.json").read_text())
    actions = store.column("action").astype(float)
    for name, expected in (
        ("min", actions.min(0)),
        ("mean", actions.mean(0)),
        ("std", actions.std(0)),
        *((q, np.quantile(actions, float(q[1:]) / 100, axis=0)) for q in QUANTILES),
    ):
        np.testing.assert_allclose(found["action"][name], expected, atol=1e-9)
    assert found["action"]["count"] == [len(actions)]
    pictures = store.column("frames") / 255
    assert np.shape(found[CAMERA]["mean"]) == (3, 1, 1)
    assert found[CAMERA]["count"] == [len(pictures)]
    for name, expected in (
        ("mean", pictures.mean((0, 1, 2))),
        ("std", pictures.std((0, 1, 2))),
        ("max", pictures.max((0, 1, 2))),
        *(
            (q, np.quantile(pictures, float(q[1:]) / 100, (0, 1, 2), method="inverted_cdf"))
            for q in QUANTILES
        ),
    ):
        np.testing.assert_allclose(np.ravel(found[CAMERA][name]), expected, atol=1e-9)
    file = exported / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    (first, *_) = parquet.read_table(file).to_pylist()
    episode = episodes_in_order(store)[0]
    rows = actions[episode.start : episode.start + episode.length]
    np.testing.assert_allclose(first["stats/action/mean"], rows.mean(0), atol=1e-9)
    assert first["stats/action/count"] == [12]


def test_it_comes_back(store: ClipStore, exported: Path, tmp_path: Path) -> None:
    back = foreframe.data.import_recordings(exported, tmp_path / "back", workers=1)
    assert back.source["format"] == "lerobot_v3"
    ours = episodes_in_order(store)
    assert [e.split for e in back.episodes] == [e.split for e in ours]
    for a, b in zip(ours, back.episodes, strict=True):
        rows, others = (slice(e.start, e.start + e.length) for e in (a, b))
        for name, other in (("action", "action"), ("position", "state")):
            np.testing.assert_array_equal(store.column(name)[rows], back.column(other)[others])
        was, now = (s.column("frames")[r].astype(int) for s, r in ((store, rows), (back, others)))
        assert np.abs(was - now).mean() < 3  # colours at half the size, around a square's edge


def lagging(lag: int, length: int = 6) -> Recordings:
    rows = np.arange(1, length + 1, dtype=np.float32)[:, None]
    pictures = [np.full((16, 16, 3), 20 * t, np.uint8) for t in range(length)]
    columns = {"action": Column("action", "float32", (1,), ("a",), lag)}
    episodes = [Recording(f"e{i}", pictures, {"action": rows + 10 * i}, "train") for i in range(2)]
    return Recordings(columns, 10.0, episodes)


@pytest.mark.parametrize("lag", [0, 1])
def test_an_action_still_leads_to_the_same_frame(lag: int, tmp_path: Path) -> None:
    splits = ["train"] * 2
    store = build(lagging(lag), tmp_path / "a", {"lag": lag}, (16, 16, 3), splits, 1, "lagging")
    foreframe.data.export(store.path, tmp_path / "out", "lerobot")
    back = foreframe.data.import_recordings(tmp_path / "out", tmp_path / "b", workers=1)
    for a, b in zip(store.episodes, back.episodes, strict=True):
        was = Windows(store, "train", 6, ["action"]).conditions(a, 0, 6)
        now = Windows(back, "train", 6, ["action"]).conditions(b, 0, 6)
        np.testing.assert_array_equal(was[1:], now[1:])  # nothing led to the first frame


def test_files_are_closed_in_time(store: ClipStore, tmp_path: Path) -> None:
    small = Limits(files_per_chunk=2, data_mb=0.0005, video_mb=0.004)
    _lerobot_writing.export(store, tmp_path, small)
    for kind, suffix in (("data", "parquet"), (f"videos/{CAMERA}", "mp4")):
        files = sorted(f.relative_to(tmp_path / kind) for f in (tmp_path / kind).glob("*/*"))
        assert len(files) > 2, kind
        assert files[2].as_posix() == f"chunk-001/file-000.{suffix}"
    back = foreframe.data.import_recordings(tmp_path, tmp_path.with_name("back"), workers=1)
    for a, b in zip(episodes_in_order(store), back.episodes, strict=True):
        was, now = (
            s.column("frames")[e.start : e.start + e.length].astype(int)
            for s, e in ((store, a), (back, b))
        )
        assert np.abs(was - now).mean() < 3


def test_a_stopped_export_goes_on(
    store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made: list[str] = []
    write = _lerobot_films.Film.write

    def counted(self: Any, frames: Any, file: Path) -> None:
        if len(made) == 4:
            raise KeyboardInterrupt
        made.append(file.name)
        write(self, frames, file)

    monkeypatch.setattr(_lerobot_films.Film, "write", counted)
    with pytest.raises(KeyboardInterrupt):
        foreframe.data.export(store.path, tmp_path / "out", "lerobot")
    assert not (tmp_path / "out").exists()
    made.append("the stop")
    assert foreframe.data.export(store.path, tmp_path / "out", "lerobot") == 10
    assert len(made) == len(set(made)) == 11
    assert sorted(os.listdir(tmp_path)) == ["out"]
    assert sorted(os.listdir(tmp_path / "out")) == ["data", "meta", "videos"]


def test_a_drive_becomes_a_set(run: Path, tmp_path: Path) -> None:
    simulator = Simulator(run)
    drive = simulator.begin(0)
    for k in range(4):
        simulator.act([drive], [np.array([k, -k], np.float32)])
    store = save_clip(simulator, drive, tmp_path / "drive")
    foreframe.data.export(store.path, tmp_path / "out", "lerobot")
    back = foreframe.data.import_recordings(tmp_path / "out", tmp_path / "back", workers=1)
    assert [e.split for e in back.episodes] == ["test"]
    conditions = Windows(back, "test", 6, ["action"]).conditions(back.episodes[0], 0, 6)
    np.testing.assert_array_equal(conditions[2:], [[k, -k] for k in range(4)])


def test_imagined_episodes_become_a_set(run: Path, store: ClipStore, tmp_path: Path) -> None:
    kept = tmp_path / "kept"
    foreframe.sample(run, store.path, tmp_path / "drawn", clips=(0, 1), samples=2, store=kept)
    imagined = ClipStore(kept)
    assert [e.facts["imagined_from_frame"] for e in imagined.episodes] == [2] * 4
    frames = imagined.column("frames").reshape(4, 6, 32, 64, 3)
    facts = imagined.episodes[0].facts
    begun = next(e for e in store.episodes if e.name == facts["begun_from"])
    first = begun.start + facts["begun_at_frame"]
    for episode in frames[:2]:
        np.testing.assert_array_equal(episode[:2], store.column("frames")[first : first + 2])
    assert (frames[0, 2:] != frames[1, 2:]).any()
    conditions = Windows(imagined, "test", 6, ["action"]).clips([0]).conditions[0]
    truth = Windows(store, "test", 6, ["action"]).conditions(begun, facts["begun_at_frame"], 6)
    np.testing.assert_array_equal(conditions, truth)
    foreframe.data.export(kept, tmp_path / "out", "lerobot")
    back = foreframe.data.import_recordings(tmp_path / "out", tmp_path / "back", workers=1)
    assert len(back.episodes) == 4
    again = Windows(back, "test", 6, ["action"]).clips([0]).conditions[0]
    np.testing.assert_array_equal(again[1:], truth[1:])


def test_odd_sizes_grey_pictures_and_large_numbers(tmp_path: Path) -> None:
    rows = np.array([[1e9], [1e9 + 0.5], [1e9 + 1.0]])
    pictures = [np.full((17, 19, 1), 40 * t, np.uint8) for t in range(3)]
    column = Column("action", "float32", (1,), ("a",), offset=(1e9,))
    source = Recordings(
        {"action": column}, 7.5, [Recording("e", pictures, {"action": rows - 1e9}, "train")]
    )
    store = build(source, tmp_path / "a", {}, (17, 19, 1), ["train"], 1, "odd")
    foreframe.data.export(store.path, tmp_path / "out", "lerobot")
    info = json.loads((tmp_path / "out" / "meta" / "info.json").read_text())
    assert (info["fps"], info["features"]["action"]["dtype"]) == (7.5, "float64")
    table = parquet.read_table(tmp_path / "out" / "data" / "chunk-000" / "file-000.parquet")
    assert table["action"].to_pylist() == rows[:, 0].tolist()
    back = foreframe.data.import_recordings(tmp_path / "out", tmp_path / "b", workers=1)
    levels = back.column("frames").mean((1, 2, 3))
    np.testing.assert_allclose(levels, [0, 40, 80], atol=2)


def test_what_does_not_fit_is_refused(tmp_path: Path) -> None:
    labels = {"pose": Column("label", "uint8", (16, 16, 3), lag=0)}
    for columns, why in (({}, "has no actions"), (labels, r"has label images.*--format dance")):
        values = {name: np.zeros((6, 16, 16, 3), np.uint8) for name in columns}
        episode = dataclasses.replace(lagging(1).episodes[0], values=values)
        source = Recordings(columns, 10.0, [episode])
        where = tmp_path / f"store-{len(columns)}"
        build(source, where, {}, (16, 16, 3), ["train"], 1, "other")
        with pytest.raises(InputError, match=why):
            foreframe.data.export(where, tmp_path / "out", "lerobot")
    assert not (tmp_path / "out").exists()
