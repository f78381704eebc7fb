"""Recordings of robots as their tools write them.

Pixels and numbers come in as they were, and what a file does not say is asked for.
"""

from __future__ import annotations

import io
import json
import sys
import types
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import foreframe
import small_recordings as small
from foreframe.data.formats._jpegxl import register, size_of
from foreframe.data.sources.opening import recognise
from foreframe.data.store import ClipStore
from foreframe.errors import InputError

EPISODES, FRAMES, SIDE = small.EPISODES, small.FRAMES, small.SIDE
Array = np.ndarray[Any, Any]


def imported(source: Path, out: Path, **options: Any) -> ClipStore:
    return foreframe.data.import_recordings(source, out, workers=1, **options)


def episode_of(store: ClipStore, i: int, column: str = "frames") -> Array:
    """The rows of the episode of FRAMES + i frames."""
    (found,) = (e for e in store.episodes if e.length == FRAMES + i)
    return store.column(column)[found.start : found.start + found.length]


def check_frames(store: ClipStore, shown: Callable[[Array], Array] = lambda x: x) -> None:
    for i in range(EPISODES):
        np.testing.assert_array_equal(episode_of(store, i), shown(small.frames_of(i)))


def said(store: ClipStore) -> str:
    return "\n".join(store.source["chosen"])


def hdf5(file: Path, change: Callable[[Any], None]) -> Path:
    import h5py

    with h5py.File(file, "a") as root:
        change(root)
    return file


# LIBERO


def libero(folder: Path, change: Callable[[Any], None] = lambda root: None) -> Path:
    return hdf5(small.libero(folder) / "push_it_demo.hdf5", change)


def test_libero_is_turned_upright_and_its_actions_led_to_their_pictures(tmp_path: Path) -> None:
    store = imported(libero(tmp_path / "src"), tmp_path / "out")
    check_frames(store)
    for i in range(EPISODES):
        np.testing.assert_array_equal(episode_of(store, i, "action"), small.actions_of(i))
        np.testing.assert_allclose(episode_of(store, i, "state"), small.states_of(i))
    assert store.columns["action"].lag == 0
    assert store.columns["state"].lag == 1
    assert store.frames_per_second == 20
    assert store.episodes[0].facts["language_instruction"] == "push it"
    assert "orientation: flip vertical, by macros_image_convention" in said(store)
    assert "left out: obs/joint_states" in said(store)


def test_libero_of_the_opencv_convention_stands_upright_already(tmp_path: Path) -> None:
    def convention(root: Any) -> None:
        root["data"].attrs["macros_image_convention"] = "opencv"

    check_frames(
        imported(libero(tmp_path / "src", convention), tmp_path / "out"), lambda x: x[:, ::-1]
    )


@pytest.mark.parametrize(
    ("flip", "shown"),
    [
        ("none", lambda x: x[:, ::-1]),
        ("vertical", lambda x: x),
        ("both", lambda x: x[:, :, ::-1]),
    ],
)
def test_flip_decides_otherwise(flip: str, shown: Any, tmp_path: Path) -> None:
    check_frames(imported(libero(tmp_path / "src"), tmp_path / "out", flip=flip), shown)


def test_channel_order_decides_otherwise(tmp_path: Path) -> None:
    store = imported(libero(tmp_path / "src"), tmp_path / "out", channel_order="bgr")
    check_frames(store, lambda x: x[..., ::-1])


def test_joints_tell_that_a_picture_was_rendered_before_its_action(tmp_path: Path) -> None:
    def before(root: Any) -> None:
        for demo in root["data"].values():
            demo["obs/joint_states"][...] = demo["states"][:, 1:8]

    store = imported(libero(tmp_path / "src", before), tmp_path / "out")
    assert store.columns["action"].lag == 1


def bare(root: Any) -> None:
    """As tools leave it that render LIBERO's files again."""
    for name in [*root["data"].attrs]:
        del root["data"].attrs[name]


def still(root: Any) -> None:
    for demo in root["data"].values():
        del demo["states"]


