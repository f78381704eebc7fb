"""Nano World Models' evaluation: 3 frames from one, one sample.

`Evaluator.evaluate_all` cuts the context off and takes means over predicted frames of piqa's PSNR
and SSIM and of LPIPS, whose network is VGG16 in the code (its documentation says AlexNet). There
are 256 clips, drawn with seed 42 from all that begin anywhere in a validation episode, at 256x256;
here clips lie end to end. FVD needs ten predicted frames, so it is not computed.

References: Huang et al. 2026, Nano World Models: a minimalist implementation of future video
    prediction.
"""

from ...metrics import fvd, lpips, psnr, ssim
from ..protocol import Protocol

PROTOCOL = Protocol(
    name="nanowm",
    n_past=1,
    horizon=3,
    every=None,
    samples=1,
    metrics=(psnr.PLUS_EPSILON, ssim.METRIC),
    about="1 > 3 frames end to end, one sample, means over predicted frames; PSNR of each frame, "
    "Gaussian SSIM",
    demanding=(lpips.VGG16, fvd.METRIC),
    source="github.com/simchowitzlabpublic/nano-world-model: src/utils/metrics.py, "
    "src/callbacks.py",
)
