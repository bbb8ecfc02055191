"""ST[11] at the time of an activity: it acts once, or is reported skipped, whatever falls between."""

import errno

import pytest

from flight.books.schedule import ActivitiesInserted, ActivitiesSkipped, Activity, AnchorPassed
from flight.disk import RealDisk
from mission.dictionary import Repeat
from mission.schedule import FATES_MAX, Anchor, Fate, Late, Switch
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


def test_activities_are_released_in_order_of_time_and_reported_as_any_other_command(enabled):
    insert(enabled, at(enabled, 2, 20), at(enabled, 1, 10), at(enabled, 3, 30))
    assert enabled.autonomy.next_deadline() == 10 * SECOND
    enabled.said.clear()
    enabled.run_to(20 * SECOND)
    reports = [(said.answer.subtype, said.answer.data[2:4], said.destination_id) for said in enabled.said]
    assert reports == [(stage, bytes([0xC0, n]), SOURCE) for n in (1, 2) for stage in (1, 3, 7)]
    assert switched(enabled) == {1, 2}
    assert waiting(enabled) == [3]
    assert enabled.schedule_values() == {
        "schedule_enabled": Switch.ENABLED,
        "activities_waiting": 1,
        "activities_released": 2,
        "activities_failed": 0,
        "activities_skipped": 0,
        "next_release": EPOCH + 30 * SECOND,
    }


@pytest.mark.parametrize("off", ["schedule", "sub_schedule", "group"])
def test_what_falls_due_while_disabled_is_skipped_and_reported(enabled, off):
    enabled.send("schedule.create_groups", groups=[{"group": 6, "status": 1}])
    insert(
        enabled, at(enabled, 1, 10, group=6), at(enabled, 2, 20, group=6), at(enabled, 3, 30, group=6), sub_schedule=1
    )
    switches = {
        "schedule": ("schedule.disable", "schedule.enable", {}),
        "sub_schedule": ("schedule.disable_sub_schedules", "schedule.enable_sub_schedules", {"sub_schedules": [1]}),
        "group": ("schedule.disable_groups", "schedule.enable_groups", {"groups": [6]}),
    }
    turn_off, turn_on, arguments = switches[off]
    assert enabled.send(turn_off, **arguments) == ""
    assert skips(enabled.run_to(15 * SECOND)) == [(Fate.SKIPPED_DISABLED, [key(1)])]
    assert skips(enabled.run_to(20 * SECOND)) == [(Fate.SKIPPED_DISABLED, [key(2)])]
    assert enabled.send(turn_on, **arguments) == ""
    enabled.run_to(HOUR)
    assert switched(enabled) == {3}
    enabled.send("schedule.report_fates")
    assert [(row["sequence_count"], row["fate"]) for row in enabled.answers[0]["activities"]] == [
        (3, Fate.EXECUTED),
        (2, Fate.SKIPPED_DISABLED),
        (1, Fate.SKIPPED_DISABLED),
    ]


def test_aos_and_los_give_a_time_to_what_waits_for_them_once_a_pass(enabled):
    rows = [
        relative(enabled, 1, anchor=Anchor.AOS, offset=30_000),
        relative(enabled, 2, anchor=Anchor.LOS),
        relative(enabled, 3, anchor=Anchor.LOS, offset=300_000),
    ]
    enabled.send("schedule.insert_relative", activities=rows)
    enabled.run_to(100 * SECOND)
    enabled.autonomy.contact(True, 100 * SECOND)
    assert ("anchor_passed", {"anchor": Anchor.AOS, "time": EPOCH + 100 * SECOND, "count": 1}) in enabled.take_events()
    enabled.run_to(129 * SECOND)
    assert switched(enabled) == set()
    enabled.run_to(130 * SECOND)
    assert switched(enabled) == {1}
    # A fade is not the end of the pass, nor what comes after it a new one.
    enabled.send("schedule.insert_relative", activities=[relative(enabled, 4, anchor=Anchor.AOS)])
    enabled.autonomy.contact(False, 200 * SECOND)
    enabled.run_to(230 * SECOND)
    enabled.autonomy.contact(True, 230 * SECOND)
    enabled.run_to(400 * SECOND)
    assert switched(enabled) == {1}
    enabled.autonomy.contact(False, 500 * SECOND)
    enabled.run_to(559 * SECOND)
    assert switched(enabled) == {1}
    enabled.run_to(560 * SECOND)
    assert switched(enabled) == {1, 2}
    enabled.run_to(799 * SECOND)
    assert switched(enabled) == {1, 2}
    enabled.run_to(800 * SECOND)
    assert switched(enabled) == {1, 2, 3}
    enabled.autonomy.contact(True, 900 * SECOND)
    enabled.run_to(900 * SECOND)
    assert switched(enabled) == {1, 2, 3, 4}


