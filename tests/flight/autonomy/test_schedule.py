"""ST[11]: every request and report of the schedule, valid and invalid."""

import pytest

from ccsds.pus.telecommand import Telecommand
from flight.disk import RealDisk
from mission.channels import Apid
from mission.schedule import ACTIVITIES_MAX, Anchor, Fate, Late, Switch, Window
from tests.flight.autonomy.schedule_requests import (
    EPOCH,
    HOUR,
    SECOND,
    SOURCE,
    at,
    insert,
    key,
    named,
    relative,
    skips,
    switched,
    waiting,
)


def test_the_schedule_is_the_same_after_a_reboot_and_after_its_journal_was_rewritten(enabled, make_board, tmp_path):
    enabled.send("schedule.create_groups", groups=[{"group": 1, "status": 1}, {"group": 2, "status": 0}])
    insert(enabled, at(enabled, 1, 10), at(enabled, 2, 20, group=1), sub_schedule=3)
    rows = [
        relative(enabled, 3, anchor=Anchor.EVENT, orbit_event=7, offset=-5000, late=Late.RUN, limit=60),
        relative(enabled, 4, anchor=Anchor.AOS, offset=1000),
    ]
    assert enabled.send("schedule.insert_relative", activities=rows) == ""
    enabled.send("schedule.set_orbit_events", events=[{"orbit_event": 7, "time": EPOCH + HOUR}])
    enabled.send("schedule.disable_sub_schedules", sub_schedules=[5])
    enabled.autonomy.contact(True, 0)
    enabled.run_to(10 * SECOND)

    def told(board):
        found = []
        for name in ("detail_all", "report_groups", "report_sub_schedules", "report_fates"):
            assert board.send(f"schedule.{name}") == ""
            found += board.answers
        return [*found, board.schedule_values(), board.ledger.schedule.is_in_pass]

    before = told(enabled)
    again = make_board(RealDisk(tmp_path), now_ns=11 * SECOND)
    again.sent = 100
    assert told(again) == before
    again.ledger._compact()
    rewritten = make_board(RealDisk(tmp_path), now_ns=11 * SECOND)
    rewritten.sent = 200
    assert told(rewritten) == before


def test_nothing_that_is_malformed_unknown_past_or_twice_gets_in_and_the_first_fault_is_named(enabled):
    good = at(enabled, 1, 10)
    broken = {**at(enabled, 2, 10), "request": at(enabled, 2, 10)["request"][:-1] + b"x"}
    unknown = {**good, "request": Telecommand(Apid.CORE, 3, 99, 1, SOURCE).encode()}
    argument = {**good, "request": Telecommand(Apid.CORE, 3, 200, 1, SOURCE, data=b"").encode()}
    foreign = {**good, "request": Telecommand(5, 3, 200, 1, SOURCE, data=b"\x01").encode()}
    for wrong, text in (
        (broken, "activities[1]: expected a packet of"),
        ({**good, "request": good["request"][:-1] + b"x"}, "activities[1]: telecommand: expected CRC-16"),
        (unknown, "activities[1]: unknown service 99"),
        (argument, "activities[1]: act.store: expected"),
        (foreign, "activities[1]: expected APID"),
        (at(enabled, 2, 0), "activities[1]: expected a time after"),
        (at(enabled, 2, 5, group=4), "activities[1]: expected a group that exists, found 4"),
        (at(enabled, 1, 20), "activities[1]: expected a request that is not in the schedule"),
    ):
        if wrong is broken:
            wrong["request"] = wrong["request"][:-2]
        assert text in enabled.send("schedule.insert", activities=[good, wrong])
        assert waiting(enabled) == []
    insert(enabled, good)
    assert "activities[0]: expected a request that is not" in enabled.send("schedule.insert", activities=[good])


@pytest.mark.parametrize(
    ("fields", "text"),
    [
        ({"anchor": Anchor.EVENT}, "orbit_event: expected a number exactly for anchor EVENT"),
        ({"anchor": Anchor.AOS, "orbit_event": 2}, "orbit_event: expected a number exactly"),
        ({"anchor": Anchor.AOS, "offset": -1}, "offset: expected 0 to"),
        ({"anchor": Anchor.LOS, "release_time": 3}, "release_time: expected 0 for anchor LOS"),
        ({"anchor": Anchor.ABSOLUTE}, "expected a time after"),
        ({"anchor": Anchor.AOS, "limit": 3}, "expected a limit of 0 for an activity that is skipped"),
    ],
)
def test_an_anchor_that_says_two_things_or_half_of_one_is_refused(enabled, fields, text):
    refusal = enabled.send("schedule.insert_relative", activities=[relative(enabled, 1, **fields)])
    assert refusal.startswith("activities[0]: ")
    assert text in refusal


