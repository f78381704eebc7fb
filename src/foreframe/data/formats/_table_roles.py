"""What the columns of a table beside pictures are: actions, states, times, counters, names of files
and episodes.

Letters: T rows, K numbers of a column.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError
from ..sources.findings import Findings
from ..sources.options import SourceOptions
from ..sources.recording import Column, Role, finite, side_by_side
from ..sources.targets import TARGETS, target_column, targets_among
from ..sources.times import is_time, seconds_of, tells_time
from ._tables import Table

Array = NDArray[Any]

COUNTERS = (
    "index", "idx", "id", "frame", "frames", "frame_index", "frame_number", "frame_id", "frame_no",
    "frame_idx", "step", "row", "image_id", "image_index", "seq", "number", "no", "n", "unnamed: 0",
    "column 0 of pandas",
)  # fmt: skip
EPISODES = (
    "episode", "episode_index", "episode_id", "run", "run_id", "traj", "trajectory",
    "trajectory_id", "traj_id", "sequence", "sequence_id", "clip", "clip_id", "video", "video_id",
    "video_name", "drive", "demo", "demo_id", "session", "session_id", "ep",
)  # fmt: skip
_ENDINGS = (
    ".png", ".jpg", ".jpeg", ".bmp", ".webp", ".ppm", ".pgm", ".tif", ".tiff", ".mp4", ".avi",
    ".mov", ".mkv", ".webm", ".gif",
)  # fmt: skip
_STATE_WORDS = (
    "state", "obs", "observation", "pose", "joint", "proprio", "proprioception", "qpos",
    "endeffector", "position",
)  # fmt: skip
_ACTION_WORDS = ("action", "command", "cmd", "control")
_NO_ROWS = np.zeros((0, 0))
_SPLIT = ("split", "subset", "partition", "set")


@dataclass(frozen=True)
class Roles:
    """Which columns of a table are what.

    Attributes:
        keys: the columns that become actions and states.
        widths: how many numbers each of those has.
        kinds: "real", "integer" or "boolean", per column.
    """

    keys: Mapping[Role, tuple[str, ...]]
    widths: Mapping[str, int]
    kinds: Mapping[str, str]

    @property
    def any(self) -> bool:
        return any(self.keys.values())

    def columns(self, lag: int) -> dict[str, Column]:
        """Return the columns of a store, with the lag of its actions and of what they led to."""
        found = {}
        for role, names in self.keys.items():
            if role in TARGETS:
                found[str(role)] = target_column(role, lag)
            elif names:
                column = side_by_side(
                    role, {n: self.widths[n] for n in names}, lag if role == "action" else 1
                )
                kinds = [self.kinds[n] for n in names for _ in range(self.widths[n])]
                found[str(role)] = dataclasses.replace(column, kinds=tuple(kinds))
        return found

    def values(self, table: Table, rows: Sequence[int] | Array) -> dict[str, Array]:
        """Return the chosen rows of each role's columns, float64.

        Row -1 is all zeros and leads nowhere.
        """
        places = np.asarray(rows, int)
        found = {}
        for role, names in self.keys.items():
            parts = []
            for name in names:
                if name in table.unusable:
                    raise InputError(f"{table.file}: {table.unusable[name]}; expected numbers")
                if name not in table.numbers:
                    there = ", ".join((*table.numbers, *table.words))
                    raise InputError(
                        f"{table.file} has columns {there}; expected {name} as in the first episode"
                    )
                column = np.asarray(table.numbers[name], np.float64)
                if column.shape[1] != self.widths[name]:
                    raise InputError(
                        f"{table.file}: {name} has {column.shape[1]} numbers per row; "
                        f"expected {self.widths[name]}"
                    )
                parts.append(np.where(places[:, None] < 0, 0.0, column[np.maximum(places, 0)]))
            if parts:
                where = f"{table.file}"
                found[str(role)] = finite(np.concatenate(parts, 1), where)
        return found


def roles(table: Table, options: SourceOptions, where: Path, fitting: Sequence[int] = ()) -> Roles:
    """Return which columns are actions and which states.

    Unless chosen: actions are those whose names begin with "action", states those that begin with
    "state" or "observation", or that are in a file called so. Without any "action", all that are
    neither states nor times nor counters are actions. Columns whose length is none of `fitting`
    have nothing to do with the pictures.

    Raises:
        InputError: a column that would be taken has rows without a number.
    """
    broken = {k: np.zeros((table.length, 1)) for k in table.unusable}
    numbers = {k: v for k, v in table.numbers.items() if not fitting or len(v) in fitting}
    there = [*numbers, *broken]
    single = [k for k, rows in numbers.items() if rows.shape[1] == 1]
    targets = targets_among(single, (*options.actions, *options.states))
    free = [k for k in there if not _is_else(k, table) and k not in targets.values()]
    states = [
        k
        for k in free
        if k.casefold().startswith(("state", "observation", "obs", "endeffector", "proprio"))
        or (not k.casefold().startswith("action") and role_of_file(table, k) == "state")
    ]
    named = [
        k
        for k in free
        if k.casefold().startswith("action")
        or (k not in states and role_of_file(table, k) == "action")
    ]
    if any(k.casefold().startswith("action") for k in named):  # a column says it, no file needs to
        named = [k for k in named if k.casefold().startswith("action") or k in table.files]
    actions = named or [k for k in free if k not in states]
    chosen_states = options.some("states", there, [k for k in states if k not in broken], where)
    chosen_actions = options.some(
        "actions", there, [k for k in actions if k not in chosen_states], where
    )
    if options.no_actions:
        chosen_actions = ()
    both = sorted({*chosen_actions} & {*options.states})
    if both:
        raise InputError(
            f"{', '.join(both)} were chosen as --actions and --states; expected one of them"
        )
    for key in (*chosen_actions, *chosen_states):
        if key in broken:
            usable = [k for k in chosen_actions if k not in broken]
            instead = f", or choose others with --actions {','.join(usable)}" if usable else ""
            raise InputError(
                f"{table.file}: {table.unusable[key]}; expected a number in every row: "
                f"fill it in{instead}"
            )
    keys: dict[Role, tuple[str, ...]] = {
        "action": chosen_actions,
        "state": tuple(k for k in chosen_states if k not in chosen_actions),
        **{role: (name,) for role, name in targets.items()},
    }
    used = [k for names in keys.values() for k in names]
    return Roles(
        keys, {k: numbers[k].shape[1] for k in used}, {k: table.kinds.get(k, "real") for k in used}
    )


def in_every_table(found: Roles, tables: Iterable[Table]) -> Roles:
    """Return the roles without the targets that a table lacks."""
    lacking = {
        role
        for table in tables
        for role, names in found.keys.items()
        if role in TARGETS and any(table.numbers.get(n, _NO_ROWS).shape[1] != 1 for n in names)
    }
    kept = {role: names for role, names in found.keys.items() if role not in lacking}
    return dataclasses.replace(found, keys=kept)


def role_of_file(table: Table, column: str) -> Role | None:
    """Return the role that the name of a column's file says; None if it says none or both."""
    file = table.files.get(column, table.file)
    words = re.findall(r"[a-z]+", file.stem.casefold())
    if not set(words) & {*_plurals(_STATE_WORDS), *_plurals(_ACTION_WORDS)}:
        words = [file.parent.name.casefold()]
        words = [w for w in words if w in _plurals(("state", "observation", "action", "command"))]
    is_state = any(word in _plurals(_STATE_WORDS) for word in words)
    is_action = any(word in _plurals(_ACTION_WORDS) for word in words)
    return None if is_state == is_action else "state" if is_state else "action"


