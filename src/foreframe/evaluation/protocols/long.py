"""Ours, far beyond what a run was trained on.

Sixty frames from its own context, to see what drifts.
"""

from ..protocol import PROPER_FIRST, Protocol

PROTOCOL = Protocol(
    name="long",
    n_past=None,
    horizon=60,
    every=None,
    samples=5,
    metrics=PROPER_FIRST,
    about="60 predicted frames whatever the run was trained on; prior samples judged as a "
    "distribution by fair CRPS and energy score, PSNR and SSIM of each frame",
)
