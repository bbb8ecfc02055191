"""ST[12]: every request and report, valid and invalid; a status changes when it must, and then it is told."""

import math

import pytest

from flight.autonomy.checks import STATUS_TABLE, Turn
from flight.books.monitoring import MonitorsDefined
from flight.disk import RealDisk
from mission.definition import DICTIONARY
from mission.monitoring import MONITORS_MAX, CheckKind, CheckStatus
from mission.schedule import Switch

SECOND = 1_000_000_000
LOSS = DICTIONARY.parameter_of("job_loss").id
STEP = DICTIONARY.parameter_of("job_step").id
WAITING = DICTIONARY.parameter_of("jobs_waiting").id
STATE = DICTIONARY.parameter_of("job_state").id
DIGEST = DICTIONARY.parameter_of("dictionary_digest").id

WITHIN, BELOW, ABOVE = CheckStatus.WITHIN, CheckStatus.BELOW, CheckStatus.ABOVE
UNEXPECTED, STALE, INVALID, UNCHECKED = (
    CheckStatus.UNEXPECTED,
    CheckStatus.STALE,
    CheckStatus.INVALID,
    CheckStatus.UNCHECKED,
)


def limit(number=1, **fields):
    return {"monitor": number, "parameter": LOSS, "kind": CheckKind.LIMIT, "low": 1.0, "high": 9.0, **fields}


def watch(board, *rows):
    assert board.send("monitoring.add", monitors=list(rows)) == ""
    assert board.send("monitoring.enable_monitors", monitors=[row["monitor"] for row in rows]) == ""


def step(board, **values):
    """Let a second go by with these values; give the transitions that events tell of."""
    board.values.update(values)
    events = board.run_to(board.now_ns + SECOND)
    return [values["status"] for name, values in events if name.startswith("monitor_")]


def transitions(board):
    rows = []
    for said in board.said:
        if said.name == "check_transitions":
            rows += said.values["transitions"]
    return rows


def status(board, number=1):
    assert board.send("monitoring.report_status") == ""
    return {row["monitor"]: row["status"] for row in board.answers[0]["monitors"]}[number]


def test_the_table_says_what_every_result_does_to_every_status():
    results = set(CheckStatus) - {UNCHECKED}
    assert set(STATUS_TABLE) == {(status, result) for status in CheckStatus for result in results}
    assert {key for key, turn in STATUS_TABLE.items() if turn is Turn.STAY} == {(each, each) for each in results}
    assert {key[1] for key, turn in STATUS_TABLE.items() if turn is Turn.TURN} == {INVALID}


def test_a_value_that_leaves_its_limits_and_comes_back_is_told_each_time(board):
    watch(board, limit())
    assert step(board) == []
    assert status(board) is WITHIN
    assert step(board, job_loss=9.5) == [ABOVE]
    assert step(board, job_loss=9.6) == []
    assert step(board, job_loss=0.5) == [BELOW]
    assert board.read("monitors_out") == [1]
    assert step(board, job_loss=1.0) == [WITHIN]
    step(board)
    assert board.read("monitors_out") == [0]
    rows = transitions(board)
    assert [(row["before"], row["status"], row["value"]) for row in rows] == [
        ("WITHIN", "ABOVE", 9.5),
        ("ABOVE", "BELOW", 0.5),
        ("BELOW", "WITHIN", 1.0),
    ]
    assert rows[0]["time"] == board.tai_of(2 * SECOND)


def test_a_status_changes_only_after_as_many_results_in_a_row_as_were_asked_for(board):
    watch(board, limit(repetition=3))
    for _ in range(3):
        assert status(board) is UNCHECKED
        step(board)
    assert status(board) is WITHIN
    assert [step(board, job_loss=loss) for loss in (10, 10, 5, 10, 10, 0, 10, 10, 10)] == [[]] * 8 + [[ABOVE]]