def _plurals(words: Sequence[str]) -> tuple[str, ...]:
    return (*words, *(f"{word}s" for word in words))


def _said_roles(table: Table, found: Roles, options: SourceOptions) -> Findings:
    """Return which columns got their role from the name of their file, or from nothing at all."""
    findings = Findings()
    for role, names in found.keys.items():
        if role in TARGETS:
            continue
        other = "states" if role == "action" else "actions"
        chosen = options.actions if role == "action" else options.states
        unnamed = [
            k for k in names if not k.casefold().startswith(("action", role)) and k not in chosen
        ]
        by_file = [k for k in unnamed if role_of_file(table, k) == role]
        by_default = [k for k in unnamed if k not in by_file] if role == "action" else []
        if by_file:
            files = {table.files.get(k, table.file).name: None for k in by_file}
            reason = f"the name of {', '.join(files)}"
            findings = findings.decided(
                f"role of {', '.join(by_file)}", role, reason, f"--{other} {' '.join(by_file)}"
            )
        if by_default:
            reason = "default, since no name says what a number is"
            findings = findings.decided(
                f"role of {', '.join(by_default)}",
                role,
                reason,
                f"--{other} {' '.join(by_default)}",
            )
    return findings


def said_columns(table: Table, found: Roles, options: SourceOptions) -> Findings:
    """Return every column of a table, taken or left out, with the reason."""
    findings = _said_roles(table, found, options)
    for role, names in found.keys.items():
        for name in names:
            kind, width = found.kinds[name], found.widths[name]
            findings = findings.takes(name, role, kind, width, unit_in(name))
    used = {n for names in found.keys.values() for n in names}
    for name, values in table.numbers.items():
        if name in used:
            continue
        if _is_time(name, table):
            findings = findings.leaves_out(name, "a time", f"--states {name}")
        elif _is_else(name, table):
            findings = findings.leaves_out(name, "a counter", f"--states {name}")
        elif len(values) != table.length:
            findings = findings.leaves_out(
                name, f"it has {len(values)} rows, not {table.length} as others"
            )
        else:
            findings = findings.leaves_out(name, "others are called actions", f"--actions {name}")
    for name, words in table.words.items():
        different = sorted(set(words))
        reason = (
            "names of files" if is_file_column(words) else f"words ({', '.join(different[:4])})"
        )
        findings = findings.leaves_out(name, reason)
    for name, wrong in table.unusable.items():
        if name not in used:
            findings = findings.leaves_out(name, wrong)
    return findings


