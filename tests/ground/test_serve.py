"""A station in service: the scripted spacecraft behind a pseudo-terminal, and programs at the local socket."""

import asyncio
import os
import select
import socket
import sqlite3
from dataclasses import replace

import pytest

from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ground.access import audit
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.client import Client, NoStationError, RefusalError, StationGoneError
from ground.events import PortReported
from ground.serve import ServeConfig, StationService
from ground.server import doors, subscriptions
from mission.definition import DICTIONARY

TIMEOUT_S = 60


def test_a_command_is_sent_followed_to_its_end_and_kept(served, client):
    command_id = client.send("test.connection")
    final = client.wait(command_id, TIMEOUT_S)
    assert final["stage"] == "COMPLETED"
    stages = [
        event["stage"] for event in client.read_events() if event["type"] == "CommandStaged" and event["attempt"] == 1
    ]
    assert stages[0] == "QUEUED"
    assert {"RELEASED", "ACCEPTED", "STARTED", "COMPLETED"} <= set(stages)
    (kept,) = client.commands()
    assert (kept["command_id"], kept["name"], kept["stage"]) == (command_id, "test.connection", "COMPLETED")
    assert [each["stage"] for each in kept["stages"]] == stages
    assert client.state()["link"] == "UP"


def test_the_command_is_in_the_archive_before_the_client_hears_of_it(served, client):
    served.spacecraft.answer = lambda telecommand: []
    command_id = client.send("job.pause", {"job_id": 7})
    history = History.open(served.config.archive_path)
    command = history.command(command_id)
    history.close()
    assert command is not None
    assert command.arguments == {"job_id": 7}
    assert command.octets[:2] == b"\x18\x42"


def test_several_clients_see_the_same_events(served, client):
    with Client.connect(served.config.socket_path) as other:
        other.subscribe()
        command_id = client.send("test.connection", service=Service.BD)
        assert other.wait(command_id, TIMEOUT_S)["stage"] == "COMPLETED"
        assert client.wait(command_id, TIMEOUT_S)["stage"] == "COMPLETED"


def test_a_client_that_comes_later_is_told_how_an_earlier_command_ended(served, client):
    command_id = client.send("test.connection")
    client.wait(command_id, TIMEOUT_S)
    with Client.connect(served.config.socket_path) as later:
        assert later.wait(command_id, TIMEOUT_S)["stage"] == "COMPLETED"
        with pytest.raises(RefusalError, match="unknown command number 999"):
            later.wait(999, TIMEOUT_S)


def test_waiting_too_long_says_how_far_the_command_is(served, client):
    served.spacecraft.answer = lambda telecommand: []
    command_id = client.send("test.connection")
    with pytest.raises(TimeoutError, match=f"expected command {command_id} to end within 0.01 s, found it"):
        client.wait(command_id, 0.01)


def test_a_bad_command_is_refused_with_the_dictionarys_own_words(served, client):
    with pytest.raises(RefusalError, match="job_id: expected 1 or more, found 0"):
        client.send("job.cancel", {"job_id": 0})
    with pytest.raises(RefusalError, match=r"unknown command 'job\.stop'"):
        client.send("job.stop")
    assert client.commands() == []


def test_an_undeclared_telecommand_reaches_the_spacecraft_as_it_is(served, client):
    command_id = client.telecommand(200, 3, b"\xca\xfe", service=Service.BD)
    client.wait(command_id, TIMEOUT_S)
    (telecommand,) = served.spacecraft.telecommands
    assert (telecommand.service, telecommand.subtype, telecommand.data) == (200, 3, b"\xca\xfe")


def test_events_have_a_line_for_a_person_and_a_descriptor_to_wait_on(served, client):
    client.wait(client.send("test.connection"), TIMEOUT_S)
    data = DICTIONARY.report_of(128, 132).fields.encode({"job_id": 4, "text": "To be,\nor not"})
    served.call(lambda: served.spacecraft.say(128, 132, data))
    poll = select.poll()
    poll.register(client.fileno(), select.POLLIN)
    reports: list[dict] = []
    while not reports:
        assert poll.poll(TIMEOUT_S * 1000)
        reports += [event for event in client.read_events() if event.get("name") == "job_sample"]
    assert reports[0]["line"] == "report [128,132] job_sample job_id=4 text='To be,\\nor not'"
    assert client.jobs()["4"]["sample"] == "To be,\nor not"


