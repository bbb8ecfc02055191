"""ST[21]: procedures are taken whole or not at all, run at a bounded rate, and survive a reset as they say."""

import errno
import hashlib

import pytest

from flight.disk import RealDisk
from mission.dictionary import Repeat
from mission.procedures import CAUSE_DEPTH_MAX, PROCEDURES_MAX, TEXT_OCTETS_MAX, Activity, ProcedureEnd
from mission.schedule import Fate

SECOND = 1_000_000_000
HOUR = 3600 * SECOND


def load(board, name, text):
    return board.send("procedure.load_direct", procedure=name, text=text)


def start(board, name, text):
    assert load(board, name, text) == ""
    assert board.send("procedure.start", procedure=name) == ""


def acts(numbers, kind="once"):
    return "".join(f"send act.{kind} number={number}\n" for number in numbers)


def done(board):
    return [number for _, number in board.done]


def told(events):
    return [(name, *[value for key, value in values.items() if key != "reason"]) for name, values in events]


def test_a_procedure_takes_its_steps_in_order_and_tells_of_its_start_and_end(board):
    start(board, "warm", "send act.once number=1\nwait 10s\nrepeat 2\nsend act.idempotent number=2\nwait 1s\nend\n")
    assert told(board.run_to(9 * SECOND)) == [("procedure_started", "warm", 1)]
    assert done(board) == [1]
    assert told(board.run_to(30 * SECOND)) == [("procedure_ended", "warm", ProcedureEnd.COMPLETED)]
    assert board.done == [(Repeat.ONCE, 1), (Repeat.IDEMPOTENT, 2), (Repeat.IDEMPOTENT, 2)]
    assert board.read("procedures_loaded", "procedures_running", "procedure_commands") == [1, 0, 3]


def test_an_uploaded_file_is_taken_as_it_is_and_reported_with_its_digest(board):
    text = b"# warm\n" + b"send act.once number=1\n" * 60
    board.disk.append("files/procedures/warm", text)
    assert board.send("procedure.load", procedure="warm") == ""
    assert board.send("procedure.report_digests") == ""
    row = {"procedure": "warm", "octets": len(text), "sha256": hashlib.sha256(text).digest()}
    assert board.answers == [{"procedures": [row]}]
    parts = b""
    while len(parts) < len(text):
        assert board.send("procedure.report_text", procedure="warm", position=len(parts)) == ""
        parts += board.answers[0]["text"]
    assert parts == text
    board.disk.remove("files/procedures/warm")
    assert board.send("procedure.start", procedure="warm") == ""
    board.run_to(HOUR)
    assert len(board.done) == 60


def test_one_command_takes_a_file_and_runs_it(board):
    board.disk.append("files/procedures/warm", b"send act.once number=4")
    assert board.send("procedure.load_and_start", procedure="warm") == ""
    board.run_to(SECOND)
    assert done(board) == [4]


def activity(board, procedure):
    """Give the start of a procedure at the next pass, as an activity is typed."""
    request = board.packet("procedure.start", procedure=procedure).hex()
    return f'{{"anchor": "AOS", "request": "{request}"}}'


def test_a_procedure_may_have_itself_started_again_in_the_next_pass(board):
    text = f"send schedule.insert_relative activities='[{activity(board, 'warm')}]'"
    assert load(board, "warm", text) == ""


def test_one_that_is_not_good_is_refused_with_its_place_and_the_one_before_stays(board):
    assert load(board, "warm", "send act.once number=1") == ""
    for text, fault in (
        ("wait 1s\nsend act.once number=256", "warm, line 2, column 15: number: expected an integer from 0 to 255"),
        ("send act.once number=1\nwait", "warm, line 2, column 5: expected a duration"),
        (
            "wait 1s\nsend procedure.start procedure=warm",
            "warm, line 2, column 22: expected no loop, found one by way of warm",
        ),
        ("send procedure.start procedure=cold", "warm, line 1, column 22: expected a procedure on board, found 'cold'"),
        (
            f"wait 1s\nsend schedule.insert_relative sub_schedule=0 activities='[{activity(board, 'cold')}]'",
            "warm, line 2, column 46: activities[0]: procedure.start: expected a procedure on board (warm)",
        ),
    ):
        assert fault in load(board, "warm", text)
    assert load(board, "cold", "send procedure.start procedure=warm") == ""
    assert "line 1, column 22: expected no loop, found one by way of cold" in load(
        board, "warm", "send procedure.start procedure=cold"
    )
    board.disk.append("files/procedures/warm", b"#" * (TEXT_OCTETS_MAX + 1))
    assert f"expected at most {TEXT_OCTETS_MAX} octets" in board.send("procedure.load", procedure="warm")
    assert board.send("procedure.start", procedure="warm") == ""
    board.run_to(SECOND)
    assert done(board) == [1]


@pytest.mark.parametrize("name", ["../keys", "a/b", "", ".hidden", "a b"])
def test_a_name_that_could_be_a_path_is_refused(board, name):
    for command in ("procedure.load", "procedure.load_and_start"):
        assert "expected a name of letters" in board.send(command, procedure=name)
    assert "expected a name of letters" in load(board, name, "wait 1s")


