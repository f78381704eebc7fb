"""Futures as pictures: truth, reconstruction, the best sample, three samples, and where the samples
disagree.

Where the conditions are label images they are shown, and the prediction's error beside them.

Letters: N samples, T frames, H height, W width, C channels.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from .. import models
from ..clips import Batch, to_float, to_uint8
from ..data.mixtures import MixedWindows
from ..data.store import ClipStore
from ..data.windows import Windows
from ..errors import InputError
from ..metrics import Metric
from ..model import Model
from ..noise import Noise, clip_seeds
from ..runtime import hardware
from ..runtime.progress import progress
from ..viz.captions import short_names
from ..viz.clips import Track, animate, bars, deviation, error
from .evaluating import check_data, clip_windows
from .imagining import Imagined, save_episodes
from .predicting import reconstruct, sample_futures
from .protocol import find_protocol

Array = NDArray[Any]

_SHOWN_CLIPS, _SHOWN_SAMPLES, _SHOWN_TRUE = 6, 3, 2
_NOT_IN_STRIPS = ("sample 2", "sample 3", "std. deviation")


def sample(
    run: str | Path,
    data: str | Path,
    out: str | Path | None = None,
    clips: tuple[int, ...] | None = None,
    samples: int = 20,
    split: str = "test",
    protocol: str = "foreframe",
    seed: int = 0,
    format: Literal["webp", "gif", "mp4"] = "webp",  # noqa: A002 - the option's name
    store: str | Path | None = None,
) -> list[Path]:
    """Draw futures of clips: for each an animation and a strip of frames (.png).

    Columns: truth | other true futures, where the store has them | approximate posterior | best of
    the samples | three samples | their per-pixel standard deviation | the conditions.
    Where the conditions are label images: truth | pose | prediction | error | other true futures |
    posterior | standard deviation; without the posterior and the deviation if the protocol scores
    no reconstructions (`lab-pose`: whole sequences).
    Green borders are given frames, red ones are predicted.

    Args:
        run: a run folder.
        data: a clip store.
        out: folder for the pictures; `samples/` in the run by default.
        clips: numbers of the split's clips, as `eval` counts them; an even spread of six by
            default.
        samples: futures drawn for each clip.
        split: train, validate or test.
        protocol: of the clips: {protocols}.
        seed: of the noise.
        format: of the animations: webp (every colour), gif or mp4 (needs PyAV).
        store: a new folder; the futures are also written there as a clip store of imagined
            episodes, which `data export` turns into other formats.

    Raises:
        InputError: not a run, not a store, a clip that does not exist; `store` holds something
            else.
    """
    if samples < 1:
        raise InputError(f"--samples is {samples}; expected at least 1")
    described, recorded = models.describe(run), ClipStore(data)
    model = models.load(run).to(hardware.device())
    check_data(model, recorded, str(run))
    chosen = find_protocol(protocol)
    windows, n_past = clip_windows(described, recorded, split, chosen)
    folder = Path(out) if out else Path(run) / "samples"
    if folder.exists() and not folder.is_dir():
        raise InputError(
            f"{folder} is a file; expected a folder for the pictures: choose another --out"
        )
    wrong = [c for c in clips or () if not 0 <= c < len(windows)]
    if wrong:
        raise InputError(
            f"--clips {wrong[0]}: split {split!r} of {recorded.path} has clips "
            f"0 to {len(windows) - 1}"
        )
    spread = np.linspace(0, len(windows) - 1, _SHOWN_CLIPS).round().astype(int)
    shown = clips or tuple(int(i) for i in np.unique(spread))
    if store is not None:
        drawn = Imagined(model, windows, shown, n_past, samples, seed)
        save_episodes(drawn, Path(store), {"run": Path(run).resolve().name, "split": split})
    rate = recorded.frames_per_second or 5.0
    written = []
    with progress("drawing", len(shown), "clips") as advance:
        for index in shown:
            tracks = futures(
                model,
                windows,
                index,
                n_past,
                samples if chosen.controls else 1,
                seed,
                chosen.ranking(),
                chosen.controls,
            )
            written.append(animate(tracks, folder / f"clip-{index:04d}.{format}", rate))
            rows = [track for track in tracks if track.title not in _NOT_IN_STRIPS]
            animate(rows, folder / f"clip-{index:04d}.png", rate, zoom=1)
            advance(1)
    return written


def futures(
    model: Model,
    windows: Windows | MixedWindows,
    index: int,
    n_past: int,
    samples: int,
    seed: int,
    ranking: Metric,
    posterior: bool = True,
) -> list[Track]:
    """Return the columns of one clip's picture.

    Args:
        model: in evaluation mode.
        windows: the clips.
        index: of the clip.
        n_past: context frames.
        samples: futures to draw.
        seed: of the noise.
        ranking: the metric that tells the best sample.
        posterior: whether to add the posterior's reconstruction, which takes another rollout.
    """
    clip = windows.clips([index]).to(next(iter(model.state_dict().values())).device)
    seeds = clip_seeds(seed, [index])
    drawn = sample_futures(model, clip, n_past, Noise(seeds, samples))[0]
    context = clip.frames[0, :n_past]
    full = [_pictures(torch.cat([context, to_uint8(future)])) for future in drawn]
    before = [Track("truth", _pictures(clip.frames[0]), len(clip.frames[0]))]
    before += _also_true(windows, index, clip.frames[0].cpu(), n_past)
    reconstruction, disagreement = [], []
    if posterior:
        given, _ = reconstruct(model, clip, n_past, Noise(seeds))
        pictures = _pictures(torch.cat([context, to_uint8(given[0])]))
        reconstruction = [Track("posterior", pictures, n_past)]
        disagreement = [Track("std. deviation", deviation(np.stack(full)), n_past)]
    if len(model.spec.condition) == 3:
        pose = Track("pose", _pictures(clip.conditions[0]), len(clip.frames[0]))
        first, score = _best(ranking, drawn[:1], clip.frames[:1], n_past)
        prediction = Track(f"prediction: {score}", full[first], n_past)
        wrong = Track("error", error(before[0].frames, full[0]), n_past)
        return [before[0], pose, prediction, wrong, *before[1:], *reconstruction, *disagreement]
    best, score = _best(ranking, drawn, clip.frames[:1], n_past)
    return [
        *before,
        *reconstruction,
        Track(f"best of {len(full)}: {score}", full[best], n_past),
        *(
            Track(f"sample {n + 1}", frames, n_past)
            for n, frames in enumerate(full[:_SHOWN_SAMPLES])
        ),
        *disagreement,
        *_actions(model, clip),
    ]


def _also_true(
    windows: Windows | MixedWindows, index: int, frames: torch.Tensor, n_past: int
) -> list[Track]:
    """Some of what else could have happened in a clip [T, C, H, W], where the store knows."""
    known = windows.futures(index, n_past)
    if known is None or n_past + known.shape[1] != len(frames):
        return []
    return [
        Track(f"also true {n + 1}", _pictures(torch.cat([frames[:n_past], future])), len(frames))
        for n, future in enumerate(known[:_SHOWN_TRUE])
    ]


def _actions(model: Model, clip: Batch) -> list[Track]:
    """The numbers that were given with each frame, as bars."""
    spec = model.spec
    if len(spec.condition) != 1 or not spec.condition[0]:
        return []
    height, width = spec.frame[1:]
    numbers = clip.conditions[0].cpu().numpy()
    pictures = bars(numbers, spec.low, spec.high, height, width)
    return [Track("conditions", pictures, None, short_names(spec.names))]


def _best(
    metric: Metric, drawn: torch.Tensor, frames: torch.Tensor, n_past: int
) -> tuple[int, str]:
    """The number of the best of samples [N, S, C, H, W] and its score, in words."""
    seen = to_float(frames)
    values = metric.function(drawn[None], seen[:, n_past:], seen[:, :n_past])
    assert values is not None
    scores = metric.figure(metric.of_clips(values.double().cpu().numpy()))[0]
    best = int(scores.argmax() if metric.higher_is_better else scores.argmin())
    return best, f"{scores[best]:.{max(1, metric.digits - 1)}f} {metric.unit}".rstrip()


def _pictures(frames: torch.Tensor) -> Array:
    """uint8 [T, C, H, W] to [T, H, W, C]."""
    return frames.movedim(1, -1).cpu().numpy()