def test_requests_that_make_no_sense_are_answered_with_a_reason(served, http):
    requests = {
        ("POST", "/api/commands", "nonsense"): "request: body.0: JSON decode error",
        ("POST", "/api/commands", "[1]"): "request: body: Input should be a valid dictionary",
        ("POST", "/api/fly", "{}"): "expected an address of /api/openapi.json, found /api/fly",
        ("POST", "/api/commands", "{}"): "request: body.name: Field required",
        ("POST", "/api/commands", '{"name": "test.connection", "x": 1}'): "request: body.x: Extra inputs",
        ("POST", "/api/commands", '{"name": "test.connection", "service": "AX"}'): "body.service: Input should be 'AD'",
        ("POST", "/api/telecommands", '{"service_type": 1, "subtype": 1, "data": "zz"}'): "data: expected hexadecimal",
        ("POST", "/api/telecommands", '{"service_type": 256, "subtype": 1}'): "expected service and subtype 0 to 255",
    }
    for (method, path, body), error in requests.items():
        reply = http.request(method, path, content=body, headers={"Content-Type": "application/json"})
        assert 400 <= reply.status_code < 500
        assert error in reply.json()["error"]


def test_a_client_that_does_not_read_is_dropped_and_the_others_go_on(served, client, monkeypatch):
    monkeypatch.setattr(subscriptions, "EVENTS_WAITING_MAX", 100)
    slow = socket.socket(socket.AF_UNIX)
    slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    slow.connect(str(served.config.socket_path))
    slow.sendall(
        b"GET /api/stream?period_s=0 HTTP/1.1\r\nHost: station\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n"
    )
    client.subscribe()
    poll = select.poll()
    poll.register(slow, select.POLLHUP)
    told = 0
    while not poll.poll(0):
        event = PortReported(time_ns=told, text="x" * 2000)
        served.call(lambda event=event: served.service.take([event] * 50))
        told += 50
        heard = 0
        while heard < 50:
            heard += sum(each["type"] == "PortReported" and each["time_ns"] == told - 50 for each in _wait(client))
        assert told < 100_000
    slow.close()
    assert client.state()["listeners_dropped"] == 1


def _wait(client: Client) -> list[dict]:
    assert select.select([client], [], [], TIMEOUT_S)[0]
    return client.read_events()


def test_listeners_beyond_the_bound_are_turned_away(served, monkeypatch):
    monkeypatch.setattr(subscriptions, "LISTENERS_MAX", 1)
    with Client.connect(served.config.socket_path) as first, Client.connect(served.config.socket_path) as second:
        first.subscribe()
        with pytest.raises(StationGoneError, match=r"expected at most 1 listeners at once"):
            second.subscribe()
        assert second.state()["profile"] == "serial"


def test_a_command_that_the_archive_cannot_keep_is_taken_back_and_never_sent(served, client, monkeypatch):
    client.subscribe()
    true_record = Archive.record
    broken = [True]

    def record(self, events, unix_ns):
        if broken[0]:
            raise sqlite3.OperationalError("disk I/O error")
        true_record(self, events, unix_ns)

    monkeypatch.setattr(Archive, "record", record)
    with pytest.raises(RefusalError, match="archive: disk I/O error"):
        client.send("test.connection", service=Service.BD)
    assert client.state()["archive_trouble"] == "disk I/O error"
    broken[0] = False
    command_id = client.send("test.connection", service=Service.BD)
    assert client.wait(command_id, TIMEOUT_S)["stage"] == "COMPLETED"
    assert len(served.spacecraft.packets) == 1
    assert served.spacecraft.telecommands[0].sequence_count == 1
    assert "ArchiveFailed" in {event["type"] for event in client.read_events()}


