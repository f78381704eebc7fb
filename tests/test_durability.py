"""What is on the disk after a power cut.

Recorded calls, replayed with everything dropped that was not synced.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from conftest import squares_store
from foreframe.runtime.files import atomic_folder, atomic_write

Call = tuple[str, str, str]  # (fsync, path, "") or (rename, from, to)


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[Call]:
    """The syncs and renames of this process, in their order."""
    recorded: list[Call] = []
    fsync, replace = os.fsync, os.replace

    def synced(handle: int) -> None:
        recorded.append(("fsync", os.readlink(f"/proc/self/fd/{handle}"), ""))
        fsync(handle)

    def renamed(source: str | Path, target: str | Path) -> None:
        recorded.append(("rename", str(source), str(target)))
        replace(source, target)

    monkeypatch.setattr(os, "fsync", synced)
    monkeypatch.setattr(os, "replace", renamed)
    return recorded


def survivors(calls: list[Call], until: int) -> tuple[dict[str, bool], set[str]]:
    """After a power cut before call `until`: what may stand under its last name, with whether its
    content is safe; and the renames that are certain, because their folder was synced.

    A rename may or may not be on the disk until its folder is synced: content must be safe in both
    cases.
    """
    synced: set[str] = set()
    named: dict[str, bool] = {}
    certain: set[str] = set()
    for kind, path, target in calls[:until]:
        if kind == "fsync":
            synced.add(path)
            certain |= {name for name in named if os.path.dirname(name) == path}
        else:
            named[target] = path in synced
    return named, certain


def written_file(place: Path) -> Path:
    return atomic_write(place / "config.json", "content")


def written_folder(place: Path) -> Path:
    with atomic_folder(place / "state") as folder:
        (folder / "a").write_text("a")
        (folder / "b").write_text("b")
    return place / "state"


def written_store(place: Path) -> Path:
    return squares_store(place / "store", 3).path


@pytest.mark.parametrize("write", [written_file, written_folder, written_store])
def test_nothing_stands_under_its_name_before_its_content_is_safe(
    write: Callable[[Path], Path], calls: list[Call], tmp_path: Path
) -> None:
    target = str(write(tmp_path))
    for until in range(len(calls) + 1):
        named, _ = survivors(calls, until)
        assert all(named.values()), f"cut before call {until} of {calls}"
    assert target in survivors(calls, len(calls))[1]  # when it returns it is there to stay


def test_a_stores_columns_are_safe_before_its_journal_says_so(
    calls: list[Call], tmp_path: Path
) -> None:
    written_store(tmp_path)
    synced = [os.path.basename(path) for kind, path, _ in calls if kind == "fsync"]
    columns = {"frames.uint8", "action.float32", "position.float32"}
    assert columns <= set(synced[: synced.index("episodes.jsonl")])


def test_a_folders_files_are_safe_before_the_folder_is(calls: list[Call], tmp_path: Path) -> None:
    written_folder(tmp_path)
    rename = next(place for place, call in enumerate(calls) if call[0] == "rename")
    before = {os.path.basename(path) for kind, path, _ in calls[:rename] if kind == "fsync"}
    assert {"a", "b"} <= before
