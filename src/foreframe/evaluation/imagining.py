"""Sampled futures as episodes of a clip store.

Letters: N samples, T frames, C channels, H height, W width, A condition.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from numpy.typing import NDArray

from ..clips import to_uint8
from ..data.building import build
from ..data.sources.findings import Findings
from ..data.sources.recording import Column, Recording
from ..data.store import ClipStore
from ..data.windows import Windows, by_column
from ..model import Model
from ..noise import Noise, clip_seeds
from ..runtime.digests import digest
from .predicting import sample_futures

Array = NDArray[Any]


@dataclass(frozen=True)
class Imagined:
    """N episodes of each clip: its context, then a future that a model drew.

    Attributes:
        model: in evaluation mode.
        windows: the clips.
        clips: the numbers of those that are gone on from.
        n_past: context frames.
        samples: N.
        seed: of the noise.
        findings: nothing is found of what is imagined.
    """

    model: Model
    windows: Windows
    clips: Sequence[int]
    n_past: int
    samples: int
    seed: int
    findings: Findings = field(default_factory=Findings)
    _latest: dict[int, Array] = field(default_factory=dict, repr=False, compare=False)

    @property
    def columns(self) -> Mapping[str, Column]:
        """The columns that the conditions are made of; a row led to its own frame."""
        found = self.windows.store.columns_of(self.model.spec)
        return {name: dataclasses.replace(column, lag=0) for name, column in found.items()}

    @property
    def frames_per_second(self) -> float | None:
        return self.windows.store.frames_per_second

    def __len__(self) -> int:
        return len(self.clips) * self.samples

    def read(self, index: int) -> Recording:
        """Return episode `index`; the samples of a clip are drawn together, at its first."""
        clip, sample = self.clips[index // self.samples], index % self.samples
        seen = self.windows.clips([clip])
        if clip not in self._latest:
            self._latest.clear()
            self._latest[clip] = self._futures(clip)
        context = seen.frames[0, : self.n_past].movedim(1, -1).numpy()
        episode, first = self.windows.place(clip)
        return Recording(
            f"clip-{clip:04d}-sample-{sample + 1}",
            [*context, *self._latest[clip][sample]],
            by_column(seen.conditions[0].numpy(), self.columns),
            "test",
            {
                "begun_from": episode.name,
                "begun_at_frame": first,
                "imagined_from_frame": self.n_past,
            },
            session=episode.name,
        )

    def _futures(self, clip: int) -> Array:
        """Draw the futures of a clip: uint8 [N, T, H, W, C]."""
        device = next(iter(self.model.state_dict().values())).device
        given = self.windows.clips([clip]).to(device)
        noise = Noise(clip_seeds(self.seed, [clip]), self.samples)
        drawn: torch.Tensor = to_uint8(sample_futures(self.model, given, self.n_past, noise)[0])
        return drawn.movedim(2, -1).cpu().numpy()


def save_episodes(imagined: Imagined, out: Path, source: Mapping[str, Any]) -> ClipStore:
    """Write imagined episodes as a clip store, whole or not at all.

    Args:
        imagined: the episodes.
        out: the new store's folder.
        source: where they come from, for the store's manifest.

    Raises:
        InputError: `out` holds something else.
    """
    weights = [value.cpu().numpy().tobytes() for value in imagined.model.state_dict().values()]
    identity = {
        **source,
        "imagined": list(imagined.clips),
        "samples": imagined.samples,
        "seed": imagined.seed,
        "n_past": imagined.n_past,
        "clip_frames": imagined.windows.length,
        "data": imagined.windows.store.content,
        "model": digest(b"".join(weights)),
    }
    shape = imagined.windows.store.frame_shape
    splits = ["test"] * len(imagined)
    return build(imagined, out, identity, shape, splits, 1, "keeping episodes")
