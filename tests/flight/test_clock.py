"""The on-board clock: what it says after each kind of start, and that no change of it is lost or untold."""

import math
from itertools import pairwise

import pytest

from flight.clock import RESET_NS_MAX, Clock, ClockConfig
from flight.disk import RealDisk
from flight.ledger import Ledger
from mission.definition import DICTIONARY
from mission.time import TimeChange, TimeOrigin, TimeStatus
from mission.words.time import ADJUST_NS_MAX, TAI_NS_MAX

SECOND = 1_000_000_000
DEFAULT_NS = 10**18
PERIOD_NS = 300 * SECOND


def clock(folder, now_ns=0, **config):
    config = {"tai_offset_ns": DEFAULT_NS, **config}
    return Clock(ClockConfig(**config), Ledger(RealDisk(folder)), now_ns)


def ledger_of(clock):
    return clock._ledger


def keep(clock, tai_ns, now_ns, uncertainty_ns=0):
    ledger_of(clock).commit(clock.set(tai_ns, uncertainty_ns, now_ns))


def test_the_first_start_takes_the_default_and_says_that_it_knows_nothing(tmp_path):
    first = clock(tmp_path, 7)
    assert (first.origin, first.status, first.tai_ns(8)) == (
        TimeOrigin.DEFAULT,
        TimeStatus.UNSYNCHRONISED,
        DEFAULT_NS + 8,
    )
    assert first.uncertainty_ns(8) is None


def test_a_real_time_clock_is_believed_at_the_first_start_with_its_uncertainty(tmp_path):
    first = clock(tmp_path, uncertainty_ns=SECOND)
    assert (first.origin, first.status) == (TimeOrigin.REAL_TIME_CLOCK, TimeStatus.ESTIMATED)
    assert first.uncertainty_ns(0) == SECOND


def test_the_uncertainty_grows_with_the_drift_and_outlasts_notes(tmp_path):
    set_once = clock(tmp_path)
    keep(set_once, DEFAULT_NS, 0, uncertainty_ns=1_000)
    set_once.drift_ppm = 20.0
    expected = 1_000 + 600 * SECOND * 20 // 10**6
    assert set_once.uncertainty_ns(600 * SECOND) == expected
    ledger_of(set_once).commit(set_once.note(600 * SECOND))
    assert set_once.uncertainty_ns(600 * SECOND) == expected
    assert set_once.uncertainty_ns(1200 * SECOND) > expected


