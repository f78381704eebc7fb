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
from ..rollouts import Rollout
from .predicting import clip_seeds, reconstructed, sampled
from .protocols import Metric, Protocol

Array = NDArray[Any]

_FRAMES_AT_ONCE = 192  # of all clips that are scored together, at least one clip
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
    """Scores as JSON values: `scores`, `best_of`, `baselines`, `controls`, `latent`, `per_clip`. Every window counts once.

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
    tally, nats = Tally(), Nats()
    at_once = max(1, _FRAMES_AT_ONCE // windows.length)
    for begin in range(0, len(windows), at_once):
        indices = list(range(begin, min(begin + at_once, len(windows))))
        clip = windows.clips(indices).to(device)
        truth = to_float(clip.frames[:, n_past:])
        seeds = clip_seeds(seed, indices)
        futures = sampled(model, clip, n_past, Noise(seeds, samples))
        _compare(tally, "model", futures, truth, protocol.psnr)
        for name, other in baselines.items():
            _compare(tally, name, sampled(other, clip, n_past, Noise(seeds)), truth, protocol.psnr)
        tally.add("deviation", futures.var(1).flatten(2).mean(2).sqrt() if samples > 1 else torch.zeros(1, 1))
        if protocol.controls:
            given, made = reconstructed(model, clip, n_past, Noise(seeds))
            _compare(tally, "posterior", given[:, None], truth, protocol.psnr)
            nats.add(made, n_past)
            for name, conditions in _controls(clip.conditions, windows, indices).items():
                blind = sampled(model, Clip(clip.frames, conditions.to(device)), n_past, Noise(seeds))
                tally.add(f"{name} psnr", protocol.psnr(blind, truth[:, None]))
        advance(len(indices))
    found = _summary(tally, samples, list(baselines))
    if protocol.controls:
        found["baselines"]["posterior"] = {m: figure(tally.of(f"posterior {m}")) for m in ("psnr", "ssim")}
        gap = float(tally.of("posterior psnr").mean() - tally.of("model psnr").mean())
        found["latent"] |= {**nats.summary(), "posterior_minus_prior_psnr": round(gap, _ROUNDED)}
    places = [windows.place(index) for index in range(len(windows))]
    per_clip = tally.of("model psnr").mean((1, 2))
    found["per_clip"] = [
        {"episode": episode.name, "first_frame": first, "psnr": round(float(value), _ROUNDED)}
        for (episode, first), value in zip(places, per_clip, strict=True)
    ]
    return found


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


class Nats:
    """The KL of future steps, summed up for each latent dimension."""

    def __init__(self) -> None:
        self.total, self.steps = np.zeros(0), 0

    def add(self, made: Rollout, n_past: int) -> None:
        """A rollout that saw its clips whole."""
        for posterior, prior in list(zip(made.posteriors, made.priors, strict=True))[n_past - 1 :]:
            levels = [q.kl_per_dimension(p).flatten(1) for q, p in zip(posterior or (), prior, strict=True)]
            if levels:
                rows = torch.cat(levels, 1).cpu().double().numpy()
                self.total = rows.sum(0) + (self.total if len(self.total) else 0.0)
                self.steps += len(rows)

    def summary(self) -> dict[str, Any]:
        mean = self.total / max(self.steps, 1)
        return {
            "rate_nats_per_frame": round(float(mean.sum()), _ROUNDED),
            "active_dimensions": int((mean > _ACTIVE_NATS).sum()),
            "dimensions": len(mean),
        }


def _summary(tally: Tally, samples: int, baselines: list[str]) -> dict[str, Any]:
    psnr, ssims = tally.of("model psnr"), tally.of("model ssim")
    best, best_ssim = (np.take_along_axis(s, s.mean(2).argmax(1)[:, None, None], 1) for s in (psnr, ssims))
    found: dict[str, Any] = {
        "scores": {"psnr": figure(psnr), "ssim": figure(ssims)},
        "best_of": {"samples": samples, "psnr": figure(best), "ssim": figure(best_ssim)},
        "baselines": {n: {m: figure(tally.of(f"{n} {m}")) for m in ("psnr", "ssim")} for n in baselines},
        "controls": {
            name.removesuffix(" psnr"): {"psnr": figure(tally.of(name))}
            for name in tally.values
            if name.startswith("conditions")
        },
        "latent": {"deviation_of_samples": round(float(tally.of("deviation").mean()), _ROUNDED + 2)},
    }
    for name in baselines:
        other = tally.of(f"{name} psnr").mean((1, 2))
        found[f"above_{name}"] = _interval(psnr.mean((1, 2)) - other)
    return found


def figure(scores: Array) -> dict[str, Any]:
    """Mean over clips with its 95 % interval, and per frame, of scores [M, N, S]."""
    return {**_interval(scores.mean((1, 2))), "per_frame": [round(float(v), _ROUNDED) for v in scores.mean((0, 1))]}


def _interval(per_clip: Array) -> dict[str, float]:
    mean, low, high = interval(per_clip)
    return {"mean": round(mean, _ROUNDED), "low": round(low, _ROUNDED), "high": round(high, _ROUNDED)}