def unit_in(name: str) -> str:
    """Return the unit that a column's name says in brackets; empty if it says none.

    >>> unit_in("speed [m/s]"), unit_in("yaw (deg)"), unit_in("action[0]"), unit_in("gap_m")
    ('m/s', 'deg', '', '')
    """
    found = re.search(r"[\[(]\s*([^\W\d_%°][^\])]*|%|°)\s*[\])]$", name.strip())
    return found[1].strip() if found else ""


def times_of(table: Table) -> tuple[str, Array] | None:
    """Return the first column that tells the time, and its raw numbers [T].

    None if there is none.
    """
    clocks = [k for k in table.numbers if _is_time(k, table) and table.numbers[k].shape[1] == 1]
    if not clocks:
        return None
    secs = next((k for k in clocks if re.search(r"\bsecs?$|_secs?$|\.secs?$", k)), None)
    nsecs = next((k for k in table.numbers if re.search(r"nsecs?$|nanosec", k)), None)
    if secs and nsecs and table.numbers[nsecs].max() < 1e9 and table.numbers[secs].max() < 1e11:
        both = table.numbers[secs][:, 0].astype(np.int64) * 10**9
        return "stamp_ns", both + table.numbers[nsecs][:, 0].astype(np.int64)
    return clocks[0], table.numbers[clocks[0]][:, 0]


def seconds_from(name: str, raw: Array) -> Array:
    """Return times in seconds from the first; integers of no unit in the one that makes a usual
    rate.

    >>> seconds_from("time", np.array([0, 33, 66])).round(3)
    array([0.   , 0.033, 0.066])
    """
    found = seconds_of(raw, name)
    steps = np.diff(found)
    usual = float(np.median(steps)) if len(steps) else 0.0
    units = re.findall(r"[a-z]+", name.casefold())
    if raw.dtype.kind in "iu" and usual >= 10 and not {"s", "sec", "secs", "seconds"} & {*units}:
        return found * (1e-3 if usual < 5e3 else 1e-6 if usual < 5e6 else 1e-9)
    return found


def file_columns(table: Table) -> list[str]:
    """Return the columns that hold names of pictures or videos."""
    return [name for name, words in table.words.items() if is_file_column(words)]


def is_file_column(words: Sequence[str]) -> bool:
    return bool(words) and all(word.casefold().endswith(_ENDINGS) for word in words)


def base_name(name: str) -> str:
    """Return the last part of a path of any system.

    >>> base_name(" C:\\\\run\\\\IMG\\\\center_1.jpg"), base_name("IMG/1.png")
    ('center_1.jpg', '1.png')
    """
    return PureWindowsPath(name.strip()).name


def episode_column(table: Table) -> str | None:
    """Return the column that says which episode a row belongs to."""
    there = [*table.words, *table.numbers]
    return next((k for k in there if k.casefold() in EPISODES), None)


def split_column(table: Table) -> str | None:
    return next((k for k in table.words if k.casefold() in _SPLIT), None)


def frame_column(table: Table) -> str | None:
    """Return the column of whole numbers that counts pictures."""
    return next(
        (
            k
            for k in table.numbers
            if k.casefold() in COUNTERS
            and table.kinds[k] == "integer"
            and len(np.unique(table.numbers[k])) == len(table.numbers[k])
        ),
        None,
    )


def _is_time(name: str, table: Table) -> bool:
    values = table.numbers[name]
    if name.casefold() in COUNTERS or values.shape[1] != 1:
        return False
    strong = re.fullmatch(
        r"((unix|header)[ _.]?)?(time(stamps?)?|stamps?)([ _.\[(]*\w{1,12}[\])]?)?|t|t_\w{1,2}",
        name.casefold(),
    )
    return tells_time(name, values) or bool(strong and is_time(name))


def _is_else(name: str, table: Table) -> bool:
    """Whether a column is a time, a counter or the number of an episode."""
    if name in table.unusable:
        return is_time(name)
    lowered = name.casefold()
    if lowered in (*COUNTERS, *EPISODES) or _is_time(name, table):
        return True
    rows = table.numbers[name]
    unnamed_count = re.fullmatch(r"column \d+|unnamed.*", lowered) and rows.shape[1] == 1
    return bool(
        unnamed_count
        and len(rows) > 2
        and (np.diff(rows[:, 0]) == 1).all()
        and rows[0, 0] in (0, 1)
    ) or bool(re.search(r"nsecs?$|nanosec", lowered))