def test_expected_bits_are_compared_under_their_mask(board):
    row = {"monitor": 1, "parameter": WAITING, "kind": CheckKind.EXPECTED, "mask": 0b110, "expected": 0b010}
    watch(board, row)
    assert step(board, jobs_waiting=0b011) == []
    assert step(board, jobs_waiting=0b111) == [UNEXPECTED]
    assert step(board, jobs_waiting=0b010) == [WITHIN]


def test_a_change_is_checked_over_as_many_samples_as_were_asked_for(board):
    watch(board, {"monitor": 1, "parameter": STEP, "kind": CheckKind.DELTA, "low": 1, "high": 10, "deltas": 2})
    assert step(board, job_step=0) == []
    assert step(board, job_step=5) == []
    assert status(board) is UNCHECKED
    assert step(board, job_step=10) == []
    assert status(board) is WITHIN
    assert step(board, job_step=10) == []
    assert step(board, job_step=10) == [BELOW]
    assert step(board, job_step=100) == [ABOVE]


def test_a_value_that_does_not_change_any_more_is_stale(board):
    watch(board, {"monitor": 1, "parameter": STEP, "kind": CheckKind.STALE, "stale": 3000})
    assert [step(board, job_step=number) for number in (1, 2, 2, 2, 2)] == [[]] * 5
    assert step(board) == [STALE]
    assert step(board, job_step=3) == [WITHIN]


def test_what_is_not_valid_is_not_judged(board):
    row = limit(validity_parameter=STATE, validity_mask=0xFF, validity_expected=3)
    watch(board, row)
    assert step(board, job_loss=100.0) == [INVALID]
    assert step(board, job_state=3) == [ABOVE]
    assert step(board, job_state=4) == [INVALID]
    assert step(board, job_state=3, job_loss=math.nan) == []
    assert status(board) is INVALID


def test_a_monitor_changed_in_flight_begins_unchecked_and_goes_by_its_new_limits(board):
    watch(board, limit(), limit(2))
    step(board)
    assert board.send("monitoring.modify", monitors=[limit(high=4.0)]) == ""
    assert (status(board), status(board, 2)) == (UNCHECKED, WITHIN)
    assert step(board) == [ABOVE]
    assert "monitor: expected a monitor that exists" in board.send("monitoring.modify", monitors=[limit(3)])


@pytest.mark.parametrize(
    ("wrong", "fault"),
    [
        ({"parameter": 9999}, "parameter: "),
        ({"parameter": DIGEST}, "parameter: expected a parameter that is a number, found dictionary_digest"),
        ({"kind": CheckKind.EXPECTED}, "parameter: expected a parameter that is a whole number, found job_loss"),
        ({"low": 3, "high": 2}, "high: expected a number from low 3 on, found 2"),
        ({"low": math.nan}, "high: expected a number from low nan on"),
        ({"kind": CheckKind.STALE, "stale": 999}, "stale: expected an interval (1000 ms) or more, found 999"),
        ({"validity_parameter": LOSS}, "validity_parameter: expected a parameter that is a whole number"),
        ({"validity_parameter": STATE}, "validity_expected: expected bits within the mask 0x0"),
        (
            {"validity_parameter": STATE, "validity_mask": 1, "validity_expected": 2},
            "validity_expected: expected bits within the mask 0x1, found 0x2",
        ),
        ({"validity_mask": 1}, "validity_parameter: expected a parameter for the bits"),
        ({"monitor": 1}, "monitor: expected a number that is free, found 1"),
        (
            {"kind": CheckKind.EXPECTED, "parameter": STEP, "mask": 1, "expected": 2},
            "expected: expected bits within the mask 0x1, found 0x2",
        ),
    ],
)
def test_a_definition_that_is_wrong_is_refused_with_all_that_came_with_it(board, wrong, fault):
    refusal = board.send("monitoring.add", monitors=[limit(), {**limit(2), **wrong}])
    assert refusal.startswith(f"monitors[1]: {fault}")
    assert board.ledger.monitoring.monitors == {}


