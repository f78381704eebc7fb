"""Recordings in and out.

Round trips without loss, real samples, and errors that name the file and the row.
"""

from __future__ import annotations

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foreframe
from conftest import DANCE_FRAMES
from foreframe.data.pictures import resized
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError


@pytest.fixture
def layout(store: ClipStore, tmp_path: Path) -> Path:
    foreframe.data.export(store.path, tmp_path / "layout")
    return tmp_path / "layout"


def by_name(store: ClipStore, split: str, column: str) -> list[np.ndarray]:
    return [store.column(column)[e.start : e.start + e.length] for e in store.of_split(split)]


def test_the_pushing_layout_goes_round_without_loss(
    store: ClipStore, layout: Path, tmp_path: Path
) -> None:
    back = foreframe.data.import_recordings(layout, tmp_path / "back")
    for split in ("train", "validate", "test"):
        for ours, theirs in (
            ("frames", "frames"),
            ("action", "action"),
            ("position", "endeffector_pos"),
        ):
            for a, b in zip(by_name(store, split, ours), by_name(back, split, theirs), strict=True):
                np.testing.assert_array_equal(a, b)
    foreframe.data.export(back.path, tmp_path / "again")
    for file in layout.rglob("*.csv"):
        assert (tmp_path / "again" / file.relative_to(layout)).read_bytes() == file.read_bytes()


def test_the_layout_is_the_published_one(layout: Path) -> None:
    folder = layout / "train" / "traj_0_to_255" / "0"
    assert sorted(p.name for p in folder.glob("*.png")) == sorted(f"{t}.png" for t in range(12))
    assert len((folder / "actions.csv").read_text().splitlines()) == 12


def test_numbers_sort_as_numbers(layout: Path, tmp_path: Path) -> None:
    (layout / "train" / "traj_0_to_255" / "2").rename(layout / "train" / "traj_0_to_255" / "10")
    store = foreframe.data.import_recordings(layout, tmp_path / "back")
    assert [e.name.split("/")[-1] for e in store.of_split("train")] == [
        "0",
        "1",
        "3",
        "4",
        "5",
        "10",
    ]


EPISODE = ("train", "traj_0_to_255", "1")


def truncate(folder: Path) -> None:
    file = folder / "5.png"
    file.write_bytes(file.read_bytes()[:-40])


def flip(folder: Path) -> None:
    content = bytearray((folder / "5.png").read_bytes())
    content[len(content) // 2] ^= 0xFF
    (folder / "5.png").write_bytes(bytes(content))


def edit(name: str, change):  # type: ignore[no-untyped-def]
    def apply(folder: Path) -> None:
        rows = (folder / name).read_text().splitlines()
        (folder / name).write_text("\n".join(change(rows)) + "\n")

    return apply


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (truncate, r"5\.png cannot be read"),
        (flip, r"5\.png cannot be read"),
        (lambda f: (f / "5.png").unlink(), r"expected 0\.png to T-1\.png without a gap"),
        (
            lambda f: Image.new("RGB", (32, 32)).save(f / "5.png"),
            r"5\.png is 32x32; expected 64x32",
        ),
        (
            edit("actions.csv", lambda r: r[:-2]),
            r"actions\.csv has 10 rows x 2 columns; expected 12 x 2",
        ),
        (
            edit("actions.csv", lambda r: [f"{x},0" for x in r]),
            r"actions\.csv has 12 rows x 3 columns; expected 12 x 2",
        ),
        (
            edit("actions.csv", lambda r: [*r[:3], "1", *r[4:]]),
            r"actions\.csv: row 3 has 1 columns; expected 2",
        ),
        (
            edit("actions.csv", lambda r: [*r[:3], "nan,1", *r[4:]]),
            r"actions\.csv: row 3 holds NaN",
        ),
        (
            edit("actions.csv", lambda r: ["dy,dx", *r[1:]]),
            r"actions\.csv: row 0 holds words.*without a header",
        ),
        (
            lambda f: (f / "endeffector_positions.csv").unlink(),
            r"endeffector_positions\.csv cannot be read",
        ),
    ],
)
def test_bad_layouts_are_named_and_leave_nothing(
    layout: Path, tmp_path: Path, fault, message: str
) -> None:  # type: ignore[no-untyped-def]
    fault(layout.joinpath(*EPISODE))
    with pytest.raises(InputError, match=message):
        foreframe.data.import_recordings(layout, tmp_path / "back", workers=1)
    assert not (tmp_path / "back").exists()
    assert not (tmp_path / "back.partial").exists()


