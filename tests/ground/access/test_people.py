"""A station with users: logging in, what each role may do, and two who have to agree."""

from dataclasses import replace

import httpx
import pytest
from websockets.exceptions import ConnectionClosed, InvalidStatus
from websockets.sync.client import connect

from ground.access import sessions
from ground.access.guard import Guard
from ground.access.principal import LOCAL_USER, Door, Principal, Role
from ground.access.users import User, Users

TIMEOUT_S = 60
CANCEL = {"name": "job.cancel", "arguments": {"job_id": 5}}
PASSWORDS = {"vera": "viewer-password", "carl": "commander-password", "anna": "approver-password"}


@pytest.fixture
def config(config, users_path):
    return replace(config, users_path=users_path)


@pytest.fixture
def log_in(web_url):
    """Gives a browser of a person, logged in."""
    browsers = []

    def log_in(name: str) -> httpx.Client:
        browser = httpx.Client(base_url=web_url, timeout=TIMEOUT_S)
        browsers.append(browser)
        answer = browser.post("/login", data={"name": name, "password": PASSWORDS[name]})
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        return browser

    yield log_in
    for browser in browsers:
        browser.close()


def test_nobody_sees_anything_without_logging_in(web_url):
    with httpx.Client(base_url=web_url, timeout=TIMEOUT_S) as browser:
        for path in ("/api/state", "/api/me", "/api/openapi.json", "/api/files/x", "/api/audit", "/nothing"):
            assert browser.get(path).status_code == 401
        assert browser.post("/api/commands", json=CANCEL).status_code == 401
        page = browser.get("/", headers={"Accept": "text/html"})
        assert (page.status_code, page.headers["location"]) == (303, "/login")
        assert "Password" in browser.get("/login").text
    with pytest.raises(InvalidStatus) as refused, connect(web_url.replace("http", "ws") + "/api/stream"):
        pass
    assert refused.value.response.status_code == 401


def test_a_wrong_password_and_a_wrong_name_are_refused_alike_and_only_so_often(served, web_url, caplog):
    with httpx.Client(base_url=web_url, timeout=TIMEOUT_S) as browser:
        answers = [
            browser.post("/api/login", json={"name": name, "password": password})
            for name, password in (("vera", "guess-one"), ("mallory", "guess-two"), ("vera", PASSWORDS["carl"]))
        ]
        assert {answer.status_code for answer in answers} == {401}
        assert len({answer.text for answer in answers}) == 1
        tries = [browser.post("/api/login", json={"name": "vera", "password": "guess"}).status_code for _ in range(6)]
        assert tries[-1] == 429
    told = served.config.audit_path.read_text() + "".join(served.lines) + caplog.text
    assert "log-in refused" in told
    assert not any(secret in told for secret in ("guess-one", "guess-two", PASSWORDS["carl"]))


def test_a_viewer_looks_and_commands_nothing(served, log_in):
    viewer = log_in("vera")
    assert viewer.get("/api/state").status_code == 200
    for method, path, body in (
        ("POST", "/api/commands", {"name": "test.connection"}),
        ("POST", "/api/telecommands", {"service_type": 17, "subtype": 1}),
        ("POST", "/api/arming", {"name": "job.cancel", "typed_name": "job.cancel"}),
        ("POST", "/api/approvals", CANCEL),
        ("POST", "/api/jobs/5/pause", {}),
        ("POST", "/api/cop1", {"directive": "TERMINATE_AD"}),
        ("POST", "/api/transfers/1-1/cancel", None),
        ("PUT", "/api/uploads/x", None),
        ("POST", "/api/transfers", {"source_name": ".outbox/a/b", "destination_name": "b"}),
        ("POST", "/api/stop", None),
        ("GET", "/api/audit", None),
    ):
        answer = viewer.request(method, path, json=body)
        assert answer.status_code in (403, 409), (path, answer.text)
    assert served.spacecraft.packets == []
    assert log_in("carl").get("/api/commands").json() == []


def test_a_commander_can_neither_stop_the_station_nor_turn_keys(log_in):
    commander = log_in("carl")
    assert commander.post("/api/commands", json={"name": "test.connection"}).status_code == 200
    assert commander.post("/api/stop").status_code == 403


def test_a_hazardous_command_goes_once_another_person_has_approved_it(served, log_in):
    carl, anna, vera = log_in("carl"), log_in("anna"), log_in("vera")
    assert carl.post("/api/commands", json=CANCEL).status_code == 409
    assert carl.post("/api/arming", json={"name": "job.cancel", "typed_name": "job.cancel"}).status_code == 409
    assert (
        carl.post("/api/telecommands", json={"service_type": 128, "subtype": 2, "data": "00000005"}).status_code == 409
    )
    asked = carl.post("/api/approvals", json=CANCEL).json()
    way = f"/api/approvals/{asked['approval_id']}"
    assert (asked["verdict"], asked["asked_by"]) == ("WAITING", "carl")
    for nobody in (carl, vera):
        assert nobody.post(f"{way}/approve").status_code == 403
    # An approver may ask too, and is then no second person.
    own = anna.post("/api/approvals", json=CANCEL).json()
    assert anna.post(f"/api/approvals/{own['approval_id']}/approve").status_code == 403
    assert anna.post(f"/api/approvals/{own['approval_id']}/refuse").json()["verdict"] == "REFUSED"
    approved = anna.post(f"{way}/approve").json()
    assert (approved["verdict"], approved["decided_by"]) == ("APPROVED", "anna")
    assert anna.post(f"{way}/approve").status_code == 400
    names = [row["name"] for row in carl.get("/api/commands").json()]
    assert names == ["job.cancel", "command.arm"]
    who = [(row["who"], row["action"]) for row in anna.get("/api/audit").json()]
    assert who[:3] == [("anna", "send"), ("anna", "send"), ("anna", "approve")]
    assert ("carl", "ask") in who


