"""Numbers of a store in another order than a run takes them: matched by their names, and said."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest
import torch

import foreframe
from conftest import Squares
from foreframe import models
from foreframe.cli import main
from foreframe.data.building import assign_splits, build
from foreframe.data.mixtures import open_stores
from foreframe.data.sources.recording import Column, Recording
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError, InputWarning
from foreframe.simulate.simulator import Simulator

NAMES = ("dx", "dy")


@dataclasses.dataclass(frozen=True)
class OtherOrder(Squares):
    """The same squares, whose actions say dx before dy."""

    names: tuple[str, ...] = NAMES

    @property
    def columns(self) -> Mapping[str, Column]:
        return {**super().columns, "action": Column("action", "float32", (2,), self.names)}

    def read(self, index: int) -> Recording:
        found = super().read(index)
        return dataclasses.replace(
            found, values={**found.values, "action": np.asarray(found.values["action"])[:, ::-1]}
        )


def built(source: Squares, out: Path) -> ClipStore:
    splits = assign_splits(source.count, 0, (0.6, 0.2, 0.2))
    return build(source, out, {"squares": "other"}, (32, 64, 3), splits, 1, "squares")


@pytest.fixture(scope="module")
def swapped(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    return built(OtherOrder(), tmp_path_factory.mktemp("swapped") / "store")


def test_windows_give_the_numbers_in_the_order_that_is_asked_for(
    store: ClipStore, swapped: ClipStore
) -> None:
    spec = store.clip_spec(("action", "position"))
    assert spec.names == ("dy", "dx", "y", "x")
    wanted = Windows(store, "test", 6, spec.columns).clips([0, 1])
    got = Windows(swapped, "test", 6, spec.columns, numbers=spec.names)
    assert torch.equal(got.clips([0, 1]).conditions, wanted.conditions)
    assert got.spec == dataclasses.replace(spec, columns=got.spec.columns)
    as_it_lies = Windows(swapped, "test", 6, spec.columns).clips([0, 1])
    assert not torch.equal(as_it_lies.conditions, wanted.conditions)


def test_a_name_of_two_columns_is_taken_from_each(store: ClipStore) -> None:
    columns = {name: Column("action", "float32", (2,), ("x", "y")) for name in ("a", "b")}
    from foreframe.data.matching import match_names

    assert match_names(columns, ["y", "x", "x", "y"], "S") == {"a": (1, 0), "b": (0, 1)}
    with pytest.raises(InputError, match=r"has no 'z' .* the run takes x, z, by name"):
        match_names(columns, ["x", "z"], "S")


def test_an_evaluation_is_the_same_in_any_order(
    run: Path, store: ClipStore, swapped: ClipStore, tmp_path: Path
) -> None:
    expected = foreframe.evaluate(run, store.path, samples=2, out=tmp_path / "a.json")
    with pytest.warns(InputWarning, match="matched by name"):
        found = foreframe.evaluate(run, swapped.path, samples=2, out=tmp_path / "b.json")
    assert found.scores == expected.scores
    assert found.controls == expected.controls


def test_a_drive_has_the_numbers_of_the_run(
    run: Path, store: ClipStore, swapped: ClipStore
) -> None:
    plain = Simulator(run, store.path)
    with pytest.warns(InputWarning, match="matched by name"):
        other = Simulator(run, swapped.path)
    assert torch.equal(plain.starts[0].conditions, other.starts[0].conditions)
    assert [c.names for c in other.columns.values()] == [c.names for c in plain.columns.values()]


def test_stores_in_different_order_are_mixed_by_name(store: ClipStore, swapped: ClipStore) -> None:
    mixed = open_stores(f"{store.path},{swapped.path}")
    count = len(Windows(store, "train", 6, ("action",)))
    clips = mixed.windows("train", 6, ("action",)).clips([0, count])
    assert torch.equal(clips.conditions[0], clips.conditions[1])
    assert mixed.clip_spec(("action",)).names == ("dy", "dx")


@pytest.mark.parametrize("command", ["eval", "sample"])
def test_the_order_is_said_and_a_missing_name_is_one_line(
    command: str,
    run: Path,
    swapped: ClipStore,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    out = str(tmp_path / "out")
    main([command, str(run), "--data", str(swapped.path), "--out", out, "--samples", "1"])
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("foreframe:")]
    assert len(told) == 1
    assert "matched by name, in the run's order" in told[0]
    other = built(OtherOrder(names=("throttle", "steering")), tmp_path / "store")
    with pytest.raises(SystemExit) as ended:
        main([command, str(run), "--data", str(other.path), "--out", out])
    told = [line for line in capsys.readouterr().err.splitlines() if line.startswith("foreframe:")]
    assert ended.value.code == 2
    assert len(told) == 1
    assert "has no 'dy'" in told[0]
    assert models.describe(run)["spec"]["names"][:2] == ["dy", "dx"]
