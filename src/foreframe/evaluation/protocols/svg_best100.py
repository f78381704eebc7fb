"""SVG's evaluation: 28 frames from two, a hundred samples, the best by SSIM.

`generate_svg_lp.py` calls `utils.eval_seq` on predicted frames alone: skimage's SSIM and PSNR of
each channel as float arrays, then a mean over channels and frames. For floats skimage took [-1, 1]
for the range of values, so SSIM is computed with L = 2 and comes out higher; PSNR is not affected,
because values below 0 do not occur. Samples are ordered by mean SSIM. Clips begin at the first
frame of a test trajectory; 256 clips are drawn. The networks of pictures stay in training mode
there (statistics of the batch), which this package does not imitate.

References: Denton & Fergus 2018, Stochastic video generation with a learned prior.
"""

from ...metrics import psnr, ssim
from ..protocol import Aggregation, Protocol

PROTOCOL = Protocol(
    name="svg-best100",
    n_past=2,
    horizon=28,
    every=0,
    samples=100,
    metrics=(ssim.UNIFORM_7_L2, psnr.PER_CHANNEL),
    about="2 > 28 frames from the first, best of 100 samples by SSIM; uniform SSIM with L = 2, "
    "PSNR of each channel",
    aggregation=Aggregation.BEST_OF_FIRST,
    source="github.com/edenton/svg: generate_svg_lp.py, utils.py eval_seq",
)