def test_what_is_not_there_or_runs_already_is_refused(board):
    assert "expected an uploaded file procedures/warm, found none" in board.send("procedure.load", procedure="warm")
    for command in ("start", "unload", "report_text"):
        assert "expected a procedure on board (none), found 'warm'" in board.send(
            f"procedure.{command}", procedure="warm"
        )
    assert "expected a procedure that runs" in board.send("procedure.abort", procedure="warm")
    start(board, "warm", "wait 1h")
    assert "found it running" in load(board, "warm", "wait 1s")
    assert "found 'warm' running" in board.send("procedure.start", procedure="warm")
    assert "found 'warm' running" in board.send("procedure.unload", procedure="warm")
    assert board.send("procedure.abort", procedure="warm") == ""
    assert board.send("procedure.unload", procedure="warm") == ""
    for number in range(PROCEDURES_MAX):
        assert load(board, f"p{number}", "wait 1s") == ""
    assert f"expected at most {PROCEDURES_MAX} procedures" in load(board, "warm", "wait 1s")
    assert load(board, "p0", "wait 2s") == ""


def test_procedures_are_ended_by_command_one_or_all(board):
    start(board, "a", "wait 10s\nsend act.once number=1")
    start(board, "b", "wait 10s\nsend act.once number=2")
    start(board, "c", "wait 10s\nsend act.once number=3")
    board.run_to(SECOND)
    assert board.send("procedure.abort", procedure="b") == ""
    assert board.send("procedure.report_status") == ""
    assert [(row["procedure"], row["activity"], row["line"]) for row in board.answers[0]["procedures"]] == [
        ("a", Activity.WAITING, 1),
        ("b", Activity.INACTIVE, 0),
        ("c", Activity.WAITING, 1),
    ]
    assert board.send("procedure.abort_all") == ""
    assert board.answers == [{"procedures": [{"procedure": "a"}, {"procedure": "c"}]}]
    board.run_to(HOUR)
    assert board.done == []
    assert board.autonomy.next_deadline() is None


def test_no_more_commands_a_second_are_sent_than_the_rate_and_the_urgent_ones_first(board):
    assert board.send("parameter.set", values={"procedure_rate": 2}) == ""
    start(board, "low", "priority 1\n" + acts(range(1, 4)))
    start(board, "high", "priority 5\n" + acts(range(11, 14)))
    start(board, "also", "priority 5\n" + acts(range(21, 23)))
    board.run_to(SECOND - 1)
    assert done(board) == [11, 12]
    board.run_to(2 * SECOND - 1)
    assert done(board) == [11, 12, 13, 21]
    board.run_to(4 * SECOND)
    assert done(board) == [11, 12, 13, 21, 22, 1, 2, 3]
    assert board.now_ns == 4 * SECOND


def test_a_condition_is_waited_for_and_a_timeout_is_a_failed_step(board):
    text = "wait_for job_loss < 2 within 60s\nsend act.once number=1"
    start(board, "good", text)
    board.run_to(30 * SECOND)
    assert board.done == []
    board.values["job_loss"] = 1.5
    board.run_to(32 * SECOND)
    assert done(board) == [1]
    board.values["job_loss"] = float("nan")
    assert board.send("procedure.start", procedure="good") == ""
    events = board.run_to(93 * SECOND)
    assert told(events)[-2:] == [
        ("procedure_step_failed", "good", 1, Fate.FAILED),
        ("procedure_ended", "good", ProcedureEnd.STEP_FAILED),
    ]
    assert done(board) == [1]
    start(board, "bold", "on_failure continue\n" + text)
    board.run_to(HOUR)
    assert done(board) == [1, 1]


@pytest.mark.parametrize(("rule", "rest"), [("abort", []), ("continue", [2])])
def test_a_command_that_fails_ends_the_procedure_or_not_as_it_says(board, rule, rest):
    start(board, "warm", f"on_failure {rule}\nsend job.pause job_id=7\nsend act.once number=2")
    events = board.run_to(SECOND)
    # The board has no jobs, so that the command is not accepted.
    assert ("procedure_step_failed", "warm", 2, Fate.REFUSED) in told(events)
    assert done(board) == rest


def test_a_run_survives_a_rewritten_journal_and_goes_on_or_ends_after_a_reset_as_it_says(board, make_board, tmp_path):
    body = "repeat 2\nsend act.once number=1\nwait 10s\nend\nsend act.once number=2\n"
    start(board, "stays", "on_reboot continue\n" + body)
    start(board, "ends", body.replace("number=", "number=1"))
    board.run_to(15 * SECOND)
    assert done(board) == [1, 11, 1, 11]
    board.ledger._compact()
    again = make_board(RealDisk(tmp_path), now_ns=0, done=board.done)
    events = again.run_to(9 * SECOND)
    assert ("procedure_ended", "ends", ProcedureEnd.RESET) in told(events)
    assert done(board) == [1, 11, 1, 11]
    # The wait begins anew, and the repeat is not done a third time.
    assert told(again.run_to(11 * SECOND)) == [("procedure_ended", "stays", ProcedureEnd.COMPLETED)]
    assert done(board) == [1, 11, 1, 11, 2]


