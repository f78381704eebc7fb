"""Videos and GIFs: as viewers show them, matched to their tables by time, cut where they pause."""

from __future__ import annotations

import fractions
import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from foreframe.data.formats._videos import _turned, look_at, pictures
from foreframe.errors import InputError
from small_recordings import write_video
from test_tables import acts, imported


def film(count: int) -> np.ndarray:
    """Pictures of 64x64 whose shade is 20 times their place."""
    return np.stack([np.full((64, 64, 3), 20 * t, np.uint8) for t in range(count)])


def write_at(file: Path, stamps_ms: list[int], fmt: str = "yuv420p", codec: str = "mpeg4") -> None:
    """A video whose pictures stand at `stamps_ms`."""
    import av

    file.parent.mkdir(parents=True, exist_ok=True)
    with av.open(str(file), "w") as container:
        stream = container.add_stream(codec, rate=1000)
        stream.width = stream.height = 64
        stream.pix_fmt = fmt
        stream.time_base = stream.codec_context.time_base = fractions.Fraction(1, 1000)
        for picture, stamp in zip(film(len(stamps_ms)), stamps_ms, strict=True):
            if fmt == "gray16le":
                deep = picture[..., 0].astype(np.uint16) * 100
                frame = av.VideoFrame.from_ndarray(deep, format=fmt)
            else:
                frame = av.VideoFrame.from_ndarray(picture, format="rgb24")
            frame.pts, frame.time_base = stamp, fractions.Fraction(1, 1000)
            container.mux(stream.encode(frame))
        container.mux(stream.encode())


def shades(store: object) -> list[int]:
    return [round(float(v) / 20) for v in store.column("frames")[:, 32, 32, 0]]  # type: ignore[attr-defined]


def test_a_pause_ends_an_episode(tmp_path: Path) -> None:
    write_at(tmp_path / "src" / "a.mp4", [0, 100, 200, 300, 1300, 1400, 1500])
    store = imported(tmp_path / "src", tmp_path / "s")
    assert [e.length for e in store.episodes] == [4, 3]
    assert store.frames_per_second == 10
    whole = imported(tmp_path / "src", tmp_path / "w", max_gap_s=2.0)
    assert [e.length for e in whole.episodes] == [7]


def test_pictures_twice_as_often_as_rows_are_matched_by_time(tmp_path: Path) -> None:
    write_video(tmp_path / "src" / "a.mp4", film(12), rate=20)
    rows = "".join(f"{k / 10},{2 * k}\n" for k in range(6))
    (tmp_path / "src" / "a.csv").write_text("time,action\n" + rows)
    store = imported(tmp_path / "src", tmp_path / "s")
    assert shades(store) == acts(store) == [0, 2, 4, 6, 8, 10]
    assert store.frames_per_second == 10
    assert any("6 of 12 pictures" in line for line in store.source["chosen"])


def test_rows_that_last_longer_than_the_video_are_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "src" / "a.mp4", film(12), rate=20)
    (tmp_path / "src" / "a.csv").write_text(
        "time,action\n" + "".join(f"{k},{k}\n" for k in range(6))
    )
    with pytest.raises(InputError, match=r"6 rows over 5.00 s.*12 pictures over 0.55 s"):
        imported(tmp_path / "src", tmp_path / "s")


def test_two_rates_are_refused(tmp_path: Path) -> None:
    write_video(tmp_path / "src" / "a.mp4", film(6), rate=10)
    write_video(tmp_path / "src" / "b.mp4", film(6), rate=60)
    with pytest.raises(InputError, match=r"different rates"):
        imported(tmp_path / "src", tmp_path / "s")


def test_deep_grey_needs_a_range(tmp_path: Path) -> None:
    write_at(tmp_path / "src" / "a.mkv", [0, 100, 200], "gray16le", "ffv1")
    assert look_at(tmp_path / "src" / "a.mkv").deep
    with pytest.raises(InputError, match=r"grey of uint16.*--pixel-range"):
        imported(tmp_path / "src", tmp_path / "s")


@pytest.mark.parametrize(
    ("matrix", "expected"),
    [
        ((1, 0, 0, 1), [[1, 2], [3, 4]]),
        ((0, 1, -1, 0), [[3, 1], [4, 2]]),
        ((-1, 0, 0, -1), [[4, 3], [2, 1]]),
        ((0, -1, 1, 0), [[2, 4], [1, 3]]),
        ((-1, 0, 0, 1), [[2, 1], [4, 3]]),
    ],
)
def test_turns_and_mirrors(matrix: tuple[int, int, int, int], expected: list[list[int]]) -> None:
    assert _turned(np.array([[1, 2], [3, 4]]), matrix).tolist() == expected


def test_settings_beside_a_video_are_no_table(tmp_path: Path) -> None:
    write_video(tmp_path / "src" / "a.mp4", film(6))
    (tmp_path / "src" / "a.json").write_text(json.dumps({"fps": 10, "size": [64, 64]}))
    assert list(imported(tmp_path / "src", tmp_path / "s").columns) == ["frames"]


def test_tables_in_a_folder_beside_that_of_the_videos(tmp_path: Path) -> None:
    for k in (2, 10):
        write_video(tmp_path / "src" / "videos" / f"ep{k}.mp4", film(4))
        (tmp_path / "src" / "actions").mkdir(exist_ok=True)
        (tmp_path / "src" / "actions" / f"ep{k}.csv").write_text("action\n" + f"{k}\n" * 4)
    store = imported(tmp_path / "src", tmp_path / "s")
    assert acts(store) == [2] * 4 + [10] * 4


def test_a_gif_of_uneven_durations_keeps_its_times(tmp_path: Path) -> None:
    shown = [Image.fromarray(p) for p in film(3)]
    shown[0].save(
        tmp_path / "a.gif", save_all=True, append_images=shown[1:], duration=[100, 150, 100]
    )
    header = look_at(tmp_path / "a.gif")
    assert header.times_s.tolist() == [0, 0.1, 0.25]
    assert len(list(pictures(tmp_path / "a.gif"))) == 3
