"""Alarms stand where they stood when a station starts anew, and derived parameters are kept as telemetry is."""

import os

from ground.alarms.events import AlarmChanged, DerivedComputed
from ground.alarms.life_cycle import AlarmState, Level
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.events import StoredAt
from mission.storage import StoreId
from tests.ground.archive.conftest import NS_PER_S, T0_NS, opened, report


def moved(time_ns: int, state: AlarmState, *, actor: str = "", until_ns: int | None = None) -> AlarmChanged:
    return AlarmChanged(
        time_ns=time_ns,
        parameter="battery_charge",
        state=state,
        level=Level.CRITICAL,
        value=11.5,
        actor=actor,
        until_ns=until_ns,
    )


def test_the_last_word_on_each_alarm_is_given_in_times_of_the_clock_now(tmp_path):
    path = tmp_path / "a.sqlite"
    with opened(path) as (archive, _):
        archive.record([moved(5, AlarmState.UNACKNOWLEDGED)], 1_000 * NS_PER_S)
        archive.record([moved(7, AlarmState.SHELVED, actor="anna", until_ns=60 * NS_PER_S)], 1_000 * NS_PER_S)
    with opened(path) as (archive, history):
        (told,) = archive.alarms(now_ns=3 * NS_PER_S, unix_ns=1_010 * NS_PER_S)
        assert (told.state, told.level, told.value, told.actor) == (AlarmState.SHELVED, Level.CRITICAL, 11.5, "anna")
        # Ten seconds of its minute are over; the clock began anew and says three.
        assert told.time_ns == -7 * NS_PER_S
        assert told.until_ns == 53 * NS_PER_S - 7
        assert [each.kind for each in history.events()] == ["AlarmChanged", "AlarmChanged"]


def test_an_alarm_does_not_wait_for_a_batch_and_what_an_operator_does_to_it_is_synced(tmp_path, monkeypatch):
    archive = Archive.open(tmp_path / "a.sqlite", draw_source_id=lambda: 5, unix_ns=0)
    history = History.open(tmp_path / "a.sqlite")
    syncs = []
    monkeypatch.setattr(os, "fsync", syncs.append)
    archive.record([moved(5, AlarmState.UNACKNOWLEDGED)], 0)
    assert (len(history.events()), len(syncs)) == (1, 0)
    archive.record([moved(6, AlarmState.ACKNOWLEDGED, actor="anna")], 0)
    assert (len(history.events()), len(syncs)) == (2, 1)
    history.close()
    archive.close()


def derived(stored: int | None) -> DerivedComputed:
    return DerivedComputed(
        time_ns=0,
        tai_ns=T0_NS,
        virtual_channel=0,
        values={"margin": 2.5},
        stored=None if stored is None else StoredAt(StoreId.HOUSEKEEPING, stored),
        identity=b"12345678",
    )


def test_a_derived_parameter_is_kept_once_with_the_report_that_it_came_from(tmp_path):
    with opened(tmp_path / "a.sqlite") as (archive, history):
        for stored in (None, 4, 4, 5):
            archive.record([report(T0_NS, {"x": 1}, identity=b"12345678", stored=stored), derived(stored)], 0)
        archive.commit()
        assert [each.name for each in history.reports.between()] == ["core", "derived"] * 2
        assert history.samples.at("margin", T0_NS) == (T0_NS, 2.5)
