"""Metrics against the libraries of the field."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from skimage.metrics import peak_signal_noise_ratio, structural_similarity
from torchmetrics.functional.image import structural_similarity_index_measure

from foreframe.metrics import Metric, find_metric, mean_interval, metrics
from foreframe.metrics.psnr import psnr, psnr_of_channels
from foreframe.metrics.ssim import ssim


def pictures(height: int = 64, width: int = 64) -> tuple[torch.Tensor, torch.Tensor]:
    smooth = torch.nn.functional.interpolate(
        torch.rand(4, 3, 8, 8), (height, width), mode="bicubic"
    ).clamp(0, 1)
    return (smooth + 0.05 * torch.randn_like(smooth)).clamp(0, 1), smooth


def test_psnr_is_scikit_images() -> None:
    noisy, clean = pictures()
    expected = [
        peak_signal_noise_ratio(c.numpy(), n.numpy(), data_range=1) for n, c in zip(noisy, clean)
    ]
    np.testing.assert_allclose(psnr(noisy, clean), expected, atol=1e-4)


def test_psnr_of_channels_is_the_mean_of_three() -> None:
    noisy, clean = pictures()
    noisy[:, 0] = clean[:, 0] + 0.01
    each = [
        [peak_signal_noise_ratio(c[k].numpy(), n[k].numpy(), data_range=1) for k in range(3)]
        for n, c in zip(noisy, clean)
    ]
    np.testing.assert_allclose(psnr_of_channels(noisy, clean), np.mean(each, 1), atol=1e-4)


@pytest.mark.parametrize("size", [(64, 64), (32, 64), (11, 11)])
def test_ssim_is_scikit_images_away_from_the_border(size: tuple[int, int]) -> None:
    noisy, clean = pictures(*size)
    options = {
        "gaussian_weights": True,
        "sigma": 1.5,
        "use_sample_covariance": False,
        "data_range": 1.0,
        "full": True,
    }
    for n, c, got in zip(noisy, clean, ssim(noisy, clean)):
        maps = [
            structural_similarity(
                n[k].numpy().astype(float), c[k].numpy().astype(float), **options
            )[1]
            for k in range(3)
        ]
        assert float(got) == pytest.approx(np.mean([m[5:-5, 5:-5] for m in maps]), abs=1e-4)


def test_ssim_is_torchmetrics_away_from_the_border() -> None:
    """torchmetrics mirrors the picture outwards and keeps the border.

    Inside it the maps are the same.
    """
    noisy, clean = pictures()
    for n, c, got in zip(noisy, clean, ssim(noisy, clean)):
        _, full = structural_similarity_index_measure(
            n[None], c[None], data_range=1.0, return_full_image=True
        )
        assert float(got) == pytest.approx(float(full[..., 5:-5, 5:-5].mean()), abs=1e-4)


def test_leading_dimensions_broadcast() -> None:
    futures, truth = torch.rand(2, 5, 3, 3, 16, 16), torch.rand(2, 3, 3, 16, 16)
    assert psnr(futures, truth[:, None]).shape == (2, 5, 3)
    assert ssim(futures, truth[:, None]).shape == (2, 5, 3)
    torch.testing.assert_close(
        ssim(futures, truth[:, None])[1, 4, 2], ssim(futures[1, 4, 2], truth[1, 2])
    )


@pytest.mark.parametrize(
    "metric", [m for m in metrics() if not m.uses_world], ids=lambda metric: metric.name
)
def test_a_metric_gives_what_it_says(metric: Metric) -> None:
    """Shape, and that the truth is no worse than noise, for every metric that is found."""
    truth, context = torch.rand(2, 3, 3, 16, 16), torch.rand(2, 1, 3, 16, 16)
    samples = truth[:, None].expand(2, 4, 3, 3, 16, 16)
    good, bad = (
        metric.function(drawn, truth, context) for drawn in (samples, torch.rand_like(samples))
    )
    assert good.shape[:3] == (2, 1 if metric.joint else 4, 3)
    assert good.ndim == (3 if metric.combine is None else 4)
    better, worse = (float(metric.figure(v.mean((0, 1, 2)).numpy())) for v in (good, bad))
    if metric.higher_is_better is not None:
        assert better > worse if metric.higher_is_better else better < worse


def test_a_heading_says_which_direction_is_better() -> None:
    found = [find_metric(name).heading for name in ("crps", "psnr", "spread_skill", "moved_error")]
    assert found == ["CRPS ↓", "PSNR (dB) ↑", "spread/skill →1", "moved error ↓"]
    unknown = Metric("lost", "lost", "", None, 4, lambda *_: torch.zeros(1))
    assert unknown.heading == "lost"


def test_a_figure_of_two_means_is_their_ratio_and_not_the_mean_of_ratios() -> None:
    ratio = Metric(
        "r", "r", "", None, 2, lambda *_: torch.zeros(1), combine=lambda m: m[..., 0] / m[..., 1]
    )
    values = np.array([[1.0, 1.0], [0.0, 3.0]])
    assert mean_interval(values, figure=ratio.figure).mean == pytest.approx(0.25)


def test_a_bootstrap_interval_covers() -> None:
    """In 200 experiments the interval holds the true mean about 95 times in 100."""
    rng = np.random.default_rng(0)
    held = 0
    for _ in range(200):
        found = mean_interval(rng.normal(3.0, 1.0, 40))
        assert found.low is not None
        assert found.high is not None
        held += found.low <= 3.0 <= found.high
    assert 0.89 <= held / 200 <= 0.99
