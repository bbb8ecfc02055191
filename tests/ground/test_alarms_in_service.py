"""Alarms of a station in service: raised by telemetry, handled by people, kept; and rules that are wrong."""

import dataclasses
import sqlite3
from itertools import islice

import pytest

from ccsds.errors import MisuseError
from ground.alarms.life_cycle import AlarmState
from ground.archive.history import History
from ground.client import RefusalError
from ground.events import HousekeepingReceived
from mission.housekeeping import StructureKind

RULES = """
[[derived]]
name = "power_margin"
expression = "solar_power - bus_load"

[[limit]]
parameter = "power_margin"
warning = [0, 1000]
"""


def governor(**values) -> HousekeepingReceived:
    return HousekeepingReceived(
        time_ns=0,
        tai_ns=2_173_000_000_000_000_000,
        virtual_channel=0,
        kind=StructureKind.HOUSEKEEPING,
        structure=24,
        name="governor",
        values=values,
    )


@pytest.fixture
def config(config, tmp_path):
    (tmp_path / "station.toml").write_text(RULES)
    return dataclasses.replace(config, rules_path=tmp_path / "station.toml")


def told_of(client, kind: str, count: int) -> list[dict]:
    """Give the first events of a kind."""
    events = (event for event in client.events(60) if event["type"] == kind)
    return list(islice(events, count))


def test_an_alarm_is_raised_acknowledged_shelved_and_kept(served, client):
    client.subscribe()
    served.call(lambda: served.service.take([governor(solar_power=1.0, bus_load=3.0)]))
    (alarm,) = client.alarms()
    assert (alarm["parameter"], alarm["state"], alarm["level"], alarm["value"]) == (
        "power_margin",
        "UNACKNOWLEDGED",
        "WARNING",
        -2.0,
    )
    assert client.parameters()["power_margin"]["value"] == -2.0
    client.acknowledge_alarm("power_margin")
    client.shelve_alarm("power_margin", 600)
    assert [each["state"] for each in client.alarms()] == ["SHELVED"]
    with pytest.raises(RefusalError, match="unknown alarm 'uptime'"):
        client.acknowledge_alarm("uptime")
    client.unshelve_alarm("power_margin")
    told = [each["state"] for each in told_of(client, "AlarmChanged", 4)]
    assert told == ["UNACKNOWLEDGED", "ACKNOWLEDGED", "SHELVED", "UNACKNOWLEDGED"]
    history = History.open(served.config.archive_path)
    assert [each.content["state"] for each in history.events(kind="AlarmChanged")] == told[::-1]
    history.close()
    client.reload_rules()
    assert [each["state"] for each in client.alarms()] == [AlarmState.UNACKNOWLEDGED.name]


def test_rules_that_are_wrong_are_told_with_file_and_line_and_those_before_stay(served, client, tmp_path):
    (tmp_path / "station.toml").write_text(RULES.replace("bus_load", "buss_load"))
    with pytest.raises(RefusalError, match=r"station.toml: power_margin: line 4, column 15: expected the name"):
        client.reload_rules()
    assert "line 4" in client.state()["rules_trouble"]
    served.call(lambda: served.service.take([governor(solar_power=1.0, bus_load=3.0)]))
    assert [each["parameter"] for each in client.alarms()] == ["power_margin"]
    (tmp_path / "station.toml").write_text(RULES)
    client.reload_rules()
    assert client.state()["rules_trouble"] == ""


def test_a_plot_comes_over_the_api(served, client):
    served.call(lambda: served.service.take([governor(solar_power=1.0, bus_load=3.0)]))
    served.call(lambda: served.service.recorder.archive.commit())
    assert {"governor.bus_load", "derived.power_margin"} <= set(client.archived_names())
    plot = client.plot("governor.bus_load", 0, 3_000_000_000_000_000_000, points=10)
    assert (plot["maximum"], plot["count"]) == ([3.0], [1])


def test_an_archive_that_is_damaged_while_in_service_is_set_aside(served, client, monkeypatch):
    client.subscribe()
    record = type(served.service.recorder.archive).record
    failures = iter([True])

    def damaged(archive, events, unix_ns):
        if next(failures, False):
            error = sqlite3.DatabaseError("database disk image is malformed")
            error.sqlite_errorcode = sqlite3.SQLITE_CORRUPT
            raise error
        record(archive, events, unix_ns)

    monkeypatch.setattr(type(served.service.recorder.archive), "record", damaged)
    command_id = client.send("test.connection")
    assert client.wait(command_id, 60)["stage"] == "COMPLETED"
    aside = served.config.archive_path.with_name("archive.sqlite.damaged-1")
    assert aside.exists()
    (told,) = told_of(client, "ArchiveFailed", 1)
    assert "set aside as archive.sqlite.damaged-1" in told["line"]
    assert [each["command_id"] for each in client.commands()] == [command_id]


def test_a_station_without_a_file_of_rules_cannot_be_given_a_wrong_one(served, client, tmp_path):
    (tmp_path / "station.toml").unlink()
    with pytest.raises(RefusalError, match="expected a readable file"):
        client.reload_rules()
    with pytest.raises(MisuseError, match="expected a readable file"):
        served.service.load_rules()
