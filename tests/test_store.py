"""The clip store: written whole, resumed exactly, read without surprises."""

from __future__ import annotations

import contextlib
import json
import multiprocessing
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch

from children import finish, start
from conftest import Squares, squares_store
from foreframe.data.building import assign_splits, build
from foreframe.data.inspecting import inspect
from foreframe.data.sources.recording import Recording
from foreframe.data.store import ClipStore
from foreframe.data.windows import Order, Windows
from foreframe.errors import InputError
from foreframe.runtime.unfinished import unfinished


def same_content(a: Path, b: Path) -> None:
    files = sorted(f.relative_to(a) for f in a.rglob("*") if f.is_file())
    assert files == sorted(f.relative_to(b) for f in b.rglob("*") if f.is_file())
    for file in files:
        assert (a / file).read_bytes() == (b / file).read_bytes(), file


def test_what_is_written_is_read_back(store: ClipStore) -> None:
    for number, episode in enumerate(store.episodes):
        recording = Squares().read(number)
        rows = slice(episode.start, episode.start + episode.length)
        np.testing.assert_array_equal(
            store.column("frames")[rows], np.stack(list(recording.frames))
        )
        np.testing.assert_array_equal(store.column("action")[rows], recording.values["action"])


@pytest.mark.slow
def test_any_number_of_workers_writes_the_same_bytes(store: ClipStore, tmp_path: Path) -> None:
    same_content(store.path, squares_store(tmp_path / "store", workers=2).path)


def test_a_stopped_build_goes_on_where_it_was(store: ClipStore, tmp_path: Path) -> None:
    """Three episodes are there and half of a fourth.

    The rest is added and the bytes are those of one go.
    """

    class Stops(Squares):
        def read(self, index: int):  # type: ignore[no-untyped-def]
            if index == 3:
                raise KeyboardInterrupt
            return super().read(index)

    splits = assign_splits(10, 0, (0.6, 0.2, 0.2))
    arguments = (tmp_path / "store", {"squares": 10}, (32, 64, 3), splits, 1, "squares")
    with pytest.raises(KeyboardInterrupt):
        build(Stops(), *arguments)
    partial = tmp_path / "store.partial"
    assert len((partial / "episodes.jsonl").read_text().splitlines()) == 3
    with (partial / "whole" / "columns" / "frames.uint8").open("ab") as file:
        file.write(b"half an episode")
    with (partial / "episodes.jsonl").open("a") as file:
        file.write('{"name": "squa')
    read = []

    class Counts(Squares):
        def read(self, index: int):  # type: ignore[no-untyped-def]
            read.append(index)
            return super().read(index)

    build(Counts(), *arguments)
    assert read == list(range(3, 10))
    same_content(store.path, tmp_path / "store")


