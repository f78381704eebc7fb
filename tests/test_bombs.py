"""Files that say little and mean much are refused by their headers, before they are read."""

from __future__ import annotations

import os
import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreframe
import small_recordings as small
from foreframe.data.formats import _videos
from foreframe.data.formats._lerobot_tables import read_parquet
from foreframe.data.formats._tfrecords import records
from foreframe.data.sources.options import SourceOptions
from foreframe.errors import InputError
from foreframe.runtime.yaml_text import parse_yaml
from foreframe.training import resolve

LITTLE = SourceOptions(memory_gb=0.01)


def test_a_parquet_table_says_what_it_takes(tmp_path: Path) -> None:
    """A column of one value a million times is a few bytes."""
    pyarrow = pytest.importorskip("pyarrow")
    parquet = pytest.importorskip("pyarrow.parquet")
    file = tmp_path / "t.parquet"
    values = pyarrow.array(np.zeros(2_000_000))
    parquet.write_table(pyarrow.table({"a": values, "b": values}), file, compression="zstd")
    assert file.stat().st_size < 100_000
    with pytest.raises(InputError, match=r"needs 0\.0 GB of memory .* say --memory-gb"):
        read_parquet(file, None, options=LITTLE)
    assert len(read_parquet(file, ["a"], options=SourceOptions(memory_gb=0.1))) == 2_000_000


def test_a_record_of_a_sparse_file_is_not_read(tmp_path: Path) -> None:
    """Fifty gigabytes that take no place on the disk, with a right checksum of their length."""
    file, length = tmp_path / "a.tfrecord", 50 * 10**9
    head = struct.pack("<Q", length)
    file.write_bytes(head + struct.pack("<I", small.masked_crc(head)))
    os.truncate(file, length + 16)
    with pytest.raises(InputError, match=r"the record at byte 0 needs 50\.0 GB"):
        records(file, SourceOptions())


@pytest.mark.parametrize("wide", [True, False])
def test_a_video_of_odd_pixels_is_not_blown_up(wide: bool) -> None:
    """A pixel that is said to be a million times as wide as high."""

    class Frame:
        format = type("Format", (), {"name": "rgb24"})

        def to_ndarray(self, **_: Any) -> Any:
            return np.zeros((64, 64, 3), np.uint8)

    with pytest.raises(InputError, match="says it is"):
        _videos._shown(Frame(), 1e6 if wide else 1e-6, "a.mp4", None)


def test_names_in_yaml_count_as_what_they_stand_for(tmp_path: Path) -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 12)]
    (tmp_path / "bomb.yaml").write_text("\n".join(lines))
    with pytest.raises(InputError, match=r"stands for 1.* values; expected settings"):
        resolve("push-tiny", tmp_path / "bomb.yaml")
    with pytest.raises(InputError, match="inside itself"):
        parse_yaml("a: &a [*a]", "it")
    assert parse_yaml("a: &a {x: 1}\nb: *a", "it")["b"] == {"x": 1}


def test_a_report_shows_nothing_from_outside_its_run(run: Path, tmp_path: Path) -> None:
    """What links point to stays where it is."""
    import shutil

    secret = tmp_path / "secret"
    secret.write_text("the secret")
    copied = tmp_path / "run"
    shutil.copytree(run, copied)
    (copied / "samples").mkdir(exist_ok=True)
    (copied / "samples" / "x.webp").symlink_to(secret)
    for name in ("recipe.yaml", "environment.json"):
        (copied / name).unlink(missing_ok=True)
        (copied / name).symlink_to(secret)
    page = foreframe.report(copied).read_text()
    assert "the secret" not in page
    import base64

    assert base64.b64encode(b"the secret").decode() not in page


def test_columns_that_are_links_out_are_not_read(store: Any, tmp_path: Path) -> None:
    import shutil

    copied = tmp_path / "store"
    shutil.copytree(store.path, copied)
    column = copied / "columns" / "action.float32"
    shutil.move(column, tmp_path / "elsewhere")
    column.symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InputError, match="is a link out of the store"):
        foreframe.data.ClipStore(copied)
    (tmp_path / "link").symlink_to(store.path)
    assert foreframe.data.ClipStore(tmp_path / "link").episodes