def test_libero_that_does_not_say_its_orientation_is_asked_for_it(tmp_path: Path) -> None:
    file = libero(tmp_path / "src", bare)
    assert recognise(file) == "libero"
    with pytest.raises(InputError, match="--flip vertical or --flip none"):
        imported(file, tmp_path / "out")
    check_frames(imported(file, tmp_path / "out", flip="vertical"))


def test_libero_that_does_not_say_its_lag_is_asked_for_it(tmp_path: Path) -> None:
    file = hdf5(libero(tmp_path / "src", bare), still)
    with pytest.raises(InputError, match="--lag 0 or --lag 1"):
        imported(file, tmp_path / "out", flip="vertical")
    store = imported(file, tmp_path / "out", flip="vertical", lag=1)
    assert store.columns["action"].lag == 1


def test_formats_without_a_choice_refuse_it(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave --flip out"):
        imported(small.npz(tmp_path / "src"), tmp_path / "out", flip="vertical")


# robomimic


def low_dim(file: Path) -> Path:
    def blind(root: Any) -> None:
        for demo in root["data"].values():
            del demo["obs/agentview_image"]

    return hdf5(file, blind)


def test_of_a_robomimic_folder_the_file_with_pictures_is_read(tmp_path: Path) -> None:
    source = small.robomimic(tmp_path / "src").parent
    low_dim(small.robomimic(tmp_path / "other")).rename(source / "low_dim.hdf5")
    store = imported(source, tmp_path / "out")
    check_frames(store)
    unused = store.manifest["notes"]["findings"]["unused"]
    assert any(u["path"] == "low_dim.hdf5" and "low_dim" in u["reason"] for u in unused)
    assert {e.name for e in store.of_split("train")} == {"demo_0", "demo_1"}


def test_a_low_dim_file_says_that_it_shows_nothing(tmp_path: Path) -> None:
    file = low_dim(small.robomimic(tmp_path / "src"))
    with pytest.raises(InputError, match="low_dim file: take the image file"):
        imported(file, tmp_path / "out")


def test_demonstrations_without_observations_are_named(tmp_path: Path) -> None:
    def raw(root: Any) -> None:
        for demo in root["data"].values():
            del demo["obs"]

    file = hdf5(small.robomimic(tmp_path / "src"), raw)
    with pytest.raises(InputError, match="no obs: render them first"):
        imported(file, tmp_path / "out")


def test_a_demonstration_in_two_masks_is_refused(tmp_path: Path) -> None:
    def leak(root: Any) -> None:
        del root["mask/valid"]
        root["mask/valid"] = [b"demo_1", b"demo_2"]
        root["mask/20_percent"] = [b"demo_0"]

    file = hdf5(small.robomimic(tmp_path / "src"), leak)
    with pytest.raises(InputError, match=r"demo_1 is in mask/valid and .*--split-list"):
        imported(file, tmp_path / "out")


def test_cameras_without_the_usual_ending_are_found_by_their_shape(tmp_path: Path) -> None:
    def renamed(root: Any) -> None:
        for demo in root["data"].values():
            demo.move("obs/agentview_image", "obs/table_cam")

    file = hdf5(small.robomimic(tmp_path / "src"), renamed)
    check_frames(imported(file, tmp_path / "out"))


def test_pictures_with_the_colours_first_are_read(tmp_path: Path) -> None:
    def first(root: Any) -> None:
        for i, demo in enumerate(root["data"].values()):
            del demo["obs/agentview_image"]
            demo["obs/cam"] = np.moveaxis(small.frames_of(i), -1, 1)

    file = hdf5(small.robomimic(tmp_path / "src"), first)
    check_frames(imported(file, tmp_path / "out"))


def test_files_of_another_lag_are_not_one_source(tmp_path: Path) -> None:
    source = libero(tmp_path / "src").parent

    def before(root: Any) -> None:
        for demo in root["data"].values():
            demo["obs/joint_states"][...] = demo["states"][:, 1:8]

    libero(tmp_path / "other", before).rename(source / "again_demo.hdf5")
    with pytest.raises(InputError, match=r"again_demo has .*lag 1.*lag 0|lag 0.*lag 1"):
        imported(source, tmp_path / "out")
    store = imported(source, tmp_path / "out", lag=0)
    assert len(store.episodes) == 2 * EPISODES


@pytest.mark.parametrize("key", ["actions", "obs/robot0_eef_pos", "obs/agentview_image"])
def test_numbers_that_would_not_fit_into_memory_are_refused_before_they_are_read(
    key: str, tmp_path: Path
) -> None:
    def bomb(root: Any) -> None:
        shape = root[f"data/demo_0/{key}"].shape
        del root[f"data/demo_0/{key}"]
        huge = {"shape": (10_000_000, *shape[1:]), "maxshape": (None, *shape[1:])}
        root.create_dataset(f"data/demo_0/{key}", dtype="f8", compression="gzip", **huge)

    file = hdf5(small.robomimic(tmp_path / "src"), bomb)
    assert file.stat().st_size < 10_000_000
    with pytest.raises(InputError, match="say --memory-gb"):
        imported(file, tmp_path / "out", memory_gb=0.1)


# ALOHA


def test_aloha_arrays(tmp_path: Path) -> None:
    store = imported(small.aloha(tmp_path / "src"), tmp_path / "out")
    check_frames(store)
    for i in range(EPISODES):
        np.testing.assert_array_equal(episode_of(store, i, "action"), small.actions_of(i))
        np.testing.assert_array_equal(episode_of(store, i, "state"), small.states_of(i))
    assert store.columns["action"].lag == 1
    assert "camera: cam_high" in said(store)
    assert "left out: qvel" in said(store)


@pytest.mark.parametrize("swapped", [False, True])
def test_aloha_jpegs_ask_for_their_colours(swapped: bool, tmp_path: Path) -> None:
    source = small.aloha(tmp_path / "src", compress=True, swapped=swapped)
    with pytest.raises(InputError, match="--channel-order rgb or --channel-order bgr"):
        imported(source, tmp_path / "out")
    order = "bgr" if swapped else "rgb"
    store = imported(source, tmp_path / "out", channel_order=order)
    for i in range(EPISODES):
        wanted, got = small.frames_of(i).astype(int), episode_of(store, i).astype(int)
        assert np.abs(got - wanted).mean() < 3
    assert "left out: compress_len" in said(store)


def test_the_simulators_jpegs_went_through_a_coder_of_bgr(tmp_path: Path) -> None:
    source = small.aloha(tmp_path / "src", compress=True, swapped=True)
    for file in source.iterdir():
        hdf5(file, lambda root: root.attrs.__setitem__("sim", True))
    store = imported(source, tmp_path / "out")
    wanted, got = small.frames_of(0).astype(int), episode_of(store, 0).astype(int)
    assert np.abs(got - wanted).mean() < 3


def test_grey_jpegs_have_no_order(tmp_path: Path) -> None:
    source = small.aloha(tmp_path / "src", compress=True)
    store = imported(source, tmp_path / "out", camera="cam_left_wrist")
    assert not store.column("frames").any()
    assert "grey pictures, in which no order shows" in said(store)


def test_the_base_of_a_mobile_robot_is_part_of_the_action(tmp_path: Path) -> None:
    source = small.aloha(tmp_path / "src")
    for i, file in enumerate(sorted(source.iterdir())):
        base = np.full((FRAMES + i, 2), 0.5)
        hdf5(file, lambda root, base=base: root.__setitem__("base_action", base))
    store = imported(source, tmp_path / "out")
    assert store.columns["action"].shape == (4,)
    assert (store.column("action")[:, 2:] == 0.5).all()


def test_jpegs_of_any_length_are_read(tmp_path: Path) -> None:
    import h5py

    source = small.aloha(tmp_path / "src")
    for i, file in enumerate(sorted(source.iterdir())):

        def coded(root: Any, i: int = i) -> None:
            del root["observations/images/cam_high"]
            rows = [np.frombuffer(small.coded(p, "PNG"), np.uint8) for p in small.frames_of(i)]
            kind = h5py.vlen_dtype(np.uint8)
            made = root.create_dataset("observations/images/cam_high", (len(rows),), dtype=kind)
            for t, row in enumerate(rows):
                made[t] = row

        hdf5(file, coded)
    check_frames(imported(source, tmp_path / "out", channel_order="rgb"))


def test_a_broken_jpeg_is_named(tmp_path: Path) -> None:
    source = small.aloha(tmp_path / "src", compress=True)

    def broken(root: Any) -> None:
        root["observations/images/cam_high"][3] = 0

    hdf5(source / "episode_1.hdf5", broken)
    with pytest.raises(InputError, match=r"episode_1.hdf5: cam_high, picture 3"):
        imported(source, tmp_path / "out", channel_order="rgb")
    store = imported(source, tmp_path / "out", channel_order="rgb", skip_bad=True)
    assert len(store.episodes) == EPISODES - 1


@pytest.mark.parametrize("write", [small.aloha, small.robonet, small.libero])
def test_a_first_file_that_is_broken_is_left_out_if_that_is_said(
    write: Callable[[Path], Path], tmp_path: Path
) -> None:
    source = write(tmp_path / "src")
    if write is small.libero:
        hdf5(small.libero(tmp_path / "other") / "push_it_demo.hdf5", lambda root: None).rename(
            source / "other_demo.hdf5"
        )
    first = min(source.iterdir())
    first.write_bytes(first.read_bytes()[:100])
    kind = recognise(source)
    with pytest.raises(InputError, match=f"{first.name} cannot be read"):
        imported(source, tmp_path / "out")
    store = imported(source, tmp_path / "out", skip_bad=True)
    assert kind == write.__name__
    assert len(store.episodes) == (EPISODES if write is small.libero else EPISODES - 1)


# UMI


def umi(file: Path, codec: dict[str, Any] | None = None, coded: Any = None) -> Path:
    """As UMI's pipeline saves a replay buffer: zarr 2 in a zip, a chunk a picture, no actions."""
    frames = np.concatenate([small.frames_of(i) for i in range(EPISODES)])
    poses = np.concatenate([small.states_of(i) for i in range(EPISODES)])
    width = np.linspace(0, 0.08, len(frames), dtype=np.float32)[:, None]
    file.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(file, "w") as archive:
        for group in ("", "data/", "meta/"):
            archive.writestr(f"{group}.zgroup", '{"zarr_format": 2}')
        member(archive, "data/camera0_rgb", frames, codec, coded or (lambda p: p.tobytes()))
        for robot in ("robot0", "robot1"):
            sign = 1 if robot == "robot0" else -1
            member(archive, f"data/{robot}_eef_pos", sign * poses)
            member(archive, f"data/{robot}_eef_rot_axis_angle", sign * poses / 100)
            member(archive, f"data/{robot}_gripper_width", sign * width)
            member(archive, f"data/{robot}_demo_start_pose", np.zeros((len(frames), 6)))
        ends = np.cumsum([FRAMES + i for i in range(EPISODES)])
        member(archive, "meta/episode_ends", ends)
    return file


def member(
    archive: zipfile.ZipFile,
    key: str,
    values: Array,
    codec: dict[str, Any] | None = None,
    coded: Callable[[Array], bytes] | None = None,
) -> None:
    chunks = (1, *values.shape[1:]) if coded else values.shape
    described = {
        "zarr_format": 2,
        "shape": values.shape,
        "chunks": chunks,
        "dtype": values.dtype.str,
        "compressor": codec,
        "filters": None,
        "fill_value": 0,
        "order": "C",
    }
    archive.writestr(f"{key}/.zarray", json.dumps(described))
    rest = ".0" * (values.ndim - 1)
    if coded is None:
        archive.writestr(f"{key}/0{rest}", values.tobytes())
        return
    for i, row in enumerate(values):
        archive.writestr(f"{key}/{i}{rest}", coded(row))


@pytest.mark.parametrize("workers", [1, 2])
def test_a_zip_of_umi_is_read_as_it_is(workers: int, tmp_path: Path) -> None:
    source = umi(tmp_path / "src" / "dataset.zarr.zip")
    assert recognise(source) == recognise(source.parent) == "zarr"
    store = foreframe.data.import_recordings(source, tmp_path / "out", workers=workers)
    check_frames(store)
    names = store.columns["action"].names
    assert names[:7] == (
        *(f"robot0_eef_pos[{i}]" for i in range(3)),
        *(f"robot0_eef_rot_axis_angle[{i}]" for i in range(3)),
        "robot0_gripper_width",
    )
    assert names[7:] == tuple(name.replace("robot0", "robot1") for name in names[:7])
    assert store.columns["action"].lag == 0
    for i in range(EPISODES):
        rows = episode_of(store, i, "action")
        np.testing.assert_array_equal(rows[:, :3], small.states_of(i))
        np.testing.assert_array_equal(rows[:, 7:10], -small.states_of(i))
    assert "actions: robot0_eef_pos" in said(store)
    assert "left out: data/robot0_demo_start_pose" in said(store)


def test_a_zip_that_holds_the_folder_of_a_buffer_is_read(tmp_path: Path) -> None:
    made = umi(tmp_path / "made.zarr.zip")
    (tmp_path / "src").mkdir()
    with (
        zipfile.ZipFile(made) as flat,
        zipfile.ZipFile(tmp_path / "src" / "a.zarr.zip", "w") as nested,
    ):
        for name in flat.namelist():
            nested.writestr(f"a.zarr/{name}", flat.read(name))
    check_frames(imported(tmp_path / "src" / "a.zarr.zip", tmp_path / "out"))


def test_arrays_that_are_neither_rows_nor_pictures_are_said(tmp_path: Path) -> None:
    import zarr

    source = small.zarr(tmp_path / "src")
    count = sum(FRAMES + i for i in range(EPISODES))
    group = zarr.open_group(str(source), mode="a", zarr_format=2)
    group.create_array("data/point_cloud", data=np.zeros((count, 16, 3), np.float32))
    group.create_array("data/img_depth", data=np.zeros((count, 16, 16, 1), np.float32))
    group.create_array("data/more/img", data=np.zeros((count, 16, 16, 3), np.uint8))
    words = said(imported(source, tmp_path / "out"))
    assert "left out: data/point_cloud: shape" in words
    assert "left out: data/img_depth: its pixels are distances" in words
    assert "left out: data/more: a group" in words


def jpeg_xl(picture: Array) -> bytes:
    """A picture under the head that JPEG XL gives one of 64x64, for the decoder below."""
    return b"\xff\x0a" + (1 | 7 << 1 | 1 << 6).to_bytes(2, "little") + picture.tobytes()


def test_jpeg_xl_is_decoded_where_imagecodecs_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(content: bytes) -> Array:
        return np.frombuffer(content[4:], np.uint8).reshape(SIDE, SIDE, 3)

    codecs = types.SimpleNamespace(jpegxl_decode=decode)
    monkeypatch.setitem(sys.modules, "imagecodecs", codecs)  # type: ignore[arg-type]
    register.cache_clear()
    source = umi(tmp_path / "a.zarr.zip", {"id": "imagecodecs_jpegxl", "level": 99}, jpeg_xl)
    check_frames(imported(source, tmp_path / "out"))
    register.cache_clear()


def test_jpeg_xl_names_what_decodes_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "imagecodecs", None)
    register.cache_clear()
    source = umi(tmp_path / "a.zarr.zip", {"id": "imagecodecs_jpegxl", "level": 99}, jpeg_xl)
    with pytest.raises(InputError, match="pip install imagecodecs"):
        imported(source, tmp_path / "out")
    register.cache_clear()


