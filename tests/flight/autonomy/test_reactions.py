"""ST[19]: every request and report, valid and invalid; an event is answered, and no reaction feeds on itself."""

import errno

import pytest

from flight.disk import RealDisk
from mission.definition import DICTIONARY
from mission.dictionary import Repeat
from mission.monitoring import REACTION_DEPTH_MAX, REACTIONS_MAX, CheckKind
from mission.schedule import Fate, Switch
from mission.words.reactions import Bound

SECOND = 1_000_000_000
HOUR = 3600 * SECOND
OUT = DICTIONARY.events["monitor_out"].id
STARTED = DICTIONARY.events["procedure_started"].id
ENDED = DICTIONARY.events["procedure_ended"].id
FAILED = DICTIONARY.events["reaction_failed"].id
LOSS = DICTIONARY.parameter_of("job_loss").id


def row(board, event, number, about=0, kind="once"):
    return {"event": event, "about": about, "request": board.packet(f"act.{kind}", number=number)}


def named(*keys):
    return [{"event": event, "about": about} for event, about in keys]


def react(board, *rows):
    assert board.send("reaction.add", reactions=list(rows)) == ""
    assert board.send("reaction.enable", reactions=named(*((r["event"], r["about"]) for r in rows))) == ""


def monitor(board, *numbers):
    rows = [{"monitor": n, "parameter": LOSS, "kind": CheckKind.LIMIT, "high": 9.0} for n in numbers]
    assert board.send("monitoring.add", monitors=rows) == ""
    assert board.send("monitoring.enable_monitors", monitors=list(numbers)) == ""


def done(board):
    return [number for _, number in board.done]


def suppressed(events):
    return [(values["event"], values["bound"]) for name, values in events if name == "reaction_suppressed"]


def test_an_event_is_answered_with_its_command_and_only_what_it_is_about(board):
    monitor(board, 1, 2)
    react(board, row(board, OUT, 10), row(board, OUT, 12, about=2), row(board, OUT, 13, about=3))
    board.run_to(5 * SECOND)
    assert board.done == []
    board.values["job_loss"] = 10.0
    board.run_to(6 * SECOND)
    assert sorted(done(board)) == [10, 10, 12]
    assert board.read("reactions", "reactions_released", "reactions_failed", "reactions_suppressed") == [3, 3, 0, 0]


def test_a_reaction_may_start_a_procedure(board):
    assert board.send("procedure.load_direct", procedure="save", text="wait 2s\nsend act.once number=7") == ""
    monitor(board, 1)
    react(board, {"event": OUT, "request": board.packet("procedure.start", procedure="save"), "about": 1})
    board.values["job_loss"] = 10.0
    board.run_to(HOUR)
    assert done(board) == [7]


def test_a_reaction_is_added_disabled_and_both_it_and_all_can_be_held(board):
    monitor(board, 1)
    assert board.send("reaction.add", reactions=[row(board, OUT, 1)]) == ""

    def swing():
        board.values["job_loss"] = 10.0
        board.run_to(board.now_ns + SECOND)
        board.values["job_loss"] = 1.0
        board.run_to(board.now_ns + 20 * SECOND)
        return len(board.done)

    assert swing() == 0
    board.send("reaction.enable", reactions=named((OUT, 0)))
    assert swing() == 1
    board.send("reaction.disable_all")
    assert swing() == 1
    board.send("reaction.enable_all")
    assert swing() == 2
    board.send("reaction.disable", reactions=named((OUT, 0)))
    assert swing() == 2


