"""What a few seeds say: a mean, and how far it may be from that of all seeds."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

_STUDENT = (
    12.706,
    4.303,
    3.182,
    2.776,
    2.571,
    2.447,
    2.365,
    2.306,
    2.262,
)  # 97.5 % quantiles for 1 to 9 degrees of freedom
_NORMAL = 1.959964


def over_seeds(values: Sequence[float]) -> dict[str, float | None]:
    """Mean of a figure over seeds, with Student's 95 % interval; of a single seed nobody knows the interval.

    >>> {name: round(value, 3) for name, value in over_seeds([1.0, 2.0, 3.0]).items() if value is not None}
    {'mean': 2.0, 'low': -0.484, 'high': 4.484}
    """
    mean, freedom = float(np.mean(values)), len(values) - 1
    if freedom == 0:
        return {"mean": mean, "low": None, "high": None}
    times = (
        _STUDENT[freedom - 1]
        if freedom <= len(_STUDENT)
        else _NORMAL + (_NORMAL**3 + _NORMAL) / (4 * freedom)
    )
    half = times * float(np.std(values, ddof=1)) / math.sqrt(len(values))
    return {"mean": mean, "low": mean - half, "high": mean + half}
