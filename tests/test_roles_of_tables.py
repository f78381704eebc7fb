"""What the numbers of a table are: by their names, by the name of their file, or by default."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import foreframe
from foreframe.cli import main
from foreframe.data import ClipStore
from foreframe.errors import InputError

SIDE, COUNT = 16, 20


def source(root: Path, tables: dict[str, list[str]]) -> Path:
    """Episodes with tables of these names, each with columns of these names."""
    for name in "abc":
        folder = root / name
        folder.mkdir(parents=True)
        for k in range(COUNT):
            Image.fromarray(np.full((SIDE, SIDE, 3), k, np.uint8)).save(folder / f"{k}.png")
        for table, columns in tables.items():
            rows = [{key: k + i / 10 for i, key in enumerate(columns)} for k in range(COUNT)]
            (folder / table).write_text(json.dumps(rows))
    return root


def imported(where: Path, out: Path, **options: object) -> ClipStore:
    return foreframe.data.import_recordings(where, out, workers=1, **options)  # type: ignore[arg-type]


def roles(store: ClipStore) -> dict[str, tuple[str, ...]]:
    return {c.role: c.names for c in store.columns.values() if c.is_condition}


@pytest.mark.parametrize(
    ("tables", "expected"),
    [
        ({"states.json": ["x", "y"]}, {"state": ("x", "y")}),
        ({"robot_pose.json": ["t", "x"]}, {"state": ("x",)}),
        ({"joints.json": ["x"]}, {"state": ("x",)}),
        ({"commands.json": ["x"]}, {"action": ("x",)}),
        ({"joint_commands.json": ["x"]}, {"action": ("x",)}),
        ({"log.json": ["x", "y"]}, {"action": ("x", "y")}),
        ({"log.json": ["x", "state_y"]}, {"action": ("x",), "state": ("state_y",)}),
        ({"actions.json": ["vx"], "states.json": ["x"]}, {"action": ("vx",), "state": ("x",)}),
        ({"actions.json": ["action_x", "speed"]}, {"action": ("action_x",)}),
    ],
)
def test_names_say_the_roles(
    tmp_path: Path, tables: dict[str, list[str]], expected: dict[str, tuple[str, ...]]
) -> None:
    assert roles(imported(source(tmp_path / "src", tables), tmp_path / "out")) == expected


def test_options_overrule_the_name_of_a_file(tmp_path: Path) -> None:
    where = source(tmp_path / "src", {"states.json": ["x", "y"]})
    assert roles(imported(where, tmp_path / "out", actions=("x", "y"))) == {"action": ("x", "y")}


def test_actions_by_default_are_said(tmp_path: Path) -> None:
    store = imported(source(tmp_path / "src", {"log.json": ["x", "y"]}), tmp_path / "out")
    said = "\n".join(store.source["chosen"])
    assert "role of x, y: action, by default" in said
    assert "--states x y" in said


def test_a_store_of_states_is_trained_on_states(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    where, out = source(tmp_path / "src", {"states.json": ["x"]}), tmp_path / "mine"
    main(["data", "import", str(where), str(out), "--workers", "1"])
    typed = next(line for line in capsys.readouterr().out.splitlines() if "foreframe train" in line)
    assert "--out runs/mine" in typed
    assert "--conditions state" in typed
    with pytest.raises(InputError, match="--conditions state"):
        ClipStore(out).clip_spec(["action"])


def test_a_stride_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    where, out = source(tmp_path / "src", {"actions.json": ["time", "x"]}), tmp_path / "mine"
    command = ["data", "import", str(where), str(out), "--workers", "1", "--stride", "4"]
    main(command)
    assert "stride: 1 of 4 frames is kept, 0.25" in capsys.readouterr().out
    main(["data", "inspect", str(out)])
    assert "; 5 frames each" in capsys.readouterr().out


def test_a_run_is_no_store_and_is_called_a_run(tmp_path: Path) -> None:
    for name in ("recipe.yaml", "metrics.jsonl"):
        (tmp_path / name).touch()
    with pytest.raises(InputError, match="it is a run"):
        foreframe.data.inspect(tmp_path)
