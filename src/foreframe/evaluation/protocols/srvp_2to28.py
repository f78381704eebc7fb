"""SRVP's evaluation: 28 frames from two, a hundred samples, the best by each metric itself.

`test.py` takes the PSNR of each channel's MSE and then means over channels and frames, SSIM with a
Gaussian window at valid positions, and LPIPS of AlexNet, on predicted frames alone. FVD is of the
context frames and the first sample, as bytes. Clips begin at the first frame.

References: Franceschi et al. 2020, Stochastic latent residual video prediction.
"""

from ...metrics import fvd, lpips, psnr, ssim
from ..protocol import Aggregation, Protocol

PROTOCOL = Protocol(
    name="srvp-2to28",
    n_past=2,
    horizon=28,
    every=0,
    samples=100,
    metrics=(psnr.PER_CHANNEL, ssim.METRIC),
    about="2 > 28 frames from the first, best of 100 samples by each metric; PSNR of each channel, "
    "Gaussian SSIM",
    aggregation=Aggregation.BEST_OF_EACH,
    demanding=(lpips.METRIC, fvd.WITH_CONTEXT),
    source="github.com/edouardelasalles/srvp: test.py, metrics/ssim.py",
)
