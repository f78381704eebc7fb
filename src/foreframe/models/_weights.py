"""Build, save and load models."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from ..clips import ClipSpec
from ..errors import InputError, unknown
from ..hub import fetch_apart, meant_model
from ..model import Model
from ..runtime.digests import check_digest, with_digest
from ..runtime.files import atomic_write, parse_json, write_json
from ..runtime.tensors import load_tensors, read_metadata
from ..runtime.typed import read_as
from ._finding import model_class

CONFIG, WEIGHTS = "config.json", "model.safetensors"

_SCHEMA, _IN_WEIGHTS = "foreframe.model/1", "config"


@dataclass(frozen=True)
class _Described:
    """What the weights say of themselves, beside their schema and digest."""

    model: str
    options: dict[str, Any]
    spec: Any
    notes: dict[str, Any]


def build(name: str, spec: ClipSpec, options: Mapping[str, Any]) -> Model:
    """Build a model with fresh weights.

    An unknown option is an error that names the nearest ones.
    """
    kind = model_class(name)
    known = list(inspect.signature(kind).parameters)[1:]
    for option in options:
        if option not in known:
            raise unknown(f"option of model {name}", option, known)
    return kind(spec, **{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})


def save(
    model: Model,
    name: str,
    options: Mapping[str, Any],
    folder: Path,
    notes: Mapping[str, Any],
    dtype: torch.dtype | None = None,
) -> None:
    """Write weights and what builds the model into a folder that `load` takes.

    Files are written atomically.
    With a `dtype` weights are rounded to it; a loaded model computes in float32 all the same.
    """
    from safetensors.torch import save as to_bytes

    described = {
        "schema": _SCHEMA,
        "model": name,
        "options": dict(options),
        "spec": model.spec.to_dict(),
        "notes": dict(notes),
    }
    weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    weights = {
        key: value.to(dtype) if dtype and value.is_floating_point() else value
        for key, value in weights.items()
    }
    described = with_digest({**described, "tensors": _digest_of(weights)})
    atomic_write(folder / WEIGHTS, to_bytes(weights, {_IN_WEIGHTS: json.dumps(described)}))
    write_json(
        folder / CONFIG, described
    )  # the same, for people; the weights' own copy counts, it cannot be of another model


def folder_of(place: str | Path, more: Sequence[str] = ()) -> Path:
    """Return the folder of a model, fetched from the hub if `place` is an address there.

    Args:
        place: a run or model folder, or `org/name` or `org/name@revision` on the hub.
        more: patterns of files to fetch beside the weights.

    Raises:
        InputError: the hub has no such model, or does not show it.
        ForeframeError: the hub cannot be reached.
    """
    address = meant_model(place)
    if address is None:
        return Path(place)
    return fetch_apart(address, (CONFIG, WEIGHTS, *more)).folder


def describe(folder: str | Path) -> dict[str, Any]:
    """Read what the weights in a run or model folder are of: model, options, spec, notes.

    Raises:
        InputError: not a run, no weights yet, or not what was written.
    """
    return _described(folder_of(folder), folder)


def _described(folder: Path, place: str | Path) -> dict[str, Any]:
    """Read what the weights in a folder are of; errors name the place as it was given."""
    file = folder / WEIGHTS
    if not file.is_file():
        lacks = folder.exists() or meant_model(place)
        what = f"has no {WEIGHTS}" if lacks else "does not exist"
        raise InputError(
            f"{place} is not a run with a model: it {what}; "
            "expected a folder that `foreframe train` wrote with --out, validated at least once"
        )
    text = str(read_metadata(file).get(_IN_WEIGHTS, "null"))
    found = parse_json(text, str(file), "a foreframe model")
    described = check_digest(found, str(file), "a foreframe model", _SCHEMA)
    read_as(_Described, described, str(file))
    return described


def load(folder: str | Path) -> Model:
    """Load the model of a run folder, with its best weights, in evaluation mode.

    A model on the hub is loaded as `org/name` or `org/name@revision`. Weights are read as
    safetensors wherever they come from: a pickle is never opened.

    Raises:
        InputError: not a run; weights of another model, with what differs; not what was written.
        ForeframeError: the hub cannot be reached.
    """
    from safetensors import SafetensorError

    place, folder = folder, folder_of(folder)
    file, described = folder / WEIGHTS, _described(folder, place)
    try:
        spec, options = _spec_of(described), dict(described["options"])
        with torch.device(
            "meta"
        ):  # its shape without its weights: what it says of itself may be of any size
            shape = build(described["model"], spec, options)
        weights = load_tensors(file)
    except InputError:
        raise
    except (SafetensorError, OSError) as error:
        raise InputError(
            f"{file} cannot be read ({error}); expected whole safetensors: "
            "train again or restore it"
        ) from None
    except (KeyError, TypeError, ValueError, AttributeError, RuntimeError) as error:
        raise InputError(
            f"{file} describes a model that cannot be built ({error}): train it again"
        ) from None
    check_fits(shape, weights, str(file))
    if _digest_of(weights) != described.get("tensors"):
        raise InputError(
            f"{file} is not what was written (the digest of its tensors differs): "
            "train again or restore it"
        )
    model = build(described["model"], spec, options)
    model.load_state_dict(weights)
    return model.eval()


def _spec_of(described: Mapping[str, Any]) -> ClipSpec:
    try:
        return ClipSpec.from_dict(described["spec"])
    except InputError as error:
        raise ValueError(str(error)) from None


@dataclass(frozen=True)
class TrainedClip:
    """The clips that a model was trained on.

    Attributes:
        n_past: context frames.
        horizon: predicted frames.
    """

    n_past: int
    horizon: int


def trained_clip(described: Mapping[str, Any]) -> TrainedClip:
    """Return which clips a model was trained on, given what `describe` returned.

    Raises:
        InputError: the model does not say it.
    """
    found = read_as(TrainedClip, described.get("notes"), "the notes of the model")
    if min(found.n_past, found.horizon) < 1:
        raise InputError(
            f"the notes of the model say {found.n_past} context frames and {found.horizon} "
            "predicted ones; expected at least 1 of each: train it again"
        )
    return found


def _digest_of(weights: Mapping[str, Tensor]) -> str:
    """Return a digest of all tensors; safetensors has no checksum."""
    state = hashlib.blake2b(digest_size=16)
    for key, value in sorted(weights.items()):
        state.update(f"{key} {value.dtype} {tuple(value.shape)}".encode())
        state.update(value.view(-1).view(torch.uint8).numpy().data)
    return state.hexdigest()


def check_fits(model: Model, weights: Mapping[str, Any], where: str) -> None:
    """Raise InputError with the difference, if the weights are not of this model."""
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    got = {key: tuple(value.shape) for key, value in weights.items()}
    if expected != got:
        differ = sorted(key for key in {*expected, *got} if expected.get(key) != got.get(key))
        first = differ[0]
        raise InputError(
            f"{where} is of another model: {len(differ)} tensors differ, first {first}: "
            f"got {got.get(first)}, expected {expected.get(first)}"
        )
