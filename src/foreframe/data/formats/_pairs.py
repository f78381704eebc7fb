"""Pictures with their rows, and by which rule they came together.

Letters: T pictures, R rows.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

ALONE = "pictures alone"


@dataclass(frozen=True)
class Pairing:
    """Pictures with their rows.

    Attributes:
        pictures: the places of the pictures that are kept, in order.
        rows: the row of each, -1 for a last picture from which no action leads on.
        reason: what paired them.
        unused: what was left out, in words; empty if nothing was.
        breaks: places in `pictures` before which something is missing.
    """

    pictures: tuple[int, ...]
    rows: tuple[int, ...]
    reason: str
    unused: str = ""
    breaks: tuple[int, ...] = ()


def rules_of(reasons: Sequence[str]) -> str:
    """Return the rules that paired the recordings of a source, with how many each applied to.

    >>> rules_of(["as many rows", "as many rows", "3 rows for 4", "5 rows for 6"])
    'as many rows (2 recordings); 3 rows for 4 and the like (2 recordings)'
    """
    groups: dict[str, list[str]] = {}
    for reason in reasons:
        groups.setdefault(re.sub(r"[\d.]+", "#", reason), []).append(reason)
    if len(reasons) == 1:
        return reasons[0]
    return "; ".join(
        f"{group[0]}{' and the like' if len({*group}) > 1 else ''} "
        f"({len(group)} recording{'s' if len(group) > 1 else ''})"
        for group in groups.values()
    )
