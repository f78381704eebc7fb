"""What an export says of itself: `manifest.json`, the contract of its graphs."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from ..clips import ClipSpec
from ..errors import InputError
from ..runtime.digests import read_json_with_digest, write_json_with_digest
from ..runtime.files import is_inside
from ..runtime.typed import read_as

MANIFEST, WEIGHTS = "manifest.json", "weights.bin"
ENCODER, STEP, DECODER = GRAPHS = ("encoder.onnx", "step.onnx", "decoder.onnx")
MODEL_FILES = (*GRAPHS, WEIGHTS, MANIFEST)

_SCHEMA = "foreframe.onnx/1"
_WHAT = "an export of foreframe"
CONVENTIONS = {
    "frames": "floats in [0, 1], channels first; divide bytes by 255",
    "conditions": "numbers in raw units, standardised inside the graphs, or label images in [0, 1]",
    "timing": "conditions[t] is all that is known of step t before frame t is seen: the action "
    "that leads to frame t, the state before it, the label of frame t",
    "encoder": "sees n_past frames and their conditions; repeat state_* and previous for N futures",
    "step": "goes from one frame to the next; feed next_state_* back as state_*",
    "fed": "true in the first step after the encoder, false in every later one; where there is no "
    "such input, feed next_previous of the decoder back as previous",
    "noise": "draws of N(0, I), new ones for each step; zeros give the mean of the prior",
    "decoder": "draws the frames of N futures, which share the skips of their clip",
}


@dataclass(frozen=True)
class Place:
    """An input or output of a graph.

    Attributes:
        name: its name.
        shape: its dimensions; "futures" for N, which may differ from call to call.
        dtype: float32 or bool.
    """

    name: str
    shape: tuple[int | str, ...]
    dtype: str


@dataclass(frozen=True)
class Graph:
    """The inputs and outputs of a graph, in order."""

    inputs: tuple[Place, ...]
    outputs: tuple[Place, ...]


@dataclass(frozen=True)
class Check:
    """How the graphs compare with PyTorch.

    Attributes:
        runtime: what ran the graphs.
        frames: the number of frames that were compared.
        largest_difference: of any pixel, of colours in [0, 1].
    """

    runtime: str
    frames: int
    largest_difference: float


@dataclass(frozen=True)
class Manifest:
    """The contract of an export.

    Attributes:
        name: the name of the run.
        model: the kind of model.
        spec: what its clips look like: frame, condition, names, statistics.
        n_past: the number of context frames that the encoder sees.
        horizon: the number of frames that the model was trained to predict.
        feeds_back: whether the decoder's `next_previous` is the next step's `previous`.
        latent_shapes: the shape of each latent level, without the futures.
        graphs: inputs and outputs of each graph, by its file.
        opset: the version of ONNX's operators.
        made_with: versions of what wrote it.
        conventions: units, timing and how the graphs go together, in words.
        checked: how the graphs compare with PyTorch; None before they were.
    """

    name: str
    model: str
    spec: Mapping[str, Any]
    n_past: int
    horizon: int
    feeds_back: bool
    latent_shapes: tuple[tuple[int, ...], ...]
    graphs: Mapping[str, Graph]
    opset: int
    made_with: Mapping[str, str]
    conventions: Mapping[str, str]
    checked: Check | None = None

    @property
    def clip(self) -> ClipSpec:
        """`spec` as a value."""
        return ClipSpec.from_dict(self.spec)

    @property
    def states(self) -> list[str]:
        """The names of the inputs that are the state."""
        return [p.name for p in self.graphs[STEP].inputs if p.name.startswith("state_")]

    @property
    def skips(self) -> list[str]:
        """The names of the inputs that are the skips."""
        return [p.name for p in self.graphs[DECODER].inputs if p.name.startswith("skip_")]

    def write(self, folder: Path) -> Path:
        """Write `manifest.json`."""
        return write_json_with_digest(folder / MANIFEST, {"schema": _SCHEMA, **asdict(self)})


def read_manifest(folder: Path) -> Manifest:
    """Read what an export says of itself.

    Raises:
        InputError: the folder is no export, lacks a file, or was changed.
    """
    found = read_json_with_digest(folder / MANIFEST, _WHAT, _SCHEMA)
    found.pop("schema")
    manifest = read_as(Manifest, found, str(folder / MANIFEST))
    for name in (*GRAPHS, WEIGHTS):
        if not is_inside(folder / name, folder):
            raise InputError(f"{folder / name} is missing; expected {_WHAT}: export again")
    if set(manifest.graphs) != set(GRAPHS):
        raise InputError(
            f"{folder / MANIFEST} describes {', '.join(manifest.graphs)}; "
            f"expected {', '.join(GRAPHS)}: export again"
        )
    return manifest