def test_frames_of_another_size_ask_for_a_size(layout: Path, tmp_path: Path) -> None:
    folder = layout.joinpath(*EPISODE)
    for file in folder.glob("*.png"):
        Image.new("RGB", (32, 32)).save(file)
    with pytest.raises(InputError, match=r"has frames of 32x32; expected 64x32.*say --size"):
        foreframe.data.import_recordings(layout, tmp_path / "back", workers=1)
    store = foreframe.data.import_recordings(layout, tmp_path / "back", size=(16, 16), workers=1)
    assert store.frame_shape == (16, 16, 3)


def test_what_is_no_recording_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="does not exist"):
        foreframe.data.import_recordings(tmp_path / "nothing", tmp_path / "out")
    with pytest.raises(InputError, match="looks like none of the known formats"):
        foreframe.data.import_recordings(tmp_path, tmp_path / "out")
    with pytest.raises(InputError, match="did you mean lerobot"):
        foreframe.data.import_recordings(tmp_path, tmp_path / "out", format="lerobott")
    with pytest.raises(InputError, match="--stride is 0"):
        foreframe.data.import_recordings(tmp_path, tmp_path / "out", format="npz", stride=0)


def test_a_stride_keeps_the_action_that_shows_last(tmp_path: Path) -> None:
    frames = (
        np.zeros((10, 16, 16, 3), np.uint8) + np.arange(10, dtype=np.uint8)[:, None, None, None]
    )
    actions = np.arange(1, 11, dtype=np.float32)[:, None]
    np.savez(tmp_path / "a.npz", frames=frames, actions=actions)
    store = foreframe.data.import_recordings(tmp_path / "a.npz", tmp_path / "out", stride=3)
    assert store.column("frames")[:, 0, 0, 0].tolist() == [0, 3, 6, 9]
    assert store.column("action")[:, 0].tolist() == [
        3,
        6,
        9,
        10,
    ]  # rows 2, 5, 8 lead into frames 3, 6, 9
    late = foreframe.data.import_recordings(
        tmp_path / "a.npz", tmp_path / "late", stride=3, action_offset=3
    )
    assert late.column("action")[:, 0].tolist() == [1, 4, 7, 10]


@pytest.mark.parametrize("shape", ["thwc", "tchw", "stacked", "float", "int64"])
def test_npz_frames_in_any_usual_shape(tmp_path: Path, shape: str) -> None:
    truth = np.random.default_rng(0).integers(0, 256, (6, 8, 12, 3), dtype=np.uint8)
    chw = np.moveaxis(truth, -1, 1)
    frames = {
        "thwc": truth,
        "tchw": chw,
        "stacked": np.concatenate([chw * 0, chw], 1),
        "float": truth / 255,
        "int64": truth.astype(np.int64),
    }[shape]
    np.savez(tmp_path / "a.npz", image=frames, action=np.ones((5, 2)))
    store = foreframe.data.import_recordings(tmp_path / "a.npz", tmp_path / "out")
    np.testing.assert_array_equal(store.column("frames"), truth)
    assert store.column("action").shape == (6, 2)


def test_npz_first_row_of_zeros_means_that_actions_led_here(tmp_path: Path) -> None:
    actions = np.ones((6, 2), np.float32)
    actions[0] = 0
    np.savez(tmp_path / "a.npz", image=np.zeros((6, 8, 8, 3), np.uint8), action=actions)
    assert (
        foreframe.data.import_recordings(tmp_path / "a.npz", tmp_path / "out").columns["action"].lag
        == 0
    )


