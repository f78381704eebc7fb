"""The split of every episode as a seed draws it, or as a list says."""

from __future__ import annotations

import csv
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..runtime.files import parse_json, read_text
from ..runtime.typed import read_as
from .sources.options import SplitBy
from .store import SPLITS

SHARES = (0.8, 0.1, 0.1)  # of the episodes, for train, validate, test


@dataclass(frozen=True)
class SplitOptions:
    """How episodes are shared out.

    Attributes:
        shares: of the episodes, for train, validate and test, where the source has no splits.
        listed: the split of every episode by name, before anything else; None if there is no list.
        seed: draws the splits.
        by: what falls into one split as a whole; None: sessions where they are known, else
            episodes.
        kept: splits of episodes by name that an earlier import drew.
    """

    shares: tuple[float, float, float] = SHARES
    listed: Mapping[str, str] | None = None
    seed: int = 0
    by: SplitBy | None = None
    kept: Mapping[str, str] = field(default_factory=dict)


def assign_splits(count: int, seed: int, shares: Sequence[float] = SHARES) -> list[str]:
    """A split for each of `count` episodes, drawn with a seed. With three or more episodes no split
    with a share is empty.

    >>> assign_splits(4, 0).count("train"), assign_splits(1, 0)
    (2, ['train'])
    """
    if len(shares) != 3 or min(shares) < 0 or sum(shares) <= 0:
        raise InputError(
            f"splits are {list(shares)}; expected three shares for train, validate, test, such as "
            "0.8 0.1 0.1"
        )
    wanted = np.asarray(shares, float) / sum(shares)
    counts = np.floor(wanted * count + 1e-9).astype(int)
    if count >= np.count_nonzero(wanted):
        counts = np.maximum(counts, wanted > 0)
    counts[np.argmax(wanted)] += count - counts.sum()
    order = np.random.default_rng(seed).permutation(count)
    names = np.repeat(SPLITS, counts)
    splits = [""] * count
    for place, name in zip(order, names, strict=True):
        splits[place] = str(name)
    return splits


def read_split_list(file: Path) -> dict[str, str]:
    """Episode names with their splits: JSON {split: [names]}, or CSV rows of name,split."""
    what = "JSON {split: [names]} or rows of name,split"
    text = read_text(file, what)
    if file.suffix.lower() == ".json":
        names_of = read_as(dict[str, list[str]], parse_json(text, str(file), what), str(file))
        listed = {name: split for split, names in names_of.items() for name in names}
    else:
        try:
            listed = dict(row for row in csv.reader(text.splitlines()) if row)
        except (ValueError, TypeError, csv.Error) as error:
            raise InputError(f"{file} cannot be read ({error}); expected {what}") from None
    for name, split in listed.items():
        if split not in SPLITS:
            raise InputError(
                f"{file}: episode {name} is in split {split!r}; expected one of {', '.join(SPLITS)}"
            )
    return listed
