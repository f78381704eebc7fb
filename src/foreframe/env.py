"""The former place of `foreframe.simulate.env`; it goes with 0.3."""

import warnings

from .simulate.env import VectorWorld, World, closer_to, register

__all__ = ["VectorWorld", "World", "closer_to", "register"]

warnings.warn(
    "foreframe.env is now foreframe.simulate.env; the old name goes with 0.3", FutureWarning, 2
)
