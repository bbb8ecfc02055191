"""What comes by the web to a station without users: whose page asks, and under which name the station is asked for."""

import asyncio
import contextlib
import socket
from dataclasses import replace

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from ccsds.errors import MisuseError
from ground.access import guard
from ground.access.principal import TooManyError
from ground.access.rates import Limiter, Rate
from ground.client import Client
from ground.serve import StationService
from ground.server import doors
from ground.server.doors import WebAddress

TIMEOUT_S = 60
SEND = {"name": "test.connection", "arguments": {}}


@pytest.fixture
def web(web_url):
    with httpx.Client(base_url=web_url, timeout=TIMEOUT_S) as web:
        yield web


def stream_of(web_url: str, **settings):
    return connect(web_url.replace("http", "ws") + "/api/stream", open_timeout=TIMEOUT_S, **settings)


def test_a_program_and_a_page_of_the_station_are_let_in(web, web_url):
    assert web.get("/api/state").json()["profile"] == "serial"
    assert web.get("/api/me").json() == {"name": "operator", "role": "APPROVER", "door": "web"}
    assert web.post("/api/commands", json=SEND).status_code == 200
    assert web.post("/api/commands", json=SEND, headers={"Origin": web_url}).status_code == 200
    with stream_of(web_url, origin=web_url) as stream:
        assert '"snapshot"' in stream.recv(TIMEOUT_S)


@pytest.mark.parametrize(
    "origin", ["http://evil.example", "null", "http://127.0.0.1:1", "https://127.0.0.1.evil.example"]
)
def test_a_page_of_another_origin_can_neither_post_nor_listen(web, web_url, origin):
    for method, path in (("POST", "/api/commands"), ("POST", "/api/stop"), ("PUT", "/api/uploads/x")):
        answer = web.request(method, path, json=SEND, headers={"Origin": origin})
        assert (answer.status_code, "origin: expected a page of" in answer.json()["error"]) == (403, True)
    with pytest.raises(InvalidStatus) as refused, stream_of(web_url, origin=origin):
        pass
    assert refused.value.response.status_code == 403
    assert web.get("/api/commands").json() == []


def test_a_browser_that_hides_the_origin_is_told_by_where_it_says_it_asks_from(web):
    for site in ("cross-site", "same-site"):
        assert web.post("/api/commands", json=SEND, headers={"Sec-Fetch-Site": site}).status_code == 403
    assert web.post("/api/commands", json=SEND, headers={"Sec-Fetch-Site": "same-origin"}).status_code == 200


def test_a_name_that_was_made_to_lead_here_is_no_way_in(web, web_url):
    for host in ("evil.example", "evil.example:8180", "localhost.evil.example", ""):
        answer = web.get("/api/state", headers={"Host": host})
        assert (answer.status_code, "host: expected one of" in answer.json()["error"]) == (403, True)
    with pytest.raises(InvalidStatus) as refused, stream_of(web_url, additional_headers={"Host": "evil.example"}):
        pass
    assert refused.value.response.status_code == 403
    for host in ("localhost", "LOCALHOST:99", "[::1]", "127.0.0.1:1"):
        assert web.get("/api/me", headers={"Host": host}).status_code == 200


def test_no_name_leads_out_of_the_stations_files(served, web):
    (served.service.files.root / "photo").write_bytes(b"picture")
    (served.service.files.root / ".hidden").write_bytes(b"secret")
    (served.service.files.root / "way").symlink_to("/etc")
    assert web.get("/api/files/photo").content == b"picture"
    for name in (
        "../archive.sqlite", "..%2farchive.sqlite", "%2e%2e/archive.sqlite", "/etc/passwd", "%2fetc%2fpasswd",
        "way/passwd", ".hidden", ".outbox/x", "photo/../../archive.sqlite", "..\\archive.sqlite", "photo%00", "",
    ):  # fmt: skip
        answer = web.get(f"/api/files/{name}")
        assert 300 <= answer.status_code < 500, name
        assert b"root:" not in answer.content and b"SQLite" not in answer.content
        assert 400 <= web.get("/api/files", params={"name": name or ".."}).status_code < 500 or name == "photo"
    names = [each["name"] for each in web.get("/api/files").json()["entries"]]
    assert names == ["photo"]


