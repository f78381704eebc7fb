"""`joints_kept`: the share of a dancer's joints whose surroundings are right.

A joint counts as right if the 5 x 5 pixels around it have a PSNR of at least 20 dB. Worlds that log
joints have it.

Letters: B clips, N samples, S predicted frames, K context frames, J joints, C channels, H height, W
    width.
"""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from ._metric import Metric
from ._world_truth import WorldTruth, squared_error

_SIDE = 5
_MOST_ERROR = 0.01  # mean squared error of 20 dB


def _of_frames(samples: Tensor, truth: Tensor, context: Tensor, world: WorldTruth) -> Tensor | None:
    """The share of joints in each frame: [B, N, S]."""
    if world.joints is None:
        return None
    error = squared_error(samples, truth)
    around = F.avg_pool2d(
        error.flatten(0, 1), _SIDE, stride=1, padding=_SIDE // 2, count_include_pad=False
    )
    height, width = error.shape[-2:]
    places = world.joints[:, context.shape[1] :].round().long()  # [B, S, J, 2], x and y
    index = places[..., 1].clamp(0, height - 1) * width + places[..., 0].clamp(0, width - 1)
    index = index[:, None].expand(-1, samples.shape[1], -1, -1).flatten(0, 1)
    of_joints = around.flatten(2).gather(2, index)
    return (of_joints <= _MOST_ERROR).float().mean(2).view(error.shape[:3])


METRIC = Metric(
    "joints_kept", "joints kept", "", True, 3, _of_frames, uses_world=True, least=0.0, most=1.0
)
