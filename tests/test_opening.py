"""Which format reads a source, and what to do where none or several would."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import foreframe
import small_recordings
from foreframe.data.sources.opening import recognise
from foreframe.errors import InputError


def test_a_folder_of_several_data_sets_is_refused(tmp_path: Path) -> None:
    small_recordings.lerobot(tmp_path / "arm")
    small_recordings.zarr(tmp_path / "push")
    np.savez(tmp_path / "run.npz", frames=np.zeros((3, 16, 16, 3), np.uint8))
    said = r"3 sources .*: arm \(lerobot\), push \(zarr\), \*\.npz \(npz\).*name one"
    with pytest.raises(InputError, match=said):
        recognise(tmp_path)


@pytest.mark.parametrize("kind", small_recordings.WRITERS)
def test_a_data_set_alone_is_none_of_several(tmp_path: Path, kind: str) -> None:
    where = small_recordings.WRITERS[kind](tmp_path / "src")
    assert recognise(where) == kind


def test_an_unknown_hdf5_file_names_the_way_out(tmp_path: Path) -> None:
    import h5py

    file = tmp_path / "mine.h5"
    with h5py.File(file, "w") as root:
        root["run000/camera/rgb"] = np.zeros((3, 16, 16, 3), np.uint8)
    with pytest.raises(InputError, match=r"one \.npz file per episode.*frames.*action"):
        foreframe.data.import_recordings(file, tmp_path / "out")
