"""Ours, far beyond what a run was trained on.

Sixty frames from its own context, to see what drifts.
"""

from ...metrics import psnr, ssim
from ..protocol import Protocol

PROTOCOL = Protocol(
    name="long",
    n_past=None,
    horizon=60,
    every=None,
    samples=5,
    metrics=(psnr.METRIC, ssim.METRIC),
    about="60 predicted frames whatever the run was trained on, mean over them of each frame's PSNR; mean and best of N prior samples",
)
