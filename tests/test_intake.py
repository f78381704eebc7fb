"""What an import says of a source, and that a source which changes, wraps or is short is not
misread.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foreframe
from conftest import Squares
from foreframe.cli.entry import main
from foreframe.data import building
from foreframe.data.angles import continuous, quaternions_of, turns_of
from foreframe.data.building import build
from foreframe.data.formats.npz import Archives
from foreframe.data.making import import_recordings
from foreframe.data.offsets import suggest
from foreframe.data.sharing import shared_out
from foreframe.data.sources.findings import Findings
from foreframe.data.sources.folders import files_under, natural_order, split_of
from foreframe.data.sources.pixels import PixelSample, channel_layout, pixel_scale
from foreframe.data.sources.recording import Column, Recording, Recordings
from foreframe.data.sources.resampled import ResampledSource, Resampling
from foreframe.data.sources.times import match_by_time, seconds_of
from foreframe.data.splitting import SplitOptions
from foreframe.data.store import ClipStore
from foreframe.data.writing import StoreWriter
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


@pytest.fixture
def read_through(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The archives whose pictures were read to the end, in order."""
    found: list[str] = []
    original = Archives._frames

    def counted(self: Archives, file: Path, first: int, last: int) -> Iterator[np.ndarray]:
        yield from original(self, file, first, last)
        found.append(file.name)

    monkeypatch.setattr(Archives, "_frames", counted)
    return found


def test_an_update_reads_what_is_new_and_changed_alone(
    tmp_path: Path, read_through: list[str]
) -> None:
    src, out = tmp_path / "src", tmp_path / "store"
    for i in range(6):
        _archive(src, f"e{i}.npz", i, frames=20)
    first = import_recordings(src, out, workers=1)
    read_through.clear()
    _archive(src, "e1.npz", 99, frames=20)
    _archive(src, "e6.npz", 6, frames=20)
    updated = import_recordings(src, out, workers=1, update=True)
    assert sorted(read_through) == ["e1.npz", "e6.npz"]
    whole = import_recordings(src, tmp_path / "fresh", workers=1)
    digests = {e.name: e.digests for e in whole.episodes}
    assert {e.name: e.digests for e in updated.episodes} == digests
    splits = {e.name: e.split for e in updated.episodes}
    assert all(splits[e.name] == e.split for e in first.episodes)
    assert any("5 recordings are as they were" in line for line in _said(updated))


def _said(store: ClipStore) -> list[str]:
    return Findings.from_json(store.manifest["notes"]["findings"]).lines()


def test_a_recording_cut_by_time_is_taken_over_whole(
    tmp_path: Path, read_through: list[str]
) -> None:
    src, out = tmp_path / "src", tmp_path / "store"
    _archive(src, "a.npz", 0, frames=100)
    first = import_recordings(src, out, workers=1)
    read_through.clear()
    _archive(src, "b.npz", 1, frames=100)
    updated = import_recordings(src, out, workers=1, update=True)
    assert set(read_through) == {"b.npz"}
    before = {e.name: (e.split, e.digests) for e in first.episodes}
    after = {e.name: (e.split, e.digests) for e in updated.episodes}
    assert before.items() <= after.items()


def test_an_update_by_other_decisions_reads_everything(
    tmp_path: Path, read_through: list[str]
) -> None:
    src, out = tmp_path / "src", tmp_path / "store"
    for i in range(3):
        _archive(src, f"e{i}.npz", i, frames=20)
    import_recordings(src, out, workers=1)
    read_through.clear()
    _archive(src, "e3.npz", 3, frames=20)
    import_recordings(src, out, workers=1, update=True, lag=0)
    assert sorted(read_through) == [f"e{i}.npz" for i in range(4)]