@pytest.mark.parametrize(
    ("arrays", "message"),
    [
        ({"picture": np.zeros((4, 2))}, "expected frames under one of"),
        ({"image": np.zeros((4, 16, 16, 6))}, "6 channels"),
        ({"image": np.full((4, 8, 8, 3), 300)}, "from 300 to 300.*--pixel-range"),
        ({"image": np.zeros((4, 8, 8, 3)), "action": np.full((4, 2), np.nan)}, "row 0 holds NaN"),
        (
            {"image": np.zeros((4, 8, 8, 3)), "action": np.zeros((9, 2))},
            "action has 9 rows; expected 4, one per frame",
        ),
        ({"image": np.array([{}], dtype=object)}, "Python objects"),
    ],
)
def test_bad_archives_are_named(
    tmp_path: Path, arrays: dict[str, np.ndarray], message: str
) -> None:
    np.savez(tmp_path / "a.npz", **arrays)
    with pytest.raises(InputError, match=message):
        foreframe.data.import_recordings(tmp_path / "a.npz", tmp_path / "out")
    assert not (tmp_path / "out").exists()
    assert not (tmp_path / "out.partial").exists()


def test_a_truncated_archive_is_named(tmp_path: Path) -> None:
    np.savez(tmp_path / "a.npz", image=np.zeros((4, 8, 8, 3)))
    (tmp_path / "a.npz").write_bytes((tmp_path / "a.npz").read_bytes()[:500])
    with pytest.raises(InputError, match=r"a\.npz cannot be read"):
        foreframe.data.import_recordings(tmp_path / "a.npz", tmp_path / "out")


def test_sizes_are_area_averages_with_the_middle_kept() -> None:
    picture = np.zeros((40, 80, 3), np.uint8)
    picture[:, 20:60] = 200
    cropped = resized(picture, (10, 10), crop=True)
    stretched = resized(picture, (10, 10), crop=False)
    assert (cropped == 200).all()
    assert stretched[0, :, 0].tolist() == [0, 0, 100, 200, 200, 200, 200, 100, 0, 0]


def test_real_lerobot_episodes(samples: Path, tmp_path: Path) -> None:
    """Four real Unitree G1 episodes; 96 more are listed without their files."""
    store = foreframe.data.import_recordings(
        samples / "g1_lerobot_v21", tmp_path / "g1", size=(64, 64), stride=3
    )
    assert [e.length for e in store.episodes] == [97, 114, 115, 117]
    assert store.frames_per_second == 10
    assert any("96 of 100 listed episodes" in line for line in store.source["chosen"])
    assert store.columns["action"].names[0] == "kLeftShoulderPitch"
    assert {e.split for e in store.episodes} == {"train", "validate", "test"}
    assert 20 < store.column("frames")[0].mean() < 235


def test_a_real_bair_trajectory(samples: Path, tmp_path: Path) -> None:
    store = foreframe.data.import_recordings(samples / "bair_sample.npz", tmp_path / "bair")
    with np.load(samples / "bair_sample.npz") as archive:
        np.testing.assert_array_equal(store.column("frames"), archive["aux1_image"])
        np.testing.assert_array_equal(store.column("action"), archive["action"].astype(np.float32))
    assert store.columns["action"].lag == 1


def test_a_pattern_that_leads_out_of_the_data_set_is_refused(samples: Path, tmp_path: Path) -> None:
    import json

    info = json.loads((samples / "g1_lerobot_v21" / "meta" / "info.json").read_text())
    info["data_path"] = "../../etc/passwd"
    (tmp_path / "set" / "meta").mkdir(parents=True)
    (tmp_path / "set" / "meta" / "info.json").write_text(json.dumps(info))
    (tmp_path / "set" / "meta" / "episodes.jsonl").write_text('{"episode_index": 0}\n')
    with pytest.raises(InputError, match="leads out of the data set"):
        foreframe.data.import_recordings(tmp_path / "set", tmp_path / "out")


