"""iVideoGPT's evaluation on BAIR: 15 frames from one, a hundred samples, the best by each metric,
with the context frame counted.

`train_gpt.py` decodes the tokens of context and future (`detokenize(generated_tokens)`, which
include the given ones) and hands both tensors whole, 16 frames, to `Evaluator`: a sixteenth of each
figure is the context. There it is the tokenizer's reconstruction; a model that hands its
context through has the best value, 80 dB with the 1e-8 that piqa adds to the MSE. LPIPS is
VGG16's, and FVD is of all 16 frames.

References: Wu et al. 2024, iVideoGPT: interactive VideoGPTs are scalable world models.
"""

from ...metrics import counting_context, fvd, lpips, psnr, ssim
from ..protocol import Aggregation, Protocol

PROTOCOL = Protocol(
    name="ivideogpt-1to15",
    n_past=1,
    horizon=15,
    every=0,
    samples=100,
    metrics=(
        counting_context(psnr.PLUS_EPSILON, frames=1, perfect=80.0),
        counting_context(ssim.METRIC, frames=1, perfect=1.0),
    ),
    about="1 > 15 frames from the first, best of 100 samples by each metric, the context frame "
    "counted; PSNR of each frame, Gaussian SSIM",
    aggregation=Aggregation.BEST_OF_EACH,
    demanding=(counting_context(lpips.VGG16, frames=1, perfect=0.0), fvd.WITH_CONTEXT),
    source="github.com/thuml/iVideoGPT: train_gpt.py evaluate, ivideogpt/utils/video_metric.py",
)