@pytest.fixture
def building(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A store that two workers build under `tmp_path`, the leader of its own group, when it has
    kept two episodes.
    """
    words = [
        sys.executable,
        "-m",
        "foreframe",
        "data",
        "make",
        "push",
        str(tmp_path / "out"),
        "--workers",
        "2",
    ]
    process = start(
        [*words, "--trajectories", "60"], start_new_session=True, stderr=subprocess.PIPE
    )
    until = time.monotonic() + 120
    while len(kept_in(tmp_path)) < 2:
        assert process.poll() is None
        assert time.monotonic() < until
        time.sleep(0.1)
    yield process
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)


def kept_in(folder: Path) -> list[str]:
    journal = folder / "out.partial" / "episodes.jsonl"
    lines = journal.read_text().splitlines(keepends=True) if journal.exists() else []
    return [json.loads(line)["name"] for line in lines if line.endswith("\n")]


def no_process_is_left(group: int) -> bool:
    for _ in range(100):
        try:
            os.killpg(group, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.1)
    return False


@pytest.mark.slow
def test_an_impatient_ctrl_c_ends_workers_and_loses_nothing(
    building: subprocess.Popen[str], tmp_path: Path
) -> None:
    """Two interrupts to the whole group, as a person does who presses twice.

    It ends at once, says so, and can go on.
    """
    for _ in range(2):
        os.killpg(building.pid, signal.SIGINT)
        time.sleep(0.05)
    said = finish(building, 60)
    assert building.returncode in (130, -signal.SIGINT), said
    assert "Traceback" not in said
    kept = kept_in(tmp_path)
    assert kept == [f"{i:06d}" for i in range(len(kept))]
    assert len(kept) >= 2
    assert no_process_is_left(building.pid)


@pytest.mark.slow
def test_no_worker_outlives_a_parent_that_is_killed(building: subprocess.Popen[str]) -> None:
    """SIGKILL to the parent alone: the workers are not told, and end."""
    building.kill()
    finish(building, 60)
    assert no_process_is_left(building.pid)


def test_a_finished_store_is_not_made_twice(store: ClipStore) -> None:
    class Never(Squares):
        def read(self, index: int):  # type: ignore[no-untyped-def]
            raise AssertionError("read again")

    again = build(Never(), store.path, store.source, (32, 64, 3), [], 1, "squares")
    assert again.content == store.content


def test_another_build_in_the_same_place_is_refused(store: ClipStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"another clip store \(different: squares\)"):
        build(Squares(), store.path, {"squares": 11}, (32, 64, 3), [], 1, "squares")
    (tmp_path / "precious.txt").write_text("mine")
    with pytest.raises(InputError, match="holds something else"):
        build(Squares(), tmp_path, {"squares": 11}, (32, 64, 3), [], 1, "squares")
    assert [f.name for f in tmp_path.iterdir()] == ["precious.txt"]


def test_an_unfinished_build_of_another_kind_is_refused(tmp_path: Path) -> None:
    with unfinished(tmp_path / "store", "clip store") as making:
        making.claim({"a": 1})
    with (
        pytest.raises(InputError, match=r"another build, not finished \(different: a\)"),
        unfinished(tmp_path / "store", "clip store") as making,
    ):
        making.claim({"a": 2})


def test_a_bad_episode_leaves_nothing_behind(tmp_path: Path) -> None:
    class Ragged(Squares):
        def read(self, index: int):  # type: ignore[no-untyped-def]
            recording = super().read(index)
            recording.values = {
                **recording.values,
                "action": recording.values["action"][: 12 - index],
            }
            return recording

    with pytest.raises(InputError, match="squares-1 has columns of different lengths"):
        build(Ragged(), tmp_path / "store", {}, (32, 64, 3), ["train"] * 10, 1, "squares")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        (lambda p: shutil.rmtree(p), "the folder does not exist"),
        (lambda p: (p / "manifest.json").unlink(), "has no manifest.json"),
        (lambda p: (p / "manifest.json").write_text("{"), "cannot be read"),
        (
            lambda p: (p / "manifest.json").write_text('{"schema": "other/9"}'),
            "has schema 'other/9'",
        ),
        (
            lambda p: (p / "manifest.json").write_text('{"schema": "foreframe.clips/1"}'),
            "is not what was written",
        ),
        (lambda p: (p / "columns" / "frames.uint8").write_bytes(b"short"), "has 5 bytes; expected"),
        (lambda p: (p / "columns" / "action.float32").unlink(), "is missing; expected"),
    ],
)
def test_what_is_no_whole_store_is_an_error(
    store: ClipStore, tmp_path: Path, fault, message: str
) -> None:  # type: ignore[no-untyped-def]
    path = tmp_path / "store"
    shutil.copytree(store.path, path)
    fault(path)
    with pytest.raises(InputError, match=message):
        ClipStore(path)


def test_conditions_are_what_is_known_before_a_frame(store: ClipStore) -> None:
    """Row t of a window that starts at s.

    The action that leads to frame s + t, and the position before it.
    """
    windows = Windows(store, "train", 5, ("action", "state"))
    episode, first = windows.place(3)
    assert first == 3
    conditions = windows.clips([3]).conditions[0].numpy()
    rows = slice(episode.start + 2, episode.start + 7)
    np.testing.assert_array_equal(conditions[:, :2], store.column("action")[rows])
    np.testing.assert_array_equal(conditions[:, 2:], store.column("position")[rows])
    assert (
        windows.clips([0]).conditions[0, 0] == 0
    ).all()  # nothing was known before the recording began


def test_windows_are_contiguous_counted_and_channels_last(store: ClipStore) -> None:
    windows = Windows(store, "train", 5, ("action",))
    assert len(windows) == sum(e.length - 4 for e in store.of_split("train"))
    clip = windows.clips([0, len(windows) - 1])
    assert clip.frames.shape == (2, 5, 3, 32, 64)
    assert clip.frames.dtype == torch.uint8
    assert clip.frames.flatten(0, 1).is_contiguous(memory_format=torch.channels_last)
    last = store.of_split("train")[-1]
    ours = clip.frames[1].movedim(1, -1).numpy()
    np.testing.assert_array_equal(
        ours, store.column("frames")[last.start + last.length - 5 : last.start + last.length]
    )
    assert len(Windows(store, "train", 5, ("action",), stride=5)) == 2 * len(
        store.of_split("train")
    )


def test_an_epoch_sees_every_window_once_and_the_order_is_a_pure_function() -> None:
    order = Order(50, seed=3)
    epoch = [i for step in range(10) for i in order.batch(step, 5)]
    assert sorted(epoch) == list(range(50))
    second = [i for step in range(10, 20) for i in order.batch(step, 5)]
    assert sorted(second) == list(range(50))
    assert second != epoch
    assert Order(50, seed=3).batch(13, 5) == order.batch(13, 5)
    assert Order(50, seed=3).batch(7, 10) == order.batch(14, 5) + order.batch(
        15, 5
    )  # devices share one sequence


def test_clips_longer_than_episodes_are_an_error(store: ClipStore) -> None:
    with pytest.raises(
        InputError, match=r"clips of 13 frames.*longest episode of split 'train'.* has 12"
    ):
        Windows(store, "train", 13, ("action",))


def test_unknown_columns_and_splits_name_what_there_is(store: ClipStore) -> None:
    with pytest.raises(InputError, match="did you mean action"):
        store.resolve(["actions"])
    with pytest.raises(InputError, match="did you mean test"):
        store.of_split("tests")
    assert store.resolve(["state"]) == ["position"]


def test_statistics_are_those_of_the_training_split(store: ClipStore) -> None:
    rows = np.concatenate(
        [store.column("action")[e.start : e.start + e.length] for e in store.of_split("train")]
    )
    np.testing.assert_allclose(store.statistics("action")["mean"], rows.mean(0), atol=1e-6)
    np.testing.assert_allclose(store.statistics("action")["std"], rows.std(0), atol=1e-6)
    pictures = np.concatenate(
        [store.column("frames")[e.start : e.start + e.length] for e in store.of_split("train")]
    )
    np.testing.assert_allclose(store.mean_frame(), pictures.mean(0) / 255, atol=1e-6)


def test_splits_leave_none_empty_and_follow_their_shares() -> None:
    for count in (3, 4, 7, 10, 101):
        splits = assign_splits(count, 1)
        assert len(splits) == count
        assert min(splits.count(s) for s in ("train", "validate", "test")) >= 1
    assert assign_splits(1000, 0).count("train") == 800
    assert assign_splits(5, 0, (0, 0, 1)) == ["test"] * 5
    with pytest.raises(InputError, match="three shares"):
        assign_splits(5, 0, (1, 1))


def test_label_images_are_a_condition_too(tmp_path: Path) -> None:
    from foreframe.data.sources.recording import Column, Recording

    class Labelled(Squares):
        @property
        def columns(self):  # type: ignore[no-untyped-def]
            return {"pose": Column("label", "uint8", (32, 64, 3), lag=0)}

        def read(self, index: int):  # type: ignore[no-untyped-def]
            recording = super().read(index)
            return Recording(
                recording.name, recording.frames, {"pose": 255 - np.stack(list(recording.frames))}
            )

    made = build(
        Labelled(), tmp_path / "store", {}, (32, 64, 3), assign_splits(10, 0), 1, "labelled"
    )
    spec = made.clip_spec(("pose",))
    assert spec.condition == (3, 32, 64)
    clip = Windows(made, "train", 4, ("pose",)).clips([1])
    assert clip.conditions.dtype == torch.uint8
    assert torch.equal(clip.conditions, 255 - clip.frames)


def test_inspect_says_what_is_in_it(store: ClipStore) -> None:
    found = inspect(store.path)
    assert found["episodes"] == {"train": 6, "validate": 2, "test": 2}
    assert found["frames"] == 120
    assert found["conditions"]["action"]["columns"]["dy"]["low"] == -3
    assert found["copy_last_psnr_db"]["1"] > found["copy_last_psnr_db"]["5"]
    json.dumps(found)


def test_a_context_from_anywhere_is_of_the_same_episode_with_its_own_conditions(
    store: ClipStore,
) -> None:
    near = Windows(store, "train", 6, ("action",))
    far = Windows(store, "train", 6, ("action",), detached_context=2)
    a, b = (windows.clips(range(len(near))) for windows in (near, far))
    torch.testing.assert_close(a.frames[:, 2:], b.frames[:, 2:])
    torch.testing.assert_close(a.conditions[:, 2:], b.conditions[:, 2:])
    every = Windows(store, "train", 2, ("action",)).clips(
        range(len(Windows(store, "train", 2, ("action",))))
    )
    places = []
    for index in range(len(far)):
        episode, _ = far.place(index)
        found = [
            i
            for i in range(len(every.frames))
            if torch.equal(every.frames[i], b.frames[index, :2])
            and torch.equal(every.conditions[i], b.conditions[index, :2])
        ]
        owners = {Windows(store, "train", 2, ("action",)).place(i)[0].name for i in found}
        assert episode.name in owners
        places.append(found[0])
    assert len(set(places)) > len(places) / 2


class Deadly(Squares):
    """Its last episode costs the worker its life, as a system that runs out of memory would."""

    def read(self, index: int) -> Recording:
        if index == self.count - 1:
            os.kill(os.getpid(), signal.SIGKILL)
        return super().read(index)


@pytest.mark.slow
def test_a_worker_that_dies_is_reported_not_waited_for(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"a worker process died .* with fewer --workers"):
        build(Deadly(8), tmp_path / "out", {}, (32, 64, 3), ["train"] * 8, 2, "squares")
    assert multiprocessing.active_children() == []
