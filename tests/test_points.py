"""Points in time: joined and taken apart, forked, kept."""

from __future__ import annotations

import pytest
import torch
from torch import Tensor
from torch.utils._pytree import tree_leaves

from foreframe.points import Point, join
from foreframe.session import Session
from small_models import NAMES, clip, noise, small


def point_of(name: str, clips: int = 2, samples: int = 3, acts: int = 1) -> Point:
    model = small(name).eval()
    frames, conditions = clip(model, clips)
    session = Session(model)
    session.reset(frames[:, :2], conditions[:, :2], noise(clips, samples))
    for _ in range(acts):
        session.act(conditions[:, 2])
    return session.point


def rows(point: Point) -> list[Tensor]:
    return [t for t in tree_leaves((point.state, point.previous)) if t is not None]


@pytest.mark.parametrize("name", NAMES)
def test_what_is_joined_comes_apart_again(name: str) -> None:
    points = [point_of(name, clips) for clips in (1, 2)]
    joined = join(points)
    assert joined.clips == 3
    assert all(len(tensor) == 9 for tensor in rows(joined))
    for point, again in zip(points, joined.split(points), strict=True):
        assert again.clips == point.clips
        for mine, other in zip(rows(point), rows(again), strict=True):
            assert torch.equal(mine, other)
        for mine, other in zip(point.skips, again.skips, strict=True):
            assert mine is other  # skips are shared, or every point kept would hold a copy


def test_a_part_does_not_keep_the_whole_alive() -> None:
    points = [point_of("svg", 1), point_of("svg", 1)]
    for part in join(points).split(points):
        assert all(t.untyped_storage().nbytes() == t.nbytes for t in rows(part))


def test_a_fork_takes_rows_of_each_clip() -> None:
    point = point_of("svg")
    forked = point.fork([2, 0])
    assert forked.samples == 2
    for mine, other in zip(rows(point), rows(forked), strict=True):
        assert torch.equal(other, mine[[2, 0, 5, 3]])


def test_a_point_knows_what_it_takes_to_keep() -> None:
    point = point_of("svg")
    assert point.size_bytes == sum(tensor.nbytes for tensor in rows(point))
    assert point.fork([0]).size_bytes * 3 == point.size_bytes


def test_advancing_leaves_a_kept_point_as_it_was() -> None:
    model = small("svg").eval()
    frames, conditions = clip(model)
    session = Session(model)
    session.reset(frames[:, :2], conditions[:, :2], noise(2))
    kept = session.point
    before = [tensor.clone() for tensor in rows(kept)]
    session.act(conditions[:, 2])
    assert session.point is not kept
    assert all(torch.equal(a, b) for a, b in zip(before, rows(kept), strict=True))


def test_points_that_differ_in_samples_are_not_joined() -> None:
    with pytest.raises(ValueError, match="same `batch_key`"):
        join([point_of("compact"), point_of("compact", samples=2)])
