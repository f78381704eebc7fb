"""FitVid's evaluation on BAIR: 15 frames from one, one sample.

`train.py` slices off the context (`video[:, n_past:]`), and `metrics.py` takes means over all
frames of TensorFlow's PSNR and SSIM (Gaussian window, valid positions) with values in [0, 1]. FVD
is of predicted frames alone, resized to 224x224. The released script scores 256 clips with one
sample; `--samples 100` shows the best of 100 beside the mean.

References: Babaeizadeh et al. 2021, FitVid: overfitting in pixel-level video prediction.
"""

from ...metrics import psnr, ssim
from ..protocol import Protocol

PROTOCOL = Protocol(
    name="fitvid-1to15",
    n_past=1,
    horizon=15,
    every=0,
    samples=1,
    metrics=(psnr.METRIC, ssim.METRIC),
    about="1 > 15 frames from the first, one sample, means over predicted frames; PSNR of each "
    "frame, Gaussian SSIM",
    source="github.com/google-research/fitvid: train.py evaluate, metrics.py",
)