def test_what_is_wrong_with_a_reaction_is_refused_whole_with_its_position(board, damage):
    good = row(board, OUT, 1)
    request = good["request"]
    unknown = board.packet("act.once", number=1)[:6] + b"\x2f" + bytes([99]) + request[8:]
    for wrong, fault in (
        ({"event": 9999}, "expected a declared event, found number 9999"),
        ({"request": request[:-1] + bytes([request[-1] ^ 1])}, "telecommand: expected CRC-16"),
        ({"request": unknown}, "telecommand: expected CRC-16"),
        ({}, f"expected an event without a reaction, found event {OUT} about 0"),
    ):
        refusal = board.send("reaction.add", reactions=[good, {**good, **wrong}])
        assert refusal.startswith(f"reactions[1]: {fault}")
    for octets in damage(request)[::7]:
        assert board.send("reaction.add", reactions=[{**good, "request": octets}])
    assert board.ledger.reactions.reactions == {}
    assert board.send("reaction.add", reactions=[good]) == ""
    assert "reactions[0]: expected an event without" in board.send("reaction.add", reactions=[good])
    for command in ("enable", "disable", "delete"):
        assert "reactions[1]: expected a reaction that exists, found event 5 about 6" in board.send(
            f"reaction.{command}", reactions=named((OUT, 0), (5, 6))
        )
    board.send("reaction.enable", reactions=named((OUT, 0)))
    assert "reactions[0]: expected a reaction that is disabled" in board.send(
        "reaction.delete", reactions=named((OUT, 0))
    )
    board.send("reaction.disable", reactions=named((OUT, 0)))
    assert board.send("reaction.delete", reactions=named((OUT, 0))) == ""


def test_reports_give_back_all_of_it_a_page_at_a_time_and_so_does_a_reboot(board, make_board, tmp_path):
    rows = [row(board, OUT, number, about=number) for number in range(1, 41)]
    for start in range(0, 40, 8):
        react(board, *rows[start : start + 8])
    board.send("reaction.disable", reactions=named((OUT, 3)))
    board.ledger._compact()
    again = make_board(RealDisk(tmp_path))
    found = []
    for position in (0, 16, 32):
        assert again.send("reaction.report", position=position) == ""
        found += again.answers[0]["reactions"]
    assert found == rows
    assert again.send("reaction.report_status") == ""
    assert [each["about"] for each in again.answers[0]["reactions"] if each["status"] is Switch.DISABLED] == [3]
    again.send("reaction.disable_all")
    assert again.send("reaction.delete_all") == ""
    assert again.ledger.reactions.reactions == {}
    assert not make_board(RealDisk(tmp_path)).ledger.reactions.is_enabled


def test_only_so_many_reactions_are_taken(board):
    for start in range(0, REACTIONS_MAX, 16):
        rows = [row(board, OUT, 1, about=number) for number in range(start, start + 16)]
        assert board.send("reaction.add", reactions=rows) == ""
    assert f"expected at most {REACTIONS_MAX}" in board.send("reaction.add", reactions=[row(board, OUT, 1, about=999)])


def test_a_reaction_that_comes_too_often_is_disabled_and_told(board):
    assert board.send("parameter.set", values={"reaction_rate": 3}) == ""
    monitor(board, 1)
    react(board, row(board, OUT, 1))
    events = []
    for _ in range(6):
        board.values["job_loss"] = 10.0
        events += board.run_to(board.now_ns + SECOND)
        board.values["job_loss"] = 1.0
        events += board.run_to(board.now_ns + SECOND)
    assert done(board) == [1] * 3
    assert suppressed(events) == [(OUT, Bound.RATE)]
    assert board.ledger.reactions.enabled == set()


def test_a_slow_reaction_goes_on_for_ever(board):
    board.send("parameter.set", values={"reaction_rate": 3})
    monitor(board, 1)
    react(board, row(board, OUT, 1))
    for _ in range(12):
        board.values["job_loss"] = 10.0
        board.run_to(board.now_ns + 15 * SECOND)
        board.values["job_loss"] = 1.0
        board.run_to(board.now_ns + 15 * SECOND)
    assert done(board) == [1] * 12


def test_a_reaction_that_causes_itself_at_once_is_stopped_by_the_length_of_its_chain(board):
    board.acts.fails = RuntimeError("always")
    react(board, row(board, FAILED, 1), row(board, OUT, 2))
    monitor(board, 1)
    board.values["job_loss"] = 10.0
    events = board.run_to(HOUR)
    # The failure of the first reaction is answered, and that one's own failure, up to the bound.
    assert suppressed(events) == [(FAILED, Bound.DEPTH)]
    assert [name for name, _ in events].count("reaction_failed") == REACTION_DEPTH_MAX
    assert board.read("reactions_suppressed") == [1]


