"""What an import found of a source: files, columns, and every decision with what decided it.

A format fills this in while it opens a source; the import adds what it alone can see (ranges, files
that are left over), prints it, and keeps it in the store's manifest.
"""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from ...errors import InputError
from ...runtime.typed import read_as

_Entry = TypeVar("_Entry")


class AmbiguousSource(InputError):  # noqa: N818 - a state of the source, as FileExists is
    """A source can be read in ways that differ, and only the person who recorded it knows which is
    right.

    Args:
        where: the file or folder, with the key or column if there is one.
        readings: what each way would make of it, at least two.
        option: what to type, such as "--lag 0 or --lag 1".

    Example:
        >>> print(AmbiguousSource("a.npz", ("floats of 0..1", "floats of 0..255"), "--pixel-range"))
        a.npz can be read in 2 ways: (1) floats of 0..1; (2) floats of 0..255. Say which with
        --pixel-range
    """

    def __init__(self, where: str | Path, readings: Sequence[str], option: str) -> None:
        listed = "; ".join(f"({n}) {reading}" for n, reading in enumerate(readings, start=1))
        super().__init__(
            f"{where} can be read in {len(readings)} ways: {listed}. Say which with {option}"
        )
        self.where, self.readings, self.option = str(where), tuple(readings), option


@dataclass(frozen=True)
class UnusedFile:
    """A file that was found and is not read.

    Attributes:
        path: the file or folder, relative to the source; or a pattern that stands for several.
        reason: why it is not read.
        instead: the option or layout that would use it; empty if there is none.
    """

    path: str
    reason: str
    instead: str = ""


@dataclass(frozen=True)
class TakenColumn:
    """A column that goes into the store.

    Attributes:
        key: the name of the column, key or feature in the source.
        role: action, state or label.
        dtype: as it is in the source: float32, bool, int64, ...
        width: how many numbers it has.
        unit: its unit, if the source says so.
        low: the smallest of its numbers in the store.
        high: the largest.
    """

    key: str
    role: str
    dtype: str = ""
    width: int = 1
    unit: str = ""
    low: float | None = None
    high: float | None = None

    def __str__(self) -> str:
        parts = [f"{self.role} from {self.key}", self.dtype]
        if self.role == "label":
            return ", ".join(part for part in parts if part)
        parts += [f"{self.width} numbers"] if self.width > 1 else []
        if self.low is not None:
            span = f"{self.low:.7g} to {self.high:.7g}"
            parts += [f"always {self.low:.7g}" if self.low == self.high else span]
        return ", ".join(part for part in (*parts, self.unit or "unit not given") if part)


@dataclass(frozen=True)
class LeftOutColumn:
    """A column that was found and does not go into the store.

    Attributes:
        key: the name of the column, key or feature in the source.
        reason: why it is left out: words, a counter, a time, another representation of the action,
            ...
        option: what would take it, such as "--states joints"; empty if nothing would.
    """

    key: str
    reason: str
    option: str = ""


@dataclass(frozen=True)
class Decision:
    """A choice that the source left open.

    Attributes:
        subject: lag, pixel range, camera, order, rate, orientation, pairing, splits, cuts, layout,
            actions, ...
        value: what was decided.
        reason: what decided it.
        option: what decides otherwise, such as "--lag"; empty if nothing does.
    """

    subject: str
    value: str
    reason: str
    option: str = ""