def test_a_reset_in_a_pass_begins_no_other_and_the_end_is_seen_all_the_same(enabled, make_board, tmp_path):
    enabled.autonomy.contact(True, 0)
    rows = [relative(enabled, 1, anchor=Anchor.AOS), relative(enabled, 2, anchor=Anchor.LOS)]
    enabled.send("schedule.insert_relative", activities=rows)
    again = make_board(RealDisk(tmp_path), now_ns=5 * SECOND)
    again.autonomy.contact(True, 6 * SECOND)
    again.run_to(HOUR)
    assert switched(again) == set()
    again.autonomy.contact(False, HOUR)
    once_more = make_board(RealDisk(tmp_path), now_ns=HOUR + 10 * SECOND)
    once_more.run_to(HOUR + 70 * SECOND)
    assert switched(once_more) == {2}
    once_more.autonomy.contact(True, 2 * HOUR)
    once_more.run_to(2 * HOUR)
    assert switched(once_more) == {1, 2}


@pytest.mark.parametrize(
    ("late", "limit", "after_s", "is_released"),
    [
        (Late.SKIP, 0, 5, True),
        (Late.SKIP, 0, 6, False),
        (Late.RUN, 60, 60, True),
        (Late.RUN, 60, 61, False),
    ],
)
def test_what_was_due_in_a_reset_is_released_or_skipped_as_it_was_declared(
    enabled, make_board, tmp_path, late, limit, after_s, is_released
):
    row = relative(enabled, 1, anchor=Anchor.ABSOLUTE, release_time=EPOCH + 10 * SECOND, late=late, limit=limit)
    assert enabled.send("schedule.insert_relative", activities=[row]) == ""
    again = make_board(RealDisk(tmp_path), now_ns=(10 + after_s) * SECOND)
    assert skips(again.run_to((10 + after_s) * SECOND)) == ([] if is_released else [(Fate.SKIPPED_LATE, [key(1)])])
    assert switched(again) == ({1} if is_released else set())
    assert waiting(again) == []


def test_only_those_that_are_to_be_skipped_are_and_the_others_keep_their_place(enabled, make_board, tmp_path):
    rows = [
        relative(enabled, 1, anchor=Anchor.ABSOLUTE, release_time=EPOCH + 10 * SECOND),
        relative(enabled, 2, "once", anchor=Anchor.ABSOLUTE, release_time=EPOCH + 11 * SECOND, late=Late.RUN, limit=60),
        relative(enabled, 3, anchor=Anchor.ABSOLUTE, release_time=EPOCH + 12 * SECOND),
        relative(enabled, 4, "once", anchor=Anchor.ABSOLUTE, release_time=EPOCH + 13 * SECOND, late=Late.RUN, limit=60),
    ]
    assert enabled.send("schedule.insert_relative", activities=rows) == ""
    again = make_board(RealDisk(tmp_path), now_ns=30 * SECOND, done=enabled.done)
    assert skips(again.run_to(30 * SECOND)) == [(Fate.SKIPPED_LATE, [key(1)]), (Fate.SKIPPED_LATE, [key(3)])]
    assert enabled.done == [(Repeat.ONCE, 2), (Repeat.ONCE, 4)]
    assert [row[0] for row in again.ledger.schedule.fates] == [key(1), key(2), key(3), key(4)]


def test_that_one_has_begun_outlasts_a_rewritten_journal(enabled, make_board, tmp_path):
    insert(enabled, at(enabled, 1, 10, "once"))
    append = enabled.disk.append

    def full_after_the_act(path, data):
        if enabled.done:
            raise OSError(errno.ENOSPC, "No space left on device")
        append(path, data)

    enabled.disk.append = full_after_the_act
    enabled.run_to(11 * SECOND)
    enabled.disk.append = append
    enabled.ledger._compact()
    again = make_board(RealDisk(tmp_path), now_ns=12 * SECOND, done=enabled.done)
    events = again.run_to(13 * SECOND)
    assert ("activity_failed", {"request": key(1), "fate": Fate.OUTCOME_UNKNOWN}) in events
    assert enabled.done == [(Repeat.ONCE, 1)]


def test_a_clock_that_jumps_ahead_skips_what_it_jumped_over_and_one_that_jumps_back_repeats_nothing(enabled):
    insert(enabled, at(enabled, 1, 10), at(enabled, 2, 20), at(enabled, 3, 3600))
    enabled.run_to(10 * SECOND)
    enabled.offset_ns += HOUR // 2
    assert skips(enabled.run_to(10 * SECOND)) == [(Fate.SKIPPED_LATE, [key(2)])]
    enabled.offset_ns -= HOUR
    enabled.run_to(2 * HOUR)
    assert switched(enabled) == {1, 3}


def test_a_thousand_skipped_activities_take_few_records_and_each_is_named(enabled):
    for start in range(0, 1000, 50):
        packets = [(n, enabled.packet("act.store", n, number=1)) for n in range(start, start + 50)]
        insert(enabled, *({**at(enabled, 1, 10 + n), "request": packet} for n, packet in packets))
    octets = enabled.ledger.journal_octets
    enabled.offset_ns += 10 * HOUR
    told = skips(enabled.run_to(SECOND))
    assert sorted(each for _, keys in told for each in keys) == [key(n) for n in range(1000)]
    assert len(told) == 20
    assert enabled.ledger.journal_octets - octets < 20_000


