"""Folders of pictures: order, cameras, layouts, bit depth, orientation, transparency, links,
splits.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foreframe.errors import InputError
from test_tables import acts, imported, pictures, shade, shades


@pytest.mark.parametrize(
    "names",
    [
        [f"{k}_cam-image_array_.png" for k in range(12)],
        [f"cam0_frame{k}.png" for k in range(12)],
        [f"2024_01_01_10_00_{k}.png" for k in range(8, 14)],
        [f"frame{k}.png" for k in range(8, 13)],
        ["a.png", "b.png", "c.png"],
    ],
)
def test_pictures_come_in_natural_order(tmp_path: Path, names: list[str]) -> None:
    source = pictures(tmp_path / "run", names)
    (source / "log.csv").write_text("action\n" + "".join(f"{k}\n" for k in range(len(names))))
    store = imported(source, tmp_path / "s")
    assert shades(store) == acts(store) == list(range(len(names)))


def test_cameras_in_names_are_not_mixed(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", [f"cam{c}_{t}.png" for c in (0, 1) for t in range(4)])
    (source / "log.csv").write_text("action\n0\n1\n2\n3\n")
    with pytest.raises(InputError, match=r"--camera cam0 or --camera cam1"):
        imported(source, tmp_path / "s")
    assert shades(imported(source, tmp_path / "s", camera="cam1")) == [4, 5, 6, 7]


def test_depth_beside_the_camera_is_not_taken(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", [f"{t}_rgb.png" for t in range(3)])
    for t in range(3):
        deep = np.full((16, 16), 4000, np.uint16)
        Image.fromarray(deep).save(source / f"{t}_depth.png")
    (source / "log.csv").write_text("action\n0\n1\n2\n")
    store = imported(source, tmp_path / "s")
    assert shades(store) == [0, 1, 2]
    assert any("depth" in line and "--camera" in line for line in store.source["chosen"])


def test_episodes_in_names_are_cut(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", [f"ep{e}_step{t}.png" for e in (0, 1) for t in range(3)])
    store = imported(source, tmp_path / "s")
    assert sorted(e.length for e in store.episodes) == [3, 3]


def test_two_counters_of_no_name_are_refused(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", [f"{a}_{t}.png" for a in (0, 1) for t in range(3)])
    with pytest.raises(InputError, match=r"can be read in 3 ways"):
        imported(source, tmp_path / "s")


def lay_out(root: Path, layout: str) -> Path:
    """Two episodes of three pictures, shades 0, 1, 2, and actions 10 e + t."""
    for e in (0, 1):
        rows = [10 * e + t for t in range(3)]
        text = "action\n" + "".join(f"{r}\n" for r in rows)
        names = [f"{t}.png" for t in range(3)]
        if layout == "table above":
            pictures(root / f"ep_{e}" / "images", names)
            (root / f"ep_{e}" / "log.csv").write_text(text)
        elif layout == "mirrored":
            pictures(root / "frames" / f"ep_{e}", names)
            (root / "actions").mkdir(exist_ok=True)
            (root / "actions" / f"ep_{e}.csv").write_text(text)
        elif layout == "one table of paths":
            pictures(root / f"ep_{e}", names)
        elif layout == "one folder":
            pictures(root / "images", [f"e{e}f{t}.png" for t in range(3)])
    if layout in ("one table of paths", "one folder"):
        path = {"one table of paths": "ep_{e}/{t}.png", "one folder": "images/e{e}f{t}.png"}[layout]
        rows = [f"{e},{path.format(e=e, t=t)},{10 * e + t}\n" for t in range(3) for e in (0, 1)]
        (root / "data.csv").write_text("episode,image,action\n" + "".join(rows))
    return root


@pytest.mark.parametrize("layout", ["table above", "mirrored", "one table of paths", "one folder"])
def test_layouts_that_people_have(tmp_path: Path, layout: str) -> None:
    store = imported(lay_out(tmp_path / "src", layout), tmp_path / "s")
    rows = sorted(
        tuple(float(v) for v in store.column("action")[e.start : e.start + e.length, 0])
        for e in store.episodes
    )
    assert rows == [(0, 1, 2), (10, 11, 12)]
    assert shades(store) == [0, 1, 2] * 2


def test_several_columns_of_pictures_ask_for_a_camera(tmp_path: Path) -> None:
    names = [f"{side}_{t}.png" for side in ("center", "left") for t in range(3)]
    pictures(tmp_path / "src" / "IMG", names)
    rows = "".join(f"IMG/center_{t}.png, IMG/left_{t}.png, {t}\n" for t in range(3))
    (tmp_path / "src" / "driving_log.csv").write_text("center,left,steering\n" + rows)
    with pytest.raises(InputError, match=r"--camera center or --camera left"):
        imported(tmp_path / "src", tmp_path / "s")
    store = imported(tmp_path / "src", tmp_path / "s", camera="left")
    assert (shades(store), acts(store)) == ([3, 4, 5], [0, 1, 2])


def test_deep_pictures_need_a_range_and_large_ones_are_refused(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for t in range(3):
        Image.fromarray(np.full((16, 16), 1000 * t, np.uint16)).save(tmp_path / "run" / f"{t}.png")
    with pytest.raises(InputError, match=r"grey of uint16 from 0 to 2000.*--pixel-range"):
        imported(tmp_path / "run", tmp_path / "s")


def test_transparent_pixels_lie_on_black(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    for t in range(3):
        clear = np.dstack([shade(200), np.zeros((16, 16), np.uint8)])
        Image.fromarray(clear).save(tmp_path / "run" / f"{t}.png")
    assert shades(imported(tmp_path / "run", tmp_path / "s")) == [0, 0, 0]


def test_pictures_are_turned_as_a_viewer_turns_them(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    upright = np.zeros((16, 32, 3), np.uint8)
    upright[:, :16] = 255
    for t in range(2):
        exif = Image.Exif()
        exif[0x0112] = 6  # a quarter clockwise
        Image.fromarray(np.rot90(upright)).save(tmp_path / "run" / f"{t}.png", exif=exif)
    np.testing.assert_array_equal(
        imported(tmp_path / "run", tmp_path / "s").column("frames")[0], upright
    )


def test_linked_folders_are_read_and_left_overs_are_not(tmp_path: Path) -> None:
    away = pictures(tmp_path / "shared" / "run_0", ["0.png", "1.png"]).parent
    pictures(tmp_path / "src" / "Val" / "run_0", ["0.png", "1.png"])
    (tmp_path / "src" / "Training").symlink_to(away)
    (tmp_path / "src" / "Val" / "run_0" / "._0.png").write_bytes(b"\0\5\26\7")
    (tmp_path / "src" / "Val" / "run_0" / "._log.csv").write_bytes(b"\0\5\26\7")
    store = imported(tmp_path / "src", tmp_path / "s")
    assert {e.name: e.split for e in store.episodes} == {
        "Training/run_0": "train",
        "Val/run_0": "validate",
    }


def test_a_table_that_belongs_to_nothing_is_a_stop(tmp_path: Path) -> None:
    pictures(tmp_path / "src" / "a", ["0.png", "1.png"])
    pictures(tmp_path / "src" / "b", ["0.png", "1.png"])
    (tmp_path / "src" / "other.csv").write_text("action\n1\n2\n")
    with pytest.raises(InputError, match=r"has tables \(other\.csv\).*--no-actions"):
        imported(tmp_path / "src", tmp_path / "s")


def test_episodes_of_one_picture_are_counted(tmp_path: Path) -> None:
    pictures(tmp_path / "src" / "a", ["0.png", "1.png"])
    pictures(tmp_path / "src" / "b", ["0.png"])
    store = imported(tmp_path / "src", tmp_path / "s")
    assert any("1 episodes or pieces of one picture" in line for line in store.source["chosen"])