def test_only_so_many_monitors_are_taken(board):
    for start in range(1, MONITORS_MAX + 1, 16):
        assert board.send("monitoring.add", monitors=[limit(number) for number in range(start, start + 16)]) == ""
    assert f"expected at most {MONITORS_MAX}" in board.send("monitoring.add", monitors=[limit(MONITORS_MAX + 1)])


def test_monitors_are_switched_and_deleted_all_or_none(board):
    watch(board, limit(), limit(2), limit(3))
    assert "monitors[1]: expected a monitor that exists, found 9" in board.send(
        "monitoring.disable_monitors", monitors=[1, 9]
    )
    assert "monitors[0]: expected a monitor that is disabled, found 1" in board.send("monitoring.delete", monitors=[1])
    step(board)
    assert board.send("monitoring.disable_monitors", monitors=[1]) == ""
    assert board.send("monitoring.report_status") == ""
    assert [(row["switch"], row["status"]) for row in board.answers[0]["monitors"]] == [
        (Switch.DISABLED, UNCHECKED),
        (Switch.ENABLED, WITHIN),
        (Switch.ENABLED, WITHIN),
    ]
    assert board.send("monitoring.delete", monitors=[1]) == ""
    assert "expected monitoring to be disabled" in board.send("monitoring.delete_all")
    assert board.send("monitoring.disable") == ""
    assert step(board, job_loss=100.0) == []
    assert board.autonomy.next_deadline() is None
    assert board.send("monitoring.enable") == ""
    assert status(board, 2) is UNCHECKED
    assert step(board) == [ABOVE, ABOVE]
    board.send("monitoring.disable")
    assert board.send("monitoring.delete_all") == ""
    assert board.ledger.monitoring.monitors == {}
    assert board.ledger.monitoring.enabled == set()


def test_reports_give_back_the_definitions_and_what_is_out_of_limits(board):
    rows = [limit(number, interval=2000, repetition=2) for number in range(1, 20)]
    watch(board, *rows[:16])
    watch(board, *rows[16:])
    found = []
    for position in (0, 16):
        assert board.send("monitoring.report_definitions", position=position) == ""
        assert board.answers[0]["total"] == 19
        found += board.answers[0]["monitors"]
    assert [{key: row[key] for key in rows[0]} for row in found] == rows
    board.values["job_loss"] = 99.0
    board.run_to(10 * SECOND)
    assert board.send("monitoring.report_out") == ""
    assert board.answers[0]["total"] == 19
    assert board.answers[0]["transitions"][18] == {
        "monitor": 19,
        "parameter": LOSS,
        "kind": CheckKind.LIMIT,
        "value": 99.0,
        "before": UNCHECKED,
        "status": ABOVE,
        "time": board.tai_of(4 * SECOND),
    }
    assert board.read("monitors", "monitors_enabled", "monitors_out") == [19, 19, 19]


def test_transitions_are_told_within_the_delay_that_was_asked_for(board):
    watch(board, limit(), limit(2))
    assert board.send("monitoring.set_delay", delay=30_000) == ""
    step(board, job_loss=99.0)
    assert board.autonomy.next_deadline() == 2 * SECOND
    board.values["job_loss"] = 5.0
    board.run_to(30 * SECOND)
    assert transitions(board) == []
    board.run_to(31 * SECOND)
    assert [(row["monitor"], row["status"]) for row in transitions(board)] == [
        (1, "ABOVE"),
        (2, "ABOVE"),
        (1, "WITHIN"),
        (2, "WITHIN"),
    ]


