"""Rewards and ends of episodes: read as targets, predicted by a head, returned by the worlds."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

import foreframe
from conftest import TINY
from foreframe.data.building import build
from foreframe.data.sources.recording import Column, Recording, Recordings
from foreframe.data.sources.resampled import ResampledSource, Resampling
from foreframe.data.sources.targets import target_column
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.outcome_head import FILE, OutcomeHead, Rows, load_outcome_head
from foreframe.simulate import Simulator
from foreframe.simulate.env import VectorWorld, World, closer_to

LENGTH, EPISODES = 10, 16
REACHED = 4  # the action that ends an episode is larger than this


def rewarded(lag: int = 1) -> Recordings:
    """Squares that grow brighter: the reward is the action, and a large action ends the episode."""
    rng = np.random.default_rng(0)
    episodes = []
    for i in range(EPISODES):
        actions = rng.uniform(-3, 3, (LENGTH, 1)).astype(np.float32)
        actions[-1] = 5  # the last action ends every episode, and its frame is not recorded
        done = (actions > REACHED).astype(np.float32)
        pictures = np.full((LENGTH, 32, 32, 3), 60, np.uint8)
        pictures[:, 4:12, 4:12] = rng.integers(0, 255, (LENGTH, 1, 1, 1))
        values = {"action": actions, "reward": 10 + 2 * actions, "done": done}
        split = "train" if i < EPISODES - 5 else "validate" if i < EPISODES - 2 else "test"
        episodes.append(Recording(f"e{i}", list(pictures), values, split))
    columns = {
        "action": Column("action", "float32", (1,), ("a",), lag),
        "reward": target_column("reward", lag),
        "done": target_column("done", lag),
    }
    return Recordings(columns, 10.0, episodes)


@pytest.fixture(scope="module")
def rewarded_store(tmp_path_factory: pytest.TempPathFactory) -> ClipStore:
    out = tmp_path_factory.mktemp("rewarded") / "store"
    return build(rewarded(), out, {}, (32, 32, 3), ["train"] * EPISODES, 1, "rewarded")


@pytest.fixture(scope="module")
def rewarded_run(rewarded_store: ClipStore, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("rewarded") / "run"
    changes = {**TINY, "training.steps": 4}
    foreframe.train("push-tiny", rewarded_store.path, out, changes=changes)
    return out


def test_targets_are_no_conditions(rewarded_store: ClipStore) -> None:
    assert rewarded_store.resolve(["action"]) == ["action"]
    assert foreframe.data.inspect(rewarded_store.path)["targets"] == ["reward", "done"]
    with pytest.raises(InputError, match="reward"):
        rewarded_store.resolve(["reward"])


def test_worlds_return_what_the_head_predicts(rewarded_run: Path) -> None:
    simulator = Simulator(rewarded_run)
    assert simulator.outcome_head is not None
    world = World(simulator, horizon=9)
    world.reset(seed=1)
    for action in (-2.0, 0.0, 2.0):
        _, reward, terminated, truncated, _ = world.step(np.array([action], np.float32))
        assert reward == pytest.approx(10 + 2 * action, abs=1)
        assert not terminated
        assert not truncated
    _, _, terminated, truncated, _ = world.step(np.array([5.0], np.float32))
    assert (terminated, truncated) == (True, False)
    goal = simulator.starts[0].frames[-1].movedim(0, -1).numpy()
    chosen = World(simulator, reward=closer_to(goal))
    chosen.reset(seed=1)
    assert abs(chosen.step(np.array([2.0], np.float32))[1]) < 1


def test_many_worlds_end_each_by_itself(rewarded_run: Path) -> None:
    worlds = VectorWorld(rewarded_run, 2, horizon=9)
    worlds.reset(seed=0)
    actions = np.array([[5.0], [1.0]], np.float32)
    _, rewards, terminated, truncated, _ = worlds.step(actions)
    assert terminated.tolist() == [True, False]
    assert not truncated.any()
    assert rewards[1] == pytest.approx(12, abs=1)
    _, rewards, terminated, _, _ = worlds.step(np.array([[5.0], [1.0]], np.float32))
    assert (rewards[0], terminated.tolist()) == (0.0, [False, False])  # it began anew


def test_without_such_columns_all_is_as_before(run: Path) -> None:
    assert not (run / FILE).exists()
    world = World(run)
    world.reset(seed=0)
    assert world.step(np.array([1.0, 0.0], np.float32))[1:3] == (0.0, False)


def test_a_head_is_kept_with_its_model(rewarded_run: Path, tmp_path: Path) -> None:
    head = load_outcome_head(rewarded_run)
    assert head is not None
    assert head.targets == ("reward", "done")
    assert max(head.error) < 0.3
    head.save(tmp_path)
    again = load_outcome_head(tmp_path)
    assert again is not None
    code, condition = np.zeros(head.inputs - 1), np.ones(1)
    assert again.predict(code, condition) == head.predict(code, condition)
    found = json.loads((tmp_path / FILE).read_text())
    found["enter"][0].pop()
    (tmp_path / FILE).write_text(json.dumps(found))
    with pytest.raises(InputError, match=r"outcomes\.json"):
        load_outcome_head(tmp_path)


def test_a_head_of_another_model_is_refused(rewarded_run: Path, tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    rows = Rows(rng.normal(size=(20, 3)), rng.normal(size=(20, 1)))
    (tmp_path / "run").mkdir()
    for file in rewarded_run.glob("*.*"):
        (tmp_path / "run" / file.name).write_bytes(file.read_bytes())
    OutcomeHead.fit(rows, rows, ["reward"]).save(tmp_path / "run")
    with pytest.raises(InputError, match=r"sees 3 numbers; expected \d+"):
        Simulator(tmp_path / "run")


def test_a_law_that_is_not_linear_is_found() -> None:
    rng = np.random.default_rng(0)
    inputs = rng.uniform(-1, 1, (2000, 2))
    targets = np.stack([inputs[:, 0] * inputs[:, 1], np.hypot(*inputs.T) < 0.6], 1)
    head = OutcomeHead.fit(
        Rows(inputs[:1600], targets[:1600]), Rows(inputs[1600:], targets[1600:]), ["reward", "done"]
    )
    assert head.error[0] < 0.5
    assert head.error[1] < 0.12


@pytest.mark.parametrize("lag", [0, 1])
def test_a_stride_adds_rewards_up(lag: int) -> None:
    """What is earned between two kept frames is earned at once, and an end among them is kept."""
    source = ResampledSource(rewarded(lag), Resampling(stride=3))
    whole, kept = rewarded(lag).read(0).values, source.read(0).values
    frames = range(0, LENGTH, 3)
    begins = [t + (0 if lag else -2) for t in frames]
    for t, begin in enumerate(begins):
        rows = slice(max(begin, 0), begin + 3)
        np.testing.assert_allclose(kept["reward"][t], whole["reward"][rows].sum(0), rtol=1e-6)
        assert kept["done"][t] == whole["done"][rows].max()


def test_they_go_out_and_come_back(rewarded_store: ClipStore, tmp_path: Path) -> None:
    parquet = pytest.importorskip("pyarrow.parquet", reason="needs the extra lerobot")
    foreframe.data.export(rewarded_store.path, tmp_path / "out", "lerobot")
    info = json.loads((tmp_path / "out" / "meta" / "info.json").read_text())
    assert info["features"]["next.reward"] == {"dtype": "float32", "shape": [1], "names": None}
    assert info["features"]["next.done"] == {"dtype": "bool", "shape": [1], "names": None}
    table = parquet.read_table(tmp_path / "out" / "data" / "chunk-000" / "file-000.parquet")
    assert str(table.schema.field("next.done").type) == "bool"
    back = foreframe.data.import_recordings(tmp_path / "out", tmp_path / "back", workers=1)
    for name in ("reward", "done"):
        assert back.columns[name] == target_column(rewarded_store.columns[name].role, 1)
        np.testing.assert_array_equal(back.column(name), rewarded_store.column(name))


def test_archives_and_tables_have_them_too(tmp_path: Path) -> None:
    pictures = np.zeros((4, 16, 16, 3), np.uint8)
    given = {"frames": pictures, "actions": np.ones((4, 1)), "rewards": np.arange(4.0)}
    np.savez(tmp_path / "a.npz", **given, terminals=np.array([0, 0, 0, 1], bool))
    store = foreframe.data.import_recordings(tmp_path / "a.npz", tmp_path / "a", workers=1)
    assert store.column("reward")[:, 0].tolist() == [0, 1, 2, 3]
    assert store.column("done")[:, 0].tolist() == [0, 0, 0, 1]
    from PIL import Image

    (tmp_path / "run").mkdir()
    for t in range(4):
        Image.fromarray(pictures[t]).save(tmp_path / "run" / f"{t}.png")
    (tmp_path / "run" / "log.csv").write_text("speed,reward\n1,5\n2,6\n3,7\n4,8\n")
    store = foreframe.data.import_recordings(tmp_path / "run", tmp_path / "b", workers=1)
    assert store.columns["action"].names == ("speed",)
    assert store.column("reward")[:, 0].tolist() == [5, 6, 7, 8]
    assert torch.is_tensor(foreframe.data.Windows(store, "train", 2, ["action"]).clips([0]).frames)