@pytest.fixture(scope="session")
def dance_layout(dance_store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dance") / "layout"
    foreframe.data.export(dance_store.path, out, "dance")
    return out


def test_the_dance_layout_goes_round_without_loss(
    dance_store: ClipStore, dance_layout: Path, tmp_path: Path
) -> None:
    """Recognised by itself; sequences that were put end to end come apart where they were."""
    back = foreframe.data.import_recordings(dance_layout, tmp_path / "back")
    assert back.source["format"] == "dance"
    for split in ("train", "validate", "test"):
        for column in ("frames", "pose"):
            for a, b in zip(
                by_name(dance_store, split, column), by_name(back, split, column), strict=True
            ):
                np.testing.assert_array_equal(a, b)


def test_labels_are_matched_by_number_whatever_their_prefix(
    dance_layout: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(dance_layout, tmp_path / "layout")
    for file in (root / "val" / "val_label").iterdir():
        file.rename(file.with_name(f"frame{file.stem.zfill(4)}.png"))
    plain, prefixed = (
        foreframe.data.import_recordings(r, tmp_path / n)
        for r, n in ((dance_layout, "a"), (root, "b"))
    )
    assert plain.content == prefixed.content


def test_a_scene_cut_ends_a_sequence(dance_layout: Path, tmp_path: Path) -> None:
    """Without the gap in the numbers between sequences, the jump in the pictures tells."""
    root = shutil.copytree(dance_layout, tmp_path / "layout")
    images, labels = root / "train" / "train_img", root / "train" / "train_label"
    numbers = sorted(int(file.stem) for file in images.iterdir())
    for place, number in enumerate(numbers):
        for folder in (images, labels):
            (folder / f"{number}.png").rename(folder / f"{place}.png")
    store = foreframe.data.import_recordings(root, tmp_path / "store")
    lengths = [e.length for e in store.of_split("train")]
    assert len(lengths) > 1
    assert lengths == [DANCE_FRAMES] * len(lengths)
    cuts = f"train: {len(lengths) - 1} scene cuts"
    assert any(cuts in line for line in store.source["chosen"])


def test_sources_of_any_size_are_brought_to_the_size_asked_for(
    dance_layout: Path, tmp_path: Path
) -> None:
    store = foreframe.data.import_recordings(dance_layout, tmp_path / "store", size=(16, 32))
    assert store.frame_shape == (16, 32, 3)
    assert store.columns["pose"].shape == (16, 32, 3)
    assert store.clip_spec(["label"]).condition == (3, 16, 32)


def test_pictures_that_are_withheld_are_neither_trained_on_nor_scored(
    dance_layout: Path, tmp_path: Path
) -> None:
    root = shutil.copytree(dance_layout, tmp_path / "layout")
    for file in (root / "test").glob("test_img/*/*.png"):
        if file.stem != "0":
            file.unlink()
    store = foreframe.data.import_recordings(root, tmp_path / "store")
    (episode,) = store.of_split("test")
    assert (episode.length, episode.seen) == (DANCE_FRAMES, 1)
    assert not store.column("frames")[episode.start + 1 : episode.start + episode.length].any()
    with pytest.raises(InputError, match=r"the longest episode of split 'test' .* has 1"):
        Windows(store, "test", 4, ["label"])
    assert len(Windows(store, "test", DANCE_FRAMES, ["label"], visible=1)) == 1


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (
            lambda root: (root / "train" / "train_label" / "3.png").unlink(),
            r"3\.png has no label of its number",
        ),
        (
            lambda root: (root / "test" / "test_img" / "0" / "0.png").unlink(),
            "expected the first of the numbers",
        ),
        (
            lambda root: (root / "val" / "val_img" / "0.png").rename(
                root / "val" / "val_img" / "a.png"
            ),
            "is not a number",
        ),
        (
            lambda root: shutil.copy(
                root / "val" / "val_img" / "0.png", root / "val" / "val_img" / "frame0.png"
            ),
            "another picture",
        ),
        (
            lambda root: Image.new("RGB", (8, 8)).save(root / "val" / "val_label" / "2.png"),
            r"2\.png is 8x8; expected 64x32",
        ),
    ],
)
def test_faults_of_the_dance_layout_are_named(
    fault, message: str, dance_layout: Path, tmp_path: Path
) -> None:  # type: ignore[no-untyped-def]
    root = shutil.copytree(dance_layout, tmp_path / "layout")
    fault(root)
    with pytest.raises(InputError, match=message):
        foreframe.data.import_recordings(root, tmp_path / "store")
    assert not (tmp_path / "store").exists()