def jpeg_xl_head(*fields: tuple[int, int]) -> bytes:
    """The bits of a size, each field as (value, bits), behind JPEG XL's first two bytes."""
    value = shift = 0
    for number, bits in fields:
        value, shift = value | number << shift, shift + bits
    return b"\xff\x0a" + value.to_bytes(16, "little")


@pytest.mark.parametrize(
    ("fields", "size"),
    [
        ([(1, 1), (27, 5), (1, 3)], (224, 224)),  # in eighths, square
        ([(1, 1), (5, 5), (0, 3), (7, 5)], (48, 64)),  # in eighths, width apart
        ([(0, 1), (1, 2), (1079, 13), (5, 3)], (1080, 1920)),  # 16 to 9
        ([(0, 1), (0, 2), (299, 9), (0, 3), (1, 2), (999, 13)], (300, 1000)),
        ([(0, 1), (3, 2), (10**9 - 1, 30), (1, 3)], (10**9, 10**9)),
    ],
)
@pytest.mark.parametrize("boxed", [False, True])
def test_the_size_of_a_jpeg_xl_is_read_before_it_is_decoded(
    fields: list[tuple[int, int]], size: tuple[int, int], boxed: bool
) -> None:
    content = jpeg_xl_head(*fields)
    if boxed:
        kind = b"\0\0\0\x14ftypjxl \0\0\0\0jxl "
        box = (8 + len(content)).to_bytes(4, "big") + b"jxlc"
        content = b"\0\0\0\x0cJXL \r\n\x87\n" + kind + box + content
    assert size_of(content) == size


