"""The models. One file a model, found by its name: a new file here is known everywhere and tested by being there.

A model's module holds one subclass of `Model`; what its constructor takes beside `spec` are its options.
"""

from __future__ import annotations

import importlib
import inspect
import json
import pkgutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from ..clips import ClipSpec
from ..errors import InputError, unknown
from ..files import read_json, write_json, write_whole
from ..model import Model

CONFIG, WEIGHTS = "config.json", "model.safetensors"


def names() -> list[str]:
    """The models that there are.

    >>> names()
    ['compact', 'copy_last', 'mean_frame', 'pose', 'pose_compact', 'svg']
    """
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def named(name: str) -> type[Model]:
    """The class of a model; an unknown name says the nearest ones. Only what is installed here can be named."""
    if name not in names():
        raise unknown("model", name, names())
    module = importlib.import_module(f"{__name__}.{name}")
    own = [
        c
        for _, c in inspect.getmembers(module, inspect.isclass)
        if issubclass(c, Model) and c.__module__ == module.__name__
    ]
    if len(own) != 1:
        raise TypeError(f"{module.__file__} defines {len(own)} models; expected one")
    return own[0]


def build(name: str, spec: ClipSpec, options: Mapping[str, Any]) -> Model:
    """A model with fresh weights. Options it does not have name the nearest ones."""
    kind = named(name)
    known = list(inspect.signature(kind).parameters)[1:]
    for option in options:
        if option not in known:
            raise unknown(f"option of model {name}", option, known)
    return kind(spec, **{key: tuple(v) if isinstance(v, list) else v for key, v in options.items()})


def save(model: Model, name: str, options: Mapping[str, Any], folder: Path, notes: Mapping[str, Any]) -> None:
    """Weights and what builds the model, in a folder that `load` takes. Each file is written whole or not at all."""
    from safetensors.torch import save as to_bytes

    described = {
        "schema": "foreframe.model/1",
        "model": name,
        "options": dict(options),
        "spec": model.spec.to_dict(),
        "notes": dict(notes),
    }
    weights = {key: value.detach().cpu().contiguous() for key, value in model.state_dict().items()}
    write_whole(folder / WEIGHTS, to_bytes(weights, {"config": json.dumps(described)}))
    write_json(folder / CONFIG, described)


def describe(folder: str | Path) -> dict[str, Any]:
    """What `config.json` of a run or model folder says: model, options, spec, notes."""
    folder = Path(folder)
    if not (folder / CONFIG).is_file():
        what = "does not exist" if not folder.exists() else f"has no {CONFIG}"
        raise InputError(f"{folder} is not a run: it {what}; expected a folder that `foreframe train` wrote with --out")
    found = read_json(folder / CONFIG, "a model's configuration")
    if not isinstance(found, dict) or found.get("schema") != "foreframe.model/1":
        raise InputError(
            f"{folder / CONFIG} is not a foreframe model's configuration; expected a folder that `foreframe train` wrote"
        )
    return found


def load(folder: str | Path) -> Model:
    """The model of a run folder, with its best weights, in evaluation mode.

    Raises:
        InputError: not a run; weights of another model, with what differs.
    """
    from safetensors import SafetensorError
    from safetensors.torch import load_file

    folder = Path(folder)
    described = describe(folder)
    model = build(described["model"], ClipSpec.from_dict(described["spec"]), described["options"])
    try:
        weights = load_file(folder / WEIGHTS)
    except FileNotFoundError:
        raise InputError(
            f"{folder} has no {WEIGHTS} yet; expected a run that was validated at least once: train it further"
        ) from None
    except SafetensorError as error:
        raise InputError(
            f"{folder / WEIGHTS} cannot be read ({error}); expected whole safetensors: train again or restore it"
        ) from None
    check_fits(model, weights, str(folder / WEIGHTS))
    model.load_state_dict(weights)
    return model.eval()


def check_fits(model: Model, weights: Mapping[str, Any], where: str) -> None:
    """An error with the difference, if the weights are not this model's."""
    expected = {key: tuple(value.shape) for key, value in model.state_dict().items()}
    got = {key: tuple(value.shape) for key, value in weights.items()}
    if expected != got:
        differ = sorted(key for key in {*expected, *got} if expected.get(key) != got.get(key))
        first = differ[0]
        raise InputError(
            f"{where} is of another model: {len(differ)} tensors differ, first {first}: "
            f"got {got.get(first)}, expected {expected.get(first)}"
        )
