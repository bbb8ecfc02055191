"""Resets, hangs, storage faults and commands at random: always commandable again, and SAFE rather than a reset loop."""

import pytest

from flight.services.boots import BootPolicy, BootService
from flight.survival.mode import TABLE, Trigger
from flight.survival.watchdog import Watchdog
from hil.tabletop.survival import COMMANDABLE_S_MAX, STRIKES, Strike, SurvivalRun
from mission.modes import Mode

# A slice of the thousand of `make campaign ONLY=autonomy`.
SEEDS = 20


@pytest.mark.parametrize("seed", range(SEEDS))
def test_whatever_strikes_it_is_commandable_again_and_ends_in_safe_rather_than_in_a_loop(seed, tmp_path):
    course = SurvivalRun(seed, tmp_path).run()
    assert course.faults == [], course.strikes
    assert len([each for each in course.strikes if not each.startswith("poison")]) == STRIKES
    assert course.longest_s <= COMMANDABLE_S_MAX


def test_a_campaign_notices_a_reset_loop(tmp_path, monkeypatch):
    for mode in (Mode.NOMINAL, Mode.COMPUTE):
        monkeypatch.setitem(TABLE, (mode, Trigger.RESETS), mode)
    course = SurvivalRun(1, tmp_path, BootPolicy(resets_max=3)).run()
    assert any("loop of resets" in fault for fault in course.faults)


def test_equal_seeds_give_equal_courses(tmp_path):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    assert SurvivalRun(7, first).run() == SurvivalRun(7, second).run()


@pytest.mark.parametrize("strike", [Strike.FULL_STORE, Strike.WORN_STORE])
def test_a_campaign_notices_a_reset_loop_on_a_store_that_takes_nothing(tmp_path, monkeypatch, strike):
    monkeypatch.setattr("hil.tabletop.survival._POISONED_STORES", (strike,))
    monkeypatch.setattr(BootService, "has_reset_too_often", False)
    course = SurvivalRun(1, tmp_path).run()
    assert any("loop of resets" in fault for fault in course.faults)


def test_a_campaign_notices_a_stalled_core_that_nobody_finds(tmp_path, monkeypatch):
    monkeypatch.setattr(Watchdog, "starving", lambda self, now_ns: ())
    run = SurvivalRun(1, tmp_path)
    run._stall()
    assert any("stalled core to be found" in fault for fault in run.course.faults)
