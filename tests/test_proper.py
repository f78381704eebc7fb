"""Proper scores: against plain loops, in the right order, and intervals that hold what they say."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from foreframe.metrics import find_metric, mean_interval, rank_histogram

Array = NDArray[np.float64]


def pictures(
    seed: int = 0, samples: int = 4, height: int = 9, width: int = 10
) -> tuple[Tensor, Tensor, Tensor]:
    """Random samples [2, N, 3, C, H, W], truth [2, 3, C, H, W] and context [2, 1, C, H, W]."""
    draw = torch.Generator().manual_seed(seed)
    shape = (3, height, width)
    made = torch.rand(2, samples, 3, *shape, generator=draw)
    return made, torch.rand(2, 3, *shape, generator=draw), torch.rand(2, 1, *shape, generator=draw)


def value(name: str, samples: Tensor, truth: Tensor, context: Tensor) -> Array:
    """A metric's value of each clip and frame [B, S]; a mean over samples."""
    metric = find_metric(name)
    return metric.figure(metric.function(samples, truth, context).double().mean(1).numpy())


def plain_energy(samples: Array, truth: Array) -> float:
    """The fair energy score of vectors [N, D] and [D], as it is written."""
    pairs = list(itertools.combinations(range(len(samples)), 2))
    error = np.mean([np.linalg.norm(x - truth) for x in samples])
    apart = np.mean([np.linalg.norm(samples[i] - samples[j]) for i, j in pairs]) if pairs else 0
    return float((error - apart / 2) / np.sqrt(len(truth)))


@pytest.mark.parametrize("count", [1, 2, 5])
def test_crps_is_that_of_a_plain_loop_over_numbers(count: int) -> None:
    samples, truth, context = pictures(samples=count, height=3, width=4)
    flat, true = samples.flatten(3).double().numpy(), truth.flatten(2).double().numpy()
    for b, s in itertools.product(range(2), range(3)):
        each = [plain_energy(flat[b, :, s, i, None], true[b, s, i, None]) for i in range(36)]
        got = value("crps", samples, truth, context)[b, s]
        assert got == pytest.approx(np.mean(each), abs=1e-6)


@pytest.mark.parametrize(("name", "side"), [("energy_4", 4), ("energy_16", 16)])
def test_energy_scores_are_those_of_a_plain_loop_over_patches(name: str, side: int) -> None:
    """Also of the smaller patches at the border, which count by their pixels."""
    samples, truth, context = pictures(height=9, width=10)
    drawn, true = samples.double().numpy(), truth.double().numpy()
    total = 0.0
    for top, left in itertools.product(range(0, 9, side), range(0, 10, side)):
        patch = np.s_[..., top : top + side, left : left + side]
        one, other = drawn[1, :, 2][patch], true[1, 2][patch]
        score = plain_energy(one.reshape(4, -1), other.ravel())
        total += score * other[0].size / 90
    assert value(name, samples, truth, context)[1, 2] == pytest.approx(total, abs=1e-6)


def test_spread_and_skill_are_those_of_numpy() -> None:
    samples, truth, context = pictures(samples=5)
    drawn, true = samples[0, :, 1].numpy(), truth[0, 1].numpy()
    spread = np.sqrt(drawn.var(0, ddof=1).mean() * 6 / 5)
    error = np.sqrt(((drawn.mean(0) - true) ** 2).mean())
    assert value("spread_skill", samples, truth, context)[0, 1] == pytest.approx(spread / error)


def test_moving_pixels_are_the_fifth_that_changed_most() -> None:
    samples, truth, context = pictures(height=10, width=10)
    change = (truth[0, 1] - context[0, -1]).abs().mean(0).flatten().numpy()
    fifth = np.argsort(change)[-20:]
    made, true = (t.flatten(1).double().numpy() for t in (samples[0, 2, 1], truth[0, 1]))
    expected = -10 * np.log10(((made - true)[:, fifth] ** 2).mean())
    got = find_metric("psnr_moving").function(samples, truth, context)[0, 2, 1]
    assert float(got) == pytest.approx(expected, abs=1e-4)


def test_sharpness_is_a_ratio_of_gradient_energies() -> None:
    """A picture of half the contrast has a quarter of the energy, whatever the pixels."""
    _, truth, context = pictures()
    half = (truth / 2)[:, None]
    np.testing.assert_allclose(value("sharpness", half, truth, context), 0.25, atol=1e-5)
    flat = torch.full_like(half, 0.5)
    assert value("sharpness", flat, truth, context).max() < 1e-6


@pytest.mark.parametrize("name", ["crps", "energy_4"])
def test_fair_scores_do_not_depend_on_the_number_of_samples(name: str) -> None:
    """In expectation: the mean over many draws, within its own error."""
    draw = torch.Generator().manual_seed(0)
    truth = torch.rand(400, 1, 1, 4, 4, generator=draw)
    drawn = torch.rand(400, 10, 1, 1, 4, 4, generator=draw)
    two, ten = (value(name, drawn[:, :n], truth, truth) for n in (2, 10))
    error = float(np.std(two - ten, ddof=1)) / 20
    assert abs(float((two - ten).mean())) < 3 * error


def background() -> Tensor:
    """A texture [3, 16, 48]."""
    return torch.rand(3, 16, 48, generator=torch.Generator().manual_seed(0)) * 0.4


