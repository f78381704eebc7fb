"""Times of pictures and rows: which column tells the time, in which unit, where it breaks, and
which row belongs to which picture.

Letters: T pictures, R rows.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...errors import InputError

Array = NDArray[Any]

_TIMES = frozenset(
    (
        "timestamp",
        "timestamps",
        "time",
        "times",
        "stamp",
        "stamps",
        "unix",
        "epoch",
        "t",
        "datetime",
    )
)
_UNITS = {
    "ns": 1e-9, "nsec": 1e-9, "nanos": 1e-9, "nanoseconds": 1e-9,
    "us": 1e-6, "usec": 1e-6, "micros": 1e-6, "microseconds": 1e-6,
    "ms": 1e-3, "msec": 1e-3, "millis": 1e-3, "milliseconds": 1e-3,
    "s": 1.0, "sec": 1.0, "secs": 1.0, "second": 1.0, "seconds": 1.0,
}  # fmt: skip
_UNIX = (
    (1e17, 1e-9),
    (1e14, 1e-6),
    (1e11, 1e-3),
)  # times since 1970 are at least so large in ns, us, ms
_UNIX_S, _UNIX_NS = 9e8, 3e18  # 1998 in seconds, 2065 in nanoseconds
_GAP_TIMES = 5.0
_STEADY = 0.1  # of the usual step: the jitter of a steady clock


def is_time(name: str) -> bool:
    """Whether a column is called as times are: its last word is one, units aside.

    >>> [is_time(name) for name in ("timestamp_ns", "t", "Time [s]", "header.stamp.secs")]
    [True, True, True, True]
    >>> [is_time(name) for name in ("throttle", "time_to_goal")]
    [False, False]
    """
    words = re.findall(r"[a-z]+", name.casefold())
    if not words:
        return False
    named = [word for word in words if word not in _UNITS]
    return named[-1] in _TIMES if named else words[-1] in ("seconds", "secs")


def tells_time(name: str, values: Array) -> bool:
    """Whether a column is a clock: called as one and never going back, or growing numbers as large
    as Unix times.

    >>> tells_time("lap_time", np.array([3.0, 1.0])), tells_time("unnamed", 1.7e9 + np.arange(5.0))
    (False, True)
    """
    flat = np.asarray(values).reshape(-1)
    if flat.dtype.kind not in "iuf" or len(flat) < 2:
        return is_time(name)
    steps = np.diff(flat.astype(np.float64) if flat.dtype.kind == "u" else flat)
    grows = bool((steps >= 0).mean() > 0.9 and (steps > 0).any())
    return grows and (is_time(name) or bool((steps >= 0).all() and _UNIX_S < flat[0] < _UNIX_NS))


def seconds_of(values: Array, name: str = "") -> Array:
    """Times in seconds from the first on, float64, by the unit in the name or by the size of Unix
    times: [T].

    Times that stand still for several rows (whole seconds at ten pictures a second) are spread
    evenly.

    >>> stamps = np.array([1_700_000_000_000_000_000, 1_700_000_000_100_000_000])
    >>> seconds_of(stamps, "stamp").round(3)
    array([0. , 0.1])
    """
    flat = np.asarray(values).reshape(-1)
    if not len(flat):
        return np.zeros(0)
    words = re.findall(r"[a-z]+", name.casefold())
    scale = next((_UNITS[word] for word in reversed(words) if word in _UNITS), None)
    if scale is None:
        largest = float(np.abs(np.asarray(flat, np.float64)).max())
        scale = next((found for least, found in _UNIX if largest > least), 1.0)
    since = flat - flat[0]  # exact in integers; what is left is small
    return spread(np.asarray(since, np.float64) * scale)


def spread(seconds: Array) -> Array:
    """Times that repeat, spread evenly up to the next: a clock of whole seconds beside several
    pictures a second.

    >>> spread(np.array([0.0, 0, 1, 1, 2, 2]))
    array([0. , 0.5, 1. , 1.5, 2. , 2.5])
    """
    changes = np.flatnonzero(np.diff(seconds) != 0) + 1
    if not len(changes) or len(changes) > len(seconds) / 1.5:
        return np.asarray(seconds, np.float64)
    bounds = [0, *changes.tolist(), len(seconds)]
    counts = np.diff(bounds)
    usual = float(np.median(counts))
    step = float(np.median(np.diff(seconds[[*bounds[:-1]]]))) / usual
    found = np.concatenate(
        [seconds[a] + step * np.arange(b - a) for a, b in zip(bounds, bounds[1:])]
    )
    if counts[0] < usual:  # the recording began within the first second
        found[: bounds[1]] += step * (usual - counts[0])
    return np.asarray(found, np.float64)


def rate_of(seconds: Array) -> float | None:
    """Pictures per second, by the usual step; None if the times do not tell."""
    steps = np.diff(seconds)
    usual = float(np.median(steps)) if len(steps) else 0.0
    return round(1 / usual, 3) if usual > 0 else None


def is_steady(seconds: Array) -> bool:
    """Whether nearly all steps are the usual one, pauses aside."""
    steps = np.diff(seconds)
    if not len(steps):
        return True
    usual = float(np.median(steps))
    within = steps[steps < _GAP_TIMES * usual]
    return bool(np.mean(np.abs(within - usual) <= _STEADY * usual + 1e-3) > 0.9)


def cuts_at_gaps(seconds: Array, max_gap_s: float | None) -> list[int]:
    """Where a new episode begins: the time since the last frame is over `max_gap_s`, or five times
    the usual, or negative.

    >>> cuts_at_gaps(np.array([0, 0.1, 0.2, 3.0, 3.1]), None)
    [3]
    """
    steps = np.diff(np.asarray(seconds, np.float64))
    if not len(steps):
        return []
    limit = max_gap_s or _GAP_TIMES * float(np.median(steps))
    return [int(i) + 1 for i in np.flatnonzero((steps > limit) | (steps < 0))]


@dataclass(frozen=True)
class TimeMatch:
    """Which row goes with which picture.

    Attributes:
        rows: the row of each picture, -1 if none is near enough: [T].
        unused_rows: how many rows no picture took.
        without_row: how many pictures have none.
        largest_s: the largest distance in time of a picture and its row.
    """

    rows: Array
    unused_rows: int
    without_row: int
    largest_s: float


def match_by_time(
    picture_times_s: Array, row_times_s: Array, where: str, tolerance_s: float | None = None
) -> TimeMatch:
    """Find the row nearest in time to each picture. Both times are float64 seconds on the same
    clock.

    A row is near enough within `tolerance_s`; by default three quarters of the longer of the two
    usual steps.

    Raises:
        InputError: row times that go back, or none of the pictures has a row.

    >>> match_by_time(np.array([0, 0.1, 0.2]), np.array([0, 0.05, 0.1, 0.15, 0.2]), "a.csv").rows
    array([0, 2, 4])
    """
    pictures, rows = np.asarray(picture_times_s, np.float64), np.asarray(row_times_s, np.float64)
    if len(rows) > 1 and (np.diff(rows) < 0).any():
        at = int(np.argmax(np.diff(rows) < 0)) + 1
        raise InputError(
            f"{where}: the time of row {at} is before that of the row above; "
            "expected times that grow"
        )
    if not len(rows) or not len(pictures):
        raise InputError(
            f"{where} has {len(rows)} times for {len(pictures)} pictures; expected some of both"
        )
    usual = [float(np.median(np.diff(t))) for t in (pictures, rows) if len(t) > 1]
    tolerance = tolerance_s if tolerance_s is not None else 0.75 * max(usual, default=0.0) + 1e-6
    right = np.clip(np.searchsorted(rows, pictures), 0, len(rows) - 1)
    left = np.maximum(right - 1, 0)
    nearest = np.where(np.abs(rows[left] - pictures) <= np.abs(rows[right] - pictures), left, right)
    distance = np.abs(rows[nearest] - pictures)
    near = distance <= tolerance
    if not near.any():
        raise InputError(
            f"{where}: no row is within {tolerance:.3f} s of a picture (pictures {pictures[0]:.3f} "
            f"to {pictures[-1]:.3f} s, "
            f"rows {rows[0]:.3f} to {rows[-1]:.3f} s); expected times of one clock"
        )
    found = np.where(near, nearest, -1)
    return TimeMatch(
        found,
        len(rows) - len(np.unique(found[near])),
        int((~near).sum()),
        float(distance[near].max()),
    )
