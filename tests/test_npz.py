"""NumPy archives: channels, scale and lag are those of the source, and nothing is unpacked that
does not fit.
"""

from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest

from foreframe.data.formats._archives import Archive
from foreframe.data.sources.options import SourceOptions
from foreframe.errors import InputError
from test_tables import imported


def archive(file: Path, **arrays: np.ndarray) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    np.savez(file, **arrays)
    return file.parent


@pytest.mark.parametrize("shape", [(84, 84, 1), (1, 84, 84), (84, 84), (84, 84, 4), (4, 84, 84)])
def test_channels_are_told_by_what_is_not_absurd(tmp_path: Path, shape: tuple[int, ...]) -> None:
    frames = np.full((3, *shape), 255, np.uint8)
    store = imported(archive(tmp_path / "src" / "a.npz", frames=frames), tmp_path / "s")
    assert store.column("frames").shape[1:] == (84, 84, 3)


def test_several_pictures_in_the_channels_are_refused(tmp_path: Path) -> None:
    source = archive(tmp_path / "src" / "a.npz", rgb=np.zeros((3, 84, 84, 6), np.uint8))
    with pytest.raises(InputError, match=r"6 channels"):
        imported(source, tmp_path / "s")


def test_one_scale_holds_for_all_files(tmp_path: Path) -> None:
    archive(tmp_path / "src" / "a.npz", frames=np.full((2, 16, 16, 3), 200.0))
    archive(tmp_path / "src" / "b.npz", frames=np.full((2, 16, 16, 3), 1.0))
    store = imported(tmp_path / "src", tmp_path / "s")
    assert sorted({int(v) for v in store.column("frames").ravel()}) == [1, 200]


def test_boolean_pictures_are_black_and_white(tmp_path: Path) -> None:
    source = archive(tmp_path / "src" / "a.npz", frames=np.ones((2, 16, 16, 3), bool))
    assert imported(source, tmp_path / "s").column("frames").min() == 255


@pytest.mark.parametrize(("zeros", "lag"), [(1, 1), (3, 0)])
def test_one_lag_holds_for_all_files(tmp_path: Path, zeros: int, lag: int) -> None:
    for k in range(3):
        action = np.ones((4, 2))
        action[0] = 0 if k < zeros else 1
        archive(
            tmp_path / "src" / f"{k}.npz", frames=np.zeros((4, 16, 16, 3), np.uint8), action=action
        )
    store = imported(tmp_path / "src", tmp_path / "s")
    assert store.columns["action"].lag == lag
    assert any(line.startswith(f"lag: {lag}") for line in store.source["chosen"])


def test_actions_between_frames_lead_on_though_the_first_is_zero(tmp_path: Path) -> None:
    action = np.arange(3.0)[:, None]
    source = archive(
        tmp_path / "src" / "a.npz", frames=np.zeros((4, 16, 16, 3), np.uint8), action=action
    )
    store = imported(source, tmp_path / "s")
    assert store.columns["action"].lag == 1
    assert store.column("action")[:, 0].tolist() == [0, 1, 2, 0]


def test_actions_from_rest_are_refused_without_a_lag(tmp_path: Path) -> None:
    action = np.array([[0.0], [0.0], [1.0], [1.0]])
    source = archive(
        tmp_path / "src" / "a.npz", frames=np.zeros((4, 16, 16, 3), np.uint8), action=action
    )
    with pytest.raises(InputError, match=r"--lag 0 or --lag 1"):
        imported(source, tmp_path / "s")


def test_columns_left_out_are_said(tmp_path: Path) -> None:
    source = archive(
        tmp_path / "src" / "a.npz",
        frames=np.zeros((4, 16, 16, 3), np.uint8),
        action=np.arange(4),
        score=np.zeros(4),
        depth=np.zeros((4, 16, 16), np.float32),
    )
    said = imported(source, tmp_path / "s").source["chosen"]
    assert any("action from action, int64" in line for line in said)
    assert any("left out: score" in line for line in said)
    assert any("left out: depth: other pictures" in line for line in said)


def test_left_overs_of_other_systems_are_no_episodes(tmp_path: Path) -> None:
    source = archive(tmp_path / "src" / "a.npz", frames=np.zeros((2, 16, 16, 3), np.uint8))
    (source / "._a.npz").write_bytes(b"\0\5\26\7")
    assert len(imported(source, tmp_path / "s").episodes) == 1


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    header = io.BytesIO()
    np.lib.format.write_array_header_1_0(
        header, {"descr": "|u1", "fortran_order": False, "shape": (1000, 64, 64, 3)}
    )
    with zipfile.ZipFile(tmp_path / "a.npz", "w", zipfile.ZIP_DEFLATED) as out:
        out.writestr("frames.npy", header.getvalue() + bytes(1000 * 64 * 64 * 3))
    with Archive.open(tmp_path / "a.npz", SourceOptions(memory_gb=0.01)) as opened:
        assert opened.member("frames").nbytes == 12_288_000
        with pytest.raises(InputError, match=r"--memory-gb"):
            opened.read("frames")


def test_long_arrays_come_in_blocks(tmp_path: Path) -> None:
    frames = np.random.default_rng(0).integers(0, 255, (700, 64, 64, 3), dtype=np.uint8)
    archive(tmp_path / "a.npz", frames=frames)
    with Archive.open(tmp_path / "a.npz") as opened:
        blocks = list(opened.blocks("frames"))
    assert len(blocks) > 1
    np.testing.assert_array_equal(np.concatenate(blocks), frames)