def moving_bars(seed: int, clips: int, futures: int) -> Tensor:
    """A bar on a texture, with a camera's noise: [clips, futures, 1, 3, 16, 48].

    Where it is differs by forty pixels from clip to clip, and by three within one.
    """
    draw = torch.Generator().manual_seed(seed)
    made = background().repeat(clips, futures, 1, 1, 1, 1)
    homes = torch.randint(0, 41, (clips,), generator=draw)
    places = homes[:, None] + torch.randint(0, 4, (clips, futures), generator=draw)
    for b, n in itertools.product(range(clips), range(futures)):
        made[b, n, 0, :, 4:12, places[b, n] : places[b, n] + 3] = 0.9
    return (made + 0.02 * torch.randn(made.shape, generator=draw)).clamp(0, 1)


@pytest.mark.parametrize("name", ["crps", "energy_4", "energy_16"])
def test_predictions_come_out_in_the_right_order(name: str) -> None:
    """The true futures before their blur, their blur before another clip's, noise last.

    By PSNR the blur comes first: that is why these scores are there.
    """
    drawn = moving_bars(1, 60, 9)
    truth, true_futures = drawn[:, 0], drawn[:, 1:]
    context = background().repeat(60, 1, 1, 1, 1)
    noise = torch.rand(true_futures.shape, generator=torch.Generator().manual_seed(0))
    predictions = {
        "true": true_futures,
        "blurred": true_futures.mean(1, keepdim=True),
        "another clip's": true_futures.roll(1, 0),
        "noise": noise,
    }
    scores = {k: float(value(name, v, truth, context).mean()) for k, v in predictions.items()}
    assert list(scores) == sorted(scores, key=lambda key: scores[key]), scores
    by_psnr = {k: float(value("psnr", v, truth, context).mean()) for k, v in predictions.items()}
    assert max(by_psnr, key=lambda key: by_psnr[key]) == "blurred"


def test_an_energy_score_sees_neighbours_that_do_not_agree() -> None:
    """Samples with every pixel drawn by itself from the right values: CRPS does not see it."""
    drawn = moving_bars(2, 60, 9)
    truth, true_futures = drawn[:, 0], drawn[:, 1:]
    rng = np.random.default_rng(0)
    order = torch.from_numpy(rng.random(true_futures.shape)).argsort(1)
    scattered = true_futures.gather(1, order)
    same, other = (value("crps", v, truth, truth).mean() for v in (true_futures, scattered))
    assert same == pytest.approx(other, abs=1e-6)
    same, other = (value("energy_4", v, truth, truth).mean() for v in (true_futures, scattered))
    assert other > 1.02 * same


def test_ranks_are_flat_for_the_truth_and_not_for_samples_that_agree() -> None:
    draw = torch.Generator().manual_seed(0)
    mean = torch.rand(40, 1, 1, 1, 16, 16, generator=draw)
    noisy = (mean + 0.1 * torch.randn(40, 6, 1, 1, 16, 16, generator=draw)).clamp(0, 1)
    truth, samples, context = noisy[:, 0], noisy[:, 1:], torch.full_like(noisy[:, 0], 0.5)
    flat = rank_histogram(samples, truth, context).mean(0)
    torch.testing.assert_close(flat, torch.full((6,), 1 / 6).double(), atol=0.03, rtol=0)
    closer = samples.mean(1, keepdim=True) + 0.2 * (samples - samples.mean(1, keepdim=True))
    ends = rank_histogram(closer, truth, context).mean(0)[[0, -1]].sum()
    assert ends > 0.6
    torch.testing.assert_close(
        rank_histogram(samples, truth, context).sum(1), torch.ones(40).double()
    )


def test_a_tie_counts_for_every_rank_that_it_allows() -> None:
    same = torch.full((1, 3, 1, 1, 4, 4), 0.5)
    shares = rank_histogram(same, same[:, 0], same[:, 0])
    torch.testing.assert_close(shares, torch.full((1, 4), 0.25).double())


@pytest.mark.parametrize(("episodes", "each"), [(28, 2), (10, 10), (3, 20)])
def test_an_interval_over_episodes_covers_where_one_over_clips_does_not(
    episodes: int, each: int
) -> None:
    """Four fifths of the variance lie between episodes."""
    rng = np.random.default_rng(0)
    owner = np.repeat(np.arange(episodes), each)
    held, naive, trials = 0, 0, 300
    for _ in range(trials):
        own = rng.normal(0, np.sqrt(0.8), episodes)[owner]
        clips = own + rng.normal(0, np.sqrt(0.2), len(owner))
        over, under = mean_interval(clips, owner), mean_interval(clips)
        assert over.low is not None
        assert over.high is not None
        assert under.low is not None
        assert under.high is not None
        held += over.low <= 0 <= over.high
        naive += under.low <= 0 <= under.high
    assert 0.90 <= held / trials <= 0.99
    assert naive / trials < 0.88


def test_episodes_of_different_lengths_weigh_by_their_clips() -> None:
    found = mean_interval([1.0, 1.0, 1.0, 5.0], ["a", "a", "a", "b"])
    assert found.mean == 2.0
    assert found.known


def test_one_episode_has_no_interval() -> None:
    found = mean_interval([1.0, 3.0], ["a", "a"])
    assert (found.mean, found.low, found.high) == (2.0, None, None)
