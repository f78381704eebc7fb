"""donkeycar tubs of both versions, one or several."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from PIL import Image

from foreframe.errors import InputError
from small_recordings import donkeycar
from test_tables import acts, imported, shade


def first_version(folder: Path, count: int = 4, lost: tuple[int, ...] = ()) -> Path:
    folder.mkdir(parents=True)
    inputs = {
        "cam/image_array": "image_array",
        "user/angle": "float",
        "user/throttle": "float",
        "user/mode": "str",
    }
    (folder / "meta.json").write_text(
        json.dumps({"inputs": [*inputs], "types": [*inputs.values()]})
    )
    for k in range(count):
        if k in lost:
            continue
        Image.fromarray(shade(k)).save(folder / f"{k}_cam-image_array_.jpg")
        record = {
            "cam/image_array": f"{k}_cam-image_array_.jpg",
            "user/angle": k / 10,
            "user/throttle": 0.5,
            "user/mode": "user",
            "milliseconds": 50 * k,
        }
        (folder / f"record_{k}.json").write_text(json.dumps(record))
    return folder


def test_a_tub_of_the_first_version(tmp_path: Path) -> None:
    source = first_version(tmp_path / "tub", 12)
    (source / "exclude.json").write_text("[5]")
    store = imported(source, tmp_path / "s")
    assert [e.length for e in store.episodes] == [5, 6]
    assert acts(store) == pytest.approx([k / 10 for k in range(12) if k != 5])
    assert store.frames_per_second == 20
    assert any("user/mode" in line and "left out" in line for line in store.source["chosen"])


def test_a_lost_record_ends_an_episode(tmp_path: Path) -> None:
    store = imported(first_version(tmp_path / "tub", 6, lost=(3,)), tmp_path / "s")
    assert [e.length for e in store.episodes] == [3, 2]


def test_all_tubs_of_a_folder_are_read(tmp_path: Path) -> None:
    donkeycar(tmp_path / "data" / "tub_1")
    first_version(tmp_path / "data" / "tub_2")
    store = imported(tmp_path / "data", tmp_path / "s", size=(16, 16))
    assert {e.name.split("/")[0] for e in store.episodes} == {"tub_1", "tub_2"}


def test_a_last_line_that_is_cut_off_can_be_left_out(tmp_path: Path) -> None:
    source = donkeycar(tmp_path / "tub")
    catalog = source / "catalog_0.catalog"
    catalog.write_text(catalog.read_text()[:-40])
    with pytest.raises(InputError, match=r"loss of power.*--skip-bad"):
        imported(source, tmp_path / "s")
    store = imported(source, tmp_path / "s", skip_bad=True)
    assert any("cannot be read and were left out" in line for line in store.source["chosen"])
