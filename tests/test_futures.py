"""True futures beside the frames of a store: written, read back, resumed, found when damaged.

Letters: K futures, T frames, C channels.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import foreframe
from conftest import Squares
from foreframe.data.building import build
from foreframe.data.mixtures import Mixture
from foreframe.data.sources.recording import Column, Fork, Recording
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError

COUNT, START, LENGTH = 3, 2, 4
FORK = Fork(COUNT, START, LENGTH)
SPLIT = ("train", "test", "validate", "test")


@dataclass(frozen=True)
class Forking(Squares):
    """Moving squares whose test and validation episodes have futures: shades of grey."""

    fork: Fork | None = FORK

    @property
    def columns(self) -> Mapping[str, Column]:
        return {**super().columns, "at": Column("truth", "float32", (2,), lag=0)}

    def read(self, index: int) -> Recording:
        found = super().read(index)
        found.values = {**found.values, "at": found.values["position"]}
        if self.fork is not None and SPLIT[index % 4] != "train":
            shape = (COUNT, LENGTH, self.height, self.width, 3)
            shades = np.arange(COUNT, dtype=np.uint8) * 10 + index
            found.futures = {
                "frames": np.broadcast_to(shades.reshape(-1, 1, 1, 1, 1), shape),
                "at": np.full((COUNT, LENGTH, 2), index, np.float32),
            }
        return found


def made(out: Path, source: Forking) -> ClipStore:
    splits = [SPLIT[i % 4] for i in range(len(source))]
    shape = (source.height, source.width, 3)
    identity = {"squares": len(source)}
    return build(source, out, identity, shape, splits, 1, "squares")


def test_futures_come_back_for_the_episodes_that_have_them(tmp_path: Path) -> None:
    store = made(tmp_path / "store", Forking(4))
    assert store.futures_start == START
    for number, episode in enumerate(store.episodes):
        found = store.futures(episode)
        if episode.split == "train":
            assert found is None
            continue
        assert found is not None
        assert found.shape == (COUNT, LENGTH, 3, 32, 64)
        assert [int(future.unique()) for future in found] == [number, number + 10, number + 20]
        at = store.future_values(episode, "at")
        assert at is not None
        assert (at == number).all()
    with pytest.raises(InputError, match="column of the futures"):
        store.future_values(store.episodes[1], "action")


def test_a_window_has_futures_where_its_context_ends_at_the_fork(tmp_path: Path) -> None:
    store = made(tmp_path / "store", Forking(4))
    windows = Windows(store, "test", 5, ["action"])
    for index in range(len(windows)):
        _, first = windows.place(index)
        found = windows.futures(index, 2)
        assert (found is not None) == (first == 0)
        assert found is None or found.shape == (COUNT, 3, 3, 32, 64)
    late = windows.futures(1, 1)  # one frame of context before frame 2
    assert late is not None
    assert late.shape[1] == LENGTH
    mixed = Mixture((store, store)).windows("test", 5, ["action"])
    assert mixed.futures(len(windows), 2) is not None
    assert mixed.futures(len(windows) + 1, 2) is None


def test_a_store_without_futures_is_as_before(tmp_path: Path) -> None:
    with_futures = made(tmp_path / "with", Forking(4))
    without = made(tmp_path / "without", Forking(4, fork=None))
    assert without.futures_start is None
    assert without.futures(without.episodes[1]) is None
    assert "futures" not in without.manifest
    assert not (tmp_path / "without" / "futures").exists()
    assert with_futures.content != without.content
    for name in without.columns:
        np.testing.assert_array_equal(with_futures.column(name), without.column(name))


def test_a_stopped_build_goes_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = made(tmp_path / "whole", Forking(8))
    original = Forking.read

    def failing(self: Forking, index: int) -> Recording:
        if index == 6:
            raise KeyboardInterrupt
        return original(self, index)

    monkeypatch.setattr(Forking, "read", failing)
    with pytest.raises(KeyboardInterrupt):
        made(tmp_path / "again", Forking(8))
    half_written = tmp_path / "again.partial" / "whole" / "futures" / "frames.uint8"
    with half_written.open("ab") as file:
        file.write(b"half a future")
    monkeypatch.setattr(Forking, "read", original)
    again = made(tmp_path / "again", Forking(8))
    assert again.content == whole.content
    assert not foreframe.data.validate(again.path)["damaged"]
    assert again.futures(again.episodes[7]) is not None


def test_damage_is_found(tmp_path: Path) -> None:
    store = made(tmp_path / "store", Forking(4))
    assert foreframe.data.inspect(store.path)["futures"] == {
        "episodes": 3, "count": COUNT, "start": START, "frames": LENGTH
    }  # fmt: skip
    file = store.path / "futures" / "frames.uint8"
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    (damage,) = foreframe.data.validate(store.path)["damaged"]
    assert (
        damage == f"episode {store.episodes[3].name}: the futures' frames is not what was written"
    )
    file.write_bytes(content[:-1])
    with pytest.raises(InputError, match="the futures of 3 episodes: the store is damaged"):
        ClipStore(store.path)


def test_futures_of_another_shape_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"the futures' frames has shape .*; expected"):
        made(tmp_path / "store", dataclasses.replace(Forking(4), fork=Fork(COUNT, START, 9)))
    assert not (tmp_path / "store.partial").exists()


def test_the_manifest_says_where_they_part(tmp_path: Path) -> None:
    store = made(tmp_path / "store", Forking(4))
    told = json.loads((store.path / "manifest.json").read_text())["futures"]
    assert told == {"count": COUNT, "start": START, "frames": LENGTH, "columns": ["frames", "at"]}
