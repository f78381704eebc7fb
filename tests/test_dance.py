"""The dance world: the same for the same seed, physical, and labelled where the limbs are seen.

Letters: T frames, J joints.
"""

from __future__ import annotations

import numpy as np
import pytest

import foreframe
from conftest import DANCE_FRAMES
from foreframe.data.sources.recording import Fork
from foreframe.data.store import ClipStore
from foreframe.data.worlds import dance
from foreframe.data.worlds.dance import skeleton
from foreframe.data.worlds.dance.figure import BONES, HINGES, JOINTS, build, clothes
from foreframe.data.worlds.dance.moves import Choreography, Feet, mirrored, varied
from foreframe.data.worlds.dance.simulation import Simulation
from foreframe.errors import InputError

pytestmark = pytest.mark.slow


def column(store: ClipStore, name: str) -> list[np.ndarray]:
    return [store.column(name)[e.start : e.start + e.length] for e in store.episodes]


def test_a_sequence_depends_on_its_seed_and_number_alone(dance_store: ClipStore) -> None:
    again = dance.Dance(6, seed=3, frames=DANCE_FRAMES).read(2)
    np.testing.assert_array_equal(np.stack(list(again.frames)), column(dance_store, "frames")[2])
    np.testing.assert_array_equal(again.values["pose"], column(dance_store, "pose")[2])
    other = dance.Dance(6, seed=4, frames=4).read(2)
    assert not np.array_equal(other.values["joints_m"], again.values["joints_m"][:4])


def test_sequences_are_as_published() -> None:
    world = dance.simulate(2)
    assert (world.height, world.width, world.frames) == (32, 64, 630)
    assert len(BONES) == 15
    with pytest.raises(InputError, match="expected at least 1"):
        foreframe.data.make("dance", "unused", trajectories=0)


def test_the_label_is_drawn_where_the_joints_are(dance_store: ClipStore) -> None:
    for labels, places in zip(
        column(dance_store, "pose"), column(dance_store, "joints_px"), strict=True
    ):
        for label, joints in zip(labels[::10], places[::10], strict=True):
            np.testing.assert_array_equal(label, skeleton.draw(joints, 32, 64))
            inside = ((joints > 1) & (joints < (62, 30))).all(1)
            x, y = joints[inside].astype(int).T
            assert (label[y, x].max(1) > 60).all()


def test_she_is_seen_where_her_label_is(dance_store: ClipStore) -> None:
    """The pixels under the skeleton change far more from frame to frame than the room's do."""
    moving, still = [], []
    for frames, labels in zip(
        column(dance_store, "frames"), column(dance_store, "pose"), strict=True
    ):
        change = np.abs(np.diff(frames.astype(float), axis=0)).mean(3)
        on = (labels[1:].max(3) > 40) | (labels[:-1].max(3) > 40)
        moving.append(change[on].mean())
        still.append(change[~on].mean())
    assert np.mean(moving) > 4 * np.mean(still)


def test_bones_keep_their_lengths_and_feet_their_floor(dance_store: ClipStore) -> None:
    number = {name: i for i, name in enumerate(JOINTS)}
    for joints in column(dance_store, "joints_m"):
        assert np.isfinite(joints).all()
        for side in ("left", "right"):
            for a, b, length in (
                ("shoulder", "elbow", 0.28),
                ("hip", "knee", 0.42),
                ("knee", "ankle", 0.42),
            ):
                bone = joints[:, number[f"{side}_{a}"]] - joints[:, number[f"{side}_{b}"]]
                np.testing.assert_allclose(np.linalg.norm(bone, axis=1), length, atol=1e-3)
        ankles = joints[:, [number["left_ankle"], number["right_ankle"]]]
        assert (ankles[:, :, 2].min(1) < 0.25).all()  # she jumps at most a little
        assert (ankles[:, :, 2] > -0.05).all()


