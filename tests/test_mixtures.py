"""Several stores as one, and what inspection and validation say of stores."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

import foreframe
from conftest import TINY, squares_store
from foreframe.cli import main
from foreframe.data.mixtures import MixedOrder, open_stores
from foreframe.data.store import ClipStore
from foreframe.data.windows import Windows
from foreframe.errors import InputError
from small_recordings import WRITERS, frames_of


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[ClipStore, ClipStore]:
    root = tmp_path_factory.mktemp("two")
    return squares_store(root / "a", 8), squares_store(root / "b", 5)


def test_weights_are_kept_in_every_thousand_draws() -> None:
    order = MixedOrder([40, 7], [0.7, 0.3], seed=3, share=1.0, until=0)
    drawn = order.batch(0, 5000)
    for block in range(5):
        some = drawn[1000 * block : 1000 * (block + 1)]
        assert sum(index >= 40 for index in some) == 300
    assert set(Counter(i for i in drawn if i >= 40)) == set(range(40, 47))
    counts = Counter(i for i in drawn if i >= 40).values()
    assert max(counts) - min(counts) <= 1  # each window of a store as often as any other


def test_an_order_over_stores_is_a_function_of_the_position() -> None:
    def order() -> MixedOrder:
        return MixedOrder([40, 7], [2, 1], seed=3, share=0.5, until=90)

    whole = order().batch(0, 2400)
    assert order().batch(133, 16) == whole[133 * 16 : 134 * 16]
    other = order()
    assert [i for step in reversed(range(100)) for i in other.batch(step, 24)[::-1]] == whole[::-1]


def test_clips_of_a_mixture_are_those_of_its_stores(two: tuple[ClipStore, ClipStore]) -> None:
    a, b = two
    mixed = open_stores(f"{a.path},{b.path}").windows("train", 5, ("action",))
    first = Windows(a, "train", 5, ("action",))
    got = mixed.clips([0, len(first), len(mixed) - 1])
    assert torch.equal(got.frames[0], first.clips([0]).frames[0])
    second = Windows(b, "train", 5, ("action",))
    assert torch.equal(got.frames[1:], second.clips([0, len(second) - 1]).frames)
    assert (
        got.frames.stride() == Windows(a, "train", 5, ("action",)).clips([0, 1, 2]).frames.stride()
    )


def test_statistics_are_those_of_what_is_drawn(two: tuple[ClipStore, ClipStore]) -> None:
    a, b = two
    rows = [
        np.concatenate(
            [s.column("action")[e.start : e.start + e.length] for e in s.of_split("train")]
        )
        for s in two
    ]
    spec = open_stores(f"{a.path},{b.path}").clip_spec(["action"])
    together = np.concatenate(rows)
    np.testing.assert_allclose(spec.mean, together.mean(0), atol=1e-6)
    np.testing.assert_allclose(spec.std, together.std(0), rtol=1e-5)
    weighed = open_stores(f"{a.path}:3,{b.path}:1").clip_spec(["action"])
    np.testing.assert_allclose(
        weighed.mean, 0.75 * rows[0].mean(0) + 0.25 * rows[1].mean(0), atol=1e-6
    )


@pytest.mark.slow
def test_training_on_two_stores_by_weight_resumes(
    two: tuple[ClipStore, ClipStore], tmp_path: Path
) -> None:
    data = f"{two[0].path}:0.7,{two[1].path}:0.3"
    changes = {**TINY, "training.steps": 6}
    foreframe.train("push-tiny", data, tmp_path / "whole", changes=changes)
    foreframe.train("push-tiny", data, tmp_path / "halves", changes=changes, max_steps=3)
    foreframe.train("push-tiny", data, tmp_path / "halves", changes=changes)
    assert (tmp_path / "whole/model.safetensors").read_bytes() == (
        tmp_path / "halves/model.safetensors"
    ).read_bytes()
    with pytest.raises(InputError, match="is another run"):
        foreframe.train(
            "push-tiny",
            f"{two[0].path}:0.5,{two[1].path}:0.5",
            tmp_path / "halves",
            changes=changes,
        )


@pytest.mark.parametrize(
    ("data", "message"),
    [
        ("{a}:0.7,{b}", "weighs 1 of 2 stores"),
        ("{a}:x,{b}:1", "weight of .* is 'x'; expected a positive number"),
        ("{a}:-1,{b}:1", "expected a positive number"),
        ("{a},nowhere", "nowhere is not a clip store"),
    ],
)
def test_wrong_mixtures_are_named(
    two: tuple[ClipStore, ClipStore], data: str, message: str
) -> None:
    with pytest.raises(InputError, match=message):
        open_stores(data.format(a=two[0].path, b=two[1].path))


def test_stores_that_do_not_fit_are_named(two: tuple[ClipStore, ClipStore], tmp_path: Path) -> None:
    other = foreframe.data.import_recordings(
        WRITERS["npz"](tmp_path / "src"), tmp_path / "other", workers=1
    )
    with pytest.raises(InputError, match="expected the same in all stores"):
        open_stores(f"{two[0].path},{other.path}").clip_spec(["action"])


def test_a_flipped_bit_is_found(two: tuple[ClipStore, ClipStore], tmp_path: Path) -> None:
    store = squares_store(tmp_path / "s", 3)
    assert foreframe.data.validate(store.path)["damaged"] == []
    file = store.path / "columns" / "action.float32"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(bytes(content))
    damaged = foreframe.data.validate(store.path)["damaged"]
    assert len(damaged) == 1
    assert "action" in damaged[0]
    with pytest.raises(SystemExit) as exit_status:
        main(["data", "validate", str(store.path)])
    assert exit_status.value.code == 2


def test_inspect_sees_what_spoils_a_training(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    twice = np.repeat(frames_of(0)[:4], 2, 0)
    actions = np.random.default_rng(0).normal(size=(8, 2)).astype(np.float32)
    for i in range(4):
        frames = np.zeros_like(twice) if i == 3 else twice
        np.savez(
            folder / f"{i}.npz", image=frames, action=np.concatenate([actions, actions[:, :1]], 1)
        )
    store = foreframe.data.import_recordings(folder, tmp_path / "store", workers=1)
    found = foreframe.data.inspect(store.path)
    assert found["black_frames"] == 0.25
    assert found["repeated_frames"] > 0.5
    assert [len(group) for group in found["duplicates"]] == [3]
    assert found["conditions"]["action"]["duplicated"] == [["action[0]", "action[2]"]]
    main(["data", "inspect", str(store.path)])
    said = capsys.readouterr().out
    for words in ("all but black", "repeat the one before", "ACROSS SPLITS", "same in every row"):
        assert words in said
    main(["data", "inspect", str(store.path), "--json"])
    assert json.loads(capsys.readouterr().out)["duplicates"] == found["duplicates"]


def test_what_actions_explain_is_measured(tmp_path: Path) -> None:
    folder = tmp_path / "src"
    folder.mkdir()
    for i in range(3):
        rng = np.random.default_rng(i)
        steps = rng.integers(0, 4, 100)
        places = 48 - np.abs(
            np.cumsum(np.concatenate([[0], steps[:-1]])) % 96 - 48
        )  # there and back
        frames = np.zeros((100, 64, 64, 3), np.uint8)
        for t, place in enumerate(places):
            frames[t, 20:36, place : place + 16] = 255
        noise = rng.normal(size=100)
        np.savez(
            folder / f"{i}.npz", image=frames, action=np.stack([steps + 1, steps], 1), state=noise
        )
    store = foreframe.data.import_recordings(folder, tmp_path / "store", workers=1)
    explained = foreframe.data.inspect(store.path)["change_explained"]
    assert explained["action"] > 0.6
    assert explained["state"] < 0.4
