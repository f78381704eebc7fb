"""A folder of static files that drives a model in the browser.

It has the page of `foreframe play`; in the place of a server, a worker runs the graphs.

Letters: T frames, C channels, H height, W width.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import serve
from ..runtime.files import atomic_write
from ..serve.connection import FULL_SPREAD
from ..serve.describing import described, thumbnail, track
from ..serve.messages import SAMPLES
from ..simulate import Simulator
from ..simulate.starts import Start
from ..state_head import StateHead
from .vendoring import Runtime

SIMULATORS, RUNTIME = "simulators.json", "runtime"
_FOLDER = "simulators"
_MOST_ROWS = 120  # frames of a clip to begin from, whose recording is shown beside
_PAGES = (Path(serve.__file__).with_name("page"), Path(__file__).with_name("page"))
PAGE_FILES = {file.name: file for folder in _PAGES for file in folder.iterdir() if file.is_file()}
SITE_FILES = (*PAGE_FILES, SIMULATORS, _FOLDER, RUNTIME)


@dataclass(frozen=True)
class Site:
    """The page of a simulator.

    Attributes:
        simulator: the model with clips to begin from.
        starts: the number of clips.
        runtime: what runs the graphs in the browser.
    """

    simulator: Simulator
    starts: int
    runtime: Runtime

    def place(self, folder: Path) -> Path:
        """Return the folder for the graphs."""
        return folder / _FOLDER / self.simulator.name

    def write(self, folder: Path) -> None:
        """Write everything but the graphs."""
        for name, file in PAGE_FILES.items():
            atomic_write(folder / name, file.read_bytes())
        self.runtime.write(folder / RUNTIME)
        chosen, draws = self._chosen(), _draws_skeletons(self.simulator)
        clips = folder / _FOLDER / self.simulator.name / "starts"
        for to, number in enumerate(chosen):
            start = self.simulator.starts[number]
            atomic_write(clips / f"{to}.png", thumbnail(self.simulator, number))
            atomic_write(clips / f"{to}.bin.gz", _packed(start, self.simulator.by_pictures))
            atomic_write(clips / f"{to}.json", _plain(self._track(number, draws)))
        found = {
            "simulators": [self._described(chosen)],
            "samples": SAMPLES,
            "formats": [],
            "full_spread": FULL_SPREAD,
        }
        atomic_write(folder / SIMULATORS, _plain(found))

    def _chosen(self) -> list[int]:
        """Return the numbers of evenly spaced clips."""
        there = len(self.simulator.starts)
        spread = np.linspace(0, there - 1, min(self.starts, there)).round()
        return [int(number) for number in np.unique(spread)]

    def _described(self, chosen: list[int]) -> dict[str, Any]:
        """Return what the page and the worker need to know of the simulator."""
        simulator = self.simulator
        told, spec, head = described(simulator), simulator.spec, simulator.head
        channels, height, width = spec.frame
        return {
            **told,
            "act_ms": None,
            "starts": [
                {"name": start.name, "rows": min(len(start), _MOST_ROWS)}
                for start in (simulator.starts[number] for number in chosen)
            ],
            "frame_shape": [channels, height, width],
            "pixels": 3 * height * width,
            "condition": list(spec.condition),
            "steered": simulator.steered,
            "head": head_for_page(head) if head else None,
        }

    def _track(self, number: int, draws: bool) -> dict[str, Any]:
        """Return a clip's actions, conditions, and joints if the page can draw their labels."""
        found = {name: rows[:_MOST_ROWS] for name, rows in track(self.simulator, number).items()}
        if not draws and found.pop("joints", None) is not None:
            found["joints"] = []  # the recorded labels can be followed, and no others drawn
        if self.simulator.by_pictures:
            return found
        conditions = self.simulator.starts[number].conditions[:_MOST_ROWS]
        return {**found, "conditions": conditions.tolist()}


def head_for_page(head: StateHead) -> dict[str, Any]:
    """Return the numbers of a head as `states.js` takes them."""
    told = head.to_dict()
    mean, std = told["scale"]
    return {"indices": told["indices"], "mean": mean, "std": std, "weights": told["weights"]}


def _draws_skeletons(simulator: Simulator) -> bool:
    """Return whether the labels of a simulator are skeletons as the page draws them."""
    joints = simulator.starts[0].joints
    if joints is None or not simulator.steering.get("joints"):
        return False
    from ..data.worlds.dance import skeleton

    _, height, width = simulator.spec.condition
    drawn = torch.tensor(skeleton.draw(joints[0], height, width)).movedim(-1, 0)
    return torch.equal(drawn, simulator.label(joints[0]))


def _packed(start: Start, by_pictures: bool) -> bytes:
    """Return the frames [T, H, W, 3] of a clip, and its label images [T, C, H, W], compressed."""
    frames = start.frames[:_MOST_ROWS].movedim(1, -1)
    if frames.shape[-1] == 1:
        frames = frames.expand(*frames.shape[:-1], 3)
    content = frames.contiguous().numpy().tobytes()
    if by_pictures:
        content += start.conditions[:_MOST_ROWS].contiguous().numpy().tobytes()
    return gzip.compress(content, 9, mtime=0)


def _plain(values: Mapping[str, Any]) -> str:
    return json.dumps(values, separators=(",", ":")) + "\n"
