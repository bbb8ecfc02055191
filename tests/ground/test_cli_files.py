"""The commands about files, against a station in service and a spacecraft that has a real CFDP entity."""

import json
import threading

import pytest
from click.testing import CliRunner

from ccsds.cfdp.codes import ChecksumType
from ccsds.cfdp.directives import Metadata
from ccsds.cfdp.pdu import Pdu
from ccsds.pus.verification import VerificationStage
from ground.__main__ import main
from ground.client import Client, RefusalError
from mission.definition import DICTIONARY
from mission.dictionary import Hazard
from mission.transfers import FileKind
from tests.ground.far_end import FarEnd, verified

CONTENT = bytes(range(256)) * 20
STAGES = (VerificationStage.ACCEPTED, VerificationStage.STARTED, VerificationStage.COMPLETED)


class FilesOnBoard(FarEnd):
    """Obeys the words of ST[23] as the spacecraft does, on the store of its entity."""

    lists_lost = 0
    """How many more lists get lost on the way."""
    deaf = 0
    """How many more telecommands it does not hear."""

    def _complete(self, telecommand):
        if self.deaf:
            self.deaf -= 1
            return []
        command = next(
            each
            for each in DICTIONARY.commands.values()
            if (each.service, each.subtype) == (telecommand.service, telecommand.subtype)
        )
        arguments = command.arguments.decode(telecommand.data)
        reports = []
        match command.name:
            case "file.send" if arguments["name"] not in self.store.list():
                stage = VerificationStage.ACCEPTANCE_FAILED
                return [verified(telecommand, stage, 7, "expected a file, found none")]
            case "file.send":
                self.put(self.store.read(arguments["name"]), arguments["name"], arguments["name"])
            case "file.list":
                names = self.store.list()[arguments["first"] :][:2]
                entries = [{"name": name, "kind": FileKind.FILE, "size": self.store.size(name)} for name in names]
                values = {"directory": arguments["directory"], "total": len(self.store.list())}
                values |= {"first": arguments["first"], "entries": entries}
                if self.lists_lost:
                    self.lists_lost -= 1
                else:
                    reports.append((23, 13, DICTIONARY.report_of(23, 13).fields.encode(values)))
        return [*(verified(telecommand, stage) for stage in STAGES), *reports]


@pytest.fixture
def served_core(config):
    return FilesOnBoard(config.profile)


@pytest.fixture
def ground(served, tmp_path):
    def run(*arguments: str):
        environment = {"HOME": str(tmp_path), "COLUMNS": "400"}
        return CliRunner().invoke(main, [*arguments, "--socket", str(served.config.socket_path)], env=environment)

    return run


@pytest.fixture
def local(tmp_path):
    path = tmp_path / "photo"
    path.write_bytes(CONTENT)
    return path


def test_put_sends_a_copy_under_the_name_that_is_given(ground, served, local):
    result = ground("put", str(local), "pictures/")
    assert (result.exit_code, result.exception) == (0, None)
    assert result.output.splitlines()[-1].endswith("up 'photo' -> 'pictures/photo': finished, 5120 octets")
    assert served.spacecraft.store.read("pictures/photo") == CONTENT
    assert list((served.config.files_directory / ".outbox").iterdir()) == []


def test_put_of_json_gives_each_event_as_a_line(ground, local):
    lines = [json.loads(line) for line in ground("put", str(local), "--json").output.splitlines()]
    assert (lines[0]["type"], lines[-1]["type"]) == ("TransferStarted", "TransferFinished")
    assert lines[-1]["destination_name"] == "photo"


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["put", "nowhere"], "expected a file at nowhere, found none"),
        (["put", "."], "expected a file at ., found a directory"),
        (["transfer", "cancel", "7"], "expected a transfer as ENTITY-NUMBER, such as 1-7"),
        (["transfer", "cancel", "1-7"], "CFDP 1-7: expected a running transaction, found none"),
        (["transfer", "watch", "1-7"], "expected a transfer that the station knows (ground transfers), found 1-7"),
    ],
)
def test_bad_input_gets_one_clear_line_and_status_2(ground, arguments, message):
    result = ground(*arguments)
    assert result.exit_code == 2
    assert result.output.startswith(f"ground: {message}")
    assert result.output.count("\n") == 1


def test_a_name_that_is_too_long_is_refused_and_its_copy_goes(ground, served, local):
    result = ground("put", str(local), "x" * 256)
    assert result.exit_code == 2
    assert "expected a destination name of at most 255 octets, found 256" in result.output
    assert list((served.config.files_directory / ".outbox").iterdir()) == []


def test_get_brings_a_file_and_copies_it_where_it_is_wanted(ground, served, tmp_path):
    served.call(lambda: served.spacecraft.store.pwrite("notes/today", 0, CONTENT))
    result = ground("get", "notes/today", str(tmp_path))
    assert (result.exit_code, result.exception) == (0, None)
    assert result.output.splitlines()[-1] == str(tmp_path / "today")
    assert (tmp_path / "today").read_bytes() == CONTENT
    assert (served.config.files_directory / "notes" / "today").read_bytes() == CONTENT


