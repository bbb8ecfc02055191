"""A disk that is full for a while: that is told once, nothing is confirmed that is not kept, no restart is needed."""

import contextlib
import fcntl
import resource

import pytest

from ccsds.cop1.fop import Service
from ccsds.pus.telemetry import Telemetry
from ccsds.pus.verification import VerificationReport, VerificationStage
from ground import serve
from ground.archive.history import History
from ground.archive.identity import lock_path
from ground.client import RefusalError, StationGoneError
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.schedule import Switch
from mission.storage import StoreId

TIMEOUT_S = 60
STAGES = (VerificationStage.ACCEPTED, VerificationStage.STARTED, VerificationStage.COMPLETED)
CONFIRM = DICTIONARY.command("storage.confirm")


@contextlib.contextmanager
def full_disk():
    """Have no file of this process take another octet; sockets and lines do."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def heard(client, kind: str) -> dict:
    """Wait for the next event of a kind."""
    return next(each for each in client.events(TIMEOUT_S) if each["type"] == kind)


def confirmed(served) -> list[dict]:
    """What the spacecraft was told of its stores."""
    return [
        CONFIRM.arguments.decode(each.data)
        for each in served.spacecraft.telecommands
        if (each.service, each.subtype) == (CONFIRM.service, CONFIRM.subtype)
    ]


def say(served, name: str, values: dict) -> None:
    report = next(each for each in DICTIONARY.reports.values() if each.name == name)
    data = report.fields.encode(values)
    served.call(lambda: served.spacecraft.say(report.service, report.subtype, data))


def play_back(served, numbers) -> None:
    """Send events that are stored on board, as live ones whose place is told afterwards."""
    rows = []
    for number in numbers:
        event = Telemetry(Apid.CORE, served.spacecraft._sequence_count, 17, 2, 0, 0, number, b"").encode()
        crc = int.from_bytes(event[-2:], "big")
        rows.append(
            {"count": served.spacecraft._sequence_count, "crc": crc, "store": StoreId.EVENTS, "sequence": number}
        )
        served.call(lambda number=number: served.spacecraft.say(17, 2, b"", number))
    say(served, "storage_live", {"packets": rows})


def summarise(served, count: int) -> None:
    row = {
        "store": StoreId.EVENTS,
        "storing": Switch.ENABLED,
        "playing": Switch.ENABLED,
        "first": 0,
        "next": count,
        "sent": count,
    }
    say(served, "storage_summary", {"stores": [row | {"confirmed": 0, "overwritten": 0, "octets": 0}]})


@contextlib.contextmanager
def lock_taken(path):
    """Wait until a station has let its archive go, and hold it."""
    with open(lock_path(path), "rb") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@pytest.fixture
def listening(served, client):
    """A client that hears all from now on, once the line is up."""
    client.subscribe()
    while client.state()["link"] != "UP":
        client.next_events(0.1)
    return client


def test_what_was_not_kept_is_not_confirmed_and_is_asked_for_again(served, listening):
    with full_disk():
        play_back(served, range(3))
        heard(listening, "ArchiveFailed")
        summarise(served, 3)
        staged = next(
            each for each in listening.events(TIMEOUT_S) if each["type"] == "CommandStaged" and each["stage"] == "LOST"
        )
        assert "the archive failed: disk I/O error" in staged["text"]
    heard(listening, "ArchiveRegained")
    assert confirmed(served) == []
    summarise(served, 3)
    while not confirmed(served):
        listening.next_events(0.1)
    assert confirmed(served) == [{"store": StoreId.EVENTS, "end": 3, "gaps": [{"first": 0, "last": 2}]}]


def test_how_a_command_ended_meanwhile_is_kept_once_there_is_room(served, listening):
    served.spacecraft.answer = lambda telecommand: []
    command_id = listening.send("test.connection", service=Service.BD)
    while not served.spacecraft.telecommands:
        listening.next_events(0.1)
    (telecommand,) = served.spacecraft.telecommands
    with full_disk():
        heard(listening, "ArchiveFailed")
        for stage in STAGES:
            data = VerificationReport(stage, telecommand.request_id).encode()
            served.call(lambda stage=stage, data=data: served.spacecraft.say(1, stage, data, 0, telecommand.source_id))
        assert listening.wait(command_id, TIMEOUT_S)["stage"] == "COMPLETED"
    assert heard(listening, "ArchiveRegained")["waited"] >= 3
    (kept,) = listening.commands()
    assert kept["stage"] == "COMPLETED"
    assert {"ACCEPTED", "STARTED", "COMPLETED"} <= {each["stage"] for each in kept["stages"]}


def test_it_is_told_once_for_as_long_as_it_lasts_and_kept_that_it_was_so(served, listening):
    with full_disk():
        heard(listening, "ArchiveFailed")
        assert listening.state()["archive_trouble"] == "disk I/O error"
        with pytest.raises(RefusalError, match=r"File too large|disk I/O error"):
            listening.send("test.connection")
        batches = served.service.station.snapshot()["counters"]["frames_received"]
        while served.service.station.snapshot()["counters"]["frames_received"] < batches + 100:
            listening.next_events(0.1)
    assert heard(listening, "ArchiveRegained")
    assert listening.state()["archive_trouble"] == ""
    assert listening.wait(listening.send("test.connection"), TIMEOUT_S)["stage"] == "COMPLETED"
    assert [line for line in served.lines if "archive" in line and "socket" not in line] == [
        "archive failed: disk I/O error",
        "archive written again; events that waited: 1",
    ]
    with contextlib.closing(History.open(served.config.archive_path)) as history:
        kinds = [each.kind for each in history.events(100_000)]
    assert (kinds.count("ArchiveFailed"), kinds.count("ArchiveRegained")) == (1, 1)


def test_room_is_found_though_nothing_comes(served, listening):
    with full_disk():
        heard(listening, "ArchiveFailed")
        served.call(lambda: setattr(served.spacecraft, "is_silent", True))
        heard(listening, "LinkChanged")
    heard(listening, "ArchiveRegained")
    assert (listening.state()["link"], listening.state()["archive_trouble"]) == ("DOWN", "")


def test_what_waits_when_the_station_is_stopped_is_kept(served, listening, monkeypatch):
    with full_disk():
        heard(listening, "ArchiveFailed")
        served.call(lambda: setattr(served.spacecraft, "is_silent", True))
        heard(listening, "LinkChanged")
        # The next commit is the last before the stop.
        monkeypatch.setattr(serve, "COMMIT_INTERVAL_S", 1_000.0)
    heard(listening, "ArchiveRegained")
    served.loop.call_soon_threadsafe(served.service.stop)
    with pytest.raises(StationGoneError):
        heard(listening, "nothing")
    with (
        lock_taken(served.config.archive_path),
        contextlib.closing(History.open(served.config.archive_path)) as history,
    ):
        assert "ArchiveRegained" in [each.kind for each in history.events(100_000)]