def test_what_is_refused_at_its_time_is_told_and_gone(enabled):
    insert(enabled, at(enabled, 1, 10), at(enabled, 2, 20))
    enabled.acts.fails = RuntimeError("nobody foresaw this")
    events = enabled.run_to(10 * SECOND)
    assert ("activity_failed", {"request": key(1), "fate": Fate.FAILED}) in events
    enabled.acts.fails = None
    enabled.run_to(20 * SECOND)
    assert switched(enabled) == {2}
    assert enabled.schedule_values()["activities_failed"] == 1


@pytest.mark.parametrize(
    ("kind", "done", "fate"),
    [("once", [(Repeat.ONCE, 1)], Fate.OUTCOME_UNKNOWN), ("idempotent", [(Repeat.IDEMPOTENT, 1)] * 2, Fate.EXECUTED)],
)
def test_a_crash_while_it_acts_leaves_it_unknown_or_done_again_as_its_command_declares(
    enabled, make_board, tmp_path, kind, done, fate
):
    insert(enabled, at(enabled, 1, 10, kind))

    class PowerCutError(BaseException):
        pass

    def cut(*changes):
        raise PowerCutError

    execute = enabled.acts.execute

    def execute_and_cut(*args):
        enabled.ledger.commit = cut
        return execute(*args)

    enabled.acts.execute = execute_and_cut
    with pytest.raises(PowerCutError):
        enabled.run_to(10 * SECOND)
    # However late it is, and whatever is disabled: it had begun.
    again = make_board(RealDisk(tmp_path), now_ns=HOUR, done=enabled.done)
    again.run_to(HOUR)
    assert enabled.done == done
    again.send("schedule.report_fates")
    assert [(row["sequence_count"], row["fate"]) for row in again.answers[0]["activities"]] == [(1, fate)]


def test_a_command_that_has_its_time_by_a_pass_is_not_moved_by_the_next_one(enabled):
    waiting = Activity(1, b"request", 1, 0, None, anchor=Anchor.AOS, offset_ns=100 * SECOND)
    enabled.ledger.commit(ActivitiesInserted((waiting,)))
    for start_s in (0, 50):
        enabled.ledger.commit(AnchorPassed(Anchor.AOS, EPOCH + start_s * SECOND, EPOCH))
        assert enabled.ledger.schedule.activities[1].due_tai_ns == EPOCH + 100 * SECOND


def test_the_fates_of_those_that_were_due_last_are_remembered_and_no_more(enabled, make_board):
    book = enabled.ledger.schedule
    count = FATES_MAX + 3
    enabled.ledger.commit(ActivitiesSkipped(tuple(range(count)), Fate.SKIPPED_LATE, 7))
    expected = tuple((number, Fate.SKIPPED_LATE, 7) for number in range(3, count))
    assert (book.fates, book.counts[Fate.SKIPPED_LATE]) == (expected, count)
    enabled.ledger.verify()
    assert make_board(enabled.disk).ledger.schedule.fates == expected


def test_a_full_store_holds_the_schedule_and_nothing_is_lost_or_done_twice(enabled):
    insert(enabled, at(enabled, 1, 10), at(enabled, 2, 11, "once"), at(enabled, 3, 12, "idempotent"))
    append = enabled.disk.append

    def full(path, data):
        raise OSError(errno.ENOSPC, "No space left on device")

    enabled.disk.append = full
    events = enabled.run_to(12 * SECOND)
    assert [name for name, _ in events] == ["store_failed"]
    assert enabled.autonomy.next_deadline() == 20 * SECOND
    enabled.disk.append = append
    enabled.run_to(20 * SECOND)
    assert enabled.schedule_values()["activities_waiting"] == 0
    fates = [(row[0], row[1]) for row in enabled.ledger.schedule.fates]
    assert fates == [(key(1), Fate.SKIPPED_LATE), (key(2), Fate.SKIPPED_LATE), (key(3), Fate.SKIPPED_LATE)]
    assert enabled.done == []


def test_a_scheduled_command_may_change_the_schedule_and_act_on_what_is_due_with_it(enabled):
    delete = enabled.packet("schedule.delete", 1, requests=named(2))
    rows = [{"release_time": EPOCH + 10 * SECOND, "request": delete}, at(enabled, 2, 10), at(enabled, 3, 10)]
    insert(enabled, *rows)
    enabled.run_to(10 * SECOND)
    assert switched(enabled) == {3}


def test_releasing_leaves_the_memory_of_the_commands_of_the_ground_alone(enabled):
    insert(enabled, at(enabled, 1, 10), at(enabled, 2, 11))
    remembered = len(enabled.ledger._commands.executed)
    enabled.run_to(HOUR)
    assert switched(enabled) == {1, 2}
    assert len(enabled.ledger._commands.executed) == remembered
