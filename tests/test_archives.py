"""Archives of whole data sets as people have them.

What is taken, what is left out, and what is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreframe
import small_recordings as small
from foreframe.data.store import ClipStore
from foreframe.errors import InputError

SIDE = small.SIDE
rng = np.random.default_rng(7)


def imported(source: Path, out: Path, **options: Any) -> ClipStore:
    return foreframe.data.import_recordings(source, out, workers=1, **options)


def edited(file: Path, **changes: Any) -> dict[str, Any]:
    """A JSON file with some keys changed, and what it then holds."""
    content = {**json.loads(file.read_text()), **changes}
    file.write_text(json.dumps(content))
    return content


def lerobot_with(root: Path, features: dict[str, Any], columns: dict[str, Any]) -> Path:
    """A LeRobotDataset v2 of one episode with more features than the usual ones."""
    import pyarrow.parquet as parquet

    small.lerobot(root)
    info = json.loads((root / "meta" / "info.json").read_text())
    edited(root / "meta" / "info.json", features={**features, **info["features"]})
    (root / "meta" / "episodes.jsonl").write_text('{"episode_index": 0}\n')
    file = root / "data" / "chunk-000" / "episode_000000.parquet"
    table = parquet.read_table(file)
    for name, rows in columns.items():
        table = table.append_column(name, [rows])
    parquet.write_table(table, file)
    return root


def test_a_boolean_gripper_of_lerobot_is_a_column(tmp_path: Path) -> None:
    closed = [bool(t % 2) for t in range(small.FRAMES)]
    scalar = {"dtype": "bool", "shape": [1], "names": None}
    source = lerobot_with(tmp_path / "src", {"gripper": scalar}, {"gripper": closed})
    store = imported(source, tmp_path / "out", actions=("action", "gripper"), splits=(1, 0, 0))
    assert store.column("action").shape == (small.FRAMES, 3)
    assert store.column("action")[:, 2].tolist() == [float(c) for c in closed]


@pytest.mark.parametrize(
    ("name", "more"),
    [
        ("observation.images.depth", {}),
        ("observation.images.a", {"info": {"video.is_depth_map": True}}),
        ("observation.images.a", {"shape": [SIDE, SIDE, 1]}),
    ],
)
def test_depth_is_never_the_default_camera_of_lerobot(
    name: str, more: dict[str, Any], tmp_path: Path
) -> None:
    camera = {"dtype": "video", "shape": [SIDE, SIDE, 3], **more}
    source = lerobot_with(tmp_path / "src", {name: camera}, {})
    store = imported(source, tmp_path / "out", splits=(1, 0, 0))
    assert any("observation.images.top" in line for line in store.source["chosen"])


def rlds_with(
    root: Path, step: dict[str, Any], values: dict[str, Any], observed: dict[str, Any]
) -> Path:
    """An RLDS set of one episode with more features a step, and more observations, than the usual
    ones.
    """
    small.rlds(root)
    content = json.loads((root / "features.json").read_text())
    steps = content["featuresDict"]["features"]["steps"]["sequence"]["feature"]["featuresDict"][
        "features"
    ]
    steps.update(step)
    steps["observation"]["featuresDict"]["features"].update(observed)
    (root / "features.json").write_text(json.dumps(content))
    edited(root / "dataset_info.json", splits=[{"name": "train", "shardLengths": ["1"]}])
    example = {
        "steps/observation/image_1": [small.coded(p, "PNG") for p in small.frames_of(0)],
        "steps/action": small.actions_of(0),
        "steps/observation/state": small.states_of(0),
        **values,
    }
    small.write_records(root / "toy-train.tfrecord-00000-of-00001", [example])
    return root


def tensor(dtype: str, *shape: int) -> dict[str, Any]:
    return {"tensor": {"shape": {"dimensions": [str(n) for n in shape]}, "dtype": dtype}}


def test_rlds_takes_exactly_the_action(tmp_path: Path) -> None:
    like = {"action_mode": tensor("int64"), "action_angle": tensor("float32")}
    values = {"steps/action_mode": np.ones(8, int), "steps/action_angle": np.ones(8)}
    store = imported(
        rlds_with(tmp_path / "src", like, values, {}), tmp_path / "out", splits=(1, 0, 0)
    )
    np.testing.assert_array_equal(store.column("action"), small.actions_of(0))


def test_an_action_dictionary_of_rlds_is_taken_with_its_boolean_gripper(tmp_path: Path) -> None:
    features = {"arm": tensor("float32", 2), "open_gripper": tensor("bool")}
    open_gripper = np.arange(8) % 2
    values = {"steps/action/arm": small.actions_of(0), "steps/action/open_gripper": open_gripper}
    step = {"action": {"featuresDict": {"features": features}}}
    store = imported(
        rlds_with(tmp_path / "src", step, values, {}), tmp_path / "out", splits=(1, 0, 0)
    )
    assert store.columns["action"].names == (
        "action/arm[0]",
        "action/arm[1]",
        "action/open_gripper",
    )
    assert store.column("action")[:, 2].tolist() == open_gripper.tolist()


@pytest.mark.parametrize(("name", "dtype"), [("depth", "uint8"), ("a_camera", "uint16")])
def test_depth_is_never_the_default_camera_of_rlds(name: str, dtype: str, tmp_path: Path) -> None:
    bright = [small.coded(np.full((SIDE, SIDE, 3), 200, np.uint8), "PNG")] * small.FRAMES
    source = rlds_with(
        tmp_path / "src",
        {},
        {f"steps/observation/{name}": bright},
        {name: {"image": {"dtype": dtype, "encodingFormat": "png"}}},
    )
    store = imported(source, tmp_path / "out", splits=(1, 0, 0))
    np.testing.assert_array_equal(store.column("frames"), small.frames_of(0))


def zarr_with(root: Path, zarr_format: int = 2, **arrays: Any) -> Path:
    """A replay buffer of two episodes of 4 and 6 frames."""
    import zarr

    group = zarr.open_group(str(root), mode="w", zarr_format=zarr_format)  # type: ignore[arg-type]
    frames = rng.integers(0, 256, (10, 12, 16, 3)).astype(np.uint8)
    usual = {"img": frames, "action": np.arange(20, dtype=np.float32).reshape(10, 2)}
    for name, values in {**usual, **arrays}.items():
        group.create_array(f"data/{name}", data=values)
    group.create_array("meta/episode_ends", data=np.array([4, 10]))
    return root


def test_an_action_of_one_number_is_a_column_of_zarr(tmp_path: Path) -> None:
    source = zarr_with(tmp_path / "src", action=np.arange(10, dtype=np.float32))
    store = imported(source, tmp_path / "out")
    assert sorted(store.column("action")[:, 0].tolist()) == list(range(10))


@pytest.mark.parametrize("said", ["v1.6", "1.0"])
def test_a_lerobot_version_that_is_not_read_is_named(said: str, tmp_path: Path) -> None:
    source = small.lerobot(tmp_path / "src")
    edited(source / "meta" / "info.json", codebase_version=said)
    with pytest.raises(InputError, match=rf"LeRobotDataset {said}; expected v2\.x"):
        imported(source, tmp_path / "out")


def replaced(root: Any, key: str, value: Any) -> None:
    del root[key]
    root[key] = value


def external_storage(root: Any, key: str, beside: Path) -> None:
    shape, dtype = root[key].shape, root[key].dtype
    del root[key]
    root.create_dataset(key, shape, dtype, external=[(str(beside), 0, 10**6)])


def virtual(root: Any, key: str, beside: Path) -> None:
    import h5py

    layout = h5py.VirtualLayout(root[key].shape, root[key].dtype)
    layout[:] = h5py.VirtualSource(str(beside), "there", root[key].shape)
    del root[key]
    root.create_virtual_dataset(key, layout)


@pytest.mark.parametrize(
    ("key", "kind"),
    [
        (key, kind)
        for key in (
            "data",
            "data/demo_1",
            "data/demo_0/obs",
            "data/demo_1/obs/agentview_image",
            "mask/train",
        )
        for kind in ("soft", "external")
    ]
    + [("data/demo_1/actions", kind) for kind in ("storage", "virtual")],
)
def test_numbers_that_an_hdf5_file_keeps_elsewhere_are_refused(
    key: str, kind: str, tmp_path: Path
) -> None:
    import h5py

    file = small.robomimic(tmp_path / "src")
    secret = tmp_path / "secret.h5"
    secret.write_bytes(file.read_bytes())
    with h5py.File(file, "a") as root:
        if kind == "soft":
            root.move(key, "moved")
            root[key] = h5py.SoftLink("/moved")
        elif kind == "external":
            replaced(root, key, h5py.ExternalLink(str(secret), f"/{key}"))
        else:
            {"storage": external_storage, "virtual": virtual}[kind](root, key, secret)
    with pytest.raises(InputError, match=r"is a link; expected|keeps its numbers in other files"):
        imported(file, tmp_path / "out", format="robomimic")
    assert not (tmp_path / "out").exists()


def test_a_camera_group_of_robonet_that_is_a_link_is_refused(tmp_path: Path) -> None:
    import h5py

    source = small.robonet(tmp_path / "src")
    with h5py.File(source / "traj_1.hdf5", "a") as root:
        root.move("env/cam0_video", "moved")
        root["env/cam0_video"] = h5py.SoftLink("/moved")
    with pytest.raises(InputError, match="is a link; expected"):
        imported(source, tmp_path / "out")


def zarr_v3(root: Path, **how: Any) -> Path:
    """A replay buffer of zarr 3 whose pictures and numbers are packed as `how` says."""
    import zarr

    group = zarr.open_group(str(root), mode="w", zarr_format=3)
    frames = np.concatenate([small.frames_of(i) for i in range(small.EPISODES)])
    rows = np.concatenate([small.actions_of(i) for i in range(small.EPISODES)])
    ends = np.cumsum([small.FRAMES + i for i in range(small.EPISODES)])
    group.create_array("data/img", data=frames, chunks=(5, SIDE, SIDE, 3), **how)
    group.create_array("data/action", data=rows)
    group.create_array("meta/episode_ends", data=ends)
    return root


def packed(kind: str) -> dict[str, Any]:
    from zarr.codecs import BloscCodec, Crc32cCodec

    if kind == "sharded":
        return {"compressors": BloscCodec(), "shards": (10, SIDE, SIDE, 3)}
    return {"compressors": [BloscCodec(), *([Crc32cCodec()] if kind == "crc32c" else [])]}


@pytest.mark.parametrize("kind", ["plain", "crc32c", "sharded"])
def test_zarr_3_is_read_however_it_is_packed(kind: str, tmp_path: Path) -> None:
    store = imported(zarr_v3(tmp_path / "src", **packed(kind)), tmp_path / "out")
    for episode in store.episodes:
        number = int(episode.name[-6:])
        at = slice(episode.start, episode.start + episode.length)
        np.testing.assert_array_equal(store.column("frames")[at], small.frames_of(number))
        np.testing.assert_array_equal(store.column("action")[at], small.actions_of(number))


@pytest.mark.parametrize("kind", ["plain", "crc32c", "sharded"])
@pytest.mark.parametrize("cut", [1, 40, 400])
def test_a_zarr_chunk_that_is_cut_off_is_named(kind: str, cut: int, tmp_path: Path) -> None:
    source = zarr_v3(tmp_path / "src", **packed(kind))
    file = source / "data" / "img" / "c" / "1" / "0" / "0" / "0"
    file.write_bytes(file.read_bytes()[:-cut])
    with pytest.raises(InputError, match=r"cut off|damaged|cannot be read"):
        imported(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"dtype": "|O", "filters": [{"id": "pickle"}]}, "packed with 'pickle'"),
        ({"dtype": "|O", "filters": None}, "the dtype '|O'"),
        ({"dtype": [["x", "<f4"]]}, "expected plain numbers"),
        ({"compressor": {"id": "my_codec"}}, "packed with 'my_codec'"),
        ({"chunks": [10**6, 10**4, 10**4, 3]}, "GB of memory"),
        ({"chunks": [1]}, "expected a chunk of each axis"),
    ],
)
def test_zarr_metadata_are_checked_before_anything_is_opened(
    changes: dict[str, Any], message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import zarr

    source = zarr_with(tmp_path / "src")
    edited(source / "data" / "img" / ".zarray", **changes)
    monkeypatch.setattr(zarr, "open_group", lambda *_, **__: pytest.fail("zarr was opened"))
    with pytest.raises(InputError, match=message.replace("|", r"\|")):
        imported(source, tmp_path / "out")


def test_zarr_3_codecs_of_strange_names_are_refused(tmp_path: Path) -> None:
    source = zarr_v3(tmp_path / "src", **packed("sharded"))
    file = source / "data" / "img" / "zarr.json"
    codecs = json.loads(file.read_text())["codecs"]
    codecs[0]["configuration"]["codecs"].append({"name": "numcodecs.pickle"})
    edited(file, codecs=codecs)
    with pytest.raises(InputError, match=r"packed with 'numcodecs\.pickle'"):
        imported(source, tmp_path / "out")


def test_consolidated_metadata_are_not_believed(tmp_path: Path) -> None:
    """`.zmetadata` repeats the metadata of all arrays and may say something else."""
    import zarr

    source = zarr_with(tmp_path / "src")
    zarr.consolidate_metadata(str(source), zarr_format=2)
    content = json.loads((source / ".zmetadata").read_text())
    content["metadata"]["data/img/.zarray"]["filters"] = [{"id": "pickle"}]
    (source / ".zmetadata").write_text(json.dumps(content))
    imported(source, tmp_path / "out")


def test_zarr_arrays_of_words_are_left_out_and_said(tmp_path: Path) -> None:
    source = zarr_with(tmp_path / "src", speed=np.arange(10))
    (source / "data" / "words").mkdir()
    array = json.loads((source / "data" / "action" / ".zarray").read_text())
    (source / "data" / "words" / ".zarray").write_text(json.dumps({**array, "dtype": "|O"}))
    chosen = imported(source, tmp_path / "out").source["chosen"]
    assert any(line.startswith("left out: data/words") for line in chosen)
    assert any("left out: data/speed" in line and "--states speed" in line for line in chosen)


def test_zarr_pictures_have_one_scale(tmp_path: Path) -> None:
    """A dark episode of floats stays dark."""
    truth = np.full((10, 12, 16, 3), 200, np.uint8)
    truth[:4] = 1
    store = imported(zarr_with(tmp_path / "src", img=truth.astype(np.float32)), tmp_path / "out")
    assert sorted(set(store.column("frames").ravel().tolist())) == [1, 200]


def test_pictures_of_twice_the_rate_are_matched_to_rows_by_time(tmp_path: Path) -> None:
    source = small.lerobot(tmp_path / "src")
    folder = source / "videos" / "chunk-000" / "observation.images.top"
    for i in range(small.EPISODES):
        twice = np.repeat(small.frames_of(i), 2, axis=0)
        twice[1::2] = 255  # the pictures between the rows
        small.write_video(folder / f"episode_{i:06d}.mp4", twice, rate=20)
    store = imported(source, tmp_path / "out")
    for episode in store.episodes:
        number = int(episode.name[-6:])
        frames = store.column("frames")[episode.start : episode.start + episode.length]
        difference = frames.astype(int) - small.frames_of(number)
        assert episode.length == small.FRAMES + number
        assert np.abs(difference).mean() < 12
    assert any("20 pictures per second" in line for line in store.source["chosen"])


def test_a_video_of_half_the_rate_of_its_rows_is_refused(tmp_path: Path) -> None:
    source = small.lerobot(tmp_path / "src")
    folder = source / "videos" / "chunk-000" / "observation.images.top"
    for i in range(small.EPISODES):
        small.write_video(folder / f"episode_{i:06d}.mp4", small.frames_of(i), rate=5)
    with pytest.raises(InputError, match=r"no picture near|same picture for rows"):
        imported(source, tmp_path / "out")


def test_a_segment_that_ends_before_its_rows_is_refused(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    source = small.lerobot_v3(tmp_path / "src")
    file = source / "meta" / "episodes" / "chunk-000" / "file-000.parquet"
    rows = parquet.read_table(file).to_pylist()
    key = "videos/observation.images.top/"
    for row in rows:
        short = 0.2 if row["episode_index"] == 1 else 0.0
        row[f"{key}to_timestamp"] = row[f"{key}from_timestamp"] + row["length"] / 10 - short
    parquet.write_table(pa.Table.from_pylist(rows), file)
    with pytest.raises(
        InputError, match=r"episode 1 lasts 0\.700 s .*expected 0\.900 s for its 9 rows"
    ):
        imported(source, tmp_path / "out")
    assert len(imported(source, tmp_path / "out", skip_bad=True).episodes) == small.EPISODES - 1


@pytest.mark.parametrize("write", [small.lerobot, small.lerobot_v3])
def test_a_folder_of_several_lerobot_datasets_is_read_as_a_whole(
    write: Any, tmp_path: Path
) -> None:
    for name in ("a", "b"):
        write(tmp_path / "src" / name)
    store = imported(tmp_path / "src", tmp_path / "out")
    names = {f"{s}/episode_{i:06d}" for s in "ab" for i in range(small.EPISODES)}
    assert {episode.name for episode in store.episodes} == names
    assert store.columns["action"].shape == (2,)


def test_sets_that_differ_are_named(tmp_path: Path) -> None:
    for name in ("a", "b"):
        small.lerobot(tmp_path / "src" / name)
    edited(tmp_path / "src" / "b" / "meta" / "info.json", fps=20)
    with pytest.raises(InputError, match=r"holds 2 data sets: b has a rate of 20"):
        imported(tmp_path / "src", tmp_path / "out")


def hub_cache(root: Path, folder: Path) -> Path:
    """A cache as the Hub's client makes it: every file of a revision is a link to a blob.

    Returns the revision.
    """
    revision = root / "snapshots" / "abc123"
    (root / "blobs").mkdir(parents=True)
    for number, file in enumerate(sorted(f for f in folder.rglob("*") if f.is_file())):
        blob = root / "blobs" / f"{number:064x}"
        file.rename(blob)
        link = revision / file.relative_to(folder)
        link.parent.mkdir(parents=True, exist_ok=True)
        up = "../" * (len(link.relative_to(root).parts) - 1)
        link.symlink_to(f"{up}blobs/{blob.name}")
    (root / "refs").mkdir()
    (root / "refs" / "main").write_text("abc123")
    return revision


@pytest.mark.parametrize(
    ("kind", "named"),
    [(kind, "revision") for kind in ("lerobot", "lerobot_v3", "rlds", "bair", "robonet", "zarr")]
    + [("lerobot", "cache"), ("lerobot_v3", "cache")],
)
def test_a_hub_cache_of_links_is_read(kind: str, named: str, tmp_path: Path) -> None:
    truth = imported(small.WRITERS[kind](tmp_path / "src"), tmp_path / "truth")
    revision = hub_cache(tmp_path / "cache", tmp_path / "src")
    source = revision if named == "revision" else tmp_path / "cache"
    assert imported(source, tmp_path / "out").content == truth.content


@pytest.mark.parametrize(
    "pattern",
    [
        "../other/episode_{episode_index:06d}.parquet",
        "/etc/episode_{episode_index:06d}.parquet",
        "data/../../other/{episode_index}.parquet",
        "data\\..\\{episode_index}.parquet",
    ],
)
def test_a_downloaded_name_that_leads_out_is_refused(pattern: str, tmp_path: Path) -> None:
    source = small.lerobot(tmp_path / "src")
    edited(source / "meta" / "info.json", data_path=pattern)
    with pytest.raises(InputError, match="leads out of the data set"):
        imported(source, tmp_path / "out")


@pytest.mark.parametrize("field", ["episode_index:0999999999d", "episode_index.__class__"])
def test_a_downloaded_pattern_holds_plain_fields(field: str, tmp_path: Path) -> None:
    source = small.lerobot(tmp_path / "src")
    edited(source / "meta" / "info.json", data_path=f"data/{{{field}}}.parquet")
    with pytest.raises(InputError, match="expected plain names and widths"):
        imported(source, tmp_path / "out")


def robomimic_with_depth(folder: Path, depth: Any) -> Path:
    """A robomimic file with pictures of depth [T, 64, 64, 1] beside the camera's."""
    import h5py

    file = small.robomimic(folder)
    with h5py.File(file, "a") as root:
        for i in range(small.EPISODES):
            values = depth(np.linspace(0, 1, small.FRAMES + i).reshape(-1, 1, 1, 1))
            root[f"data/demo_{i}/obs/agentview_depth"] = np.broadcast_to(
                values, (small.FRAMES + i, SIDE, SIDE, 1)
            )
    return file


