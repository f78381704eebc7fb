"""Errors that a person can act on: what was got, what was expected, what to do."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class ForeframeError(Exception):
    """The parent of every error that foreframe raises on purpose."""


class InputError(ForeframeError, ValueError):
    """An input cannot be used: a file, a folder, an option. The command line exits with 2."""


class TrainingError(ForeframeError, RuntimeError):
    """Training cannot continue. The last good weights are kept. The command line exits with 1."""


class InputWarning(UserWarning):
    """An input is used, but not just as it lies there. The command line says so in one line."""


def unknown(kind: str, got: str, known: Iterable[str]) -> InputError:
    """Return the error for a name that does not exist, with the nearest names that do.

    >>> print(unknown("recipe", "push-tinny", ["push-tiny", "svg-bair"]))
    unknown recipe 'push-tinny'; did you mean push-tiny? Known: push-tiny, svg-bair
    """
    names = sorted(known)
    near = difflib.get_close_matches(got, names, n=3, cutoff=0.5)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    return InputError(f"unknown {kind} {got!r}; {hint}Known: {', '.join(names)}")
