"""Folders that are being made: locked, gone on with, whole or absent; and odd file systems."""

from __future__ import annotations

import errno
import fcntl
import json
import multiprocessing
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import foreframe
from conftest import Squares, squares_store
from foreframe.cli import main
from foreframe.data.building import assign_splits, build
from foreframe.data.journal import Journal
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.runtime import unfinished as making_folders
from foreframe.runtime.files import atomic_folder, atomic_write, remove_temporaries
from foreframe.runtime.locks import lock_folder
from foreframe.runtime.tensors import load_tensors, map_array
from foreframe.runtime.unfinished import exchange, remove_remains, unfinished


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def in_a_child(function: Callable[[], None]) -> int:
    """The exit status of a forked process that runs a function; 3 if it raised InputError."""

    def run() -> None:
        try:
            function()
        except InputError as error:
            os._exit(3 if "is in use by process" in str(error) else 4)

    child = multiprocessing.get_context("fork").Process(target=run)
    child.start()
    child.join(60)
    assert child.exitcode is not None
    return child.exitcode


# A folder on its way


def test_a_folder_is_there_when_it_is_whole(tmp_path: Path) -> None:
    out = tmp_path / "out"
    with unfinished(out, "thing") as making:
        making.claim({"a": 1})
        (making.folder / "file").write_text("content")
        assert names(tmp_path) == ["out.partial"]
        making.finish()
    assert names(tmp_path) == ["out"]
    assert names(out) == ["file"]


def test_what_was_stopped_goes_on_and_another_thing_is_refused(tmp_path: Path) -> None:
    out = tmp_path / "out"

    def stopped() -> None:
        with unfinished(out, "thing") as making:
            making.claim({"a": 1})
            (making.folder / "file").write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        stopped()
    with unfinished(out, "thing") as making:
        making.claim({"a": 1})
        assert (making.folder / "file").read_text() == "half"
        with pytest.raises(InputError, match=r"another build, not finished \(different: a\)"):
            making.claim({"a": 2})
        making.claim_or_clear({"a": 2})
        assert names(making.folder) == []
        making.discard()
    assert names(tmp_path) == []


def test_two_imports_at_once_are_one(tmp_path: Path) -> None:
    """The second is told who holds the folder, and the first is not disturbed."""
    out = tmp_path / "store"

    class Meets(Squares):
        def read(self, index: int):  # type: ignore[no-untyped-def]
            if index == 1:
                assert in_a_child(lambda: void(squares_store(out))) == 3
            return super().read(index)

    splits = assign_splits(10, 0, (0.6, 0.2, 0.2))
    build(Meets(), out, {"squares": 10}, (32, 64, 3), splits, 1, "squares")
    assert foreframe.data.validate(out)["damaged"] == []
    assert names(tmp_path) == ["store"]


def void(_: object) -> None:
    """Nothing of it is wanted."""


def test_the_lock_says_process_and_machine(tmp_path: Path) -> None:
    import socket

    with (
        lock_folder(tmp_path / "run", "run"),
        pytest.raises(InputError, match=f"process {os.getpid()} on {socket.gethostname()}"),
        lock_folder(tmp_path / "run", "run"),
    ):
        pass