def test_an_interrupted_update_leaves_nothing_in_the_way(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    src, out = tmp_path / "src", tmp_path / "store"
    for i in range(4):
        _archive(src, f"e{i}.npz", i)
    import_recordings(src, out, workers=1)
    _archive(src, "e4.npz", 4)
    with monkeypatch.context() as patched:
        patched.setattr(StoreWriter, "finish", _interrupt)
        with pytest.raises(KeyboardInterrupt):
            import_recordings(src, out, workers=1, update=True)
    assert (tmp_path / "store.partial").exists()
    assert len(ClipStore(out).episodes) == 4
    _archive(src, "e5.npz", 5)
    assert len(import_recordings(src, out, workers=1, update=True).episodes) == 6
    assert sorted(p.name for p in tmp_path.iterdir()) == ["src", "store"]


def _interrupt(*given: object) -> None:
    raise KeyboardInterrupt


def test_other_options_are_another_store(tmp_path: Path) -> None:
    src = WRITERS["images"](tmp_path / "src")
    import_recordings(src, tmp_path / "store", actions=("action_x",), workers=1)
    with pytest.raises(InputError, match="different: options"):
        import_recordings(src, tmp_path / "store", actions=("action_y",), workers=1)


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


def _pieces(sessions: dict[str, int], frames: int) -> Recordings:
    pictures = [np.zeros((8, 8, 3), np.uint8)] * frames
    values = {"action": np.zeros((frames, 1))}
    pieces = [
        Recording(f"{s}/{i}", pictures, values, session=s)
        for s, n in sessions.items()
        for i in range(n)
    ]
    return Recordings({"action": Column("action", "float32", (1,), ("a",))}, None, pieces)


def test_the_pieces_of_few_sessions_are_shared_out_along_their_time() -> None:
    source, splits = shared_out(_pieces({"a": 10, "b": 5}, 10), SplitOptions())
    assert splits[:10] == [*["train"] * 8, "validate", "test"]
    order = {"train": 0, "validate": 1, "test": 2}
    of_b = [order[source.read(i).split or ""] for i in range(10, len(source))]
    assert of_b == sorted(of_b)
    assert set(of_b) == {0, 1, 2}
    assert sum(len(list(source.read(i).frames)) for i in range(len(source))) == 150
    assert "cut by time" in " ".join(source.findings.lines())


def test_pieces_too_short_to_be_cut_stay_together() -> None:
    source, splits = shared_out(_pieces({"a": 2}, 5), SplitOptions())
    assert splits == ["train", "train"]
    assert any("fewer than 12 frames" in warning for warning in source.findings.warnings)


def test_a_chosen_rule_goes_before_the_splits_of_the_source() -> None:
    source = _pieces({f"s{i}": 1 for i in range(10)}, 6)
    for recording in source.episodes:
        recording.split = "test"
    kept, _ = shared_out(source, SplitOptions())
    assert {kept.read(i).split for i in range(10)} == {"test"}
    drawn, _ = shared_out(source, SplitOptions(by="episode"))
    assert {drawn.read(i).split for i in range(10)} == {"train", "validate", "test"}


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


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_the_advised_next_step_works(
    tmp_path: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    src, more = WRITERS[name](tmp_path / "src"), ["--workers", "1"]
    main(["data", "import", str(src), str(tmp_path / "store"), *more])
    said = capsys.readouterr().out
    if "no episode trains" in said:
        assert "next: foreframe train" not in said
        assert "--split-by episode" in said
        main(["data", "import", str(src), str(tmp_path / "b"), "--split-by", "episode", *more])
        said = capsys.readouterr().out
    for line in (line for line in said.splitlines() if "foreframe " in line.partition(":")[2]):
        words = line.partition("foreframe ")[2].split()
        main([*words, *(["--dry-run"] if words[0] == "train" else [])])
    assert "a dry run, nothing was written" in capsys.readouterr().out


def test_a_number_too_large_for_its_column_is_refused(tmp_path: Path) -> None:
    values = {"action": np.array([[0.0], [1e300]])}
    frames = [np.zeros((16, 16, 3), np.uint8)] * 2
    source = Recordings(
        {"action": Column("action", "float32", (1,))}, 5.0, [Recording("e", frames, values)]
    )
    with pytest.raises(InputError, match=r"action is 1e\+300 in row 1, more than float32 holds"):
        build(source, tmp_path / "store", {}, (16, 16, 3), ["train"], 1, "building")


def test_what_was_done_to_pictures_is_counted_over_all_of_them(tmp_path: Path) -> None:
    for e in range(40):
        (tmp_path / "src" / f"e{e:02d}").mkdir(parents=True)
        for t in range(4):
            image = Image.fromarray(np.full((12, 12, 3), 9 * t, np.uint8))
            exif = Image.Exif()
            exif[0x0112] = 6 if (e, t) in ((7, 1), (31, 2)) else 1
            image.save(tmp_path / "src" / f"e{e:02d}" / f"{t}.jpg", exif=exif)
    store = import_recordings(tmp_path / "src", tmp_path / "store", workers=2)
    said = [line for line in _said(store) if line.startswith("orientation")]
    assert said == ["orientation: 2 pictures turned as a viewer shows them, by EXIF"]
    assert not any(line.startswith(("transparency", "channels")) for line in _said(store))


def test_every_column_taken_has_its_span_and_its_unit_if_it_says_one(tmp_path: Path) -> None:
    (tmp_path / "src" / "a").mkdir(parents=True)
    for t in range(20):
        frame = np.full((12, 12, 3), 9 * t, np.uint8)
        Image.fromarray(frame).save(tmp_path / "src" / "a" / f"{t}.png")
    rows = "".join(f"{t / 4},{5_300_000 + t / 8}\n" for t in range(20))
    (tmp_path / "src" / "a" / "log.csv").write_text("action_speed [m/s],action_north\n" + rows)
    store = import_recordings(tmp_path / "src", tmp_path / "store", workers=1)
    said = _said(store)
    assert "action from action_speed [m/s], real, 0 to 4.75, m/s" in said
    assert "action from action_north, real, 5300000 to 5300002, unit not given" in said


def test_alpha_has_one_scale_whatever_a_block_of_pictures_holds() -> None:
    layout = channel_layout((2, 12, 12, 4), "a.npz")
    faint = np.full((2, 12, 12, 4), 200.0)
    faint[..., 3] = 1.0  # of 255: all but clear
    assert layout.to_rgb(faint, white=255.0).max() == pytest.approx(200 / 255, abs=1e-3)


def _of_size(folder: Path, height: int, width: int) -> Path:
    for e in range(3):
        folder.mkdir(exist_ok=True)
        np.savez(
            folder / f"e{e}.npz",
            image=np.full((12, height, width, 3), 40 * e, np.uint8),
            action=np.random.default_rng(e).normal(size=(12, 2)),
        )
    return folder


def test_large_pictures_are_warned_of_with_numbers(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    src, store = _of_size(tmp_path / "src", 192, 256), str(tmp_path / "store")
    main(["data", "import", str(src), store, "--workers", "1"])
    imported = capsys.readouterr().out
    main(["train", "push-tiny", "--data", store, "--out", str(tmp_path / "r"), "--dry-run"])
    dry = capsys.readouterr().out
    main(["data", "inspect", store])
    for said in (imported, dry, capsys.readouterr().out):
        note = next(line for line in said.splitlines() if "times the pixels" in line)
        assert re.search(r"192x256 have 12 times .* [\d,]{7,} parameters", note)
        assert re.search(r"about [\d.]+ s per step and [\d.]+ h for 1,100 steps", note)
        assert "--size 64 64" in note
    main(["data", "import", str(src), str(tmp_path / "b"), "--size", "64", "64", "--workers", "1"])
    assert "times the pixels" not in capsys.readouterr().out


def test_a_size_that_no_recipe_takes_is_said_at_import(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    src = _of_size(tmp_path / "src", 84, 84)
    main(["data", "import", str(src), str(tmp_path / "store"), "--workers", "1"])
    said = capsys.readouterr().out
    assert "push-tiny cannot train on this store" in said
    assert "import with --size 64 64" in said
    assert "next: foreframe train" not in said


def _shots(folder: Path, names: list[str]) -> None:
    """Pictures whose shade is 9 times their place."""
    folder.mkdir(parents=True)
    for place, name in enumerate(names):
        frame = np.full((12, 12, 3), 9 * place, np.uint8)
        Image.fromarray(frame).save(folder / f"{name}.png")


def _shades_and_actions(store: ClipStore) -> tuple[list[int], list[float]]:
    frames, actions = store.column("frames"), store.column("action")
    offset = np.asarray(store.columns["action"].offset or 0.0)
    shades = (frames[:, 0, 0, 0].astype(int) // 9).tolist()
    return shades, (actions.astype(float) + offset)[:, 0].tolist()


@pytest.mark.parametrize("unit", ["ns", "s"])
def test_pictures_whose_names_are_times_take_the_rows_of_their_times(
    tmp_path: Path, unit: str
) -> None:
    """A camera at 10 Hz beside a log at 40 Hz that begins before it, as in EuRoC and TUM."""
    first, step = 1_403_636_579_000_000_000, 100_000_000
    stamps = [first + step * t for t in range(15)]
    named = [str(s) if unit == "ns" else f"{s // 10**9}.{s % 10**9:09d}" for s in stamps]
    _shots(tmp_path / "src" / "run", named)
    rows = [first - 2 * step + k * step // 4 for k in range(80)]
    lines = [f"{row},{k}\n" for k, row in enumerate(rows)]
    (tmp_path / "src" / "run" / "log.csv").write_text("timestamp,steering\n" + "".join(lines))
    store = import_recordings(tmp_path / "src", tmp_path / "store", workers=1, split_by="episode")
    assert _shades_and_actions(store) == (list(range(15)), [8.0 + 4 * t for t in range(15)])
    assert any("65 of 80 rows have no partner in time" in line for line in _said(store))


def test_names_that_are_times_need_a_table_of_the_same_clock(tmp_path: Path) -> None:
    _shots(
        tmp_path / "src" / "run", [str(1_403_636_579_000_000_000 + t * 10**8) for t in range(15)]
    )
    rows = "".join(f"{t / 10},{t}\n" for t in range(60))
    (tmp_path / "src" / "run" / "log.csv").write_text("timestamp,steering\n" + rows)
    with pytest.raises(InputError, match="expected times of one clock"):
        import_recordings(tmp_path / "src", tmp_path / "store", workers=1)


@pytest.mark.parametrize(("lag", "shades"), [(1, range(14)), (0, range(1, 15))])
def test_states_of_all_pictures_but_one_need_a_word_which(
    tmp_path: Path, lag: int, shades: range
) -> None:
    _shots(tmp_path / "src" / "run", [str(t) for t in range(15)])
    rows = "".join(f"{t},{t}\n" for t in range(14))
    (tmp_path / "src" / "run" / "log.csv").write_text("action,state\n" + rows)
    with pytest.raises(InputError, match="--lag 1 or --lag 0; that picture is left out"):
        import_recordings(tmp_path / "src", tmp_path / "store", workers=1)
    store = import_recordings(
        tmp_path / "src", tmp_path / "store", workers=1, lag=lag, split_by="episode"
    )
    assert _shades_and_actions(store) == (list(shades), [float(t) for t in range(14)])


def test_what_a_source_says_of_some_splits_is_heeded() -> None:
    source = _pieces({f"s{i}": 1 for i in range(10)}, 6)
    for recording in source.episodes[3:6]:
        recording.split = "validate"
    shared, _ = shared_out(source, SplitOptions())
    splits = [shared.read(i).split for i in range(10)]
    assert splits[3:6] == ["validate"] * 3
    assert set(splits) == {"train", "validate", "test"}


def test_an_episode_too_long_to_be_sent_is_read_by_the_parent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for e in range(4):
        _archive(tmp_path / "src", f"e{e}.npz", e, frames=20 + 40 * (e == 2))
    monkeypatch.setattr(building, "_SENT_BYTES", 30 * 16 * 16 * 3)
    store = import_recordings(tmp_path / "src", tmp_path / "store", workers=2)
    alone = import_recordings(tmp_path / "src", tmp_path / "alone", workers=1)
    assert store.content == alone.content
    assert [e.length for e in store.episodes] == [20, 20, 60, 20]


def test_class_ids_and_constant_columns_are_said_at_import(tmp_path: Path) -> None:
    for e in range(3):
        (tmp_path / "src").mkdir(exist_ok=True)
        ids = np.random.default_rng(e).integers(0, 5, (30, 1))
        action = np.concatenate([ids, np.full((30, 1), 7)], 1)
        np.savez(
            tmp_path / "src" / f"e{e}.npz", image=np.zeros((30, 12, 12, 3), "u1"), action=action
        )
    said = _said(import_recordings(tmp_path / "src", tmp_path / "store", workers=1))
    assert any(line.startswith("NOTE: action[0] of action look like class ids") for line in said)
    assert any("--one-hot action[0]" in line for line in said)
    store = import_recordings(tmp_path / "src", tmp_path / "b", workers=1, one_hot=("action[0]",))
    assert not any("class ids" in line for line in _said(store))
    frames = np.zeros((30, 12, 12, 3), "u1")
    np.savez(tmp_path / "one.npz", image=frames, action=np.ones((30, 1)))
    lone = import_recordings(tmp_path / "one.npz", tmp_path / "c", workers=1, format="npz")
    assert "action from action, float64, always 1, unit not given" in _said(lone)


def test_a_recording_cut_by_time_is_read_once(tmp_path: Path, read_through: list[str]) -> None:
    _archive(tmp_path / "src", "a.npz", 0, frames=100)
    store = import_recordings(tmp_path / "src", tmp_path / "store", workers=1)
    assert len(store.episodes) == 3
    assert read_through == ["a.npz"]
    several = import_recordings(tmp_path / "src", tmp_path / "b", workers=3)
    assert several.content == store.content


def test_pictures_lost_between_others_do_not_shift_the_rows(tmp_path: Path) -> None:
    _shots(tmp_path / "src" / "run", [str(t) for t in range(16) if t != 4])
    rows = "".join(f"{t},{t / 2}\n" for t in range(15))
    log = tmp_path / "src" / "run" / "log.csv"
    log.write_text("frame,steering\n" + rows)
    with pytest.raises(InputError, match=r"no picture has \(4\).*does not have \(15\)"):
        import_recordings(tmp_path / "src", tmp_path / "store", workers=1)
    log.write_text("frame,steering\n" + rows + "15,7.5\n")
    store = import_recordings(tmp_path / "src", tmp_path / "store", workers=1, split_by="episode")
    assert store.column("action")[:, 0].tolist() == [t / 2 for t in range(16) if t != 4]
