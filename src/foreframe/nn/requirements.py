"""Check that clips and options suit a model, with errors that say what to change.

Letters: H height, W width.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from ..clips import ClipSpec
from ..errors import InputError, unknown

Choice = TypeVar("Choice")


def halved_size(model: str, spec: ClipSpec, halvings: int) -> tuple[int, int]:
    """Return H and W after a number of halvings.

    Raises:
        InputError: H or W is not a multiple of 2^halvings.
    """
    (_, height, width), factor = spec.frame, 2**halvings
    if height % factor or width % factor:
        raise InputError(
            f"{model} halves pictures {halvings} times: "
            f"expected height and width in multiples of {factor}, got {height}x{width}"
        )
    return height // factor, width // factor


def require_vectors(model: str, spec: ClipSpec) -> None:
    """Raise InputError if conditions are not vectors."""
    if len(spec.condition) != 1:
        raise InputError(
            f"{model} takes conditions as vectors, got images {list(spec.condition)}: "
            "choose other --conditions"
        )


def require_labels(model: str, spec: ClipSpec) -> None:
    """Raise InputError if conditions are not label images of the size of the frames."""
    _, height, width = spec.frame
    if len(spec.condition) != 3 or spec.condition[1:] != (height, width):
        raise InputError(
            f"{model} takes one label image of {height}x{width} per frame as its condition, "
            f"got conditions of shape {list(spec.condition)}: "
            "choose a label column with --conditions"
        )


def choose(option: str, name: str, choices: Mapping[str, Choice]) -> Choice:
    """Return the choice that an option of a recipe names.

    Raises:
        InputError: there is no choice with this name.

    >>> choose("output", "linear", {"linear": 1, "sigmoid": 2})
    1
    """
    if name not in choices:
        raise unknown(option, name, choices)
    return choices[name]
