"""KTH actions: `person{01-25}_{class}_d{1-4}_uncomp.avi`; people 21 to 25 are the test split, 17 to
20 validate.

Needs PyAV (extra `video`). Source: Schuldt et al. 2004; the split of people is that of video
prediction papers (1 to 20 train, 21 to 25 test), the last four of the training people being kept to
validate.
"""

from __future__ import annotations

import re
from pathlib import Path

from ...errors import InputError
from ..sources.options import SourceOptions
from .videos import Videos, files_of, videos

_NAME = re.compile(r"person(\d\d)_[a-z]+_d[1-4]_uncomp")
_FIRST_TEST, _FIRST_VALIDATE = 21, 17


def recognises(path: Path) -> bool:
    return any(_NAME.fullmatch(file.stem) for file in files_of(path))


def open_recordings(path: Path, options: SourceOptions) -> Videos:
    options.refuse(
        "KTH has pictures alone", "camera", "actions", "states", "labels", "layout", "actions_file"
    )
    files = [file for file in files_of(path) if _NAME.fullmatch(file.stem)]
    if not files:
        raise InputError(f"{path} has no person<nn>_<class>_d<n>_uncomp.avi; expected KTH")
    return videos(path, files, options, _split)


def _split(root: Path, file: Path) -> str:
    match = _NAME.fullmatch(file.stem)
    person = int(match[1]) if match else 0
    return "test" if person >= _FIRST_TEST else "validate" if person >= _FIRST_VALIDATE else "train"