def test_no_damaged_request_is_ever_taken_into_the_schedule(enabled, damage):
    good = at(enabled, 1, 10)
    for octets in damage(good["request"]):
        assert enabled.send("schedule.insert", activities=[{**good, "request": octets}])
    assert waiting(enabled) == []


def test_activities_are_deleted_by_request_all_or_none(enabled):
    insert(enabled, at(enabled, 1, 10), at(enabled, 2, 20), at(enabled, 3, 30))
    assert "requests[1]: expected an activity" in enabled.send("schedule.delete", requests=named(1, 9))
    assert "requests[1]: expected an activity" in enabled.send("schedule.delete", requests=named(1, 1))
    assert waiting(enabled) == [1, 2, 3]
    assert enabled.send("schedule.delete", requests=named(1, 3)) == ""
    enabled.run_to(HOUR)
    assert switched(enabled) == {2}


@pytest.mark.parametrize(
    ("chosen", "found"),
    [
        ({}, {1, 2, 3, 4, 5}),
        ({"window": Window.FROM, "from_time": EPOCH + 20 * SECOND}, {2, 3, 4}),
        ({"window": Window.TO, "to_time": EPOCH + 20 * SECOND}, {1, 2}),
        ({"window": Window.FROM_TO, "from_time": EPOCH + 20 * SECOND, "to_time": EPOCH + 30 * SECOND}, {2, 3}),
        ({"sub_schedules": [1]}, {3, 4}),
        ({"groups": [6]}, {2, 4}),
        ({"sub_schedules": [1], "groups": [6]}, {4}),
        ({"sub_schedules": [9]}, set()),
    ],
)
def test_a_filter_lets_through_a_window_of_time_in_sub_schedules_and_groups(enabled, chosen, found):
    enabled.send("schedule.create_groups", groups=[{"group": 6, "status": 1}])
    insert(enabled, at(enabled, 1, 10), at(enabled, 2, 20, group=6))
    insert(enabled, at(enabled, 3, 30), at(enabled, 4, 40, group=6), sub_schedule=1)
    enabled.send("schedule.insert_relative", activities=[relative(enabled, 5, anchor=Anchor.LOS)])
    for report in ("summary_filtered", "detail_filtered"):
        assert enabled.send(f"schedule.{report}", **chosen) == ""
        assert enabled.answers[0]["total"] == len(found)
    assert enabled.send("schedule.shift_filtered", shift=100_000, **chosen) == ""
    due = enabled.ledger.schedule.agenda.times
    assert {n for n in range(1, 5) if due[key(n)] != EPOCH + 10 * n * SECOND} == found - {5}
    if chosen.get("window", Window.ALL) is Window.ALL:
        assert enabled.send("schedule.delete_filtered", **chosen) == ""
        assert set(waiting(enabled)) == {1, 2, 3, 4, 5} - found


def test_a_window_that_ends_before_it_begins_is_refused(enabled):
    refusal = enabled.send("schedule.delete_filtered", window=Window.FROM_TO, from_time=3, to_time=2)
    assert "from_time: expected a time up to to_time 2, found 3" in refusal


def test_activities_are_shifted_and_never_into_the_past(enabled):
    insert(enabled, at(enabled, 1, 10), at(enabled, 2, 20))
    assert "requests[1]" in enabled.send("schedule.shift", shift=-15_000, requests=named(2, 1))
    assert "requests[0]" in enabled.send("schedule.shift_all", shift=-15_000)
    assert enabled.send("schedule.shift", shift=-15_000, requests=named(2)) == ""
    assert waiting(enabled) == [2, 1]
    assert enabled.send("schedule.shift_all", shift=3_600_000) == ""
    enabled.run_to(HOUR)
    assert switched(enabled) == set()
    enabled.run_to(HOUR + 5 * SECOND)
    assert switched(enabled) == {2}