def test_what_cannot_be_kept_in_the_audit_is_not_done(served, client, monkeypatch):
    def fail(descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(audit.os, "fdatasync", fail)
        with pytest.raises(RefusalError, match="No space left on device"):
            client.send("test.connection")
    assert served.spacecraft.packets == []
    assert client.wait(client.send("test.connection"), TIMEOUT_S)["stage"] == "COMPLETED"
    assert audit.verify(served.config.audit_path) == 1


def test_a_client_can_stop_the_station_and_is_told_when_it_has_gone(served, client):
    client.subscribe()
    client.stop()
    with pytest.raises(StationGoneError):
        for _ in client.events(TIMEOUT_S):
            continue
    with pytest.raises(NoStationError, match=r"start one with: ground serve --link URL"):
        Client.connect(served.config.socket_path)


def test_the_socket_is_for_its_user_alone(served):
    assert os.stat(served.config.socket_path).st_mode & 0o077 == 0


def test_a_second_station_at_the_same_socket_is_refused(served, tmp_path, profile):
    config = ServeConfig(
        link="pty:",
        profile=profile,
        archive_path=tmp_path / "other.sqlite",
        socket_path=served.config.socket_path,
    )
    with pytest.raises(MisuseError, match=r"expected no other station at .*, found one that serves there"):
        asyncio.run(StationService(config, lambda line: None).run())
    with Client.connect(served.config.socket_path) as client:
        assert client.state()["profile"] == "serial"


def test_a_socket_left_by_a_killed_station_is_taken_over_and_another_file_is_not(tmp_path):
    path = tmp_path / "ground.sock"
    left = socket.socket(socket.AF_UNIX)
    left.bind(str(path))
    left.close()
    doors.listen(path).close()
    path.unlink()
    path.write_text("precious")
    with pytest.raises(MisuseError, match="expected a socket or nothing at"):
        doors.listen(path)
    assert path.read_text() == "precious"


def test_a_station_that_stops_leaves_the_socket_of_another_alone(served, client):
    path = served.config.socket_path
    client.subscribe()
    path.unlink()
    other = doors.listen(path)
    client.stop()
    with pytest.raises(StationGoneError):
        for _ in client.events(TIMEOUT_S):
            continue
    other.close()
    assert path.is_socket()


def test_a_path_that_no_socket_can_have_is_refused(tmp_path):
    with pytest.raises(MisuseError, match="expected a path for a socket at"):
        doors.listen(tmp_path / ("x" * 200))


def test_a_bad_link_url_is_refused_before_anything_is_made(config):
    with pytest.raises(MisuseError, match="link URL 'carrier-pigeon:': expected serial:DEVICE"):
        asyncio.run(StationService(replace(config, link="carrier-pigeon:"), lambda line: None).run())
    assert not config.archive_path.exists()
    assert not config.socket_path.parent.exists()


def test_a_spacecraft_that_falls_silent_is_told_and_taken_up_again(served, client):
    def wait_for(state: str) -> None:
        if client.state()["link"] != state:
            events = client.events(TIMEOUT_S)
            assert any(event["type"] == "LinkChanged" and event["state"] == state for event in events)
        assert client.state()["link"] == state

    client.subscribe()
    wait_for("UP")
    served.call(lambda: setattr(served.spacecraft, "is_silent", True))
    wait_for("DOWN")
    command_id = client.send("test.connection")
    served.call(lambda: setattr(served.spacecraft, "is_silent", False))
    assert client.wait(command_id, TIMEOUT_S)["stage"] == "COMPLETED"


def test_copies_in_the_outbox_stay_for_their_transfers_over_a_restart_and_others_go(config, tmp_path):
    (tmp_path / "photo").write_bytes(b"picture")
    outbox = config.files_directory / ".outbox"

    def serve(act) -> None:
        def say(line: str) -> None:
            if "socket" in line:
                work.append(asyncio.get_running_loop().run_in_executor(None, act))
                work[0].add_done_callback(lambda _: service.stop())

        async def main() -> None:
            nonlocal service
            service = StationService(config, say)
            await service.run()
            await work[0]

        work: list[asyncio.Future] = []
        service: StationService
        asyncio.run(main())

    def put() -> None:
        with Client.connect(config.socket_path) as client:
            client.put_file(tmp_path / "photo", "photo")

    def look() -> None:
        with Client.connect(config.socket_path) as client:
            found.extend(client.transfers())

    found: list[dict] = []
    serve(put)
    (kept,) = outbox.iterdir()
    (outbox / "stray").mkdir()
    (outbox / "stray" / "file").write_bytes(b"x")
    serve(look)
    assert [(each["outcome"], each["state"]) for each in found] == [("UNDER_WAY", "sending")]
    assert list(outbox.iterdir()) == [kept]
    assert (kept / "photo").read_bytes() == b"picture"