def test_two_procedures_that_start_each_other_by_way_of_reactions_come_to_an_end(board):
    for name in ("ping", "pong"):
        assert board.send("procedure.load_direct", procedure=name, text="send act.once number=1") == ""
    react(board, {"event": ENDED, "about": 0, "request": board.packet("procedure.start", procedure="ping")})
    assert board.send("procedure.start", procedure="pong") == ""
    events = board.run_to(HOUR)
    assert suppressed(events) == [(ENDED, Bound.DEPTH)]
    assert len(board.done) <= 1 + REACTION_DEPTH_MAX
    assert board.autonomy.next_deadline() is None


class PowerCutError(BaseException):
    """Power goes, in the middle of what was being done."""


@pytest.mark.parametrize(("kind", "times", "fate"), [("once", 1, Fate.OUTCOME_UNKNOWN), ("idempotent", 2, None)])
def test_a_reset_in_the_middle_of_a_reaction_repeats_it_only_if_it_may_be(
    board, make_board, tmp_path, kind, times, fate
):
    monitor(board, 1)
    react(board, row(board, OUT, 1, kind=kind))
    execute = board.acts.execute

    def cut(*changes):
        raise PowerCutError

    def execute_and_cut(*args):
        board.ledger.commit = cut
        return execute(*args)

    board.acts.execute = execute_and_cut
    board.values["job_loss"] = 10.0
    with pytest.raises(PowerCutError):
        board.run_to(2 * SECOND)
    again = make_board(RealDisk(tmp_path), done=board.done)
    events = again.run_to(SECOND // 2)
    assert board.done == [(Repeat(kind), 1)] * times
    assert [values["fate"] for name, values in events if name == "reaction_failed"] == ([fate] if fate else [])


def test_a_full_store_holds_a_reaction_and_it_is_answered_once_when_there_is_room(board):
    monitor(board, 1)
    react(board, row(board, OUT, 1), row(board, OUT, 2, about=1, kind="idempotent"))
    append = board.disk.append
    failed = []

    def full_twice(path, data):
        # The first record before an act, and the first one after it.
        for record in (b"ReactionBegun", b"ReactionEnded"):
            if record in data and record not in failed:
                failed.append(record)
                raise OSError(errno.ENOSPC, "No space left on device")
        append(path, data)

    board.disk.append = full_twice
    board.values["job_loss"] = 10.0
    board.run_to(60 * SECOND)
    assert failed == [b"ReactionBegun", b"ReactionEnded"]
    assert board.done == [(Repeat.ONCE, 1), (Repeat.IDEMPOTENT, 2)]
    assert board.read("reactions_released") == [2]


def test_a_reaction_that_starts_a_procedure_that_is_not_on_board_is_refused(board):
    unknown = {"event": OUT, "about": 0, "request": board.packet("procedure.start", procedure="warm")}
    reason = board.send("reaction.add", reactions=[unknown])
    assert reason == "reactions[0]: procedure.start: expected a procedure on board (none), found 'warm'"
    assert board.ledger.reactions.reactions == {}


def test_releases_of_more_than_a_minute_ago_and_of_reactions_that_are_no_more_are_forgotten(board):
    monitor(board, *range(1, 9))
    react(board, *(row(board, OUT, number, about=number) for number in range(1, 9)))
    board.values["job_loss"] = 10.0
    board.run_to(5 * SECOND)
    kept = board.autonomy._reacting._released_ns
    assert len(kept) == 8
    board.values["job_loss"] = 1.0
    board.run_to(100 * SECOND)
    keys = named(*((OUT, number) for number in range(2, 9)))
    assert board.send("reaction.disable", reactions=keys) == ""
    assert board.send("reaction.delete", reactions=keys) == ""
    board.values["job_loss"] = 10.0
    board.run_to(105 * SECOND)
    assert list(kept) == [(OUT, 1)]
    assert len(kept[OUT, 1]) == 1
