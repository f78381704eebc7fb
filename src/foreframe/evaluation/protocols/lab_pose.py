"""The coursework's test of the dancing system: 629 frames from one, own frames fed back, one prior
sample.

Its tester adds up the PSNR of frames 1 to 629 of each sequence and divides by 628; here it is
divided by 629.
"""

from ...metrics import psnr, ssim
from ..protocol import Protocol

PROTOCOL = Protocol(
    name="lab-pose",
    n_past=1,
    horizon=629,
    every=0,
    samples=1,
    metrics=(psnr.METRIC, ssim.METRIC),
    about=(
        "1 > 629 frames from the first, one prior sample, "
        "mean over predicted frames of each frame's PSNR, then over sequences"
    ),
    controls=False,
)