def test_a_member_that_unpacks_to_more_than_its_array_is_refused(tmp_path: Path) -> None:
    made = umi(tmp_path / "made.zarr.zip")
    bomb = tmp_path / "bomb.zarr.zip"
    with (
        zipfile.ZipFile(made) as plain,
        zipfile.ZipFile(bomb, "w", zipfile.ZIP_DEFLATED) as packed,
    ):
        for name in plain.namelist():
            content = plain.read(name)
            packed.writestr(name, content if not name.endswith("rgb/3.0.0.0") else bytes(1 << 24))
    assert bomb.stat().st_size < 1 << 20
    with pytest.raises(InputError, match=r"camera0_rgb/3.0.0.0 unpacks to 16777216 bytes"):
        imported(bomb, tmp_path / "out")


def test_a_zip_that_is_cut_off_is_named(tmp_path: Path) -> None:
    source = umi(tmp_path / "a.zarr.zip")
    source.write_bytes(source.read_bytes()[:-500])
    with pytest.raises(InputError, match="no whole zip"):
        imported(source, tmp_path / "out")


# LeRobot


def v3_without(root: Path, *columns: str, whole: bool = False) -> Path:
    """LeRobot v3 without columns of meta/episodes; a table and video per episode unless `whole`."""
    import pyarrow.parquet as parquet

    small.lerobot_v3(root)
    listing = root / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    table = parquet.read_table(listing)
    lacking = [name for name in table.column_names if name.endswith(columns)]
    parquet.write_table(table.drop_columns(lacking), listing)
    if whole:
        return root
    rows = parquet.read_table(root / "data" / "chunk-000" / "file-000.parquet")
    for i in range(EPISODES):
        mine = rows.filter([n == i for n in rows["episode_index"].to_pylist()])
        parquet.write_table(mine, root / "data" / "chunk-000" / f"file-{i:03d}.parquet")
        video = f"videos/observation.images.top/chunk-000/file-{i:03d}.mp4"
        small.write_video(root / video, small.frames_of(i))
    return root