def test_depth_is_never_the_default_camera_of_robomimic(tmp_path: Path) -> None:
    import h5py

    file = robomimic_with_depth(tmp_path / "src", lambda x: x.astype(np.float32))
    with h5py.File(file, "a") as root:
        for i in range(small.EPISODES):
            root.move(f"data/demo_{i}/obs/agentview_depth", f"data/demo_{i}/obs/a_depth_image")
            root.move(f"data/demo_{i}/obs/agentview_image", f"data/demo_{i}/obs/z_image")
    chosen = imported(file, tmp_path / "out").source["chosen"]
    assert any("camera: z_image" in line for line in chosen)
    assert any("left out: obs/a_depth_image" in line for line in chosen)


def test_depth_that_is_asked_for_is_grey_of_one_scale(tmp_path: Path) -> None:
    file = robomimic_with_depth(tmp_path / "src", lambda x: x.astype(np.float32))
    store = imported(file, tmp_path / "out", camera="agentview_depth")
    assert store.frame_shape == (SIDE, SIDE, 3)
    for episode in store.episodes:
        frames = store.column("frames")[episode.start : episode.start + episode.length]
        ramp = np.round(np.linspace(0, 255, episode.length))
        np.testing.assert_allclose(frames[:, 0, 0, 0], ramp, atol=1)


