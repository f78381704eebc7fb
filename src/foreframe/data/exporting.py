"""Write a store in another layout."""

from __future__ import annotations

import shutil
from pathlib import Path

from ..errors import InputError
from ..plugins import FORMATS
from ..runtime.outputs import is_taken, keep_apart_both_ways
from ..runtime.unfinished import unfinished
from .store import ClipStore


def export(store: str | Path, out: str | Path, format: str = "pushing") -> int:  # noqa: A002 - the option's name
    """Write a store in another format, whole or not at all. Returns the number of episodes.

    True futures stay behind: no other format has a place for them.
    The same call goes on with an export that was stopped.

    Args:
        store: a clip store; a saved drive and imagined episodes are stores, too.
        out: a new folder.
        format: pushing, dance or lerobot (version 3.0).

    Raises:
        InputError: not a store; a format that cannot be written or cannot hold the store; `out`
            holds something else.
    """
    module = FORMATS.module(format)
    if not hasattr(module, "export"):
        able = [name for name in FORMATS.names() if hasattr(FORMATS.module(name), "export")]
        raise InputError(
            f"format {format} can be read but not written; expected one of {', '.join(able)}"
        )
    opened, out = ClipStore(store), Path(out)
    keep_apart_both_ways(out, opened.path, "the store")
    with unfinished(out, "export") as making:
        rate = opened.frames_per_second
        identity = {"store": opened.content, "format": format, "frames_per_second": rate}
        making.claim_or_clear(identity)
        resumes = getattr(module, "RESUMES", False)
        if not resumes and making.folder.exists() and any(making.folder.iterdir()):
            shutil.rmtree(making.folder)
        count: int = module.export(opened, making.folder)
        if not is_taken(out):
            making.finish()
            return count
        same = _same(making.folder, out)
        making.discard()
        if not same:
            raise InputError(
                f"{out} holds something else; expected a new folder for the export: "
                "choose another OUT"
            )
    return count


def _same(a: Path, b: Path) -> bool:
    """Return whether two folders hold the same files."""
    files = [{path.relative_to(root) for path in root.rglob("*")} for root in (a, b)]
    return files[0] == files[1] and all(
        (a / name).is_dir() or (a / name).read_bytes() == (b / name).read_bytes()
        for name in files[0]
    )