def test_a_lock_whose_file_was_removed_meanwhile_is_taken_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As when another process finishes, and removes its folder, between opening and locking."""
    locked, removed = fcntl.flock, []

    def late(file: Any, how: int) -> None:
        if not removed:
            removed.append(shutil.rmtree(tmp_path / "place"))
        locked(file, how)

    monkeypatch.setattr(fcntl, "flock", late)
    with lock_folder(tmp_path / "place", "thing"):
        assert removed
        assert (tmp_path / "place" / ".lock").read_text().startswith("process ")


def test_remains_of_a_finished_folder_are_removed_and_others_are_not(tmp_path: Path) -> None:
    store = squares_store(tmp_path / "store", 3)
    place = tmp_path / "store.partial"
    for identity, left in (({"squares": 3}, False), ({"squares": 4}, True)):
        place.mkdir()
        atomic_write(place / "source.json", json.dumps(identity))
        remove_remains(store.path, store.source)
        assert place.exists() == left
    shutil.rmtree(place)
    place.mkdir()  # a process that was killed before it said what it makes
    squares_store(tmp_path / "store", 3)
    assert names(tmp_path) == ["store"]


@pytest.mark.parametrize("at_once", [True, False])
def test_an_exchange_is_one_step_or_three(
    at_once: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if not at_once:
        monkeypatch.setattr(making_folders.sys, "platform", "other")
    for name in "ab":
        (tmp_path / name).mkdir()
        (tmp_path / name / name).touch()
    exchange(tmp_path / "a", tmp_path / "b")
    assert (names(tmp_path / "a"), names(tmp_path / "b")) == (["b"], ["a"])
    os.replace(tmp_path / "b", tmp_path / "b.before")  # cut off after the first of three
    with unfinished(tmp_path / "b", "thing"):
        assert names(tmp_path / "b") == ["a"]
    assert names(tmp_path) == ["a", "b"]


# The journal


def test_a_torn_last_line_is_dropped_and_a_wrong_one_is_said(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.add([{"length": 3}, {"skipped": "why"}])
    with journal.path.open("a") as file:
        file.write('{"length": 4')
    assert journal.entries() == [{"length": 3}, {"skipped": "why"}]
    journal.cut(2)
    journal.add([{"length": 5}])
    assert [entry.get("length") for entry in journal.entries()] == [3, None, 5]
    for wrong in ("[]", "{}", "not JSON", '{"length": -1}', "[" * 100_000):
        journal.path.write_text(wrong + "\n")
        with pytest.raises(InputError, match="line 1 of 1 is not what was written"):
            journal.entries()


def test_rows_that_a_power_cut_took_are_read_again(tmp_path: Path) -> None:
    """The journal has two episodes, and a column the rows of one."""
    splits = assign_splits(10, 0, (0.6, 0.2, 0.2))

    class Stops(Squares):
        def read(self, index: int):  # type: ignore[no-untyped-def]
            if index == 2:
                raise KeyboardInterrupt
            return super().read(index)

    arguments = (tmp_path / "store", {"squares": 10}, (32, 64, 3), splits, 1, "squares")
    with pytest.raises(KeyboardInterrupt):
        build(Stops(), *arguments)
    column = tmp_path / "store.partial" / "whole" / "columns" / "action.float32"
    os.truncate(column, column.stat().st_size - 4)
    build(Squares(), *arguments)
    assert foreframe.data.validate(tmp_path / "store")["damaged"] == []


def test_a_growing_store_of_before_goes_on(tmp_path: Path) -> None:
    """Until 0.2 its columns were beside the journal."""
    test = squares_store(tmp_path / "whole")
    place = tmp_path / "store.partial"
    shutil.copytree(test.path / "columns", place / "columns")
    (place / "source.json").write_text(json.dumps({"squares": 10}))
    lines = [json.dumps(line) + "\n" for line in test.manifest["episodes"][:4]]
    (place / "episodes.jsonl").write_text("".join(lines) + '{"name"')
    assert squares_store(tmp_path / "store").content == test.content


# Out is never in


def test_an_output_is_never_inside_what_is_read(
    run: Path, store: ClipStore, tmp_path: Path
) -> None:
    source = tmp_path / "recordings"
    source.mkdir()
    np.savez(source / "a.npz", image=np.zeros((4, 8, 8, 3), np.uint8), action=np.zeros((4, 2)))
    before = {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    for refused, what in (
        (lambda: foreframe.publish(run, store.path, run), "is the run"),
        (lambda: foreframe.publish(run, store.path, run / "published"), "is inside the run"),
        (lambda: foreframe.publish(run, store.path, run.parent), "would be replaced"),
        (lambda: foreframe.publish(run, store.path, store.path / "a"), "is inside the store"),
        (lambda: foreframe.data.export(store.path, store.path / "out"), "is inside the store"),
        (lambda: foreframe.data.import_recordings(source, source / "store"), "inside the source"),
        (lambda: foreframe.train("push-tiny", store.path, store.path / "run"), "inside the store"),
    ):
        with pytest.raises(InputError, match=what):
            refused()  # type: ignore[no-untyped-call]
    assert before == {path: path.read_bytes() for path in run.rglob("*") if path.is_file()}
    assert names(source) == ["a.npz"]


def test_a_published_model_stays_whole_until_the_next_one_is(
    run: Path, store: ClipStore, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "model"
    foreframe.publish(run, store.path, out, episodes=1, frames=5, samples=1)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}

    def full(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("foreframe.reporting.publishing._scored", full)
        with pytest.raises(OSError, match="No space left"):
            foreframe.publish(run, store.path, out, episodes=1, frames=6, samples=1)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    foreframe.publish(run, store.path, out, episodes=1, frames=6, samples=1)
    assert ClipStore(out / "clips").episodes[0].length == 6
    assert names(tmp_path) == ["model"]
    (out / "notes.txt").write_text("mine")
    with pytest.raises(InputError, match=r"holds notes.txt beside a model"):
        foreframe.publish(run, store.path, out)


def test_two_runs_of_other_settings_do_not_mix(run: Path, store: ClipStore, tmp_path: Path) -> None:
    """A run that is refused because another process holds the folder has written nothing."""
    with lock_folder(tmp_path / "new", "run"):
        status = in_a_child(
            lambda: void(foreframe.train("push-tiny", store.path, tmp_path / "new", max_steps=1))
        )
    assert status == 3
    assert names(tmp_path / "new") == [".lock"]


# Temporary files


def test_what_killed_processes_left_is_removed(tmp_path: Path) -> None:
    child = multiprocessing.get_context("fork").Process(target=int)
    child.start()
    child.join()
    left = [f".file.{child.pid}", f".state.{child.pid}"]
    (tmp_path / left[0]).write_text("half")
    (tmp_path / left[1]).mkdir()
    (tmp_path / f".file.{os.getppid()}").write_text("of a process that runs")
    atomic_write(tmp_path / "file", "whole")
    with atomic_folder(tmp_path / "state") as folder:
        (folder / "a").touch()
    assert names(tmp_path) == [f".file.{os.getppid()}", "file", "state"]
    remove_temporaries(tmp_path)
    assert names(tmp_path) == ["file", "state"]


def test_a_write_that_fails_leaves_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    atomic_write(tmp_path / "file", "before")

    def failing(handle: int) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", failing)
    with pytest.raises(OSError, match="Input/output"):
        atomic_write(tmp_path / "file", "after")
    assert names(tmp_path) == ["file"]
    assert (tmp_path / "file").read_text() == "before"


# Odd file systems


def test_a_file_system_without_locks_is_not_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def without(*_: Any) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", without)
    store = squares_store(tmp_path / "store", 3)
    assert "is on a file system without locks (No locks available)" in capsys.readouterr().err
    assert len(store.episodes) == 3


def test_columns_that_differ_in_case_alone_need_a_disk_that_tells(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from foreframe.data.writing import StoreWriter

    path = StoreWriter._path
    monkeypatch.setattr(StoreWriter, "_path", lambda self, name: path(self, name.lower()))

    class Two(Squares):
        @property
        def columns(self):  # type: ignore[no-untyped-def]
            action = super().columns["action"]
            return {"action": action, "Action": action}

    with pytest.raises(InputError, match="columns action, Action are one file"):
        build(Two(), tmp_path / "store", {}, (32, 64, 3), ["train"] * 10, 1, "squares")
    assert names(tmp_path) == []


def test_a_file_system_without_mmap_is_read(
    store: ClipStore, run: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mapped, weights = store.column("frames").copy(), load_tensors(run / "model.safetensors")

    def without(*_: Any, **__: Any) -> None:
        raise OSError(errno.ENODEV, "No such device")

    monkeypatch.setattr(np, "memmap", without)
    monkeypatch.setattr("safetensors.torch.load_file", without)
    assert (ClipStore(store.path).column("frames") == mapped).all()
    read = load_tensors(run / "model.safetensors")
    assert all((read[name] == value).all() for name, value in weights.items())
    assert map_array(store.path / "manifest.json", "uint8", (0, 3)).shape == (0, 3)


def test_a_read_only_file_system_costs_one_line(
    store: ClipStore,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    def refused(self: Path, *_: Any, **__: Any) -> None:
        raise OSError(errno.EROFS, "Read-only file system", str(self))

    monkeypatch.setattr(Path, "mkdir", refused)
    with pytest.raises(SystemExit) as ended:
        main(["data", "export", str(store.path), str(tmp_path / "out")])
    assert ended.value.code == 1
    said = capsys.readouterr().err
    assert "out.partial: Read-only file system" in said
    assert said.count("\n") == 1
