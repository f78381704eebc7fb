"""Damaged recordings and stores: never a traceback, a crash or a hang, and nothing silently wrong
that a checksum reveals.

FOREFRAME_FUZZ says how many cases in all (500 by default, as many for each reader).
"""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from conftest import squares_store
from foreframe.plugins import FORMATS
from fuzzing import Outcome, cases, importing, read_store, tally
from small_recordings import WRITERS

pytestmark = pytest.mark.slow

CASES = int(os.environ.get("FOREFRAME_FUZZ", "500")) // (len(WRITERS) + 1) + 1


def findings(outcomes: list[Outcome]) -> list[str]:
    return [
        f"{o.file}, {o.damage} (case {o.number}): {o.kind}\n{o.said[-1500:]}"
        for o in outcomes
        if o.is_finding
    ]


@pytest.mark.parametrize("name", FORMATS.names())
def test_damaged_recordings(name: str, tmp_path: Path) -> None:
    outcomes = list(cases(WRITERS[name](tmp_path / "src"), importing(name), CASES, seed=0))
    assert not findings(outcomes), "\n\n".join(findings(outcomes)) + tally(outcomes)
    assert any(o.kind == "error" for o in outcomes)


def test_damaged_stores(tmp_path: Path) -> None:
    source = squares_store(tmp_path / "store", 6).path
    outcomes = list(cases(source, read_store, CASES, seed=0))
    assert not findings(outcomes), "\n\n".join(findings(outcomes)) + tally(outcomes)
    columns = [o for o in outcomes if "/columns/" in o.file]
    assert all(o.kind in ("error", "changed") for o in columns), "damage to a column is always seen"


def test_the_harness_finds_what_it_should(tmp_path: Path) -> None:
    """The negative control.

    A reader that believes everything, one that crashes, one that is hungry.
    """
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "a.png").write_bytes(bytes(range(256)))

    def believes(source: Path, scratch: Path) -> str:
        return (source / "a.png").read_bytes().hex()

    def crashes(source: Path, scratch: Path) -> str:
        if (source / "a.png").read_bytes() != bytes(range(256)):
            os._exit(7)
        return ""

    def hungers(source: Path, scratch: Path) -> str:
        if (source / "a.png").read_bytes() != bytes(range(256)):
            np.ones(10 << 30)
        return ""

    for read, kind in ((believes, "changed"), (crashes, "crash"), (hungers, "traceback")):
        assert {o.kind for o in cases(tmp_path / "src", read, 6, seed=1)} >= {kind}
        assert findings(list(cases(tmp_path / "src", read, 6, seed=1)))
