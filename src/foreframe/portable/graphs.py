"""Write the parts of a model as ONNX graphs.

Letters: N futures, K context frames, C channels, H height, W width, A condition, Z latent.
"""

from __future__ import annotations

import contextlib
import importlib.util
import logging
import warnings
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils._pytree import tree_flatten

from ..errors import ForeframeError, InputError
from ..model import Model
from ..runtime.files import atomic_write
from .manifest import DECODER, ENCODER, STEP, WEIGHTS, Graph, Place
from .parts import Decoder, Encoder, Step, Tensors, feeds_back, prepare
from .sharing import Weights

OPSET = 20  # the first with all modes of GridSample
_MOST_FUTURES = 4096


@dataclass(frozen=True)
class _Input:
    """An argument of a part, with an example.

    Attributes:
        name: its name; several tensors are numbered.
        example: a tensor or several; None for what this model does not have.
        rows: whether there is a row for each future.
    """

    name: str
    example: Tensor | Tensors | None
    rows: bool = True

    @property
    def value(self) -> Tensor | Tensors | None:
        """What the part is given: None for no tensors at all."""
        return None if isinstance(self.example, tuple) and not self.example else self.example

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its tensors in the graph."""
        if isinstance(self.value, tuple):
            return _numbered(self.name, self.value)
        return () if self.value is None else (self.name,)

    def shapes(self, futures: Any) -> Any:
        """Which dimensions may differ from call to call."""
        each = {0: futures} if self.rows else {}
        if isinstance(self.value, tuple):
            return tuple(each for _ in self.value)
        return None if self.value is None else each


@dataclass(frozen=True)
class _Graph:
    """A part with its inputs, and the names of its outputs in order."""

    part: nn.Module
    inputs: tuple[_Input, ...]
    results: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """The names of its inputs in order."""
        return tuple(name for each in self.inputs for name in each.names)

    @property
    def shapes(self) -> tuple[Any, ...]:
        """Which dimensions of each input may differ from call to call."""
        futures = torch.export.Dim("futures", min=1, max=_MOST_FUTURES)
        return tuple(each.shapes(futures) for each in self.inputs)

    @torch.no_grad()
    def tried(self) -> Any:
        """Return what the part makes of its examples."""
        return self.part(*(each.value for each in self.inputs))


def require_packages() -> None:
    """Check that graphs can be written and run.

    Raises:
        InputError: a package is not installed.
    """
    for name in ("onnx", "onnxscript", "onnxruntime"):
        if importlib.util.find_spec(name) is None:
            raise InputError(
                f"an export needs the package {name}, which is not installed: "
                "pip install 'foreframe[onnx]'"
            )


def write_graphs(model: Model, n_past: int, folder: Path) -> dict[str, Graph]:
    """Write `encoder.onnx`, `step.onnx`, `decoder.onnx` and their weights into a folder.

    Returns:
        The inputs and outputs of each graph, by its file.

    Raises:
        ForeframeError: PyTorch cannot export this model.
    """
    weights, written = Weights(), {}
    for file, graph in _parts(prepare(model), n_past).items():
        made = _exported(graph, file)
        weights.take(made)
        atomic_write(folder / file, made.SerializeToString())
        written[file] = Graph(_places(made.graph.input), _places(made.graph.output))
    atomic_write(folder / WEIGHTS, bytes(weights.content))
    return written


def _places(values: Any) -> tuple[Place, ...]:
    """Return the inputs or outputs of a graph."""
    from onnx import helper

    found = []
    for value in values:
        kind = value.type.tensor_type
        shape = tuple(d.dim_param or d.dim_value for d in kind.shape.dim)
        dtype = helper.tensor_dtype_to_np_dtype(kind.elem_type)
        found.append(Place(value.name, shape, str(dtype)))
    return tuple(found)


def _parts(model: Model, n_past: int) -> dict[str, _Graph]:
    """Return the three graphs; what one makes is the example for the next."""
    encodes, latents = feeds_back(model), model.latent_shapes
    context = tuple(torch.zeros(1, n_past - 1, *shape) for shape in latents if n_past > 1)
    seen = (
        _Input("frames", torch.zeros(1, n_past, *model.spec.frame), rows=False),
        _Input("conditions", torch.zeros(1, n_past, *model.spec.condition), rows=False),
        _Input("noise", context, rows=False),
    )
    encoder = Encoder(model, n_past)
    state, previous, skips = _Graph(encoder, seen, ()).tried()
    states = _numbered("state", state)
    stepped = (
        _Input("state", tuple(map(_several, state))),
        _Input("previous", _several(previous)),
        _Input("fed", None if encodes else torch.tensor(True), rows=False),
        _Input("condition", _several(torch.zeros(1, *model.spec.condition))),
        _Input("noise", tuple(_several(torch.zeros(1, *shape)) for shape in latents)),
    )
    step = Step(model, tree_flatten(model.initial(previous))[1])
    _, code, embedded = _Graph(step, stepped, ()).tried()
    decoded = (
        _Input("code", code),
        _Input("embedded", embedded),
        _Input("skip", skips, rows=False),
    )
    drawn = ("frames", "next_previous") if encodes else ("frames",)
    return {
        ENCODER: _Graph(encoder, seen, (*states, "previous", *_numbered("skip", skips))),
        STEP: _Graph(step, stepped, (*(f"next_{name}" for name in states), "code", "embedded")),
        DECODER: _Graph(Decoder(model, encodes), decoded, drawn),
    }


def _several(tensor: Tensor) -> Tensor:
    return torch.cat([tensor] * 3)


def _numbered(name: str, tensors: Tensors) -> tuple[str, ...]:
    return tuple(f"{name}_{number}" for number in range(len(tensors)))


def _exported(graph: _Graph, file: str) -> Any:
    """Return a part as an ONNX model."""
    with _quiet(), torch.no_grad():
        try:
            program = torch.onnx.export(
                graph.part.eval(),
                tuple(each.value for each in graph.inputs),
                dynamo=True,
                opset_version=OPSET,
                dynamic_shapes=graph.shapes,
                input_names=graph.names,
                output_names=graph.results,
                verbose=False,
            )
        except torch.onnx.OnnxExporterError as error:
            raise ForeframeError(
                f"{file} cannot be written: PyTorch does not export an operation of this model "
                f"({_first_line(error)})"
            ) from error
    assert program is not None
    return program.model_proto


def _first_line(error: BaseException) -> str:
    cause = error.__cause__ or error
    return (str(cause).strip().splitlines() or [type(cause).__name__])[0][:200]


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Leave out what PyTorch's exporter says of itself."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
