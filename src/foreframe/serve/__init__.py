"""Drive a run on a page in the browser."""

from .playing import play
from .server import app

__all__ = ["app", "play"]
