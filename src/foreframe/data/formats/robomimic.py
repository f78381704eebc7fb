"""robomimic and its kin: HDF5 files of demonstrations, `data/demo_<i>` an episode.

Pictures are under `obs/`, usually as `<camera>_image`; `mask/<split>` lists the demonstrations of a
split. Of a folder that holds the same demonstrations as pictures and as numbers (`image.hdf5`,
`low_dim.hdf5`), the pictures are read. Needs h5py (extra `hdf5`). Source: Mandlekar et al. 2021
(arXiv 2108.03298).
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.recording import Source
from . import _hdf5, libero
from ._array_pictures import with_choice
from ._demonstration_folders import open_folder
from ._demonstrations import Convention, demos_of

DECIDES = ("flip", "channel_order")

_STATES = ("robot0_eef_pos", "robot0_eef_quat", "robot0_gripper_qpos")


def recognises(path: Path) -> bool:
    files = _hdf5.files_of(path)
    if not files or libero.recognises(path):
        return False
    with _hdf5.opened(_hdf5.readable(files)) as root:
        return bool(demos_of(root))


def open_recordings(path: Path, options: SourceOptions) -> Source:
    options.refuse("robomimic has one column of actions, `actions`", "actions", "max_gap_s")
    return open_folder(path, options, _convention)


def _convention(root: Any, file: Path, options: SourceOptions) -> Convention:
    """robomimic turns pictures upright when it writes them, and keeps each before its action."""
    flip, order = options.flip or "none", options.channel_order or "rgb"
    lag = 1 if options.lag is None else options.lag
    found = Findings()
    for subject, value, chosen, option in (
        ("orientation", f"flip {flip}", options.flip, "--flip"),
        ("channel order", order, options.channel_order, "--channel-order"),
        ("lag", lag, options.lag, "--lag"),
    ):
        reason = option if chosen is not None else "robomimic's habit"
        found = with_choice(found, subject, value, reason, option)
    environment = _hdf5.attribute(root["data"], "env_args")
    if not environment:
        found = found.remark(f"{file.name} does not say its environment (env_args)")
    return Convention(_STATES, flip, order, lag, found)
