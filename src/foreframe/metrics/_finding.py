"""Find metrics by name."""

from __future__ import annotations

from ..errors import ForeframeError
from ..plugins import METRICS
from ._metric import Metric
from ._set import SetMetric


def find_metric(name: str) -> Metric:
    """Return a metric of frames by its name.

    >>> find_metric("psnr").label
    'PSNR (dB)'

    Raises:
        InputError: no metric has this name; the message lists the nearest.
        ForeframeError: its module holds no metric of frames of this name.
    """
    found = _found(name)
    if not isinstance(found, Metric):
        raise ForeframeError(f"{name!r} is a metric of sets of videos; expected one of frames")
    return found


def metrics() -> list[Metric]:
    """Return all metrics of frames that need no weights, by name."""
    return [metric for metric in _all() if isinstance(metric, Metric) and not metric.needs]


def demanding_metrics() -> list[Metric | SetMetric]:
    """Return all metrics that need weights, or judge a set of videos as a whole, by name."""
    return [metric for metric in _all() if isinstance(metric, SetMetric) or metric.needs]


def _all() -> list[Metric | SetMetric]:
    return [_found(name) for name in METRICS.names()]


def _found(name: str) -> Metric | SetMetric:
    module = METRICS.module(name)
    found = getattr(module, "METRIC", None)
    if not isinstance(found, (Metric, SetMetric)) or found.name != name:
        raise ForeframeError(
            f"{module.__name__} has no metric {name!r}; "
            f"expected METRIC = Metric({name!r}, ...) in it"
        )
    return found
