"""The widget: a session's picture, hands and sliders in a cell, by anywidget."""

from __future__ import annotations

import functools
import re
from importlib.resources import files
from typing import Any

from ..errors import ForeframeError, InputError
from ..session import Session
from .driven import Driven

_SHARED = ("column.js", "hand.js", "stage.js")  # of the page, as they are


def widget(session: Session) -> Any:
    """Drive a session in a cell of a notebook, with keys, sliders and a pad.

    Click the picture first; then the arrow keys and W A S D steer the first four numbers that move.
    The given session stays where it is: the widget's `session` is where the drive stands, and its
    `pictures` and `conditions` are those of every step.

    Args:
        session: one clip, begun with `reset`.

    Returns:
        An anywidget, which Jupyter and marimo show.

    Example:
        >>> drive = foreframe.simulate.Simulator("runs/push").begin(samples=4)  # doctest: +SKIP
        >>> foreframe.widget(drive.session)                                     # doctest: +SKIP

    Raises:
        InputError: the session has no start, several clips, or is steered by label images.
        ForeframeError: anywidget is not installed.
    """
    return _widget_class()(Driven(session))


@functools.cache
def _widget_class() -> type[Any]:
    try:
        import anywidget
        import traitlets
    except ImportError:
        raise ForeframeError(
            "a cell is driven by anywidget, which is not installed: "
            "pip install 'foreframe[notebook]'"
        ) from None

    class SessionWidget(anywidget.AnyWidget):  # type: ignore[misc]
        """A session in a cell.

        Attributes:
            about: what the cell has to know before it shows anything.
        """

        _esm = script()
        _css = (files(__package__) / "widget.css").read_text(encoding="utf-8")
        about = traitlets.Dict().tag(sync=True)

        def __init__(self, driven: Driven) -> None:
            super().__init__(about=driven.about)
            self._driven = driven
            self.on_msg(self._heard)

        @property
        def session(self) -> Session:
            """The session where the drive stands."""
            return self._driven.drive.session

        @property
        def pictures(self) -> list[Any]:
            """The frames of the drive, each uint8 [C, H, W], the first one where it began."""
            return self._driven.drive.pictures

        @property
        def conditions(self) -> list[Any]:
            """The conditions of these frames, each [A]; that of the first is where keys rest."""
            return self._driven.drive.conditions

        def _heard(self, _: Any, message: dict[str, Any], buffers: Any) -> None:
            try:
                head, pictures = self._driven.answer(message)
            except InputError as error:
                self.send({"is": "error", "says": str(error)})
                return
            self.send({"is": "picture", **head}, [pictures])

    return SessionWidget


def script() -> str:
    """Return the widget's module with the page's modules that it uses, as one text."""
    page = files("foreframe.serve") / "page"
    parts = [(page / name).read_text(encoding="utf-8") for name in _SHARED]
    own = (files(__package__) / "widget.js").read_text(encoding="utf-8")
    return "\n".join([*(_inlined(part, r"export ") for part in parts), _inlined(own, r"(?!)")])


def _inlined(module: str, exports: str) -> str:
    """Return a module without its imports, and without the words that export."""
    without = re.sub(r"^import [^;]*;\n", "", module, flags=re.MULTILINE)
    return re.sub(rf"^{exports}", "", without, flags=re.MULTILINE)
