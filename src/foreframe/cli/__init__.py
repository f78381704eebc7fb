"""The command line: each command is a Python function with the same arguments."""

from .entry import main

__all__ = ["main"]