PLACES = ("chunk_index", "file_index", "from_timestamp")


def test_v3_without_places_is_a_table_and_a_video_an_episode(tmp_path: Path) -> None:
    store = imported(v3_without(tmp_path / "src", *PLACES), tmp_path / "out")
    for i in range(EPISODES):
        np.testing.assert_array_equal(episode_of(store, i, "action"), small.actions_of(i))
        wanted, got = small.frames_of(i).astype(int), episode_of(store, i).astype(int)
        assert np.abs(got - wanted).mean() < 5
    assert "videos: chunk 0" in said(store)


def test_v3_without_places_finds_rows_in_one_table(tmp_path: Path) -> None:
    source = v3_without(tmp_path / "src", "data/chunk_index", "data/file_index", whole=True)
    store = imported(source, tmp_path / "out")
    for i in range(EPISODES):
        np.testing.assert_array_equal(episode_of(store, i, "action"), small.actions_of(i))


def test_v3_without_places_but_with_times_is_read_from_its_only_video(tmp_path: Path) -> None:
    source = v3_without(tmp_path / "src", "chunk_index", "file_index", whole=True)
    store = imported(source, tmp_path / "out")
    for i in range(EPISODES):
        wanted, got = small.frames_of(i).astype(int), episode_of(store, i).astype(int)
        assert np.abs(got - wanted).mean() < 5