def test_what_waits_for_a_pass_cannot_be_shifted_before_it(enabled):
    enabled.send("schedule.insert_relative", activities=[relative(enabled, 1, anchor=Anchor.AOS, offset=5000)])
    assert "offset: expected 0 to" in enabled.send("schedule.shift_all", shift=-6_000)
    assert enabled.send("schedule.shift_all", shift=-5_000) == ""


def test_reports_come_a_page_at_a_time_in_order_of_time(enabled):
    for start in range(1, 121, 40):
        insert(enabled, *(at(enabled, n, 1000 - n) for n in range(start, start + 40)))
    order = []
    for position in (0, 50, 100):
        enabled.send("schedule.summary_all", position=position)
        (page,) = enabled.answers
        assert (page["total"], page["position"]) == (120, position)
        order += [row["sequence_count"] for row in page["activities"]]
    assert order == list(range(120, 0, -1))
    enabled.send("schedule.detail_all", position=115)
    assert [row["request"] for row in enabled.answers[0]["activities"]] == [
        at(enabled, n, 1)["request"] for n in range(5, 0, -1)
    ]
    enabled.send("schedule.summary_all", position=120)
    assert enabled.answers[0]["activities"] == []


def test_a_detail_report_gives_back_all_that_was_put_in(enabled):
    row = relative(enabled, 1, anchor=Anchor.EVENT, orbit_event=3, offset=-1500, late=Late.RUN, limit=90)
    enabled.send("schedule.insert_relative", sub_schedule=2, activities=[row])
    enabled.send("schedule.detail", requests=named(1))
    assert enabled.answers[0]["activities"] == [{"sub_schedule": 2, "group": 0, "release_time": 0, **row}]
    enabled.send("schedule.summary", requests=named(1))
    assert enabled.answers[0]["activities"][0]["release_time"] == 0
    assert "requests[0]" in enabled.send("schedule.summary", requests=named(2))


def test_a_new_schedule_is_disabled_and_a_reset_one_is_empty(board):
    insert(board, at(board, 1, 10))
    assert skips(board.run_to(10 * SECOND)) == [(Fate.SKIPPED_DISABLED, [key(1)])]
    board.send("schedule.enable")
    board.send("schedule.create_groups", groups=[{"group": 6, "status": 1}])
    insert(board, at(board, 2, 60, group=6))
    assert board.send("schedule.reset") == ""
    assert waiting(board) == []
    assert board.schedule_values()["schedule_enabled"] is Switch.DISABLED
    board.send("schedule.report_groups")
    assert board.answers == [{"groups": []}]


def test_groups_are_made_and_done_away_with(enabled):
    rows = [{"group": 2, "status": 0}, {"group": 1, "status": 1}]
    assert enabled.send("schedule.create_groups", groups=rows) == ""
    enabled.send("schedule.report_groups")
    assert enabled.answers == [{"groups": [{"group": 1, "status": 1}, {"group": 2, "status": 0}]}]
    assert "groups[0]: expected a group that is new" in enabled.send("schedule.create_groups", groups=rows[:1])
    assert "groups[1]: expected a group that exists" in enabled.send("schedule.enable_groups", groups=[1, 3])
    assert "groups[0]: expected a group that exists" in enabled.send("schedule.disable_groups", groups=[3])
    insert(enabled, at(enabled, 1, 10, group=1))
    assert "groups[1]: expected a group without" in enabled.send("schedule.delete_groups", groups=[2, 1])
    assert enabled.send("schedule.delete_groups", groups=[2]) == ""
    assert "groups[0]: expected at least" not in enabled.send("schedule.delete_groups", groups=[2])


def test_sub_schedules_come_into_being_enabled(enabled):
    insert(enabled, at(enabled, 1, 10), sub_schedule=4)
    enabled.send("schedule.disable_sub_schedules", sub_schedules=[2])
    enabled.send("schedule.report_sub_schedules")
    assert enabled.answers == [{"sub_schedules": [{"sub_schedule": 2, "status": 0}, {"sub_schedule": 4, "status": 1}]}]


