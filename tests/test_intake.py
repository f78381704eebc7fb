"""What an import says of a source, and that a source which changes, wraps or is short is not
misread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest

import foreframe
from conftest import Squares
from foreframe.cli.entry import main
from foreframe.data.angles import continuous, quaternions_of, turns_of
from foreframe.data.building import build
from foreframe.data.making import import_recordings
from foreframe.data.offsets import suggest
from foreframe.data.sources.findings import Findings
from foreframe.data.sources.folders import files_under, natural_order, split_of
from foreframe.data.sources.pixels import PixelSample, channel_layout, pixel_scale
from foreframe.data.sources.recording import Column, Recording, Recordings
from foreframe.data.sources.resampled import ResampledSource, Resampling
from foreframe.data.sources.times import match_by_time, seconds_of
from foreframe.data.splitting import SplitOptions, shared_out
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from small_recordings import WRITERS, frames_of


def _archive(folder: Path, name: str, seed: int, frames: int = 40) -> None:
    folder.mkdir(exist_ok=True)
    rng = np.random.default_rng(seed)
    np.savez(
        folder / name,
        frames=rng.integers(0, 255, (frames, 16, 16, 3), np.uint8),
        action=rng.normal(size=(frames, 2)).astype(np.float32),
    )


def _source(values: np.ndarray, **more: object) -> Recordings:
    frames = [np.full((8, 8, 3), i % 250, np.uint8) for i in range(len(values))]
    names = tuple(f"a{i}" for i in range(values.shape[1]))
    column = Column("action", "float32", (values.shape[1],), names)
    return Recordings(
        {"action": column}, None, [Recording("one", frames, {"action": values}, **more)]
    )  # type: ignore[arg-type]


def test_findings_survive_json() -> None:
    found = Findings().takes("a", "action", "bool").leaves_out("words", "no numbers").warn("odd")
    found = found.decided("lag", 1, "5 rows for 6 pictures", "--lag").ignores("x.csv", "two tables")
    assert Findings.from_json(found.to_json()) == found
    assert "lag: 1, by 5 rows for 6 pictures (--lag decides otherwise)" in found.lines()


def test_a_source_that_changed_is_noticed_and_updated(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    src, out = tmp_path / "src", tmp_path / "store"
    for i in range(4):
        _archive(src, f"e{i}.npz", i)
    first = import_recordings(src, out, workers=1)
    assert first.written_now
    assert not import_recordings(src, out, workers=1).written_now
    main(["data", "import", str(src), str(out), "--workers", "1"])
    assert "wrote" not in capsys.readouterr().out
    _archive(src, "e1.npz", 99)
    _archive(src, "e4.npz", 4)
    with pytest.raises(InputError, match=r"1 changed \(e1.npz\); 1 new \(e4.npz\); say --update"):
        import_recordings(src, out, workers=1)
    assert ClipStore(out).content == first.content
    updated = import_recordings(src, out, workers=1, update=True)
    splits = {e.name: e.split for e in updated.episodes}
    assert len(splits) == 5
    assert updated.content != first.content
    assert all(splits[e.name] == e.split for e in first.episodes)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["src", "store"]


def test_one_recording_is_cut_by_time_and_loses_no_frame(tmp_path: Path) -> None:
    _archive(tmp_path / "src", "a.npz", 0, frames=100)
    store = import_recordings(tmp_path / "src", tmp_path / "store", workers=1)
    assert [(e.split, e.length) for e in store.episodes] == [
        ("train", 76),
        ("validate", 12),
        ("test", 12),
    ]
    with np.load(tmp_path / "src" / "a.npz") as whole:
        assert np.array_equal(store.column("frames"), whole["frames"])
        assert np.array_equal(store.column("action"), whole["action"])
    assert any(
        "cut by time" in d["value"] for d in store.manifest["notes"]["findings"]["decisions"]
    )
    kept = import_recordings(tmp_path / "src", tmp_path / "b", workers=1, split_by="episode")
    assert len(kept.episodes) == 1


def test_pieces_of_a_session_share_a_split() -> None:
    column = Column("action", "float32", (1,), ("a",))
    pictures = [np.zeros((8, 8, 3), np.uint8)] * 3
    pieces = [
        Recording(f"{s}/{i}", pictures, {"action": np.zeros((3, 1))}, session=f"s{s}")
        for s in range(6)
        for i in range(4)
    ]
    source = Recordings({"action": column}, None, pieces)
    _, splits = shared_out(source, SplitOptions())
    of_session = {
        p.session: {s for q, s in zip(pieces, splits) if q.session == p.session} for p in pieces
    }
    assert all(len(found) == 1 for found in of_session.values())
    assert set(splits) == {"train", "validate", "test"}
    with pytest.raises(InputError, match="--split-by session needs"):
        shared_out(_source(np.zeros((20, 1))), SplitOptions(by="session"))


def test_large_numbers_keep_their_steps(tmp_path: Path) -> None:
    north = 5_300_123 + 0.1 * np.arange(30.0)
    taken = ResampledSource(_source(np.stack([north, np.arange(30.0)], 1)))
    store = build(taken, tmp_path / "s", {}, (8, 8, 3), ["train"], 1, "test")
    column = ClipStore(store.path).columns["action"]
    assert column.offset[0] > 5e6
    assert column.offset[1] == 0
    stored = np.asarray(store.column("action"), np.float64) + column.offset
    assert np.abs(stored[:, 0] - north).max() < 1e-3
    found = foreframe.data.inspect(store.path)["conditions"]["action"]["columns"]["a0"]
    assert found["high"] == pytest.approx(north[-1], abs=1e-3)


def test_class_ids_become_a_number_each() -> None:
    ids = np.array([[0, 0.5], [2, 0.25], [1, 0]])
    taken = ResampledSource(_source(ids), Resampling(one_hot=("a0",)))
    assert taken.columns["action"].names == ("a0=0", "a0=1", "a0=2", "a1")
    expected = [[1, 0, 0, 0.5], [0, 0, 1, 0.25], [0, 1, 0, 0]]
    assert taken.read(0).values["action"].tolist() == expected
    with pytest.raises(InputError, match="expected class ids"):
        _ = ResampledSource(_source(ids), Resampling(one_hot=("a1",))).columns


def test_deltas_of_angles_and_quaternions_go_round() -> None:
    angle = np.angle(np.exp(1j * 0.2 * np.arange(40)))
    taken = ResampledSource(_source(angle[:, None]), Resampling(actions_as="deltas"))
    assert np.allclose(taken.read(0).values["action"][1:], 0.2)
    half = 0.05 * np.arange(20)
    turns = np.stack([np.cos(half), np.sin(half), 0 * half, 0 * half], 1)
    flipped = turns * np.where(np.arange(20) % 3 == 0, -1, 1)[:, None]
    assert quaternions_of([flipped]) == [0]
    assert turns_of([flipped]) == {}
    steps = np.abs(np.diff(continuous(flipped, {}, [0]), axis=0))
    assert np.allclose(steps, np.abs(np.diff(turns, axis=0)))


@dataclass(frozen=True)
class Unrelated(Squares):
    """Squares whose actions say nothing of how they move."""

    findings: Findings = field(default_factory=Findings)

    def read(self, index: int) -> Recording:
        recording = super().read(index)
        noise = np.random.default_rng((index, 1)).normal(size=(self.frames, 2))
        return Recording(recording.name, recording.frames, {"action": noise, "position": noise})


def test_a_flat_curve_of_offsets_is_called_flat() -> None:
    suggested = suggest(Unrelated(count=8, frames=60))
    assert suggested.is_flat
    assert suggested.best == 1
    assert any("flat, cannot tell" in line for line in suggested.curve())


def test_rows_are_found_by_time() -> None:
    pictures = np.array([0, 0.1, 0.2, 0.3])
    assert match_by_time(pictures, np.arange(8) * 0.05, "a.csv").rows.tolist() == [0, 2, 4, 6]
    matched = match_by_time(pictures, np.array([0, 0.1, 0.2]), "a.csv", 0.04)
    assert matched.rows.tolist() == [0, 1, 2, -1]
    assert matched.without_row == 1
    with pytest.raises(InputError, match="before that of the row above"):
        match_by_time(pictures, np.array([0, 0.2, 0.1]), "a.csv")
    unix = seconds_of(1_700_000_000_000_000_000 + np.arange(5) * 100_000_000, "t")
    assert np.allclose(unix, 0.1 * np.arange(5))


@pytest.mark.parametrize(
    ("shape", "kind", "axis"),
    [
        ((6, 96, 96, 4), "rgba", -1),
        ((6, 84, 84, 1), "grey", -1),
        ((6, 3, 84, 84), "rgb", 1),
        ((6, 9, 64, 64), "stacked", 1),
        ((6, 84, 84), "grey", None),
    ],
)
def test_channels_are_told_by_what_else_would_be_absurd(
    shape: tuple[int, ...], kind: str, axis: int | None
) -> None:
    found = channel_layout(shape, "a.npz")
    assert (found.kind, found.axis) == (kind, axis)
    assert found.to_rgb(np.ones(shape, np.uint8)).shape[-1] == 3


@pytest.mark.parametrize("shape", [(8, 84, 84, 6), (8, 4, 4, 3), (8, 84, 84, 2), (8, 84)])
def test_absurd_pictures_are_refused(shape: tuple[int, ...]) -> None:
    with pytest.raises(InputError, match=r"a\.npz has"):
        channel_layout(shape, "a.npz")


def test_one_scale_holds_for_a_source() -> None:
    dark, bright = PixelSample("float32", 0, 0.9), PixelSample("float32", 0, 250)
    scale = pixel_scale([dark, bright], "a")
    assert scale.to_bytes(np.array([0.9, 250.0]), "a").tolist() == [1, 250]
    masks = pixel_scale([PixelSample("bool", 0, 1)], "a")
    assert masks.to_bytes(np.array([True, False]), "a").tolist() == [255, 0]
    with pytest.raises(InputError, match="--pixel-range"):
        pixel_scale([PixelSample("uint16", 0, 4000)], "a")
    with pytest.raises(InputError, match="expected 0 to 1 as in the rest"):
        pixel_scale([dark], "a").to_bytes(np.array([3.0]), "b")


def test_names_sort_as_numbers_and_links_are_followed(tmp_path: Path) -> None:
    assert natural_order(["10_b", "9_a", "c0_f10", "c0_f2"]) == ["9_a", "10_b", "c0_f2", "c0_f10"]
    assert [split_of(n) for n in ("Train", "VALID", "testing", "ep0")] == [
        "train",
        "validate",
        "test",
        None,
    ]
    real = tmp_path / "elsewhere"
    real.mkdir()
    (real / "1.png").touch()
    (real / "._1.png").touch()
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "train").symlink_to(real)
    (real / "round").symlink_to(tmp_path / "src")
    assert [str(f.relative_to(tmp_path)) for f in files_under(tmp_path / "src")] == [
        "src/train/1.png"
    ]


def test_tables_near_a_source_without_actions_stop_the_import(tmp_path: Path) -> None:
    src = WRITERS["kth"](tmp_path / "kth")
    (src / "steering.csv").write_text("a\n1\n")
    with pytest.raises(InputError, match=r"steering\.csv.*--no-actions"):
        import_recordings(src, tmp_path / "s", workers=1)
    store = import_recordings(src, tmp_path / "s", workers=1, no_actions=True)
    assert "action" not in store.columns


@pytest.mark.parametrize("seed", range(8))
def test_what_comes_in_is_what_was_written_or_it_is_refused(tmp_path: Path, seed: int) -> None:
    """Random archives: how many, how long, which type, order of axes and names."""
    rng = np.random.default_rng(seed)
    count, dtype = int(rng.integers(3, 6)), rng.choice(["float32", "float64", "int64"])
    first, written = bool(rng.integers(2)), {}
    source = tmp_path / "src"
    source.mkdir()
    for i in rng.permutation(count):
        frames = frames_of(int(i))
        actions = (rng.normal(size=(len(frames), 3)) * 9).astype(dtype)
        name = f"run_{i if rng.integers(2) else f'{i:03d}'}"
        np.savez(
            source / f"{name}.npz",
            image=np.moveaxis(frames, -1, 1) if first else frames,
            action=actions,
        )
        written[name] = (frames, actions)
    store = import_recordings(source, tmp_path / "store", format="npz", workers=1)
    assert len(store.episodes) == count
    for episode in store.episodes:
        rows = slice(episode.start, episode.start + episode.length)
        frames, actions = written[episode.name]
        assert np.array_equal(store.column("frames")[rows], frames)
        assert np.allclose(store.column("action")[rows], actions, rtol=1e-6)


@pytest.mark.filterwarnings(
    "ignore:Initializing zero-element tensors"
)  # a model without conditions
@pytest.mark.parametrize("name", sorted(set(WRITERS) - {"dance"}))
def test_the_advised_next_step_works(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    src = WRITERS[name](tmp_path / "src")
    main(["data", "import", str(src), str(tmp_path / "store"), "--workers", "1"])
    lines = capsys.readouterr().out.splitlines()
    advised = next(line for line in lines if "next: foreframe train" in line).split("foreframe ")[1]
    main([*advised.split(), "--dry-run"])
    assert "a dry run, nothing was written" in capsys.readouterr().out


def test_a_number_too_large_for_its_column_is_refused(tmp_path: Path) -> None:
    values = {"action": np.array([[0.0], [1e300]])}
    frames = [np.zeros((16, 16, 3), np.uint8)] * 2
    source = Recordings(
        {"action": Column("action", "float32", (1,))}, 5.0, [Recording("e", frames, values)]
    )
    with pytest.raises(InputError, match=r"action is 1e\+300 in row 1, more than float32 holds"):
        build(source, tmp_path / "store", {}, (16, 16, 3), ["train"], 1, "building")