@dataclass(frozen=True)
class Findings:
    """What was found of a source. Every method returns findings with something added.

    Attributes:
        files: every file that is read or will be, absolute or below the source; the rest of the
            source counts as unused. Empty: the format does not say.
        unused: files that were found and are not read, where the format knows a reason.
        taken: columns that go into the store.
        left_out: columns that do not.
        decisions: what was decided, and what decided it.
        warnings: what is odd, in whole sentences.
        remarks: what is worth saying and nothing else here holds.

    Example:
        >>> found = Findings().decided("lag", "1", "5 actions for 6 pictures", "--lag")
        >>> for line in found.warn("episode 3 has no end").lines():
        ...     print(line)
        lag: 1, by 5 actions for 6 pictures (--lag decides otherwise)
        NOTE: episode 3 has no end
    """

    files: tuple[Path, ...] = ()
    unused: tuple[UnusedFile, ...] = ()
    taken: tuple[TakenColumn, ...] = ()
    left_out: tuple[LeftOutColumn, ...] = ()
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()

    def reads(self, files: Iterable[Path]) -> Findings:
        """Add files that are read."""
        return dataclasses.replace(self, files=(*self.files, *files))

    def ignores(self, path: str | Path, reason: str, instead: str = "") -> Findings:
        """Add a file that is not read."""
        return dataclasses.replace(
            self, unused=(*self.unused, UnusedFile(str(path), reason, instead))
        )

    def takes(
        self, key: str, role: str, dtype: object = "", width: int = 1, unit: str = ""
    ) -> Findings:
        """Add a column that goes into the store."""
        column = TakenColumn(key, role, str(dtype), width, unit)
        return dataclasses.replace(self, taken=(*self.taken, column))

    def leaves_out(self, key: str, reason: str, option: str = "") -> Findings:
        """Add a column that does not go into the store."""
        return dataclasses.replace(
            self, left_out=(*self.left_out, LeftOutColumn(key, reason, option))
        )

    def decided(self, subject: str, value: object, reason: str, option: str = "") -> Findings:
        """Add a decision."""
        made = Decision(subject, str(value), reason, option)
        return dataclasses.replace(self, decisions=(*self.decisions, made))

    def warn(self, *sentences: str) -> Findings:
        """Add what is odd."""
        return dataclasses.replace(self, warnings=(*self.warnings, *sentences))

    def remark(self, *sentences: str) -> Findings:
        """Add what is worth saying."""
        return dataclasses.replace(self, remarks=(*self.remarks, *sentences))

    def measured(self, spans: Mapping[str, Sequence[tuple[float, float]]]) -> Findings:
        """Add the span of each number of a role to the columns that it comes from.

        Columns whose numbers are not those of the store, such as one-hot classes, get none.
        """
        taken = list(self.taken)
        for role, numbers in spans.items():
            places = [i for i, column in enumerate(taken) if column.role == role]
            ends = list(itertools.accumulate(taken[i].width for i in places))
            if not ends or ends[-1] != len(numbers):
                continue
            for i, end in zip(places, ends, strict=True):
                part = numbers[end - taken[i].width : end]
                low, high = min(low for low, _ in part), max(high for _, high in part)
                taken[i] = dataclasses.replace(taken[i], low=low, high=high)
        return dataclasses.replace(self, taken=tuple(taken))

    def __add__(self, other: Findings) -> Findings:
        """Return both, each thing once."""
        return Findings(
            *(
                tuple(dict.fromkeys((*getattr(self, f.name), *getattr(other, f.name))))
                for f in dataclasses.fields(self)
            )
        )

    def to_json(self) -> dict[str, Any]:
        """Return what JSON can hold; `files` becomes a count and the first names."""
        return {
            "files": {"count": len(self.files), "first": [str(f) for f in self.files[:_NAMED]]},
            "unused": [dataclasses.asdict(entry) for entry in self.unused],
            "taken": [dataclasses.asdict(entry) for entry in self.taken],
            "left_out": [dataclasses.asdict(entry) for entry in self.left_out],
            "decisions": [dataclasses.asdict(entry) for entry in self.decisions],
            "warnings": list(self.warnings),
            "remarks": list(self.remarks),
        }

    @classmethod
    def from_json(cls, found: Mapping[str, Any]) -> Findings:
        """Return the findings of a manifest; of `files` the first few."""
        read = read_as(_Written, found, "the findings of a store's manifest")
        files = tuple(Path(file) for file in read.files.first)
        others = {f.name: getattr(read, f.name) for f in dataclasses.fields(read)}
        return cls(**others | {"files": files})

    def lines(self) -> list[str]:
        """Return the findings in words, a line each."""
        return [
            *(_sentence(f"not read: {u.path}: {u.reason}", u.instead) for u in self.unused),
            *map(str, self.taken),
            *(_sentence(f"left out: {c.key}: {c.reason}", c.option) for c in self.left_out),
            *(
                f"{d.subject}: {d.value}, by {d.reason}"
                + (f" ({d.option} decides otherwise)" if d.option else "")
                for d in self.decisions
            ),
            *self.remarks,
            *(f"NOTE: {warning}" for warning in self.warnings),
        ]


@dataclass(frozen=True)
class _WrittenFiles:
    first: tuple[str, ...] = ()


@dataclass(frozen=True)
class _Written:
    """Findings as JSON has them."""

    files: _WrittenFiles = _WrittenFiles()
    unused: tuple[UnusedFile, ...] = ()
    taken: tuple[TakenColumn, ...] = ()
    left_out: tuple[LeftOutColumn, ...] = ()
    decisions: tuple[Decision, ...] = ()
    warnings: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


_NAMED = 5


def _sentence(text: str, instead: str) -> str:
    return f"{text} ({instead} would use it)" if instead else text