def test_an_orbit_event_gives_a_time_and_a_better_one_moves_it(enabled):
    rows = [relative(enabled, 1, anchor=Anchor.EVENT, orbit_event=7, offset=-10_000)]
    enabled.send("schedule.insert_relative", activities=rows)
    assert enabled.autonomy.next_deadline() is None
    tell = lambda *events: enabled.send(  # noqa: E731
        "schedule.set_orbit_events", events=[{"orbit_event": n, "time": EPOCH + s * SECOND} for n, s in events]
    )
    assert tell((7, 100), (8, 50)) == ""
    assert enabled.autonomy.next_deadline() == 90 * SECOND
    assert tell((7, 200)) == ""
    assert enabled.autonomy.next_deadline() == 190 * SECOND
    assert "events[1]: expected a time after" in tell((7, 300), (9, 0))
    assert "events[1]: expected each event once" in tell((7, 300), (7, 301))
    enabled.run_to(189 * SECOND)
    assert switched(enabled) == set()
    enabled.run_to(190 * SECOND)
    assert switched(enabled) == {1}
    # What is past and used by nothing makes room.
    enabled.run_to(250 * SECOND)
    assert tell((10, 400)) == ""
    assert enabled.ledger.schedule.orbit_events == {10: EPOCH + 400 * SECOND}


def test_a_full_schedule_takes_no_more(enabled, monkeypatch):
    monkeypatch.setattr("flight.services.schedule.ACTIVITIES_MAX", 2)
    insert(enabled, at(enabled, 1, 10))
    refusal = enabled.send("schedule.insert", activities=[at(enabled, 2, 10), at(enabled, 3, 10)])
    assert "expected at most 2 activities in the schedule, found 3" in refusal
    monkeypatch.setattr("flight.services.schedule.SCHEDULE_OCTETS_MAX", 20)
    assert "octets of requests" in enabled.send("schedule.insert", activities=[at(enabled, 2, 10)])
    assert ACTIVITIES_MAX == 16_384


def test_orbit_events_that_would_move_an_activity_into_the_past_are_refused_whole(enabled):
    rows = [relative(enabled, 1, anchor=Anchor.EVENT, orbit_event=7, offset=-60_000)]
    assert enabled.send("schedule.insert_relative", activities=rows) == ""
    times = [{"orbit_event": 8, "time": EPOCH + HOUR}, {"orbit_event": 7, "time": EPOCH + 30 * SECOND}]
    reason = enabled.send("schedule.set_orbit_events", events=times)
    assert reason.startswith("events[1], source") and "expected a time after" in reason
    assert enabled.ledger.schedule.orbit_events == {}
    times[1]["time"] = EPOCH + 90 * SECOND
    assert enabled.send("schedule.set_orbit_events", events=times) == ""
    assert enabled.autonomy.next_deadline() == 30 * SECOND


def test_an_activity_that_starts_a_procedure_that_is_not_on_board_is_refused_with_its_place(enabled):
    def rows():
        return [
            {"release_time": EPOCH + HOUR, "request": enabled.packet("test.connection")}
            if number == 0
            else {"release_time": EPOCH + HOUR, "request": enabled.packet("procedure.start", procedure="warm")}
            for number in range(2)
        ]

    reason = enabled.send("schedule.insert", activities=rows())
    assert reason == "activities[1]: procedure.start: expected a procedure on board (none), found 'warm'"
    assert enabled.ledger.schedule.activities == {}
    assert enabled.send("procedure.load_direct", procedure="warm", text="wait 1s") == ""
    assert enabled.send("schedule.insert", activities=rows()) == ""


def test_what_an_activity_puts_into_the_schedule_or_a_reaction_is_checked_with_it(enabled):
    unknown = enabled.packet("procedure.start", procedure="warm")
    good = {"release_time": EPOCH + 2 * HOUR, "request": enabled.packet("test.connection")}
    inserts = enabled.packet("schedule.insert", activities=[good, {**good, "request": unknown}])
    reacts = enabled.packet("reaction.add", reactions=[{"event": 1, "about": 0, "request": unknown[:-1]}])
    for request, fault in (
        (
            inserts,
            "schedule.insert: activities[1]: procedure.start: expected a procedure on board (none), found 'warm'",
        ),
        (reacts, "reaction.add: reactions[0]: expected a packet of 19 octets by its header, found 18"),
    ):
        rows = [{"release_time": EPOCH + HOUR, "request": request}]
        assert enabled.send("schedule.insert", activities=rows) == f"activities[0]: {fault}"
    assert enabled.ledger.schedule.activities == {}
    inserts = enabled.packet("schedule.insert", activities=[good])
    assert enabled.send("schedule.insert", activities=[{"release_time": EPOCH + HOUR, "request": inserts}]) == ""
    enabled.run_to(HOUR)
    assert [activity.packet for activity in enabled.ledger.schedule.activities.values()] == [good["request"]]
