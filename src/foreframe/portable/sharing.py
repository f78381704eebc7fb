"""One file of weights for several ONNX graphs.

Weights that half precision holds exactly are stored so, and are cast where they are loaded: the
graphs compute in float32.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..runtime.digests import digest
from .manifest import WEIGHTS

Array = NDArray[Any]

_SMALLEST = 256  # numbers in a tensor that is worth a place in the file
_ALIGNED = 64  # bytes


@dataclass
class Weights:
    """The file of weights, as it grows: equal tensors have one place in it."""

    content: bytearray = field(default_factory=bytearray)
    places: dict[str, tuple[int, int]] = field(default_factory=dict)

    def place(self, values: bytes) -> tuple[int, int]:
        """Return the offset and length of values in the file; they are added if they are new."""
        key = digest(values)
        if key not in self.places:
            self.content.extend(b"\0" * (-len(self.content) % _ALIGNED))
            self.places[key] = (len(self.content), len(values))
            self.content.extend(values)
        return self.places[key]

    def take(self, model: Any) -> None:
        """Move the large tensors of a graph into the file."""
        from onnx import TensorProto, helper

        casts = []
        for tensor in model.graph.initializer:
            values = _large(tensor)
            if values is None:
                continue
            if (half := _exact_half(values)) is not None:
                stored = f"{tensor.name}.half"
                casts.append(
                    helper.make_node("Cast", [stored], [tensor.name], to=TensorProto.FLOAT)
                )
                tensor.name, tensor.data_type, values = stored, TensorProto.FLOAT16, half
            self._move(tensor, values)
        nodes = [*casts, *model.graph.node]
        del model.graph.node[:]
        model.graph.node.extend(nodes)
        _strip(model)

    def _move(self, tensor: Any, values: Array) -> None:
        """Move the values of a tensor into the file, and say in the tensor where they are."""
        from onnx import TensorProto

        offset, length = self.place(values.tobytes())
        for where in ("raw_data", "float_data", "external_data"):
            tensor.ClearField(where)
        tensor.data_location = TensorProto.EXTERNAL
        for key, value in (("location", WEIGHTS), ("offset", offset), ("length", length)):
            tensor.external_data.add(key=key, value=str(value))


def _large(tensor: Any) -> Array | None:
    """Return the values of a tensor that is worth a place in the file, else None."""
    from onnx import numpy_helper

    values: Array = numpy_helper.to_array(tensor)
    return values if values.dtype == np.float32 and values.size >= _SMALLEST else None


def _exact_half(values: Array) -> Array | None:
    """Return values in half precision if that loses nothing, else None."""
    with np.errstate(over="ignore"):
        half = values.astype(np.float16)
    return half if np.array_equal(half.astype(np.float32), values) else None


def _strip(model: Any) -> None:
    """Remove what the exporter notes of its source files."""
    del model.metadata_props[:]
    for node in model.graph.node:
        del node.metadata_props[:]
        node.doc_string = ""
    for value in (*model.graph.value_info, *model.graph.input, *model.graph.output):
        del value.metadata_props[:]
        value.doc_string = ""