def test_monitors_outlast_a_reboot_and_a_rewritten_journal(board, make_board, tmp_path):
    watch(board, limit(), limit(2))
    board.send("monitoring.disable_monitors", monitors=[2])
    board.send("monitoring.set_delay", delay=0)
    board.ledger._compact()
    again = make_board(RealDisk(tmp_path))
    again.values["job_loss"] = 99.0
    assert step(again) == [ABOVE]
    assert (status(again), status(again, 2)) == (ABOVE, UNCHECKED)
    again.send("monitoring.disable")
    once_more = make_board(RealDisk(tmp_path))
    assert once_more.autonomy.next_deadline() is None


def test_a_parameter_that_is_no_more_is_not_looked_at(board, make_board, tmp_path):
    watch(board, limit(), limit(2))
    monitor = board.ledger.monitoring.monitors[1]
    gone = [LOSS, 9999, monitor.interval_ns, 1, 0, 0, 0, 1, 1, 0, 1.0, 9.0, 1, 0]
    board.ledger.commit(MonitorsDefined((type(monitor)(1, *gone[1:]),)))
    board.ledger._compact()
    again = make_board(RealDisk(tmp_path))
    assert step(again, job_loss=99.0) == [ABOVE]
    assert (status(again), status(again, 2)) == (UNCHECKED, ABOVE)


def test_two_hundred_monitors_are_one_deadline_and_one_report_in_a_burst(board):
    for start in range(1, 201, 10):
        watch(board, *(limit(number) for number in range(start, start + 10)))
    assert board.autonomy.next_deadline() == SECOND
    step(board, job_loss=99.0)
    assert board.autonomy.next_deadline() == 2 * SECOND
    step(board)
    assert len(transitions(board)) == 200


def test_a_value_that_is_lost_is_not_told_as_one_that_is_well_again(board):
    watch(board, limit())
    step(board, job_loss=5.0)
    board.values["job_loss"] = math.nan
    events = board.run_to(board.now_ns + SECOND)
    assert [(name, values["status"]) for name, values in events] == [("monitor_invalid", INVALID)]
    board.values["job_loss"] = 5.0
    events = board.run_to(board.now_ns + SECOND)
    assert [name for name, _ in events] == ["monitor_within"]


def test_monitors_of_one_parameter_that_are_quiet_share_a_look_and_each_turns_by_its_own_limits(board):
    rows = [limit(number, low=float(number), high=20.0 - number) for number in range(1, 9)]
    rows.append(limit(9, kind=CheckKind.STALE, stale=3_000, low=0, high=0) | {"parameter": STEP})
    watch(board, *rows)
    step(board, job_loss=10.0, job_step=1)
    told = []
    for value in (10.5, 9.5, 12.5, 17.5, 3.5, 10.0, 0.5, 10.0):
        board.values["job_loss"] = value
        events = board.run_to(board.now_ns + SECOND)
        out = {values["monitor"] for name, values in events if name == "monitor_out" and values["monitor"] < 9}
        again = {values["monitor"] for name, values in events if name == "monitor_within"}
        told.append((value, out, again))
    high = {number for number in range(1, 9) if 17.5 > 20 - number}
    low = {number for number in range(1, 9) if 3.5 < number}
    high_before = {number for number in range(1, 9) if 12.5 > 20 - number}
    assert [each[1] for each in told] == [
        set(), set(), high_before, high - high_before, low, set(), set(range(1, 9)), set()
    ]  # fmt: skip
    assert told[5][2] == low
    assert told[7][2] == set(range(1, 9))


@pytest.mark.parametrize("side", [-1.0, 1.0])
def test_of_quiet_monitors_the_one_with_the_closest_limit_turns_first_on_either_side(board, side):
    watch(board, *(limit(number, low=float(number), high=20.0 - number) for number in range(1, 9)))
    step(board, job_loss=10.0)
    turned = []
    for distance in (1.5, 2.0, 2.5, 3.5, 9.5):
        board.values["job_loss"] = 10.0 + side * distance
        turned.append({values["monitor"] for _, values in board.run_to(board.now_ns + SECOND)})
    # A limit itself is within.
    assert turned == [set(), set(), {8}, {7}, set(range(1, 7))]