def test_v3_without_places_in_one_video_is_refused(tmp_path: Path) -> None:
    source = v3_without(tmp_path / "src", *PLACES, whole=True)
    with pytest.raises(InputError, match="does not say in which video"):
        imported(source, tmp_path / "out")


def test_v3_videos_that_hold_more_than_their_episode_are_refused(tmp_path: Path) -> None:
    source = v3_without(tmp_path / "src", *PLACES)
    both = np.concatenate([small.frames_of(0), small.frames_of(1)])
    video = source / "videos" / "observation.images.top" / "chunk-000" / "file-000.mp4"
    small.write_video(video, both)
    with pytest.raises(InputError, match=r"episode 0 lasts 1.700 s; expected 0.800 s"):
        imported(source, tmp_path / "out")


def test_a_stale_file_index_says_where_the_rows_are(tmp_path: Path) -> None:
    import pyarrow.parquet as parquet

    source = small.lerobot_v3(tmp_path / "src")
    file = source / "data" / "chunk-000" / "file-000.parquet"
    rows = parquet.read_table(file)
    last = [n == 3 for n in rows["episode_index"].to_pylist()]
    parquet.write_table(rows.filter(last), file.with_name("file-001.parquet"))
    parquet.write_table(rows.filter([not mine for mine in last]), file)
    with pytest.raises(InputError, match=r"has 0 rows of episode 3.*file-001.parquet has them"):
        imported(source, tmp_path / "out")


