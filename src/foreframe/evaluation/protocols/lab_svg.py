"""The coursework's test of the pushing system.

Frames 0 to 11 of a trajectory, two given, one prior sample.
"""

from ...metrics import psnr, ssim
from ..protocol import Protocol

PROTOCOL = Protocol(
    name="lab-svg",
    n_past=2,
    horizon=10,
    every=0,
    samples=1,
    metrics=(psnr.PER_CHANNEL, ssim.METRIC),
    about=(
        "2 > 10 frames from the first, one prior sample, "
        "mean over channels and predicted frames of the PSNR"
    ),
)
