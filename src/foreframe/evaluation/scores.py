"""The scores of a model and its baselines on every clip of a split.

Letters: B clips of a batch, M clips in all, N samples, S predicted frames, C channels, H height, W width.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from ..clips import Batch, to_float
from ..data.windows import Windows
from ..metrics.bootstrap import interval
from ..metrics.ssim import ssim
from ..model import Model
from ..noise import Noise, clip_seeds
from ..rollouts import Rollout
from .cache import ScoreCache
from .predicting import reconstruct, sample_futures
from .protocol import Metric, Protocol

Array = NDArray[Any]

_FRAMES_AT_ONCE = 192  # of all clips that are scored together, at least one clip
_ACTIVE_NATS = 0.01  # a latent dimension whose mean KL is above this is in use
_ROUNDED = 4
_NATS = "nats"


class Tally:
    """Per-clip, per-frame scores [B, N, S] of each batch under a name."""

    def __init__(self, batches: Sequence[Mapping[str, Array]]) -> None:
        self.batches = batches

    def of(self, name: str) -> Array:
        return np.concatenate([batch[name] for batch in self.batches])

    def names(self) -> list[str]:
        return list(self.batches[0])


def score(
    model: Model,
    baselines: dict[str, Model],
    windows: Windows,
    protocol: Protocol,
    n_past: int,
    samples: int,
    seed: int,
    device: torch.device,
    kept: ScoreCache,
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
        kept: where scores of batches that are done stay until all are.
        advance: told the number of clips after each batch.
    """
    at_once, batches = max(1, _FRAMES_AT_ONCE // windows.length), []
    for begin in range(0, len(windows), at_once):
        indices = list(range(begin, min(begin + at_once, len(windows))))
        work = functools.partial(
            _batch, model, baselines, windows, indices, protocol, n_past, samples, seed, device
        )
        batches.append(kept.get(f"{begin:07d}", work))
        advance(len(indices))
    tally = Tally(batches)
    found = _summary(tally, samples, list(baselines))
    if protocol.controls:
        found["baselines"]["posterior"] = {
            m: figure(tally.of(f"posterior {m}")) for m in ("psnr", "ssim")
        }
        gap = float(tally.of("posterior psnr").mean() - tally.of("model psnr").mean())
        found["latent"] |= {
            **_latent(tally.of(_NATS)),
            "posterior_minus_prior_psnr": round(gap, _ROUNDED),
        }
    places = [windows.place(index) for index in range(len(windows))]
    per_clip = tally.of("model psnr").mean((1, 2))
    found["per_clip"] = [
        {"episode": episode.name, "first_frame": first, "psnr": round(float(value), _ROUNDED)}
        for (episode, first), value in zip(places, per_clip, strict=True)
    ]
    return found


@torch.no_grad()
def _batch(
    model: Model,
    baselines: dict[str, Model],
    windows: Windows,
    indices: list[int],
    protocol: Protocol,
    n_past: int,
    samples: int,
    seed: int,
    device: torch.device,
) -> dict[str, Array]:
    """All that is measured of some clips: scores [B, N, S] by name, and the KL of each future step [R, Z]."""
    clip, seeds = windows.clips(indices).to(device), clip_seeds(seed, indices)
    truth = to_float(clip.frames[:, n_past:])
    futures = sample_futures(model, clip, n_past, Noise(seeds, samples))
    found = _compared("model", futures, truth, protocol.psnr)
    for name, other in baselines.items():
        found |= _compared(
            name, sample_futures(other, clip, n_past, Noise(seeds)), truth, protocol.psnr
        )
    found["deviation"] = (
        futures.var(1).flatten(2).mean(2).sqrt() if samples > 1 else torch.zeros(1, 1)
    )
    if protocol.controls:
        given, made = reconstruct(model, clip, n_past, Noise(seeds))
        found |= _compared("posterior", given[:, None], truth, protocol.psnr)
        found[_NATS] = _nats(made, n_past)
        for name, conditions in _controls(clip.conditions, windows, indices).items():
            blind = sample_futures(
                model, Batch(clip.frames, conditions.to(device)), n_past, Noise(seeds)
            )
            found[f"{name} psnr"] = protocol.psnr(blind, truth[:, None])
    return {name: scores.cpu().double().numpy() for name, scores in found.items()}


def _compared(name: str, futures: Tensor, truth: Tensor, psnr: Metric) -> dict[str, Tensor]:
    return {
        f"{name} psnr": psnr(futures, truth[:, None]),
        f"{name} ssim": ssim(futures, truth[:, None]),
    }


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


def _nats(made: Rollout, n_past: int) -> Tensor:
    """The KL of each future step of each clip, by latent dimension, from a rollout that saw its clips whole: [R, Z]."""
    rows = []
    for posterior, prior in list(zip(made.posteriors, made.priors, strict=True))[n_past - 1 :]:
        levels = [
            q.kl_per_dimension(p).flatten(1) for q, p in zip(posterior or (), prior, strict=True)
        ]
        rows += [torch.cat(levels, 1)] if levels else []
    return torch.cat(rows) if rows else torch.zeros(1, 0)


def _latent(nats: Array) -> dict[str, Any]:
    """How much the latent is used, from the KL of steps [R, Z]."""
    mean = nats.mean(0)
    return {
        "rate_nats_per_frame": round(float(mean.sum()), _ROUNDED),
        "active_dimensions": int((mean > _ACTIVE_NATS).sum()),
        "dimensions": len(mean),
    }


def _summary(tally: Tally, samples: int, baselines: list[str]) -> dict[str, Any]:
    psnr, ssims = tally.of("model psnr"), tally.of("model ssim")
    best, best_ssim = (
        np.take_along_axis(s, s.mean(2).argmax(1)[:, None, None], 1) for s in (psnr, ssims)
    )
    found: dict[str, Any] = {
        "scores": {"psnr": figure(psnr), "ssim": figure(ssims)},
        "best_of": {"samples": samples, "psnr": figure(best), "ssim": figure(best_ssim)},
        "baselines": {
            n: {m: figure(tally.of(f"{n} {m}")) for m in ("psnr", "ssim")} for n in baselines
        },
        "controls": {
            name.removesuffix(" psnr"): {"psnr": figure(tally.of(name))}
            for name in tally.names()
            if name.startswith("conditions")
        },
        "latent": {
            "deviation_of_samples": round(float(tally.of("deviation").mean()), _ROUNDED + 2)
        },
    }
    for name in baselines:
        other = tally.of(f"{name} psnr").mean((1, 2))
        found[f"above_{name}"] = _interval(psnr.mean((1, 2)) - other)
    return found


def figure(scores: Array) -> dict[str, Any]:
    """Mean over clips with its 95 % interval, and per frame, of scores [M, N, S]."""
    return {
        **_interval(scores.mean((1, 2))),
        "per_frame": [round(float(v), _ROUNDED) for v in scores.mean((0, 1))],
    }


def _interval(per_clip: Array) -> dict[str, float]:
    mean, low, high = interval(per_clip)
    return {
        "mean": round(mean, _ROUNDED),
        "low": round(low, _ROUNDED),
        "high": round(high, _ROUNDED),
    }
