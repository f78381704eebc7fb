"""Models: one file each, found by its name.

A model's module holds one subclass of `Model`; the keyword arguments of its constructor, beside
`spec`, are its options.
"""

from ._finding import model_class
from ._weights import (
    CONFIG,
    WEIGHTS,
    TrainedClip,
    build,
    check_fits,
    describe,
    folder_of,
    load,
    save,
    trained_clip,
)

__all__ = [
    "CONFIG",
    "WEIGHTS",
    "TrainedClip",
    "build",
    "check_fits",
    "describe",
    "folder_of",
    "load",
    "model_class",
    "save",
    "trained_clip",
]
