"""Drive in a cell of a notebook: Jupyter, marimo and what else shows anywidgets."""

from .driven import Driven
from .widgets import widget

__all__ = ["Driven", "widget"]