def test_a_hazardous_command_has_to_be_named_and_armed_and_goes_once(served, web):
    cancel = {"name": "job.cancel", "arguments": {"job_id": 5}}
    answer = web.post("/api/commands", json=cancel)
    assert (answer.status_code, answer.json()["error"]) == (
        409,
        "job.cancel loses work: expected it to be armed first, found it is not",
    )
    for name, typed in (("job.cancel", "job.pause"), ("job.cancel", ""), ("job.pause", "job.pause")):
        assert web.post("/api/arming", json={"name": name, "typed_name": typed}).status_code == 400
    arm = {"name": "command.arm", "arguments": {"service": 128, "subtype": 2}}
    assert "typed_name: expected 'job.cancel'" in web.post("/api/commands", json=arm).json()["error"]
    assert web.post("/api/arming", json={"name": "job.cancel", "typed_name": "job.cancel"}).status_code == 200
    assert web.post("/api/commands", json=cancel).status_code == 200
    assert web.post("/api/commands", json=cancel).status_code == 409


@pytest.fixture
def slow_rate(monkeypatch):
    monkeypatch.setattr(guard, "ACTIONS", Rate(what="actions", burst=5, per_s=1e-6))


def test_who_asks_too_often_has_to_wait(slow_rate, web):
    answers = [web.post("/api/commands", json={"name": "nothing"}) for _ in range(7)]
    assert [answer.status_code for answer in answers] == [400] * 5 + [429] * 2
    assert int(answers[-1].headers["Retry-After"]) > 0
    assert web.get("/api/me").status_code == 200


def test_a_bucket_fills_steadily_and_holds_only_so_much():
    limiter = Limiter(Rate(what="tries", burst=2, per_s=1))

    def taken(key: str, now_s: float) -> bool:
        try:
            limiter.take(key, int(now_s * 1e9))
        except TooManyError:
            return False
        return True

    assert [taken("a", 0), taken("a", 0), taken("a", 0)] == [True, True, False]
    assert taken("b", 0)
    assert [taken("a", 1), taken("a", 1)] == [True, False]
    assert [taken("a", 100), taken("a", 100), taken("a", 100)] == [True, True, False]


def test_what_was_done_is_in_the_audit_with_who_did_it(served, web):
    web.post("/api/commands", json=SEND)
    with Client.connect(served.config.socket_path) as client:
        client.send("test.connection")
    rows = web.get("/api/audit").json()
    assert [(row["who"], row["door"], row["action"], row["details"]["name"]) for row in rows] == [
        ("local", "socket", "send", "test.connection"),
        ("operator", "web", "send", "test.connection"),
    ]


def test_an_address_that_is_taken_is_said_and_taken_once_it_is_free(config, tmp_path):
    async def main(taken: socket.socket) -> list[str]:
        port = taken.getsockname()[1]
        lines: list[str] = []
        is_up = asyncio.Event()

        def say(line: str) -> None:
            lines.append(line)
            if line.startswith("web: expected a free address"):
                taken.close()
            if line.startswith("web http"):
                is_up.set()

        service = StationService(replace(config, web=WebAddress(host="127.0.0.1", port=port)), say)
        running = asyncio.create_task(service.run())
        await is_up.wait()
        service.stop()
        await running
        return lines

    with pytest.MonkeyPatch.context() as patch, contextlib.closing(socket.socket()) as taken:
        patch.setattr(doors, "RETRY_S", 0.0)
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        lines = asyncio.run(main(taken))
    assert sum(line.startswith("web: expected a free address") for line in lines) == 1
    assert any(line.startswith("station ") for line in lines)


@pytest.mark.parametrize("host", ["0.0.0.0", "192.0.2.1", "station.example"])
def test_an_address_beyond_this_computer_needs_users(config, host):
    service = StationService(replace(config, web=WebAddress(host=host, port=0)), lambda line: None)
    with pytest.raises(MisuseError, match="expected --users FILE where other computers come in, found none"):
        asyncio.run(service.run())
    assert not config.archive_path.exists()
