"""Metrics over clips whose context counts too.

Letters: S predicted frames.
"""

from __future__ import annotations

import dataclasses

import numpy as np

from ._metric import Array, Metric


def counting_context(metric: Metric, frames: int, perfect: float) -> Metric:
    """Return the metric as evaluators have it whose tensors hold the context frames.

    A model hands its context through unchanged, so each of these frames has the best value there
    is. Figures of frames stay those of predicted frames.

    Args:
        metric: of single frames.
        frames: of context that count.
        perfect: the value of two identical pictures.

    >>> import torch
    >>> from foreframe.metrics import psnr
    >>> inflated = counting_context(psnr.METRIC, frames=1, perfect=80.0)
    >>> float(inflated.of_clips(np.full((1, 1, 15), 20.0)).item())
    23.75
    """

    def over_frames(values: Array) -> Array:
        total = values.sum(-1) + frames * perfect
        return np.asarray(total / (values.shape[-1] + frames))

    counted = "context frame" if frames == 1 else "context frames"
    return dataclasses.replace(
        metric,
        over_frames=over_frames,
        variant=f"{metric.variant}; {frames} {counted} counted, at {perfect:g} each",
    )