def test_gr00t_names_cameras_and_numbers(tmp_path: Path) -> None:
    source = small.lerobot(tmp_path / "src")
    names = {
        "action": {"arm": {"start": 0, "end": 1}, "gripper": {"start": 1, "end": 2}},
        "state": {"joints": {"start": 0, "end": 3}},
        "video": {"top_view": {"original_key": "observation.images.top"}},
        "annotation": {"human.task": {"original_key": "task_index"}},
    }
    (source / "meta" / "modality.json").write_text(json.dumps(names))
    store = imported(source, tmp_path / "out", camera="top_view")
    assert store.columns["action"].names == ("arm", "gripper")
    assert store.columns["state"].names == ("a", "b", "c")  # those of the data set itself
    assert not store.manifest["notes"]["findings"]["unused"]


# Pictures of more than 8 bits


def deep_png(values: Array) -> bytes:
    content = io.BytesIO()
    Image.fromarray(values.astype(np.uint16)).save(content, "PNG")
    return content.getvalue()


def depth_of(episode: int) -> Array:
    """A ramp from 0 to 4000 mm over the frames: uint16 [T, H, W]."""
    count = FRAMES + episode
    ramp = np.linspace(0, 4000, count).round()
    return np.broadcast_to(ramp[:, None, None], (count, SIDE, SIDE)).astype(np.uint16)


