"""Drive an export with onnxruntime, without PyTorch: a session as `foreframe.Session` is one.

Letters: N futures, K context frames, C channels, H height, W width, A condition, Z latent.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..errors import InputError
from .manifest import DECODER, ENCODER, GRAPHS, STEP, read_manifest

Array = NDArray[Any]


class OnnxSession:
    """Sampling from an export, step by step.

    Attributes:
        manifest: what the export says of itself.
        frames: what was seen last, N futures [N, C, H, W]; after `reset` the last context frame.

    Example:
        >>> session = OnnxSession("exported")                                    # doctest: +SKIP
        >>> session.reset(frames, conditions, futures=4)                          # doctest: +SKIP
        >>> session.act(condition, [rng.standard_normal((4, 8))])                 # doctest: +SKIP
    """

    def __init__(self, folder: str | Path, threads: int = 1) -> None:
        """Open an export.

        Args:
            folder: what `foreframe export --onnx` wrote.
            threads: to compute on.

        Raises:
            InputError: the folder is no export; onnxruntime is not installed.
        """
        self.manifest = read_manifest(Path(folder))
        self._graphs = {name: _opened(Path(folder) / name, threads) for name in GRAPHS}
        self._point: dict[str, Array] = {}

    def reset(
        self,
        frames: Array,
        conditions: Array,
        noise: Sequence[Array] | None = None,
        futures: int = 1,
    ) -> None:
        """Begin after context frames.

        Args:
            frames: the context [K, C, H, W], floats in [0, 1].
            conditions: those of the same frames [K, *A], in raw units.
            noise: N(0, I) for the steps within the context, an array [K - 1, *Z] per latent level;
                zeros by default.
            futures: N, which go on from the same context.

        Raises:
            InputError: other shapes.
        """
        spec, n_past = self.manifest.clip, self.manifest.n_past
        _check("frames", frames, (n_past, *spec.frame))
        _check("conditions", conditions, (n_past, *spec.condition))
        shapes = [(n_past - 1, *shape) for shape in self.manifest.latent_shapes if n_past > 1]
        drawn = [np.zeros(shape) for shape in shapes] if noise is None else noise
        feed = {"frames": frames[None], "conditions": conditions[None]}
        feed |= {f"noise_{level}": values[None] for level, values in enumerate(drawn)}
        seen = self._run(ENCODER, feed)
        rows = [*self.manifest.states, "previous"]
        self._point = {name: np.repeat(seen[name], futures, 0) for name in rows}
        self._skips = {name: seen[name] for name in self.manifest.skips}
        self._fed = True
        self.frames = np.repeat(frames[-1:].astype(np.float32), futures, 0)

    def act(self, condition: Array, noise: Sequence[Array] | None = None) -> Array:
        """Do a condition and return N futures [N, C, H, W] in [0, 1].

        Args:
            condition: one for all futures [*A], or one for each [N, *A], in raw units.
            noise: N(0, I), an array [N, *Z] per latent level; zeros by default: the mean of z.

        Raises:
            RuntimeError: the session was not reset yet.
        """
        if not self._point:
            raise RuntimeError("the session has no start; call reset(frames, conditions) first")
        count, wanted = len(self.frames), self.manifest.clip.condition
        conditions = np.broadcast_to(condition, (count, *wanted))
        shapes = [(count, *shape) for shape in self.manifest.latent_shapes]
        drawn = [np.zeros(shape) for shape in shapes] if noise is None else noise
        feed = {**self._point, "condition": conditions, "fed": np.array(self._fed)}
        feed |= {f"noise_{level}": values for level, values in enumerate(drawn)}
        made = self._run(STEP, feed)
        seen = self._run(DECODER, {**made, **self._skips})
        self._point |= {name: made[f"next_{name}"] for name in self.manifest.states}
        if self.manifest.feeds_back:
            self._point["previous"] = seen["next_previous"]
        self._fed = False
        self.frames = seen["frames"]
        return self.frames

    def _run(self, name: str, feed: Mapping[str, Array]) -> dict[str, Array]:
        graph = self.manifest.graphs[name]
        given = {place.name: feed[place.name].astype(place.dtype) for place in graph.inputs}
        results = [place.name for place in graph.outputs]
        return dict(zip(results, self._graphs[name].run(results, given), strict=True))


def _opened(file: Path, threads: int) -> Any:
    try:
        import onnxruntime
    except ImportError:
        raise InputError(
            "graphs are run by onnxruntime, which is not installed: pip install 'foreframe[onnx]'"
        ) from None
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 3
    try:
        return onnxruntime.InferenceSession(str(file), options, ["CPUExecutionProvider"])
    except Exception as error:  # what it raises has no common parent
        raise InputError(
            f"{file} cannot be read ({str(error)[:200]}); expected an export of foreframe: "
            "export again"
        ) from None


def _check(name: str, values: Array, expected: tuple[int, ...]) -> None:
    if values.shape != expected:
        raise InputError(f"{name} have shape {list(values.shape)}; expected {list(expected)}")
