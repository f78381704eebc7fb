"""Drive a run on a page in the browser, or watch it train."""

from .playing import play
from .server import app
from .watching import watch

__all__ = ["app", "play", "watch"]
