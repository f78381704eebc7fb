"""The scores of a model and its baselines on every clip of a split.

Letters: B clips of a batch, M clips in all, N samples, S predicted frames, C channels, H height, W width.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..clips import Clip, to_float
from ..data.windows import Windows
from ..metrics.bootstrap import interval
from ..metrics.ssim import ssim
from ..model import Model
from ..noise import Noise
from .predicting import clip_seeds, reconstructed, sampled
from .protocols import Metric, Protocol

Array = NDArray[Any]

_CLIPS_AT_ONCE = 16
_ACTIVE_NATS = 0.01  # a latent dimension whose mean KL is above this is in use
_ROUNDED = 4


@dataclass
class Tally:
    """Per-clip, per-frame scores [B, N, S], gathered batch by batch under a name."""

    values: dict[str, list[Array]] = field(default_factory=dict)

    def add(self, name: str, scores: Tensor) -> None:
        self.values.setdefault(name, []).append(scores.cpu().double().numpy())

    def of(self, name: str) -> Array:
        return np.concatenate(self.values[name])


@torch.no_grad()
def score(
    model: Model,
    baselines: dict[str, Model],
    windows: Windows,
    protocol: Protocol,
    n_past: int,
    samples: int,
    seed: int,
    device: torch.device,
    advance: Callable[[int], None] = lambda count: None,
) -> dict[str, Any]:
    """Scores as JSON values: `scores`, `best_of`, `baselines`, `controls`, `latent`. Every window counts once.

    Args:
        model: in evaluation mode, on `device`.
        baselines: models without randomness, by name.
        windows: the clips.
        protocol: which PSNR.
        n_past: context frames of each clip.
        samples: N, futures drawn for each clip.
        seed: of the noise.
        device: where to compute.
        advance: told the number of clips after each batch.
    """
    tally, nats = Tally(), []
    for begin in range(0, len(windows), _CLIPS_AT_ONCE):
        indices = list(range(begin, min(begin + _CLIPS_AT_ONCE, len(windows))))
        clip = windows.clips(indices).to(device)
        truth = to_float(clip.frames[:, n_past:])
        seeds = clip_seeds(seed, indices)
        futures = sampled(model, clip, n_past, Noise(seeds, samples))
        _compare(tally, "model", futures, truth, protocol.psnr)
        for name, other in baselines.items():
            _compare(tally, name, sampled(other, clip, n_past, Noise(seeds)), truth, protocol.psnr)
        given, made = reconstructed(model, clip, n_past, Noise(seeds))
        _compare(tally, "posterior", given[:, None], truth, protocol.psnr)
        for name, conditions in _controls(clip.conditions, windows, indices).items():
            blind = sampled(model, Clip(clip.frames, conditions.to(device)), n_past, Noise(seeds))
            tally.add(f"{name} psnr", protocol.psnr(blind, truth[:, None]))
        tally.add("deviation", futures.var(1).flatten(2).mean(2).sqrt() if samples > 1 else torch.zeros(1, 1))
        nats.append(_nats(made, n_past))
        advance(len(indices))
    return _summary(tally, np.concatenate(nats), samples, [*baselines, "posterior"])


def _compare(tally: Tally, name: str, futures: Tensor, truth: Tensor, psnr: Metric) -> None:
    tally.add(f"{name} psnr", psnr(futures, truth[:, None]))
    tally.add(f"{name} ssim", ssim(futures, truth[:, None]))


def _controls(conditions: Tensor, windows: Windows, indices: list[int]) -> dict[str, Tensor]:
    """Conditions of another clip (half the split away), and none: a model that uses its conditions gets worse with both."""
    if conditions.shape[2:].numel() == 0 or len(windows) < 2:
        return {}
    away = [(i + len(windows) // 2) % len(windows) for i in indices]
    mean = torch.tensor(windows.store.clip_spec(windows.columns).mean or [0.0])
    return {
        "conditions_shuffled": windows.clips(away).conditions,
        "conditions_zeroed": torch.zeros_like(conditions.cpu()) + mean,
    }


def _nats(made: Any, n_past: int) -> Array:
    """KL of each future step and latent dimension: [B * S, Z]; no columns where there is no latent."""
    steps = list(zip(made.posteriors, made.priors, strict=True))[n_past - 1 :]
    rows = [
        torch.cat([q.kl_per_dimension(p).flatten(1) for q, p in zip(posterior, prior, strict=True)], 1)
        for posterior, prior in steps
        if posterior
    ]
    return torch.cat(rows).cpu().double().numpy() if rows else np.zeros((1, 0))


def _summary(tally: Tally, nats: Array, samples: int, baselines: list[str]) -> dict[str, Any]:
    psnr = tally.of("model psnr")
    best = np.take_along_axis(psnr, psnr.mean(2).argmax(1)[:, None, None], 1)
    ssims = tally.of("model ssim")
    best_ssim = np.take_along_axis(ssims, ssims.mean(2).argmax(1)[:, None, None], 1)
    posterior = tally.of("posterior psnr").mean()
    found: dict[str, Any] = {
        "scores": {"psnr": figure(psnr), "ssim": figure(ssims)},
        "best_of": {"samples": samples, "psnr": figure(best), "ssim": figure(best_ssim)},
        "baselines": {n: {m: figure(tally.of(f"{n} {m}")) for m in ("psnr", "ssim")} for n in baselines},
        "controls": {
            name.removesuffix(" psnr"): {"psnr": figure(tally.of(name))}
            for name in tally.values
            if name.startswith("conditions")
        },
        "latent": {
            "rate_nats_per_frame": round(float(nats.sum(1).mean()), _ROUNDED),
            "active_dimensions": int((nats.mean(0) > _ACTIVE_NATS).sum()),
            "dimensions": nats.shape[1],
            "posterior_minus_prior_psnr": round(float(posterior - psnr.mean()), _ROUNDED),
            "deviation_of_samples": round(float(tally.of("deviation").mean()), _ROUNDED + 2),
        },
    }
    copy = tally.of("copy_last psnr").mean((1, 2)) if "copy_last" in baselines else None
    if copy is not None:
        found["above_copy_last"] = _interval(psnr.mean((1, 2)) - copy)
    return found


def figure(scores: Array) -> dict[str, Any]:
    """Mean over clips with its 95 % interval, and per frame, of scores [M, N, S]."""
    return {**_interval(scores.mean((1, 2))), "per_frame": [round(float(v), _ROUNDED) for v in scores.mean((0, 1))]}


def _interval(per_clip: Array) -> dict[str, float]:
    mean, low, high = interval(per_clip)
    return {"mean": round(mean, _ROUNDED), "low": round(low, _ROUNDED), "high": round(high, _ROUNDED)}
