"""Find the class of a model or baseline by its name, and check that it can be used as one."""

from __future__ import annotations

import inspect

from ..errors import ForeframeError
from ..model import Model
from ..plugins import BASELINES, MODELS


def model_class(name: str) -> type[Model]:
    """Return the class of a model or baseline: the one `Model` that its module defines.

    Raises:
        InputError: no model has this name; the message lists the nearest.
        ForeframeError: the module defines no model or several, or one that cannot be used.
    """
    group = BASELINES if name in BASELINES.names() else MODELS
    module = group.module(name)
    own = [
        cls
        for _, cls in inspect.getmembers(module, inspect.isclass)
        if issubclass(cls, Model) and cls.__module__ == module.__name__
    ]
    if len(own) != 1:
        found = ", ".join(cls.__name__ for cls in own) or "none"
        raise ForeframeError(
            f"{group.kind} {name!r}: {module.__file__} defines {len(own)} subclasses of "
            f"foreframe.model.Model ({found}); expected one"
        )
    if problem := _problem(own[0], group is BASELINES):
        raise ForeframeError(f"{group.kind} {name!r}: {own[0].__name__} {problem}")
    return own[0]


def _problem(cls: type[Model], is_baseline: bool) -> str | None:
    """Return what is wrong with the class of a model, or None."""
    feedback = getattr(cls, "feedback", None)
    if not callable(getattr(feedback, "next_input", None)) or inspect.isclass(feedback):
        return f"has feedback = {feedback!r}; expected PixelFeedback() or LatentFeedback()"
    if missing := sorted(getattr(cls, "__abstractmethods__", ())):
        return f"does not define {', '.join(missing)}; expected the methods of Model"
    if is_baseline and not callable(getattr(cls, "fit", None)):
        return "is no subclass of foreframe.baselines.Baseline; expected one, with a method fit"
    return None