class PowerCutError(BaseException):
    """Power goes, in the middle of what was being done."""


@pytest.mark.parametrize(
    ("kind", "acted", "fate"), [("once", 1, Fate.OUTCOME_UNKNOWN), ("idempotent", 2, None), ("store", 0, None)]
)
def test_a_command_that_a_reset_fell_into_is_never_repeated_unless_it_may_be(
    board, make_board, tmp_path, kind, acted, fate
):
    start(board, "warm", f"on_reboot continue\non_failure continue\n{acts([1], kind)}{acts([2])}")
    execute = board.acts.execute

    def cut(*changes):
        raise PowerCutError

    def execute_and_cut(*args):
        board.ledger.commit = cut
        return execute(*args)

    board.acts.execute = execute_and_cut
    with pytest.raises(PowerCutError):
        board.run_to(SECOND)
    again = make_board(RealDisk(tmp_path), done=board.done)
    events = again.run_to(2 * SECOND)
    assert done(board) == [1] * acted + [2]
    assert [each[-1] for each in told(events) if each[0] == "procedure_step_failed"] == ([fate] if fate else [])
    assert again.ledger.housekeeping == ({1: True} if kind == "store" else {})


def test_a_full_store_holds_a_procedure_and_it_goes_on_when_there_is_room(board):
    start(board, "warm", acts([1, 2], "idempotent"))
    append = board.disk.append

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    board.disk.append = full
    assert "store_failed" in [name for name, _ in board.run_to(SECOND)]
    assert board.done == []
    board.disk.append = append
    board.run_to(30 * SECOND)
    assert done(board) == [1, 2]


def test_a_text_that_another_dictionary_does_not_know_ends_its_run_and_is_not_started(board, make_board, tmp_path):
    start(board, "warm", "on_reboot continue\nwait 1h")
    loaded = board.ledger.procedures.loaded["warm"]
    board.ledger.commit(type(loaded)("warm", b"send gone.by number=1", loaded.sha256))
    board.ledger._compact()
    again = make_board(RealDisk(tmp_path))
    assert told(again.run_to(SECOND))[-1] == ("procedure_ended", "warm", ProcedureEnd.UNREADABLE)
    assert "expected a command of the dictionary" in again.send("procedure.start", procedure="warm")


def test_a_chain_of_procedures_may_be_long_but_not_endless(board):
    assert load(board, "p0", acts([0])) == ""
    for number in range(1, CAUSE_DEPTH_MAX + 3):
        assert load(board, f"p{number}", f"{acts([number])}send procedure.start procedure=p{number - 1}") == ""
    assert board.send("parameter.set", values={"procedure_rate": 50}) == ""
    assert board.send("procedure.start", procedure=f"p{CAUSE_DEPTH_MAX + 2}") == ""
    events = board.run_to(HOUR)
    assert done(board) == list(range(CAUSE_DEPTH_MAX + 2, 1, -1))
    assert [values["reason"] for name, values in events if name == "procedure_step_failed"]


def test_a_procedure_may_end_itself_and_a_schedule_may_start_one(board):
    assert load(board, "warm", f"{acts([1])}send procedure.abort procedure=warm\n{acts([2])}") == ""
    board.send("schedule.enable")
    request = board.packet("procedure.start", procedure="warm")
    row = {"release_time": board.tai_ns + SECOND, "request": request}
    assert board.send("schedule.insert", activities=[row]) == ""
    assert told(board.run_to(HOUR))[-1] == ("procedure_ended", "warm", ProcedureEnd.ABORTED)
    assert done(board) == [1]
    assert board.ledger.procedures.runs == {}


def test_a_procedure_that_a_reset_ends_takes_no_step_though_the_store_cannot_note_its_end(board, make_board, tmp_path):
    start(board, "ends", acts([1]) + "wait 10s\n" + acts([2]))
    start(board, "stays", "on_reboot continue\n" + acts([11]) + "wait 10s\n" + acts([12]))
    board.run_to(5 * SECOND)
    disk = RealDisk(tmp_path)
    append, failing = disk.append, True

    def full(path, data):
        if failing:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(path, data)

    disk.append = full
    again = make_board(disk, done=board.done)
    again.run_to(60 * SECOND)
    assert done(board) == [1, 11]
    failing = False
    events = told(again.run_to(120 * SECOND))
    assert ("procedure_ended", "ends", ProcedureEnd.RESET) in events
    assert ("procedure_ended", "stays", ProcedureEnd.COMPLETED) in events
    assert done(board) == [1, 11, 12]
    # Started anew by command it is another run.
    assert again.send("procedure.start", procedure="ends") == ""
    again.run_to(150 * SECOND)
    assert done(board) == [1, 11, 12, 1, 2]