def test_depth_in_millimetres_asks_for_its_scale(tmp_path: Path) -> None:
    file = robomimic_with_depth(tmp_path / "src", lambda x: (500 + 1000 * x).astype(np.uint16))
    with pytest.raises(InputError, match="--pixel-range"):
        imported(file, tmp_path / "out", camera="agentview_depth")


def test_a_folder_of_several_robomimic_files_is_read_as_a_whole(tmp_path: Path) -> None:
    for task in ("lift", "can"):
        small.robomimic(tmp_path / "tmp").rename(tmp_path / f"{task}.hdf5")
        (tmp_path / "tmp").rmdir()
    (tmp_path / "src").mkdir()
    for task in ("lift", "can"):
        (tmp_path / f"{task}.hdf5").rename(tmp_path / "src" / f"{task}.hdf5")
    (tmp_path / "src" / "._lift.hdf5").write_bytes(b"left by another system")
    store = imported(tmp_path / "src", tmp_path / "out")
    assert len(store.episodes) == 2 * small.EPISODES
    assert {e.name for e in store.of_split("train")} == {
        f"{task}/demo_{i}" for task in ("lift", "can") for i in (0, 1)
    }


def test_a_folder_of_several_replay_buffers_is_read_as_a_whole(tmp_path: Path) -> None:
    for name in ("a.zarr", "b.zarr"):
        zarr_with(tmp_path / "src" / name)
    store = imported(tmp_path / "src", tmp_path / "out")
    assert sorted(e.name for e in store.episodes) == [
        f"{name}/episode_{i:06d}" for name in "ab" for i in range(2)
    ]


def test_what_rlds_leaves_out_is_said(tmp_path: Path) -> None:
    like = {"action_mode": tensor("int64")}
    values = {"steps/action_mode": np.ones(8, int)}
    source = rlds_with(tmp_path / "src", like, values, {"extra": tensor("float32", 2)})
    chosen = imported(source, tmp_path / "out", splits=(1, 0, 0)).source["chosen"]
    assert any(line.startswith("left out: steps/action_mode") for line in chosen)
    assert any("--states extra would use it" in line for line in chosen)
    assert any(line.startswith("camera: image_1") for line in chosen)


def test_left_overs_of_a_mac_beside_rlds_records_are_not_read(tmp_path: Path) -> None:
    source = rlds_with(tmp_path / "src", {}, {}, {})
    (source / "._toy-train.tfrecord-00000-of-00001").write_bytes(b"Mac OS X")
    assert len(imported(source, tmp_path / "out", splits=(1, 0, 0)).episodes) == 1
