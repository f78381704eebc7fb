"""The page: drive a run in a browser."""

from .playing import play
from .server import app

__all__ = ["app", "play"]