def test_get_watches_its_own_transfer_and_not_an_older_one_of_the_same_file(ground, served, client):
    served.call(lambda: served.spacecraft.store.pwrite("notes", 0, CONTENT * 4))
    ground("get", "notes", "--no-wait")
    assert any(event["type"] == "TransferProgressed" for event in client.events(60))
    # The second command is heard when it is sent again: until then there is news of the first transfer only.
    served.spacecraft.deaf = 1
    lines = [json.loads(line) for line in ground("get", "notes", "--json").output.splitlines()]
    assert {line["transaction"] for line in lines} == {"42-2"}


def test_get_asks_for_nothing_that_it_has_no_place_for(ground, served):
    result = ground("get", "weights", "/nowhere/weights")
    assert result.exit_code == 2
    assert result.output == "ground: /nowhere/weights: expected a directory to put it in, found none at /nowhere\n"
    assert served.spacecraft.telecommands == []


def test_get_of_a_file_that_is_not_there_fails_with_the_spacecrafts_reason(ground):
    result = ground("get", "nothing")
    assert result.exit_code == 1
    assert "file.send 1: REFUSED: REFUSED, expected a file, found none" in result.output


def test_a_list_comes_page_by_page_and_is_asked_for_again_where_a_page_was_lost(ground, served, monkeypatch):
    monkeypatch.setattr("ground.cli.files.REPORT_TIMEOUT_S", 0.2)
    served.call(lambda: [served.spacecraft.store.pwrite(name, 0, b"x" * 1500) for name in ("a", "b", "c")])
    served.spacecraft.lists_lost = 1
    result = ground("ls")
    assert result.exit_code == 0
    assert [line.split() for line in result.output.splitlines()] == [["1.5", "kB", name] for name in ("a", "b", "c")]
    assert [each["name"] for each in json.loads(ground("ls", "--json").output)] == ["a", "b", "c"]
    served.spacecraft.lists_lost = 99
    result = ground("ls", "pictures")
    assert result.exit_code == 1
    assert "expected a list of pictures, found no report in 4 tries" in result.output


@pytest.mark.parametrize(
    ("arguments", "name", "values"),
    [
        (["rm", "a"], "file.delete", {"name": "a"}),
        (["rm", "-d", "a/"], "directory.remove", {"name": "a"}),
        (["mkdir", "a/"], "directory.make", {"name": "a"}),
        (["mv", "a/b", "c/"], "file.move", {"name": "a/b", "destination": "c/b"}),
        (["transfer", "suspend", "42-7"], "transfer.suspend", {"source_entity": 42, "sequence": 7}),
        (["transfer", "resume", "42-7"], "transfer.resume", {"source_entity": 42, "sequence": 7}),
    ],
)
def test_what_acts_on_board_is_a_telecommand(ground, served, arguments, name, values):
    result = ground(*arguments)
    assert result.exit_code == 0
    *armed, telecommand = served.spacecraft.telecommands
    assert result.output.splitlines()[-1] == f"{name} {len(armed) + 1}: COMPLETED"
    command = DICTIONARY.command(name)
    assert len(armed) == (command.hazard is not Hazard.NONE)
    assert (telecommand.service, telecommand.subtype) == (command.service, command.subtype)
    assert command.arguments.decode(telecommand.data) == values


def test_a_transfer_is_suspended_resumed_watched_and_shown(ground, served, local):
    local.write_bytes(CONTENT * 200)
    begun = json.loads(ground("put", str(local), "large", "--no-wait", "--json").output)
    name = begun["transaction"]
    assert ground("transfer", "suspend", name).exit_code == 0
    (row,) = json.loads(ground("transfers", "--json").output)
    assert (row["transaction"], row["is_suspended"], row["outcome"]) == (name, True, "UNDER_WAY")
    assert "suspended" in ground("transfers").output
    assert ground("transfer", "cancel", name).exit_code == 0
    watched = ground("transfer", "watch", name)
    assert watched.exit_code == 1
    assert "failed" in watched.output
    shown = ground("transfers").output
    assert "failed: cancel request received" in shown
    assert ground("transfers", "--archive", str(served.config.archive_path)).output == shown
    assert served.spacecraft.store.list() == []


def test_watching_shows_a_transfer_to_its_end(ground, served, local):
    local.write_bytes(CONTENT * 4)
    name = json.loads(ground("put", str(local), "--no-wait", "--json").output)["transaction"]
    result = ground("transfer", "watch", name)
    assert result.exit_code == 0
    assert "finished" in result.output
    assert served.spacecraft.store.read("photo") == CONTENT * 4


def test_a_time_that_is_over_ends_the_watching_and_not_the_transfer(ground, served, local):
    local.write_bytes(CONTENT * 6)
    result = ground("put", str(local), "--timeout", "0.2")
    assert result.exit_code == 1
    assert "to be over within 0.2 s, found it on its way still; it goes on" in result.output
    (row,) = json.loads(ground("transfers", "--json").output)
    assert ground("transfer", "watch", row["transaction"]).exit_code == 0
    assert served.spacecraft.store.read("photo") == CONTENT * 6


