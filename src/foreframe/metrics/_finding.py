"""Find metrics by name."""

from __future__ import annotations

from ..errors import ForeframeError
from ..plugins import METRICS
from ._metric import Metric


def find_metric(name: str) -> Metric:
    """Return a metric by its name.

    >>> find_metric("psnr").label
    'PSNR (dB)'

    Raises:
        InputError: no metric has this name; the message lists the nearest.
        ForeframeError: its module holds no metric of this name.
    """
    module = METRICS.module(name)
    found = getattr(module, "METRIC", None)
    if not isinstance(found, Metric) or found.name != name:
        raise ForeframeError(
            f"{module.__name__} has no metric {name!r}; "
            f"expected METRIC = Metric({name!r}, ...) in it"
        )
    return found


def metrics() -> list[Metric]:
    """Return all metrics, by name."""
    return [find_metric(name) for name in METRICS.names()]
