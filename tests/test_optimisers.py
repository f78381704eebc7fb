"""Muon, and what training refuses to do with it."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from torch import nn

import foreframe
from foreframe.clips import Batch
from foreframe.data.store import ClipStore
from foreframe.errors import InputError
from foreframe.training import resolve
from foreframe.training.muon import Muon, orthogonal
from foreframe.training.step import mirrored, optimiser_of, scored_frames
from small_models import small


@pytest.mark.parametrize("shape", [(6, 6), (4, 20), (20, 4)])
def test_updates_are_orthogonal_and_keep_their_directions(shape: tuple[int, int]) -> None:
    matrix = torch.randn(shape)
    u, _, v = torch.linalg.svd(matrix, full_matrices=False)
    near = orthogonal(matrix)
    sizes = (u.T @ near @ v.T).diagonal()
    assert sizes.min() > 0.6
    assert sizes.max() < 1.3
    torch.testing.assert_close(near, u @ torch.diag(sizes) @ v, atol=1e-3, rtol=1e-3)


def test_a_step_has_the_size_of_one_of_adamw() -> None:
    """Root mean square 0.2 learning rates for a matrix of full rank (Liu et al. 2025)."""
    layer = nn.Linear(40, 60, bias=False)
    before = layer.weight.detach().clone()
    layer.weight.grad = torch.randn_like(layer.weight)
    Muon(layer.parameters(), lr=0.1).step()
    moved = (layer.weight - before).square().mean().sqrt()
    assert 0.7 * 0.02 < moved / (40 / 60) ** 0.5 < 1.3 * 0.02


def test_vectors_and_single_rows_take_the_steps_of_adamw() -> None:
    ours, theirs = nn.Linear(5, 1), nn.Linear(5, 1)
    theirs.load_state_dict(ours.state_dict())
    optimisers = [
        Muon(ours.parameters(), lr=0.01),
        torch.optim.AdamW(theirs.parameters(), lr=0.01, weight_decay=0.0),
    ]
    for _ in range(3):
        inputs = torch.randn(7, 5)
        for layer, optimiser in zip((ours, theirs), optimisers, strict=True):
            optimiser.zero_grad()
            layer(inputs).square().mean().backward()
            optimiser.step()
    torch.testing.assert_close(ours.state_dict(), theirs.state_dict())


def test_parameters_without_a_gradient_stay() -> None:
    layers = nn.ModuleList([nn.Linear(3, 3), nn.Linear(3, 3)])
    before = layers[1].weight.detach().clone()
    layers[0](torch.ones(1, 3)).sum().backward()
    Muon(layers.parameters(), lr=0.1, weight_decay=0.5).step()
    assert torch.equal(layers[1].weight, before)


def test_whole_matrices_cannot_be_sharded() -> None:
    config = resolve("push-tiny", changes={"training.sharded": True})
    with pytest.raises(InputError, match="muon, which needs whole matrices"):
        optimiser_of(small("compact"), config, sharded=True)


def test_frames_that_count_are_drawn_anew_and_all_get_their_turn() -> None:
    config = resolve("push-tiny")
    drawn = [scored_frames(config, step) for step in range(40)]
    assert drawn == [scored_frames(config, step) for step in range(40)]
    assert all(frames and len(set(frames)) == 3 for frames in drawn)
    assert {frame for frames in drawn for frame in frames or ()} == set(range(2, 12))
    whole = resolve("push-tiny", changes={"objective.scored_frames": 10})
    assert scored_frames(whole, 0) is None


def test_pictures_and_labels_are_mirrored_together() -> None:
    clips = Batch(*(torch.arange(2 * 3 * 4).view(2, 1, 3, 1, 4).byte() for _ in range(2)))
    turned = mirrored(clips, [4, 7])
    assert torch.equal(turned.frames[0], clips.frames[0])
    assert torch.equal(turned.frames[1], clips.frames[1].flip(-1))
    assert torch.equal(turned.conditions, turned.frames)


def test_actions_cannot_be_mirrored(store: ClipStore, tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"clip.mirror is on and conditions are \[2\]"):
        foreframe.train(
            "push-tiny", store.path, tmp_path / "r", changes={"clip.mirror": True}, dry_run=True
        )
