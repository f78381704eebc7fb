"""MCVD's evaluation on BAIR: 28 frames from two, PSNR of each clip's mean MSE, SSIM of grey bytes.

`video_gen` sums the MSE over a clip's predicted frames and takes 10 log10(1 / mean), which is below
the mean over frames of the PSNR. SSIM is scikit-image's on the luma of bytes, with a Gaussian
window; LPIPS is AlexNet's. With `preds_per_test` samples, 10 in the published commands, each metric
takes its best. FVD is of context and predicted frames, with every sample of each clip; here with
one.

References: Voleti et al. 2022, MCVD: masked conditional video diffusion for prediction, generation,
    and interpolation.
"""

from ...metrics import fvd, lpips, psnr, ssim
from ..protocol import Aggregation, Protocol

PROTOCOL = Protocol(
    name="mcvd",
    n_past=2,
    horizon=28,
    every=0,
    samples=10,
    metrics=(psnr.OF_CLIP, ssim.GREY),
    about="2 > 28 frames from the first, best of 10 samples by each metric; PSNR of each clip's "
    "mean MSE, SSIM of grey bytes",
    aggregation=Aggregation.BEST_OF_EACH,
    demanding=(lpips.METRIC, fvd.WITH_CONTEXT),
    source="github.com/voletiv/mcvd-pytorch: runners/ncsn_runner.py video_gen, configs/bair.yml",
)