def lerobot_depth(root: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    small.lerobot(root)
    info = json.loads((root / "meta" / "info.json").read_text())
    info["features"]["observation.images.depth"] = {"dtype": "image", "shape": [SIDE, SIDE, 1]}
    (root / "meta" / "info.json").write_text(json.dumps(info))
    for i in range(EPISODES):
        file = root / "data" / "chunk-000" / f"episode_{i:06d}.parquet"
        cells = [{"bytes": deep_png(p), "path": None} for p in depth_of(i)]
        table = parquet.read_table(file).append_column("observation.images.depth", pa.array(cells))
        parquet.write_table(table, file)
    return root


def rlds_depth(root: Path, dtype: str = "uint16") -> Path:
    small.rlds(root)
    content = json.loads((root / "features.json").read_text())
    steps = content["featuresDict"]["features"]["steps"]["sequence"]["feature"]["featuresDict"]
    observed = steps["features"]["observation"]["featuresDict"]["features"]
    observed["depth"] = {"image": {"dtype": dtype, "encodingFormat": "png"}}
    (root / "features.json").write_text(json.dumps(content))

    def coded(picture: Array) -> bytes:
        if dtype == "uint16":
            return deep_png(picture)
        metres = np.ascontiguousarray(picture.astype("<f4") / 1000)
        return small.coded(metres.view(np.uint8).reshape(SIDE, SIDE, 4), "PNG")

    examples = [
        {
            "steps/observation/image_1": [small.coded(p, "PNG") for p in small.frames_of(i)],
            "steps/observation/depth": [coded(p) for p in depth_of(i)],
            "steps/action": small.actions_of(i),
            "steps/observation/state": small.states_of(i),
        }
        for i in range(EPISODES)
    ]
    small.write_records(root / "toy-train.tfrecord-00000-of-00001", examples)
    return root


@pytest.mark.parametrize(
    ("write", "camera"), [(lerobot_depth, "observation.images.depth"), (rlds_depth, "depth")]
)
def test_depth_that_is_asked_for_has_one_scale(write: Any, camera: str, tmp_path: Path) -> None:
    source = write(tmp_path / "src")
    with pytest.raises(InputError, match="--pixel-range"):
        imported(source, tmp_path / "out", camera=camera)
    store = imported(source, tmp_path / "out", camera=camera, pixel_range=(0, 4000))
    for i in range(EPISODES):
        wanted = np.round(depth_of(i) * (255 / 4000))
        np.testing.assert_array_equal(episode_of(store, i), np.repeat(wanted[..., None], 3, -1))
    assert "pixel range: 0 to 4000 become 0 to 255" in said(store)


def test_floats_of_tfds_are_the_four_bytes_of_a_pixel(tmp_path: Path) -> None:
    source = rlds_depth(tmp_path / "src", "float32")
    store = imported(source, tmp_path / "out", camera="depth", pixel_range=(0, 4))
    for i in range(EPISODES):
        wanted = np.round(depth_of(i) * (255 / 4000))
        got = episode_of(store, i)[..., 0]
        assert np.abs(got - wanted).max() <= 1


def test_a_deep_video_that_is_asked_for_has_one_scale(tmp_path: Path) -> None:
    import av

    source = small.lerobot(tmp_path / "src")
    info = json.loads((source / "meta" / "info.json").read_text())
    info["features"]["observation.images.depth"] = {"dtype": "video", "shape": [SIDE, SIDE, 1]}
    (source / "meta" / "info.json").write_text(json.dumps(info))
    folder = source / "videos" / "chunk-000" / "observation.images.depth"
    folder.mkdir()
    for i in range(EPISODES):
        file = folder / f"episode_{i:06d}.mp4"
        with av.open(str(file), "w", format="matroska") as container:
            stream = container.add_stream("ffv1", rate=10)
            stream.width = stream.height = SIDE
            stream.pix_fmt = "gray16le"
            for picture in depth_of(i):
                frame = av.VideoFrame.from_ndarray(np.ascontiguousarray(picture), "gray16le")
                container.mux(stream.encode(frame))
            container.mux(stream.encode())
    chosen: dict[str, Any] = {"camera": "observation.images.depth"}
    with pytest.raises(InputError, match="--pixel-range"):
        imported(source, tmp_path / "out", **chosen)
    store = imported(source, tmp_path / "out", pixel_range=(0, 4000), **chosen)
    for i in range(EPISODES):
        wanted = np.round(depth_of(i) * (255 / 4000))
        np.testing.assert_array_equal(episode_of(store, i)[..., 0], wanted)


@pytest.mark.parametrize("write", [small.lerobot, small.rlds])
def test_a_scale_of_bytes_is_refused(write: Callable[[Path], Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match="leave --pixel-range out"):
        imported(write(tmp_path / "src"), tmp_path / "out", pixel_range=(0, 100))


# What is left out


def test_bair_and_robonet_say_what_they_leave_out(tmp_path: Path) -> None:
    source = small.robonet(tmp_path / "robonet")
    for file in source.iterdir():
        hdf5(file, lambda root: root.__setitem__("env/qpos", np.zeros((3, 7))))
    store = imported(source, tmp_path / "out")
    assert "left out: env/qpos: not among" in said(store)
    assert "channel order: bgr, by a coder of BGR" in said(store)
    store = imported(small.bair(tmp_path / "bair"), tmp_path / "bair_out")
    assert "action from action, float32, 4 numbers" in said(store)