def test_a_hazardous_command_cannot_be_hidden_in_a_schedule(log_in):
    from ccsds.pus.telecommand import Telecommand
    from mission.channels import Apid, OnBoardSource

    cancel = Telecommand(Apid.CORE, 1, 128, 2, OnBoardSource.SCHEDULE, data=bytes(4)).encode()
    row = {"group": 0, "request": cancel.hex(), "anchor": "AOS", "offset": 0}
    insert = {"name": "schedule.insert_relative", "arguments": {"sub_schedule": 0, "activities": [row]}}
    carl = log_in("carl")
    answer = carl.post("/api/commands", json=insert)
    assert (answer.status_code, "job.cancel loses work" in answer.json()["error"]) == (409, True)
    harmless = Telecommand(Apid.CORE, 1, 17, 1, OnBoardSource.SCHEDULE).encode()
    row["request"] = harmless.hex()
    assert carl.post("/api/commands", json=insert).status_code == 200


def test_a_session_that_a_browser_was_given_before_is_worth_nothing_after(web_url):
    with httpx.Client(base_url=web_url, timeout=TIMEOUT_S) as victim, httpx.Client(base_url=web_url) as attacker:
        planted = "planted-by-the-attacker"
        form = {"name": "carl", "password": PASSWORDS["carl"]}
        answer = victim.post("/login", data=form, headers={"Cookie": f"starloop_session={planted}"})
        given = answer.cookies["starloop_session"]
        assert given != planted
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie and "SameSite=strict" in cookie
        assert attacker.get("/api/me", headers={"Cookie": f"starloop_session={planted}"}).status_code == 401
        # Nor does a session that was there live on beside the new one.
        again = victim.post("/login", data=form, headers={"Cookie": f"starloop_session={given}"})
        fresh = again.cookies["starloop_session"]
        assert attacker.get("/api/me", headers={"Cookie": f"starloop_session={given}"}).status_code == 401
        assert attacker.get("/api/me", headers={"Cookie": f"starloop_session={fresh}"}).json()["name"] == "carl"


def test_a_session_that_was_ended_cannot_be_used_again(log_in, web_url):
    carl = log_in("carl")
    token = carl.cookies["starloop_session"]
    assert carl.post("/api/logout").status_code == 204
    with httpx.Client(base_url=web_url, timeout=TIMEOUT_S) as replayer:
        for headers in ({"Cookie": f"starloop_session={token}"}, {"Authorization": f"Bearer {token}"}):
            assert replayer.get("/api/me", headers=headers).status_code == 401
            assert replayer.post("/api/commands", json=CANCEL, headers=headers).status_code == 401


def test_a_stream_ends_with_its_session(served, log_in, web_url):
    vera = log_in("vera")
    headers = {"Cookie": f"starloop_session={vera.cookies['starloop_session']}"}
    with connect(web_url.replace("http", "ws") + "/api/stream?period_s=0", additional_headers=headers) as stream:
        assert '"snapshot"' in stream.recv(TIMEOUT_S)
        vera.post("/api/logout")
        with pytest.raises(ConnectionClosed) as closed:
            while True:
                log_in("carl").post("/api/commands", json={"name": "test.connection"})
                stream.recv(TIMEOUT_S)
        assert closed.value.rcvd is not None and closed.value.rcvd.reason == "the session has ended"


def test_who_is_taken_out_is_out(log_in, users_path):
    carl = log_in("carl")
    assert carl.get("/api/me").status_code == 200
    Users(users_path).remove("carl")
    assert carl.get("/api/me").status_code == 401


def test_a_program_of_who_was_taken_out_or_has_a_lesser_role_now_has_no_powers(users_path):
    guard = Guard(Users(users_path), lambda: "token")
    carl = Principal(name="carl", role=Role.COMMANDER, door=Door.WEB)
    token = guard.lend(carl)
    assert guard.lent_to(token) == carl
    # With a higher role it goes on, with the powers that it was lent.
    Users(users_path).put(User.make("carl", Role.APPROVER, PASSWORDS["carl"]))
    assert guard.lent_to(token) == carl
    Users(users_path).put(User.make("carl", Role.VIEWER, PASSWORDS["carl"]))
    assert guard.lent_to(token) is None
    Users(users_path).remove("carl")
    assert guard.lent_to(token) is None
    local = guard.lend(LOCAL_USER)
    assert guard.lent_to(local) == LOCAL_USER


def test_sessions_end_by_time():
    known = sessions.Sessions()
    known.begin("carl", Role.COMMANDER, "token", 0)
    for now_ns in range(0, sessions.LIFE_NS_MAX, sessions.IDLE_NS_MAX - 1):
        assert known.find("token", now_ns) is not None
    assert known.find("token", sessions.LIFE_NS_MAX) is None
    known.begin("carl", Role.COMMANDER, "token", 0)
    assert known.find("token", sessions.IDLE_NS_MAX) is None
    assert known.find("token", 0) is None
    for number in range(sessions.SESSIONS_MAX + 1):
        known.begin("carl", Role.COMMANDER, str(number), 0)
    assert (len(known), known.find("0", 0)) == (sessions.SESSIONS_MAX, None)
