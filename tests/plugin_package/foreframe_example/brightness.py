"""`brightness`: how far the mean brightness of a predicted frame is from the true one."""

from torch import Tensor

from foreframe.metrics import Metric


def brightness(samples: Tensor, truth: Tensor, context: Tensor) -> Tensor:
    """Return the absolute difference of mean values: [B, N, S, C, H, W] -> [B, N, S]."""
    return (samples.mean((3, 4, 5)) - truth[:, None].mean((3, 4, 5))).abs()


METRIC = Metric("brightness", "brightness error", "", False, 3, brightness)
