"""LIBERO: an HDF5 file a task, `data/demo_<i>` an episode, pictures under `obs/<camera>_rgb`.

The pictures are those of robosuite, whose last row is the top unless `macros_image_convention` says
"opencv". LIBERO keeps the picture after each action, tools that render its files again the picture
before it: joints and simulator states tell which. Needs h5py (extra `hdf5`). Sources: Liu et al.
2023 (arXiv 2306.03310); Lifelong-Robot-Learning/LIBERO issue 11.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np

from ..sources.findings import AmbiguousSource, Findings
from ..sources.options import Flip, SourceOptions
from ..sources.recording import Source
from . import _hdf5
from ._array_pictures import sampled, with_choice
from ._demonstration_folders import open_folder
from ._demonstrations import Convention, demos_of

DECIDES = ("flip", "channel_order")

_STATES = ("ee_pos", "ee_ori", "gripper_states")
_PICTURES = ("agentview_rgb", "eye_in_hand_rgb")
_CONVENTION = "macros_image_convention"
_WRITTEN = ("bddl_file_name", "problem_info", "tag")  # attributes that LIBERO's own tool writes
_JOINTS = slice(1, 8)  # of a simulator state, behind its time
_CLEARLY = 0.5  # how much nearer one reading of the joints must be than the other


def recognises(path: Path) -> bool:
    files = _hdf5.files_of(path)
    if not files:
        return False
    with _hdf5.opened(_hdf5.readable(files)) as root:
        demos = demos_of(root)
        if not demos:
            return False
        observed = _hdf5.names(root, f"data/{demos[0]}/obs")
        return any(key in observed for key in _PICTURES) or _is_written_by_libero(root)


def open_recordings(path: Path, options: SourceOptions) -> Source:
    options.refuse("LIBERO has one column of actions, `actions`", "actions", "max_gap_s")
    return open_folder(path, options, _convention)


def _convention(root: Any, file: Path, options: SourceOptions) -> Convention:
    flip, why_flip = _flip(root, file, options)
    lag, why_lag = _lag(root, file, options)
    order = options.channel_order or "rgb"
    found = with_choice(Findings(), "orientation", f"flip {flip}", why_flip, "--flip")
    found = with_choice(found, "lag", lag, why_lag, "--lag")
    why_order = "--channel-order" if options.channel_order else "robosuite's own colours"
    found = with_choice(found, "channel order", order, why_order, "--channel-order")
    instruction = _instruction(root)
    facts = {"language_instruction": instruction} if instruction else {}
    return Convention(_STATES, flip, order, lag, found, facts)


def _flip(root: Any, file: Path, options: SourceOptions) -> tuple[Flip, str]:
    """How the pictures are turned, and what decided it."""
    if options.flip:
        return options.flip, "--flip"
    said = _hdf5.attribute(root["data"], _CONVENTION).casefold()
    if said == "opengl":
        return "vertical", f"{_CONVENTION}: opengl, the last row is the top"
    if said == "opencv":
        return "none", f"{_CONVENTION}: opencv, the first row is the top"
    if not said and _is_written_by_libero(root):
        return (
            "vertical",
            "LIBERO's habit: pictures of robosuite, whose last row is the top",
        )
    raise AmbiguousSource(
        f"{file}: pictures",
        ("the last row is the top, as robosuite renders", "the first row is the top"),
        "--flip vertical or --flip none",
    )


def _lag(root: Any, file: Path, options: SourceOptions) -> tuple[int, str]:
    """The lag of the actions, and what decided it.

    The simulator state of a row is the one before its action, so the joints that were observed with
    the picture are those of the same row, or of the next.
    """
    if options.lag is not None:
        return options.lag, "--lag"
    same = later = 0.0
    demos = demos_of(root)
    for demo in (f"data/{demos[place]}" for place in sampled(len(demos))):
        if not all(_hdf5.found(root, f"{demo}/{k}") for k in ("states", "obs/joint_states")):
            continue
        states = _hdf5.member(root, f"{demo}/states", options)[:, _JOINTS]
        joints = _hdf5.member(root, f"{demo}/obs/joint_states", options)
        if states.shape == joints.shape and len(joints) > 1:
            same += float(np.abs(joints - states)[:-1].mean())
            later += float(np.abs(joints[:-1] - states[1:]).mean())
    if later < _CLEARLY * same:
        return 0, "the joints beside each picture, those of the next simulator state"
    if same < _CLEARLY * later:
        return 1, "the joints beside each picture, those of its simulator state"
    if _is_written_by_libero(root):
        return 0, "LIBERO's habit: the picture after each action"
    raise AmbiguousSource(
        f"{file}: actions",
        ("each led to its picture, as LIBERO writes", "each leads on from its picture"),
        "--lag 0 or --lag 1",
    )


def _is_written_by_libero(root: Any) -> bool:
    attributes = root["data"].attrs
    return _CONVENTION in attributes or any(name in attributes for name in _WRITTEN)


def _instruction(root: Any) -> str:
    """What the task asks for; some files have it in quotes."""
    try:
        problem = json.loads(_hdf5.attribute(root["data"], "problem_info"))
        found = problem["language_instruction"]
    except (KeyError, TypeError, ValueError):
        return ""
    words = found if isinstance(found, str) else "".join(map(str, found))
    return words.strip(' \t"')
