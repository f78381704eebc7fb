"""The demo: how much of it fits into a time, and a quick one from its first step to its page."""

from __future__ import annotations

from pathlib import Path

import pytest

import foreframe
from foreframe import demonstration
from foreframe.cli import main
from foreframe.demonstration import QUICK_S, Extent, Speed
from foreframe.errors import InputError


@pytest.mark.parametrize("speed", [Speed(0.1, 0.5, 2), Speed(0.25, 0.6, 2), Speed(0.01, 0.3, 16)])
def test_a_quick_demo_fits_into_its_time(speed: Speed) -> None:
    extent = speed.fit(QUICK_S)
    assert speed.seconds(extent) <= QUICK_S
    longer = Extent(extent.trajectories, extent.steps + 20, extent.futures)
    assert speed.seconds(longer) > QUICK_S


def test_a_slow_machine_gets_the_least_that_makes_sense() -> None:
    extent = Speed(5.0, 20.0, 1).fit(QUICK_S)
    assert (extent.trajectories, extent.steps) == (24, 60)


@pytest.mark.slow
def test_a_quick_demo_from_measuring_to_its_page(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """On a machine that is so slow that little fits; the same call goes on, also after more."""
    monkeypatch.setattr(demonstration, "_FEWEST", 8)
    monkeypatch.setattr(demonstration, "_FEWEST_STEPS", 3)
    monkeypatch.setattr(demonstration, "seconds_per_step", lambda *_: 100.0)
    monkeypatch.setattr(demonstration, "_SHARE_OF_DATA", 0.0)
    out = tmp_path / "demo"
    main(["demo", "--out", str(out), "--quick"])
    said = capsys.readouterr().out
    assert "measured here: 100.00 s per step" in said
    assert "8 recordings and 3 steps" in said
    assert "The whole demo (without --quick) would take about" in said
    assert (out / "report.html").is_file()
    foreframe.train("push-tiny", out / "data", out, changes={"training.steps": 4})
    foreframe.demo(out, quick=True)
    assert "measured" not in capsys.readouterr().out
    with pytest.raises(InputError, match="holds a quick demo; expected --quick"):
        foreframe.demo(out)


def test_the_whole_demo_says_how_long_it_takes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(demonstration, "_measured", lambda: Speed(0.1, 0.5, 2))
    assert demonstration._extent(tmp_path / "demo", quick=False) == Extent()
    assert "about 4 min on this machine; --quick takes 90 s" in capsys.readouterr().out
    (tmp_path / "demo" / "data").mkdir(parents=True)
    demonstration._extent(tmp_path / "demo", quick=False)
    assert capsys.readouterr().out == ""
    with pytest.raises(InputError, match="holds a whole demo; leave --quick out"):
        demonstration._extent(tmp_path / "demo", quick=True)
