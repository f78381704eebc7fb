"""Rows and pictures that are missing: no row goes with another picture than its own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foreframe
from foreframe.data import ClipStore
from foreframe.errors import InputError
from small_recordings import write_video

SIDE, COUNT, SHADE = 16, 16, 12
RATE = 10
Columns = Callable[[int], list[float]]


def brightness(place: int) -> np.ndarray:
    return np.full((SIDE, SIDE, 3), place * SHADE, np.uint8)


def write_pictures(folder: Path, numbers: Sequence[int]) -> None:
    """Pictures as bright as their number says."""
    folder.mkdir(parents=True)
    for number in numbers:
        Image.fromarray(brightness(number)).save(folder / f"img_{number}.png")


def write_table(file: Path, places: Sequence[int], header: str, columns: Columns) -> None:
    """A row per place, the action of which is the place."""
    lines = [",".join(f"{v:.13g}" for v in (*columns(place), place)) for place in places]
    file.write_text("\n".join([f"{header},action", *lines]) + "\n")


def without(*gone: int) -> list[int]:
    return [place for place in range(COUNT) if place not in gone]


NUMBERED: dict[str, tuple[str, Columns]] = {
    "frame": ("frame", lambda place: [place]),
    "frame from 1": ("frame", lambda place: [place + 1]),
    "seconds": ("time", lambda place: [place / RATE]),
    "seconds of the day": ("time", lambda place: [1_700_000_000 + place / RATE]),
}


def imported(source: Path, out: Path, **options: object) -> ClipStore:
    return foreframe.data.import_recordings(source, out, workers=1, **options)  # type: ignore[arg-type]


def misplaced(store: ClipStore) -> list[str]:
    """The pictures whose action is not their place."""
    seen = store.column("frames")[:, 0, 0, 0].astype(float) / SHADE
    acts = store.column("action")[:, 0]
    return [f"{a:.1f} of {s:.1f}" for s, a in zip(seen, acts, strict=True) if abs(s - a) > 0.4]


def videos(source: Path, gone: Sequence[int], header: str, columns: Columns) -> Path:
    source.mkdir()
    for i, name in enumerate("abc"):
        write_video(source / f"{name}.mp4", np.stack([brightness(k) for k in range(COUNT)]), RATE)
        write_table(source / f"{name}.csv", without(*(gone if i == 1 else ())), header, columns)
    return source


def folders(source: Path, gone: Sequence[int], header: str, columns: Columns) -> Path:
    for i, name in enumerate("abc"):
        write_pictures(source / name, range(COUNT))
        kept = without(*(gone if i == 1 else ()))
        write_table(source / name / "log.csv", kept, header, columns)
    return source


@pytest.mark.parametrize("write", [videos, folders])
@pytest.mark.parametrize("gone", [(7,), (0,), (7, 8)])
@pytest.mark.parametrize("numbered", ["frame", "frame from 1", "seconds"])
def test_a_missing_row_moves_no_action(
    tmp_path: Path,
    write: Callable[..., Path],
    gone: tuple[int, ...],
    numbered: str,
) -> None:
    store = imported(write(tmp_path / "src", gone, *NUMBERED[numbered]), tmp_path / "out")
    assert misplaced(store) == []
    assert sum(e.length for e in store.episodes) == 3 * COUNT - len(gone)
    assert len(store.episodes) == (3 if gone == (0,) else 4)  # cut where the row is missing
    findings = store.manifest["notes"]["findings"]
    assert any("have no row" in warning for warning in findings["warnings"])
    pairing = next(d["value"] for d in findings["decisions"] if d["subject"] == "pairing")
    assert "recordings)" in pairing


@pytest.mark.parametrize("write", [videos, folders])
def test_a_clock_of_the_day_tells_a_row_that_is_missing_between_others(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    where = write(tmp_path / "src", (7,), *NUMBERED["seconds of the day"])
    assert misplaced(imported(where, tmp_path / "out")) == []


@pytest.mark.parametrize("write", [videos, folders])
def test_a_missing_row_without_a_number_is_refused(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    where = write(tmp_path / "src", (7,), "action_x", lambda place: [place])
    with pytest.raises(InputError, match=r"a row is missing.*--skip-bad"):
        imported(where, tmp_path / "out")
    less = imported(where, tmp_path / "less", skip_bad=True)
    assert sum(e.length for e in less.episodes) == 2 * COUNT


@pytest.mark.parametrize("write", [videos, folders])
def test_one_row_less_in_every_recording_leads_from_picture_to_picture(
    tmp_path: Path, write: Callable[..., Path]
) -> None:
    where = write(tmp_path / "src", (), *NUMBERED["frame"])
    for table in where.rglob("*.csv"):
        table.write_text("\n".join(table.read_text().splitlines()[:-1]) + "\n")
    store = imported(where, tmp_path / "out")
    acts = [store.column("action")[e.start : e.start + e.length, 0] for e in store.episodes]
    assert [a.tolist() for a in acts] == [[*range(COUNT - 1), 0]] * 3


def test_rows_from_one_with_one_less_have_two_meanings(tmp_path: Path) -> None:
    where = videos(tmp_path / "src", (), *NUMBERED["frame"])
    for table in where.rglob("*.csv"):
        lines = table.read_text().splitlines()
        table.write_text("\n".join([lines[0], *lines[2:]]) + "\n")
    with pytest.raises(InputError, match="--lag 1 or --lag 0"):
        imported(where, tmp_path / "out")


@pytest.mark.parametrize("write", [videos, folders])
def test_rows_in_any_order_find_their_pictures(tmp_path: Path, write: Callable[..., Path]) -> None:
    where = write(tmp_path / "src", (), *NUMBERED["seconds"])
    for table in where.rglob("*.csv"):
        header, *lines = table.read_text().splitlines()
        table.write_text("\n".join([header, *lines[1::2], *lines[-2::-2]]) + "\n")
    store = imported(where, tmp_path / "out")
    assert len(store.episodes) == 3
    assert misplaced(store) == []


@pytest.mark.parametrize("numbered", [True, False])
def test_a_picture_that_is_missing_with_some_row(tmp_path: Path, numbered: bool) -> None:
    header, columns = NUMBERED["frame"] if numbered else ("action_x", lambda place: [place])
    where = folders(tmp_path / "src", (7,), header, columns)
    (where / "b" / f"img_{7 if numbered else 10}.png").unlink()
    if not numbered:
        with pytest.raises(InputError, match=r"jump from number 9 to 11.*frame"):
            imported(where, tmp_path / "out")
        return
    store = imported(where, tmp_path / "out")
    assert misplaced(store) == []
    assert [e.length for e in store.episodes if e.name.startswith("b")] == [7, 8]
    assert "6 to 8" in str(store.manifest["notes"]["findings"]["warnings"])


def test_pictures_alone_are_cut_where_their_numbers_jump(tmp_path: Path) -> None:
    write_pictures(tmp_path / "src" / "a", without(5))
    store = imported(tmp_path / "src", tmp_path / "out", splits=(1.0, 0.0, 0.0))
    assert [e.length for e in store.episodes] == [5, 10]


def test_a_table_of_another_length_is_named_where_others_of_its_name_fit(tmp_path: Path) -> None:
    for name in "ab":
        write_pictures(tmp_path / name, range(COUNT))
        rows = [f'{{"action": {k}}}' for k in range(COUNT + (name == "b"))]
        (tmp_path / name / "log.json").write_text(f"[{','.join(rows)}]".replace("action", "x"))
    with pytest.raises(InputError, match=r"log.json has 17 rows; expected 16.*frame"):
        imported(tmp_path, tmp_path.parent / f"{tmp_path.name}_out")


def test_a_video_without_rows_is_named_with_what_to_do(tmp_path: Path) -> None:
    where = videos(tmp_path / "src", (), *NUMBERED["frame"])
    for table in where.rglob("*.csv"):
        table.unlink()
    rows = [f"{name}.mp4,{k},{k}" for name in "ab" for k in range(COUNT)]
    (where / "all.csv").write_text("\n".join(["video,frame,action", *rows]) + "\n")
    with pytest.raises(InputError, match=r"all.csv has no row for c.mp4.*--skip-bad"):
        imported(where, tmp_path / "out")
    assert misplaced(imported(where, tmp_path / "less", skip_bad=True)) == []


def test_an_archive_that_lacks_an_action_is_not_taken_for_one_that_leads_on(
    tmp_path: Path,
) -> None:
    frames = np.stack([brightness(k) for k in range(COUNT)])
    for name, kept in {"a": without(), "b": without(7), "c": without()}.items():
        rows = np.asarray(kept, np.float32)[:, None] + 1
        np.savez(tmp_path / f"{name}.npz", frames=frames, action=rows)
    out = tmp_path.parent / f"{tmp_path.name}_out"
    with pytest.raises(InputError, match=r"1 of 3 files have one action less.*b\.npz.*--skip-bad"):
        imported(tmp_path, out)
    assert len({e.name[0] for e in imported(tmp_path, out, skip_bad=True).episodes}) == 2