def test_a_foot_that_stands_does_not_slide() -> None:
    """In the choreography; drives and chance make her stray from it by a centimetre or two."""
    stage = build(np.random.default_rng(0), clothes(np.random.default_rng(0)))
    feet = Feet(Simulation(stage.xml, np.random.default_rng(1), np.random.default_rng(2)).model)
    dancing = Choreography(np.random.default_rng(3), feet)
    places: dict[str, list[np.ndarray]] = {"left": [], "right": []}
    for time_s in np.arange(0, 20, 0.01):
        pose, hips, heading = dancing.at(time_s)
        assert np.abs(hips[:2]).max() < 1.6
        assert hips[2] + min(feet.height(pose, side) for side in places) == pytest.approx(
            0, abs=1e-9
        )
        for side, found in places.items():
            found.append((hips + feet.offset(pose, heading, side))[:2])
    slides = np.min(
        [np.linalg.norm(np.diff(found, axis=0), axis=1) for found in places.values()], axis=0
    )
    assert (slides < 1e-9).mean() > 0.95  # all but the moments when a beat changes feet


def test_what_no_label_tells_differs_between_sequences(dance_store: ClipStore) -> None:
    """Clothes belong to the sequence, the light wanders, the room stays."""
    frames = [f.astype(float) for f in column(dance_store, "frames")]
    labels = column(dance_store, "pose")
    colours = [f[label.max(3) > 60].mean(0) for f, label in zip(frames, labels, strict=True)]
    assert np.std(colours, axis=0).max() > 8
    assert np.ptp([f[:, 28:, 56:].mean() for f in frames]) < 60
    for light in column(dance_store, "light"):
        assert 0 < np.abs(np.diff(light[:, 0])).max() < 0.1


def test_the_mirror_changes_sides() -> None:
    pose = varied(np.random.default_rng(0))
    names = [name for name, *_ in HINGES]
    seen = mirrored(pose)
    assert seen[names.index("left_knee")] == pose[names.index("right_knee")]
    assert seen[names.index("spine_twist")] == -pose[names.index("spine_twist")]
    np.testing.assert_array_equal(mirrored(seen), pose)


def test_futures_have_the_same_labels_and_another_light() -> None:
    """The body goes the same way; lamp, hair and skirt go theirs.

    Letters: K futures, T frames.
    """
    plain = dance.Dance(1, seed=3, frames=8).read(0)
    forked = dance.Dance(1, seed=3, frames=8).with_futures(Fork(2, 1, 5), frozenset({0})).read(0)
    np.testing.assert_array_equal(np.stack(list(forked.frames)), np.stack(list(plain.frames)))
    assert forked.futures is not None
    frames, light = forked.futures["frames"], forked.futures["light"]
    assert frames.shape == (2, 5, 32, 64, 3)
    happened = forked.values["joints_px"][1:6]
    assert np.abs(forked.futures["joints_px"] - happened).max() < 0.05  # pixels
    assert not np.array_equal(frames[0], frames[1])
    begin = forked.values["light"][0]
    assert (np.abs(light[:, 0] - begin) < 0.3).all()
    assert not np.allclose(light[0], light[1])
    with pytest.raises(InputError, match="futures of 8 frames from frame 1 on do not fit"):
        dance.Dance(1, frames=8).with_futures(Fork(2, 1, 8), frozenset())


def test_a_fork_that_is_not_stirred_is_what_happened() -> None:
    simulation = Simulation(
        build(np.random.default_rng(0), clothes(np.random.default_rng(1))).xml,
        np.random.default_rng(2),
        np.random.default_rng(3),
    )
    simulation.advance(1 / 15)
    parted, simulation.ticks = simulation.forked(), []
    path = simulation.ticks
    simulation.advance(4 / 15)
    for tick in path:
        parted.follow(tick)
    np.testing.assert_array_equal(parted.data.qpos, simulation.data.qpos)
    np.testing.assert_array_equal(parted.data.qvel, simulation.data.qvel)