def test_a_process_that_was_restarted_goes_on_with_the_clock_of_the_computer(tmp_path):
    keep(clock(tmp_path, clock_id="run"), 5 * DEFAULT_NS // 4, 100)
    again = clock(tmp_path, 200, clock_id="run", uncertainty_ns=1)
    assert (again.origin, again.status) == (TimeOrigin.CONTINUED, TimeStatus.SYNCHRONISED)
    assert again.tai_ns(200) == 5 * DEFAULT_NS // 4 + 100


def test_after_a_reboot_a_real_time_clock_that_is_not_behind_is_believed(tmp_path):
    keep(clock(tmp_path, clock_id="run"), DEFAULT_NS, 0)
    again = clock(tmp_path, clock_id="other", tai_offset_ns=DEFAULT_NS + PERIOD_NS, uncertainty_ns=SECOND)
    assert (again.origin, again.tai_ns(0)) == (TimeOrigin.REAL_TIME_CLOCK, DEFAULT_NS + PERIOD_NS)


@pytest.mark.parametrize("config", [{}, {"uncertainty_ns": SECOND, "tai_offset_ns": 0}, {"clock_id": ""}])
def test_after_a_reboot_time_goes_on_from_the_latest_it_can_have_been_and_never_back(tmp_path, config):
    before = clock(tmp_path)
    keep(before, DEFAULT_NS, 0, uncertainty_ns=5)
    latest_ns = before.tai_ns(PERIOD_NS)
    again = clock(tmp_path, 77, **config)
    assert (again.origin, again.status) == (TimeOrigin.LAST_KNOWN, TimeStatus.UNSYNCHRONISED)
    assert again.tai_ns(77) == latest_ns
    assert again.uncertainty_ns(77) == 5 + PERIOD_NS + RESET_NS_MAX


def test_no_time_is_given_out_twice_over_many_reboots_at_any_moment(tmp_path):
    latest_ns = 0
    for boot in range(30):
        running = clock(tmp_path)
        ledger_of(running).commit(running.note(0))
        assert running.tai_ns(0) >= latest_ns
        for now_ns in range(0, boot * 40 * SECOND, 10 * SECOND):
            if now_ns >= running.next_deadline():
                ledger_of(running).commit(running.note(now_ns))
            latest_ns = running.tai_ns(now_ns)


def test_a_shorter_note_period_brings_the_next_note_nearer(tmp_path):
    running = clock(tmp_path)
    running.note_every(10 * SECOND, 5)
    assert running.next_deadline() == 10 * SECOND + 5


def test_a_clock_that_runs_out_stands_still(tmp_path):
    running = clock(tmp_path)
    keep(running, TAI_NS_MAX, 0)
    assert running.tai_ns(10**18) == TAI_NS_MAX


# On a spacecraft.


def encode(name, **arguments):
    return DICTIONARY.command(name).arguments.encode(arguments)


def command(table, make_telecommand, sequence, name, now_ns=0, **arguments):
    """Send a command; give the failure text, empty if it completed, and the events that it brought."""
    declared = DICTIONARY.command(name)
    data = declared.arguments.encode(arguments)
    table.send(make_telecommand(declared.service, declared.subtype, data, sequence=sequence), now_ns)
    failure, events = "", []
    for service, subtype, data in table.hear(now_ns):
        if (service, subtype) in ((1, 2), (1, 4), (1, 8)):
            failure = data[6:].decode()
        if service == 5:
            event = DICTIONARY.event_of(int.from_bytes(data[:2], "big"))
            events.append((event.name, event.fields.decode(data[2:])))
    return failure, events


def test_set_and_adjust_change_the_time_and_tell_it_with_before_and_after(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    table.hear()
    target = DEFAULT_NS + 9 * SECOND
    failure, events = command(table, make_telecommand, 1, "time.set", tai=target, uncertainty=20)
    assert not failure
    assert events == [("clock_changed", {"change": TimeChange.SET, "before": DEFAULT_NS, "after": target})]
    assert table.packets[-1].time_status == TimeStatus.SYNCHRONISED
    failure, events = command(table, make_telecommand, 2, "time.adjust", SECOND, offset=-5)
    assert events == [
        (
            "clock_changed",
            {"change": TimeChange.ADJUSTED, "before": target + SECOND, "after": target + SECOND - 5},
        )
    ]
    # The time field is in ticks of 15 us, rounded down.
    assert target + SECOND - 20_000 < table.packets[-1].time_tai_ns < target + SECOND


def test_a_change_sent_again_acts_once(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    command(table, make_telecommand, 1, "time.adjust", offset=SECOND)
    _, events = command(table, make_telecommand, 1, "time.adjust", offset=SECOND)
    assert [name for name, _ in events] == ["command_repeated"]
    assert table.spacecraft._clock.tai_ns(0) == DEFAULT_NS + SECOND


@pytest.mark.parametrize(
    ("subtype", "data", "reason"),
    [
        (128, (TAI_NS_MAX + 1).to_bytes(8, "big") + bytes(4), b"tai: expected"),
        (128, bytes(8), b"octets"),
        (129, (ADJUST_NS_MAX + 1).to_bytes(8, "big", signed=True) + bytes(4), b"offset: expected"),
        (129, (-ADJUST_NS_MAX - 1).to_bytes(8, "big", signed=True) + bytes(4), b"offset: expected"),
        (129, bytes(13), b"octets"),
    ],
)
def test_a_time_that_cannot_be_is_refused_and_changes_nothing(table, make_telecommand, subtype, data, reason):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(9, subtype, data))
    reports = table.hear()
    assert [(service, subtype) for service, subtype, _ in reports] == [(1, 2)]
    assert reason in reports[0][2]
    assert table.packets[-1].time_status == TimeStatus.UNSYNCHRONISED


def test_an_adjustment_to_before_1958_is_refused(make_table, make_telecommand, tmp_path):
    table = make_table(tmp_path)
    table.spacecraft.contact(True, 0)
    command(table, make_telecommand, 1, "time.set", tai=1)
    failure, events = command(table, make_telecommand, 2, "time.adjust", offset=-2)
    assert "expected a time from 0" in failure
    assert events == []


def test_a_reboot_tells_from_where_the_time_goes_on(table, make_table, tmp_path):
    again = make_table(tmp_path)
    again.spacecraft.contact(True, 0)
    (_, event, _) = again.hear()
    declared = DICTIONARY.event_of(int.from_bytes(event[2][:2], "big"))
    assert declared.name == "clock_started"
    values = declared.fields.decode(event[2][2:])
    assert values["origin"] is TimeOrigin.LAST_KNOWN
    assert values["after"] == values["before"] + PERIOD_NS


def test_the_time_is_made_durable_when_due_and_at_no_other_time(table):
    octets = []
    for now_s in range(0, 901, 100):
        table.spacecraft.advance(now_s * SECOND)
        octets.append(table.spacecraft._ledger.journal_octets)
    grown = [after > before for before, after in pairwise(octets)]
    assert grown == [False, False, True] * 3
    assert table.spacecraft._time.next_deadline() == 1200 * SECOND


def test_the_uncertainty_is_not_a_number_until_it_is_known(table):
    read = table.spacecraft._pool.read
    assert math.isnan(read("time_uncertainty", 0))
    assert read("time_status", 0) is TimeStatus.UNSYNCHRONISED


def test_a_job_is_told_on_board_time_and_not_the_time_since_boot(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    arguments = {"job_id": 1, "recipe": "tiny", "corpus": "text"}
    failure, _ = command(table, make_telecommand, 1, "job.submit", SECOND, **arguments)
    assert not failure
    table.spacecraft.advance(2 * SECOND)
    (start,) = table.worker.requests
    assert DEFAULT_NS < start.tai_ns <= DEFAULT_NS + 2 * SECOND
