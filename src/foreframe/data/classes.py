"""Whether a number is a class id, whose size means nothing.

Letters: R rows.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

_MOST_CLASSES = 64


def is_class_id(values: NDArray[Any]) -> bool:
    """Return whether numbers [R] look like class ids: whole and from 0 on, more than two, few, and
    each more than once.

    >>> is_class_id(np.array([0, 2, 1, 2, 0, 1])), is_class_id(np.array([0, 1, 1, 0]))
    (True, False)
    """
    found, counts = np.unique(values, return_counts=True)
    if not 2 < len(found) <= _MOST_CLASSES or found[0] != 0:
        return False
    whole = bool((found == np.round(found)).all())
    last = float(found[-1])
    return whole and last < min(_MOST_CLASSES, 2 * len(found)) and bool(np.median(counts) > 1)