def test_a_client_may_name_only_copies_in_the_outbox(served, local):
    with Client.connect(served.config.socket_path) as client:
        for name in ("../archive.sqlite", ".outbox/x", str(local), ".outbox/../a"):
            with pytest.raises(RefusalError, match="expected a file in the outbox"):
                client._ask("POST", "/api/transfers", {"source_name": name, "destination_name": "x"})
        with pytest.raises(RefusalError, match=r"transfer: expected one of suspend, .*, found 'explode'"):
            client.act_on_transfer("explode", "1-1")


def test_put_tells_what_became_of_the_requests_that_went_with_the_file(ground, served, local):
    served.spacecraft.store.pwrite("old", 0, b"x")
    arguments = ["--then", "delete-file old", "--then", "rename-file photo 'a name'", "--then", "delete-file none"]
    result = ground("put", str(local), *arguments)
    assert result.exit_code == 0, result.output
    said = result.output.splitlines()[-1]
    assert said.endswith(
        "finished, 5120 octets; delete-file old: done; rename-file photo a name: done; delete-file none: refused (1)"
    )
    assert served.spacecraft.store.list() == ["a name"]


@pytest.mark.parametrize("closure", [False, True])
def test_put_in_class_1_knows_of_the_end_only_with_closure(ground, served, local, closure):
    result = ground("put", str(local), "--class", "1", *["--closure"] * closure)
    assert result.exit_code == 0, result.output
    assert ("unconfirmed" in result.output) is not closure


@pytest.mark.parametrize("name", ["modular", "crc_32", "crc_32c", "null"])
def test_put_sums_the_file_as_it_is_told(ground, served, local, name):
    told = []
    receive = served.spacecraft.entity.receive

    def hear(pdu, now_ns):
        body = Pdu.decode(bytes(pdu)).body
        told.extend([body.checksum_type] if isinstance(body, Metadata) else [])
        receive(pdu, now_ns)

    served.spacecraft.entity.receive = hear
    assert ground("put", str(local), "--checksum", name).exit_code == 0
    assert set(told) == {ChecksumType[name.upper()]}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("explode a", "expected a request that begins with one of create-file, delete-file,"),
        ("delete-file", "delete-file: expected 1 name, found 0"),
        ("rename-file a", "rename-file: expected 2 names, found 1"),
        ("delete-file 'a", "expected a request that begins with one of"),
    ],
)
def test_a_request_that_is_none_is_refused_before_anything_is_copied(ground, served, local, text, message):
    result = ground("put", str(local), "--then", text)
    assert (result.exit_code, message in result.output) == (2, True), result.output
    assert list(served.config.files_directory.glob(".outbox/*")) == []


def test_more_requests_than_a_file_may_bring_are_refused(ground, local):
    result = ground("put", str(local), *["--then", "delete-file a"] * 9)
    assert (result.exit_code, "expected at most 8 requests" in result.output) == (2, True)


def test_get_says_all_of_it_in_its_telecommand(ground, served):
    served.spacecraft.store.pwrite("out", 0, CONTENT)
    result = ground("get", "out", "--closure", "--checksum", "modular", "--then", "delete-file old", "--no-wait")
    assert result.exit_code == 0, result.output
    with Client.connect(served.config.socket_path) as client:
        (sent,) = client.commands()
    assert (sent["arguments"]["closure"], sent["arguments"]["checksum"]) == (1, "MODULAR")
    assert sent["arguments"]["requests"] == [{"action": "DELETE_FILE", "first": "old", "second": ""}]


def test_a_prompt_is_answered_by_the_end_that_receives(ground, served, tmp_path):
    (tmp_path / "large").write_bytes(bytes(3 << 20))
    begun = json.loads(ground("put", str(tmp_path / "large"), "--no-wait", "--json").output)
    with Client.connect(served.config.socket_path) as client:
        client.subscribe()
        next(event for event in client.events(20) if event.get("done_octets", 0) > 0)
        assert ground("transfer", "prompt", begun["transaction"]).exit_code == 0
        answer = next(event for event in client.events(20) if event["type"] == "TransferAnswered")
        assert 0 < answer["received_octets"] < 3 << 20
        assert answer["line"].endswith(f"{answer['received_octets']} octets are at the receiver")
        assert ground("transfer", "prompt", begun["transaction"], "--for", "nak").exit_code == 0
        # Of a file that comes down it is the spacecraft's end that asks.
        ground("transfer", "prompt", "42-9", "--for", "nak")
        sent = client.commands(1)[0]
    assert (sent["name"], sent["arguments"]["response"]) == ("transfer.prompt", "NAK")


def test_two_files_at_once_from_two_programs(served, tmp_path):
    def put(name: str) -> None:
        (tmp_path / name).write_bytes(CONTENT + name.encode())
        with Client.connect(served.config.socket_path) as client:
            client.put_file(tmp_path / name, name)
            assert any(
                event["type"] == "TransferFinished" and event["destination_name"] == name for event in client.events(60)
            )

    threads = [threading.Thread(target=put, args=(name,)) for name in ("one", "two")]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    assert {name: served.spacecraft.store.read(name)[-3:] for name in ("one", "two")} == {"one": b"one", "two": b"two"}
