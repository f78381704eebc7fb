"""Progress bars: the units done, their rate, and the time left.

Without a terminal, a line is printed every 15 seconds.
"""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator

Advance = Callable[..., None]
_LINE_EVERY_S = 15.0


def duration(seconds: float) -> str:
    """Return a time in words.

    >>> duration(42.3), duration(750), duration(3 * 3600 + 300), duration(float("inf"))
    ('42 s', '12 min 30 s', '3 h 5 min', 'unknown time')
    """
    if seconds == float("inf"):
        return "unknown time"
    minutes, rest = divmod(round(seconds), 60)
    if not minutes:
        return f"{rest} s"
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min {rest} s"


@contextlib.contextmanager
def progress(label: str, total: int, unit: str, start: int = 0) -> Iterator[Advance]:
    """Show progress over `total` units while the block runs; yield `advance(count, note="")`.

    Args:
        label: the activity, such as "training".
        total: number of units to do.
        unit: name of the units, such as "steps".
        start: number of units done earlier, which do not count in the rate.
    """
    if sys.stderr.isatty():
        with _bar(label, total, unit, start) as advance:
            yield advance
    else:
        with _lines(label, total, unit, start) as advance:
            yield advance


@contextlib.contextmanager
def _bar(label: str, total: int, unit: str, start: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    columns = (
        TextColumn("{task.description}"),
        BarColumn(24),
        MofNCompleteColumn(),
        TextColumn(f"{unit}  {{task.fields[rate]}}"),
        TimeRemainingColumn(),
        TextColumn("{task.fields[note]}"),
    )
    began = time.monotonic()
    with Progress(*columns, console=Console(stderr=True), transient=False) as bar:
        task = bar.add_task(label, total=total, completed=start, note="", rate="")

        def advance(count: int, note: str = "") -> None:
            done = bar.tasks[task].completed + count - start
            rate = done / max(time.monotonic() - began, 1e-9)
            bar.update(task, advance=count, rate=f"{rate:,.1f}/s")
            if note:
                bar.update(task, note=note)

        yield advance


@contextlib.contextmanager
def _lines(label: str, total: int, unit: str, start: int) -> Iterator[Advance]:
    began = spoke = time.monotonic()
    done = start

    def advance(count: int, note: str = "") -> None:
        nonlocal done, spoke
        done += count
        now = time.monotonic()
        if now - spoke < _LINE_EVERY_S and done < total:
            return
        spoke = now
        rate = (done - start) / max(now - began, 1e-9)
        left = (total - done) / rate if rate else float("inf")
        eta = f"{duration(left)} left" if done < total else duration(now - began)
        print(
            f"{label}: {done}/{total} {unit}, {rate:,.1f}/s, {eta}  {note}".rstrip(),
            file=sys.stderr,
            flush=True,
        )

    yield advance
