"""Tables beside pictures.

Dialects, kinds of columns, clocks, and which row goes with which picture.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foreframe
from foreframe.data import ClipStore
from foreframe.data.formats._delimited import cells_of
from foreframe.data.formats._table_roles import is_file_column, seconds_from, times_of
from foreframe.data.formats._tables import read_table
from foreframe.errors import InputError

SIDE = 16


def shade(value: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), value, np.uint8)


def pictures(folder: Path, names: list[str]) -> Path:
    """Pictures whose shade is their place in `names`."""
    folder.mkdir(parents=True, exist_ok=True)
    for place, name in enumerate(names):
        Image.fromarray(shade(place)).save(folder / name)
    return folder


def imported(source: Path, out: Path, **options: object) -> ClipStore:
    return foreframe.data.import_recordings(source, out, workers=1, **options)  # type: ignore[arg-type]


def shades(store: ClipStore) -> list[int]:
    return [int(v) for v in store.column("frames")[:, 0, 0, 0]]


def acts(store: ClipStore) -> list[float]:
    return [float(v) for v in store.column("action")[:, 0]]


@pytest.mark.parametrize(
    ("text", "columns"),
    [
        ("\ufefftimestamp,steer\n0.0,1\n0.1,2\n", {"timestamp": [0, 0.1], "steer": [1, 2]}),
        ("a;b\n0,5;1,25\n1,5;2\n", {"a": [0.5, 1.5], "b": [1.25, 2]}),
        ("a\tb\n1\t2\n3\t4\n", {"a": [1, 3], "b": [2, 4]}),
        ("# a, b\n1, 2\n3, 4\n", {"a": [1, 3], "b": [2, 4]}),
        ("a,b,\n1,2,\n3,4,\n", {"a": [1, 3], "b": [2, 4]}),
        ("a b\n1 2\n3 4\n", {"a": [1, 3], "b": [2, 4]}),
        ('a,b\n"0,5",1\n"1,5",2\n', {"a": [0.5, 1.5], "b": [1, 2]}),
        ("grip,x\nTrue,1\nfalse,2\n", {"grip": [1, 0], "x": [1, 2]}),
    ],
)
def test_dialects(tmp_path: Path, text: str, columns: dict[str, list[float]]) -> None:
    (tmp_path / "t.csv").write_text(text)
    found = read_table(tmp_path / "t.csv").numbers
    assert {name: rows[:, 0].tolist() for name, rows in found.items()} == columns


def test_a_table_of_windows_is_read(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes("größe;x\r\n1,5;2\r\n".encode("cp1252"))
    cells = cells_of(tmp_path / "t.csv")
    assert cells.names == ("größe", "x")
    assert "Windows-1252" in cells.dialect
    (tmp_path / "u.csv").write_text("a,b\n1,2\n", encoding="utf-16")
    assert list(read_table(tmp_path / "u.csv").numbers) == ["a", "b"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("x,x\n1,2\n", "several columns called x"),
        ("a;b\n1,234;2\n5,678;3\n", "commas between thousands"),
        ("a,b\n1,2\n3\n", "row 2 has 1 columns; expected 2"),
        ("a\0b\n1\n", "no text"),
    ],
)
def test_what_can_be_read_in_two_ways_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        read_table(tmp_path / "t.csv")


def test_large_numbers_keep_their_steps(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(
        "ns,north\n1700000000000000001,5300123.1\n1700000000000000002,5300123.2\n"
    )
    found = read_table(tmp_path / "t.csv").numbers
    assert np.diff(found["ns"][:, 0]).tolist() == [1]
    assert np.diff(found["north"][:, 0])[0] == pytest.approx(0.1, abs=1e-6)


@pytest.mark.parametrize(
    ("header", "stamps", "seconds"),
    [
        ("timestamp_ns", ["1700000000000000000", "1700000000033333333"], [0, 1 / 30]),
        ("timestamp", ["1700000000.0", "1700000001.0"], [0, 1]),
        ("time", ["0", "33", "66"], [0, 0.033, 0.066]),
        ("stamp", ["2024-01-01 10:00:00.5", "2024-01-01 10:00:01.0"], [0, 0.5]),
        ("timestamp", ["0", "0", "1", "1", "2", "2"], [0, 0.5, 1, 1.5, 2, 2.5]),
    ],
)
def test_clocks(tmp_path: Path, header: str, stamps: list[str], seconds: list[float]) -> None:
    rows = "".join(f"{stamp},{k}\n" for k, stamp in enumerate(stamps))
    (tmp_path / "t.csv").write_text(f"{header},steer\n{rows}")
    clock = times_of(read_table(tmp_path / "t.csv"))
    assert clock is not None
    np.testing.assert_allclose(seconds_from(*clock), seconds, atol=1e-6)


def test_names_of_files_are_no_words() -> None:
    assert is_file_column(("a.png", "IMG/b.JPG"))
    assert not is_file_column(("left", "right"))


def test_a_column_that_is_empty_in_a_row_is_refused_or_left_out(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", ["0.png", "1.png", "2.png"])
    (source / "log.csv").write_text("steer,throttle\n,0\n1,1\n2,2\n")
    with pytest.raises(InputError, match=r"steer is empty in row 1.*--actions throttle"):
        imported(source, tmp_path / "s")
    store = imported(source, tmp_path / "s", actions=("throttle",))
    assert acts(store) == [0, 1, 2]
    assert any("steer is empty" in line for line in store.source["chosen"])


def test_a_column_of_names_pairs(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", ["0.png", "1.png", "2.png", "3.png"])
    (source / "log.csv").write_text("file,action\nC:\\x\\2.png,2\n0.png,0\n3.png,3\n1.png,1\n")
    store = imported(source, tmp_path / "s")
    assert acts(store) == shades(store) == [0, 1, 2, 3]


def test_a_column_of_numbers_pairs_and_a_lost_picture_ends_an_episode(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", ["0.png", "1.png", "5.png", "6.png"])
    rows = "".join(f"{k},{k}\n" for k in (6, 5, 4, 3, 2, 1, 0))
    (source / "log.csv").write_text("frame,action\n" + rows)
    store = imported(source, tmp_path / "s")
    assert acts(store) == [0, 1, 5, 6]
    assert [e.length for e in store.episodes] == [2, 2]


def test_actions_between_pictures_lead_to_the_next(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", ["0.png", "1.png", "2.png"])
    (source / "log.csv").write_text("action\n1\n2\n")
    store = imported(source, tmp_path / "s")
    assert acts(store) == [1, 2, 0]
    assert store.columns["action"].lag == 1


def test_rows_of_another_number_are_refused(tmp_path: Path) -> None:
    source = pictures(tmp_path / "run", ["0.png", "1.png", "2.png", "3.png", "4.png"])
    (source / "log.csv").write_text("action\n1\n2\n3\n")
    with pytest.raises(InputError, match=r"has 3 rows; expected 5"):
        imported(source, tmp_path / "s")
