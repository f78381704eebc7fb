"""Which files a recording is read from, and what it is known by while they stay as they are."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path

from .fingerprint import Fingerprint
from .recording import Source


def files_behind(source: object, index: int) -> tuple[Path, ...]:
    """Return the files that a recording is read from; empty where its format does not say."""
    says = getattr(source, "files_read", None)
    return tuple(says(index)) if says is not None else ()


def origins_of(source: Source, root: Path, files: Mapping[str, Fingerprint]) -> tuple[str, ...]:
    """Return what each recording is known by: a digest of its files, and which of their recordings
    it is; empty where that cannot be told.
    """
    seen: Counter[str] = Counter()
    found = []
    for index in range(len(source)):
        content = _content([_name(file, root) for file in files_behind(source, index)], files)
        found.append(f"{content}.{seen[content]}" if content else "")
        seen[content] += 1
    return tuple(found)


def _content(names: Sequence[str], files: Mapping[str, Fingerprint]) -> str:
    if not names or any(name not in files for name in names):
        return ""
    lines = (f"{name}:{':'.join(map(str, files[name]))}" for name in names)
    return hashlib.blake2b("\n".join(lines).encode(), digest_size=12).hexdigest()


def _name(file: Path, root: Path) -> str:
    return file.relative_to(root).as_posix() if file.is_relative_to(root) else str(file)
