"""Every importer, by existing: recognised, whole, in order, and broken input is named."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foreframe
from foreframe.data.making import ResampledSource
from foreframe.data.offsets import suggest
from foreframe.data.sources.findings import Findings
from foreframe.data.sources.opening import recognise
from foreframe.data.sources.options import SourceOptions
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.plugins import FORMATS
from small_recordings import (
    EPISODES,
    FRAMES,
    LOSSY,
    WITHOUT_ACTIONS,
    WITHOUT_STATES,
    WRITERS,
    actions_of,
    frames_of,
    states_of,
    write_records,
)


@pytest.fixture(scope="module")
def written(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("recordings")
    return {name: writer(root / name) for name, writer in WRITERS.items()}


def test_every_format_has_a_sample() -> None:
    assert sorted(WRITERS) == FORMATS.names()


def rows_of(store: ClipStore, role: str) -> list[np.ndarray]:
    names = [name for name, column in store.columns.items() if column.role == role]
    return (
        [store.column(names[0])[e.start : e.start + e.length] for e in store.episodes]
        if names
        else []
    )


@pytest.mark.parametrize("name", sorted(WRITERS))
def test_a_recording_becomes_a_store(name: str, written: dict[str, Path], tmp_path: Path) -> None:
    assert recognise(written[name]) == name
    store = foreframe.data.import_recordings(written[name], tmp_path / "store", workers=1)
    order = np.argsort([e.length for e in store.episodes])
    assert [store.episodes[i].length for i in order] == [FRAMES + i for i in range(EPISODES)]
    for i, k in enumerate(order):
        got = rows_of(store, "frames")[k].astype(int)
        assert np.abs(got - frames_of(i)).mean() <= (4 if name in LOSSY else 0)
        if name not in WITHOUT_ACTIONS:
            width = 4 if name == "bair" else 2
            expected = actions_of(i, width)
            got_actions = rows_of(store, "action")[k]
            last = -1 if name == "robonet" else None  # n frames have n - 1 actions there
            np.testing.assert_allclose(got_actions[:last], expected[:last], rtol=1e-6)
        if name not in WITHOUT_STATES:
            np.testing.assert_allclose(rows_of(store, "state")[k], states_of(i), rtol=1e-5)
    assert foreframe.data.validate(store.path)["damaged"] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", sorted(WRITERS))
def test_episodes_are_the_same_with_any_number_of_workers(
    name: str, written: dict[str, Path], tmp_path: Path
) -> None:
    one = foreframe.data.import_recordings(
        written[name], tmp_path / "one", workers=1, size=(16, 16), stride=2
    )
    two = foreframe.data.import_recordings(
        written[name], tmp_path / "two", workers=2, size=(16, 16), stride=2
    )
    assert one.content == two.content
    assert one.frame_shape == (16, 16, 3)


def test_the_splits_of_a_source_are_kept(written: dict[str, Path], tmp_path: Path) -> None:
    def splits(name: str) -> list[str]:
        store = foreframe.data.import_recordings(written[name], tmp_path / name, workers=1)
        return [e.split for e in sorted(store.episodes, key=lambda e: e.length)]

    assert splits("bair") == ["train", "train", "validate", "test"]
    assert splits("robomimic") == ["train", "train", "validate", "validate"]
    assert splits("kth") == ["train", "train", "validate", "test"]
    assert sorted(splits("rlds")) == [
        "test",
        "train",
        "train",
        "validate",
    ]  # it has a training split only: drawn


def test_a_list_says_the_splits(written: dict[str, Path], tmp_path: Path) -> None:
    listed = {f"run_{i}": split for i, split in enumerate(("test", "validate", "train", "train"))}
    (tmp_path / "splits.csv").write_text(
        "".join(f"{name},{split}\n" for name, split in listed.items())
    )
    store = foreframe.data.import_recordings(
        written["images"], tmp_path / "s", split_list=tmp_path / "splits.csv"
    )
    assert {e.name: e.split for e in store.episodes} == listed
    (tmp_path / "few.json").write_text(json.dumps({"train": ["run_0"]}))
    with pytest.raises(InputError, match=r"not in the list of splits: 'run_1'"):
        foreframe.data.import_recordings(
            written["images"], tmp_path / "t", split_list=tmp_path / "few.json", workers=1
        )


def test_the_camera_that_shows_something_is_taken(written: dict[str, Path]) -> None:
    source = FORMATS.module("rlds").open_recordings(written["rlds"], SourceOptions())
    assert any("camera: image_1" in line for line in source.findings.lines())
    assert source.read(0).facts == {"language_instruction": "push it"}
    other = FORMATS.module("robonet").open_recordings(
        written["robonet"], SourceOptions(camera="cam1")
    )
    assert np.abs(np.stack(list(other.read(0).frames)).astype(int) - frames_of(0)).mean() < 4


def test_an_unknown_key_says_those_there_are(written: dict[str, Path], tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"unknown --camera in .*image_aux1"):
        foreframe.data.import_recordings(written["bair"], tmp_path / "a", camera="image_aux")
    with pytest.raises(InputError, match=r"unknown --actions in .*did you mean action_x"):
        foreframe.data.import_recordings(written["videos"], tmp_path / "b", actions=("action_xx",))


def test_columns_are_chosen_by_name(written: dict[str, Path], tmp_path: Path) -> None:
    store = foreframe.data.import_recordings(
        written["images"],
        tmp_path / "s",
        actions=("action_y", "state_x"),
        states=("state_z",),
        workers=1,
    )
    assert store.columns["action"].names == ("action_y", "state_x")
    assert store.columns["state"].names == ("state_z",)


def test_actions_as_deltas_and_back(written: dict[str, Path], tmp_path: Path) -> None:
    deltas = foreframe.data.import_recordings(
        written["npz"], tmp_path / "d", actions_as="deltas", workers=1
    )
    absolute = foreframe.data.import_recordings(
        written["npz"], tmp_path / "a", actions_as="absolute", workers=1
    )
    first = actions_of(0)
    np.testing.assert_allclose(
        rows_of(deltas, "action")[0], np.diff(first, axis=0, prepend=first[:1]), atol=1e-6
    )
    np.testing.assert_allclose(rows_of(absolute, "action")[0], np.cumsum(first, 0), atol=1e-5)


def test_label_images_of_any_source(written: dict[str, Path], tmp_path: Path) -> None:
    folder = tmp_path / "archives"
    folder.mkdir()
    for i in range(2):
        np.savez(folder / f"{i}.npz", frames=frames_of(i), pose=frames_of(i)[:, ::-1])
    store = foreframe.data.import_recordings(
        folder, tmp_path / "s", labels="pose", size=(32, 32), workers=1
    )
    assert store.columns["label"].role == "label"
    assert store.columns["label"].shape == (32, 32, 3)
    pictures = tmp_path / "pictures" / "a"
    for kind, flip in (("", 1), ("labels", -1)):
        (pictures / kind).mkdir(parents=True, exist_ok=True)
        for t, picture in enumerate(frames_of(0)):
            Image.fromarray(picture[::flip]).save(pictures / kind / f"{t}.png")
    found = foreframe.data.import_recordings(
        tmp_path / "pictures", tmp_path / "t", labels="labels", workers=1
    )
    np.testing.assert_array_equal(rows_of(found, "label")[0], frames_of(0)[:, ::-1])


def test_gaps_in_time_end_an_episode(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    seconds = [0, 0.1, 0.2, 0.3, 5.0, 5.1, 5.2, 5.3]
    for t, picture in enumerate(frames_of(0)):
        Image.fromarray(picture).save(tmp_path / "run" / f"{t}.png")
    rows = "".join(f"{s},{t}\n" for t, s in enumerate(seconds))
    (tmp_path / "run" / "log.csv").write_text("timestamp,steering\n" + rows)
    store = foreframe.data.import_recordings(tmp_path / "run", tmp_path / "s", workers=1)
    assert [e.length for e in store.episodes] == [4, 4]
    assert store.frames_per_second == 10
    assert rows_of(store, "action")[1].ravel().tolist() == [4, 5, 6, 7]
    whole = foreframe.data.import_recordings(
        tmp_path / "run", tmp_path / "w", max_gap_s=10.0, workers=1
    )
    assert [e.length for e in whole.episodes] == [8]


def test_a_gifs_long_pictures_stand_as_long_as_they_stood(tmp_path: Path) -> None:
    shades = [Image.fromarray(np.full((16, 16, 3), v, np.uint8)) for v in (0, 100, 200)]
    (tmp_path / "gifs").mkdir()
    shades[0].save(
        tmp_path / "gifs" / "a.gif",
        save_all=True,
        append_images=shades[1:],
        duration=[100, 300, 100],
        loop=0,
    )
    store = foreframe.data.import_recordings(tmp_path / "gifs", tmp_path / "s", workers=1)
    assert rows_of(store, "frames")[0][:, 0, 0, 0].tolist() == [0, 100, 100, 100, 200]
    assert store.frames_per_second == 10


def test_deleted_records_and_sessions_of_a_tub(written: dict[str, Path]) -> None:
    source = FORMATS.module("donkeycar").open_recordings(written["donkeycar"], SourceOptions())
    assert len(source) == EPISODES  # a change of session, and gaps in time
    assert any("1 of" in note and "deleted" in note for note in source.findings.warnings)
    assert source.frames_per_second == 20


def test_missing_episodes_are_counted(written: dict[str, Path], tmp_path: Path) -> None:
    folder = WRITERS["lerobot"](tmp_path / "l")
    next((folder / "videos").rglob("*2.mp4")).unlink()
    store = foreframe.data.import_recordings(folder, tmp_path / "s", workers=1)
    assert [e.length - FRAMES for e in store.episodes] == [0, 1, 3]
    assert any("1 of 4 listed" in note for note in store.source["chosen"])


def test_pictures_in_a_lerobot_table(tmp_path: Path) -> None:
    import pyarrow as pa
    import pyarrow.parquet as parquet

    from small_recordings import coded

    folder = WRITERS["lerobot"](tmp_path / "l")
    info = json.loads((folder / "meta" / "info.json").read_text())
    info["features"]["observation.images.top"]["dtype"] = "image"
    (folder / "meta" / "info.json").write_text(json.dumps(info))
    for i in range(EPISODES):
        file = folder / "data" / "chunk-000" / f"episode_{i:06d}.parquet"
        cells = [{"bytes": coded(p, "PNG"), "path": None} for p in frames_of(i)]
        parquet.write_table(
            parquet.read_table(file).append_column("observation.images.top", pa.array(cells)), file
        )
    store = foreframe.data.import_recordings(folder, tmp_path / "s", workers=1)
    np.testing.assert_array_equal(rows_of(store, "frames")[0], frames_of(0))


def flip_byte(file: Path, place: float) -> None:
    content = bytearray(file.read_bytes())
    content[int(place * len(content))] ^= 0xFF
    file.write_bytes(bytes(content))


@pytest.mark.parametrize(
    ("name", "file", "message"),
    [
        (
            "bair",
            "softmotion30_44k/train/traj_0_to_255.tfrecords",
            r"traj_0_to_255\.tfrecords: record at byte \d+ is damaged",
        ),
        ("rlds", "toy-train.tfrecord-00000-of-00001", r"record at byte \d+ is damaged"),
        ("npz", "episode_1.npz", r"episode_1\.npz"),
        ("images", "run_1/3.png", r"3\.png cannot be read"),
        ("lerobot", "data/chunk-000/episode_000001.parquet", r"episode_000001\.parquet"),
    ],
)
def test_what_is_broken_is_named_or_left_out(
    name: str, file: str, message: str, tmp_path: Path
) -> None:
    source = WRITERS[name](tmp_path / "src")
    flip_byte(tmp_path / "src" / file, 0.6)
    with pytest.raises(InputError, match=message):
        foreframe.data.import_recordings(source, tmp_path / "store", workers=1)
    assert not (tmp_path / "store").exists()
    assert not (tmp_path / "store.partial").exists()
    store = foreframe.data.import_recordings(source, tmp_path / "store", workers=2, skip_bad=True)
    assert len(store.episodes) == EPISODES - 1
    assert len(store.manifest["notes"]["skipped"]) == 1


def test_a_damaged_length_loses_the_rest_of_its_file_alone(tmp_path: Path) -> None:
    source = WRITERS["bair"](tmp_path / "src")
    file = source / "softmotion30_44k" / "train" / "traj_0_to_255.tfrecords"
    content = bytearray(file.read_bytes())
    first = int.from_bytes(content[:8], "little")
    content[first + 16] ^= 1  # the second record's length
    file.write_bytes(bytes(content))
    with pytest.raises(InputError, match=rf"length of the record at byte {first + 16} is damaged"):
        foreframe.data.import_recordings(source, tmp_path / "store")
    store = foreframe.data.import_recordings(source, tmp_path / "store", skip_bad=True, workers=1)
    assert [e.length - FRAMES for e in store.episodes] == [3, 0, 2]  # test before train
    assert any("left out the rest" in note for note in store.source["chosen"])


def test_a_file_cut_off_between_two_records_is_missed_by_their_number(tmp_path: Path) -> None:
    source = WRITERS["rlds"](tmp_path / "src")
    file = source / "toy-train.tfrecord-00000-of-00001"
    content = file.read_bytes()
    file.write_bytes(
        content[: int.from_bytes(content[:8], "little") + 16]
    )  # the first record, whole
    with pytest.raises(InputError, match=rf"holds 1 records, dataset_info.json says {EPISODES}"):
        foreframe.data.import_recordings(source, tmp_path / "store")
    store = foreframe.data.import_recordings(source, tmp_path / "store", skip_bad=True, workers=1)
    assert len(store.episodes) == 1
    assert any("left out the rest" in note for note in store.source["chosen"])


def test_a_stopped_import_goes_on_past_what_it_left_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = WRITERS["npz"](tmp_path / "src")
    flip_byte(source / "episode_1.npz", 0.5)
    whole = foreframe.data.import_recordings(source, tmp_path / "whole", workers=1, skip_bad=True)
    read, calls = ResampledSource.read, []

    def stop_at_the_last(self: ResampledSource, index: int) -> object:
        calls.append(index)
        if index == 3:
            raise KeyboardInterrupt
        return read(self, index)

    monkeypatch.setattr(ResampledSource, "read", stop_at_the_last)
    with pytest.raises(KeyboardInterrupt):
        foreframe.data.import_recordings(source, tmp_path / "halves", workers=1, skip_bad=True)
    monkeypatch.setattr(ResampledSource, "read", read)
    halves = foreframe.data.import_recordings(source, tmp_path / "halves", workers=1, skip_bad=True)
    assert calls[1:] == [0, 1, 2, 3]  # the first is looked at before: does the source know splits?
    assert halves.content == whole.content


class Delayed:
    """Pictures that move by what was done `delay` frames before."""

    frames_per_second = None
    findings = Findings()

    def __init__(self, delay: int, absolute: bool) -> None:
        from foreframe.data.sources.recording import Column

        self.delay, self.absolute = delay, absolute
        self.columns = {"action": Column("action", "float32", (2,))}

    def __len__(self) -> int:
        return 4

    def read(self, index: int):  # type: ignore[no-untyped-def]
        from foreframe.data.sources.recording import Recording

        rng = np.random.default_rng(index)
        moves = rng.normal(size=(120, 2)) * (rng.random((120, 1)) < 0.5)
        places = np.cumsum(np.roll(moves, self.delay, 0), 0) * 3 + 32
        y, x = np.mgrid[:64, :64]
        shown = [
            np.exp(-((x - a) ** 2 + (y - b) ** 2) / 200)[..., None] * np.full(3, 255)
            for a, b in places
        ]
        actions = np.cumsum(moves, 0) if self.absolute else moves
        return Recording(
            str(index), [s.astype(np.uint8) for s in shown], {"action": actions.astype(np.float32)}
        )


@pytest.mark.parametrize("absolute", [False, True])
@pytest.mark.parametrize("delay", [1, 3, 6])
def test_the_action_offset_is_found(delay: int, absolute: bool) -> None:
    found = suggest(Delayed(delay, absolute))
    assert found.best == delay
    assert len(found.curve()) == 1 + len(found.correlations)


def test_few_frames_suggest_nothing(written: dict[str, Path]) -> None:
    found = suggest(FORMATS.module("npz").open_recordings(written["npz"], SourceOptions()))
    assert found.best == 1
    assert "too few" in found.curve()[-1]


def test_shards_are_the_whole(written: dict[str, Path], tmp_path: Path) -> None:
    whole = foreframe.data.import_recordings(written["npz"], tmp_path / "whole", workers=1)
    parts = [
        foreframe.data.import_recordings(
            written["npz"], tmp_path / f"s{k}", shard=f"{k}/2", workers=1
        )
        for k in (1, 2)
    ]
    together = {e.name: (e.split, e.digests) for part in parts for e in part.episodes}
    assert together == {e.name: (e.split, e.digests) for e in whole.episodes}


def test_a_record_that_is_no_example_is_named(tmp_path: Path) -> None:
    source = WRITERS["bair"](tmp_path / "src")
    write_records(
        source / "softmotion30_44k" / "test" / "traj_0_to_255.tfrecords",
        [{"0/action": np.zeros(4)}],
    )
    with pytest.raises(InputError, match=r"record at byte 12 has no pictures of image_aux1"):
        foreframe.data.import_recordings(source, tmp_path / "store", workers=1)


def test_real_bridge_episodes(samples: Path, tmp_path: Path) -> None:
    """Cross-checked without the reader.

    A packed list of floats stands in the record byte for byte, and so does a JPEG.
    """
    import io

    source = samples / "bridge_rlds"
    store = foreframe.data.import_recordings(source, tmp_path / "store", size=(64, 64))
    assert len(store.episodes) == 25
    raw = next(source.glob("*tfrecord*")).read_bytes()
    for episode, actions in zip(store.episodes, rows_of(store, "action"), strict=True):
        offset = int(episode.name.split("/")[-1])
        length = int.from_bytes(raw[offset - 12 : offset - 4], "little")
        record = raw[offset : offset + length]
        assert actions.astype("<f4").tobytes() in record
        assert rows_of(store, "state")[0].shape[1] == 7
    record = raw[12 : 12 + int.from_bytes(raw[:8], "little")]
    jpegs = [record[at:] for at in range(len(record) - 3) if record[at : at + 3] == b"\xff\xd8\xff"]
    decoded = [
        np.asarray(Image.open(io.BytesIO(j)).convert("RGB").resize((64, 64), Image.Resampling.BOX))
        for j in jpegs
    ]
    first = rows_of(store, "frames")[0]
    assert all(any(np.array_equal(frame, picture) for picture in decoded) for frame in first)
    assert first.mean() > 8


def test_real_metaworld_episodes(samples: Path, tmp_path: Path) -> None:
    folder = tmp_path / "metaworld"
    folder.mkdir()
    for file in samples.glob("metaworld_*.npz"):
        (folder / file.name).symlink_to(file)
    store = foreframe.data.import_recordings(folder, tmp_path / "store")
    with np.load(samples / "metaworld_coffee-push.npz") as archive:
        number = next(i for i, e in enumerate(store.episodes) if "coffee" in e.name)
        np.testing.assert_array_equal(
            rows_of(store, "frames")[number], archive["observation"][:, 6:].transpose(0, 2, 3, 1)
        )
        np.testing.assert_array_equal(rows_of(store, "action")[number], archive["action"])
    assert store.columns["action"].lag == 0  # its first row is zeros: row k led to frame k
