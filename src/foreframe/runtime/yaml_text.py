"""Read YAML: plain values alone, of a size that can be looked at."""

from __future__ import annotations

from typing import Any

from ..errors import InputError

_MOST_VALUES = 100_000


def parse_yaml(text: str, where: str) -> Any:
    """Return the values of YAML text that was read from `where`.

    Names for values (`&name`, `*name`) may stand for much more than is written: what they stand for
    counts.

    Raises:
        InputError: it is not YAML, nested too deep, or of more values than any settings have.
    """
    import yaml

    try:
        found = yaml.safe_load(text)
        count = _values(found, {}, set())
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        fault = " ".join(str(error).split())
        raise InputError(f"{where} is not YAML that can be read ({fault})") from None
    if count > _MOST_VALUES:
        raise InputError(
            f"{where} stands for {count:.3g} values; expected settings, at most {_MOST_VALUES:,}"
        )
    return found


def _values(value: Any, counted: dict[int, int], above: set[int]) -> int:
    """Count the values inside, each as often as it is named.

    Raises:
        ValueError: a value is inside itself.
    """
    if not isinstance(value, dict | list | tuple | set):
        return 1
    if id(value) in above:
        raise ValueError("a value is inside itself")
    if id(value) not in counted:
        inside = [*value.keys(), *value.values()] if isinstance(value, dict) else list(value)
        below = above | {id(value)}
        counted[id(value)] = 1 + sum(_values(item, counted, below) for item in inside)
    return counted[id(value)]
