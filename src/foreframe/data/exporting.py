"""Write a store in another layout."""

from __future__ import annotations

from pathlib import Path

from ..errors import InputError
from ..plugins import FORMATS
from .store import ClipStore


def export(store: str | Path, out: str | Path, format: str = "pushing") -> int:  # noqa: A002 - the option's name
    """Write a store in another format, whole or not at all. Returns the number of episodes.

    True futures stay behind: no other format has a place for them.

    Args:
        store: a clip store.
        out: a new folder.
        format: pushing or dance.

    Raises: InputError: not a store; a format that cannot be written or cannot hold the store; `out`
        holds something else.
    """
    module = FORMATS.module(format)
    if not hasattr(module, "export"):
        able = [name for name in FORMATS.names() if hasattr(FORMATS.module(name), "export")]
        raise InputError(
            f"format {format} can be read but not written; expected one of {', '.join(able)}"
        )
    count: int = module.export(ClipStore(store), Path(out))
    return count
