"""foreframe: conditional variational video prediction.

See what the camera will see, given what you will do.

>>> import foreframe
>>> foreframe.data.make                                         # doctest: +ELLIPSIS
<function make at ...>

Names are imported when they are first used, so that `import foreframe` is fast.
"""

from __future__ import annotations

import importlib
import warnings
from typing import TYPE_CHECKING, Any

from .version import __version__ as __version__

if TYPE_CHECKING:
    from . import data as data
    from .clips import Batch as Batch
    from .clips import ClipSpec as ClipSpec
    from .demonstration import demo as demo
    from .errors import ForeframeError as ForeframeError
    from .errors import InputError as InputError
    from .errors import TrainingError as TrainingError
    from .evaluation import evaluate as evaluate
    from .evaluation import evaluate_predictions as evaluate_predictions
    from .evaluation import export_clips as export_clips
    from .evaluation import list_clips as list_clips
    from .evaluation.drawing import sample as sample
    from .experiments import experiment as experiment
    from .gaussian import Gaussian as Gaussian
    from .model import Model as Model
    from .models import load as load
    from .noise import Noise as Noise
    from .notebook import widget as widget
    from .objective import elbo as elbo
    from .planning import plan as plan
    from .portable import export as export
    from .reporting import compare as compare
    from .reporting import plot as plot
    from .reporting import preview as preview
    from .reporting import publish as publish
    from .reporting import report as report
    from .rollouts import Rollout as Rollout
    from .rollouts import rollout as rollout
    from .runtime.hardware import info as info
    from .serve import play as play
    from .serve import watch as watch
    from .session import Session as Session
    from .training import train as train
    from .training.listing import list_recipes as list_recipes

_HOMES = {
    "Batch": "clips",
    "ClipSpec": "clips",
    "ForeframeError": "errors",
    "Gaussian": "gaussian",
    "InputError": "errors",
    "Model": "model",
    "Noise": "noise",
    "Rollout": "rollouts",
    "Session": "session",
    "TrainingError": "errors",
    "compare": "reporting",
    "demo": "demonstration",
    "elbo": "objective",
    "evaluate": "evaluation",
    "evaluate_predictions": "evaluation",
    "experiment": "experiments",
    "export": "portable",
    "export_clips": "evaluation",
    "info": "runtime.hardware",
    "list_clips": "evaluation",
    "list_recipes": "training.listing",
    "load": "models",
    "plan": "planning",
    "play": "serve",
    "plot": "reporting",
    "preview": "reporting",
    "publish": "reporting",
    "report": "reporting",
    "rollout": "rollouts",
    "sample": "evaluation.drawing",
    "train": "training",
    "watch": "serve",
    "widget": "notebook",
}

__all__ = ["data", *_HOMES]


_RENAMED = {"Clip": "Batch"}


def __getattr__(name: str) -> Any:
    if name == "data":
        return importlib.import_module(".data", __name__)
    if name in _RENAMED:
        new = _RENAMED[name]
        warnings.warn(
            f"foreframe.{name} is now foreframe.{new}; the old name goes with 0.3", FutureWarning, 2
        )
        name = new
    if name not in _HOMES:
        raise AttributeError(f"module 'foreframe' has no attribute {name!r}")
    found = getattr(importlib.import_module(f".{_HOMES[name]}", __name__), name)
    globals()[name] = found
    return found


def __dir__() -> list[str]:
    return sorted(__all__)
