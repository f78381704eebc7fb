"""Ours: the run's own context and horizon, clips end to end, ten samples."""

from ...metrics import psnr, ssim
from ..protocol import Protocol

PROTOCOL = Protocol(
    name="foreframe",
    n_past=None,
    horizon=None,
    every=None,
    samples=10,
    metrics=(psnr.METRIC, ssim.METRIC),
    about="mean over predicted frames of each frame's PSNR; SSIM Gaussian 11, sigma 1.5, L = 1; mean and best of N prior samples",
)
