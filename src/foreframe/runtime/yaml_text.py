"""Read YAML: plain values alone, of a size that can be looked at."""

from __future__ import annotations

from typing import Any

from ..errors import InputError

_MOST_VALUES = 10_000
_MOST_CHARACTERS = 1 << 18
_LONGEST = {"int": 30, "float": 400}  # characters; the longest float has 309 digits


def parse_yaml(text: str, where: str) -> Any:
    """Return the values of YAML text that was read from `where`.

    Names for values (`&name`, `*name`, `<<`) may stand for much more than is written: what they
    stand for counts, and is counted before any value is made.

    Raises:
        InputError: it is not YAML, nested too deep, or of more values than any settings have.
    """
    import yaml

    if len(text) > _MOST_CHARACTERS:
        raise InputError(
            f"{where} has {len(text):,} characters; expected settings, at most {_MOST_CHARACTERS:,}"
        )
    try:
        count = _values(yaml.compose(text, yaml.SafeLoader), {}, set())
        if count > _MOST_VALUES:
            raise InputError(
                f"{where} stands for {count:.3g} values; expected settings, at most "
                f"{_MOST_VALUES:,}"
            )
        return yaml.safe_load(text)
    except InputError:
        raise
    except (yaml.YAMLError, RecursionError, ValueError, OverflowError) as error:
        fault = " ".join(str(error).split())
        raise InputError(f"{where} is not YAML that can be read ({fault})") from None


def _values(node: Any, counted: dict[int, int], above: set[int]) -> int:
    """Count the values in a node, each as often as it is named.

    Raises:
        ValueError: a value is inside itself, or a number is longer than any.
    """
    inside = getattr(node, "value", None)  # None for an empty text
    if not isinstance(inside, list):
        kind, length = str(getattr(node, "tag", "")).rpartition(":")[2], len(str(inside))
        if length > _LONGEST.get(kind, length):
            raise ValueError(f"a number of {length} characters")
        return 1
    if id(node) in above:
        raise ValueError("a value is inside itself")
    if id(node) not in counted:
        items = [item for part in inside for item in (part if isinstance(part, tuple) else (part,))]
        below = above | {id(node)}
        counted[id(node)] = 1 + sum(_values(item, counted, below) for item in items)
    return counted[id(node)]
