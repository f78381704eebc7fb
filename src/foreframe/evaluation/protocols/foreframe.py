"""Ours: the run's own context and horizon, clips end to end, ten samples."""

from ..protocol import PROPER_FIRST, Protocol

PROTOCOL = Protocol(
    name="foreframe",
    n_past=None,
    horizon=None,
    every=None,
    samples=10,
    metrics=PROPER_FIRST,
    about="prior samples judged as a distribution by fair CRPS and energy score; PSNR and SSIM "
    "(Gaussian 11, sigma 1.5, L = 1) of each frame, mean and best of the samples",
)
