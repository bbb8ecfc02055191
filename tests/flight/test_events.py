"""ST[05]: events are switched one by one, and one that comes too often is counted instead of sent."""

import pytest

from flight.disk import RealDisk
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter
from flight.services.events import EventService
from mission.definition import DICTIONARY
from mission.words.core import JOURNAL_MENDED, STORE_FAILED

SECOND = 1_000_000_000
BURST = 64


class Bench:
    """An event service, and what passes it."""

    def __init__(self, folder):
        ledger = Ledger(RealDisk(folder))
        self.reporter = Reporter(DICTIONARY)
        self.pool = ParameterPool(DICTIONARY, ledger)
        self.service = EventService(DICTIONARY, ledger, self.reporter, self.pool)
        self.passed = []
        self.told = []

    def say(self, now_ns, definition=STORE_FAILED, **values):
        self.reporter.event(definition, **(values or {"reason": "full"}))
        self.settle(now_ns)

    def settle(self, now_ns):
        for said in self.reporter.take():
            if self.service.admit(said.name, now_ns):
                self.passed.append(now_ns)
                if said.name == "events_suppressed":
                    self.told.append((now_ns, said.values["event"], said.values["count"]))

    def advance(self, now_ns):
        self.service.advance(now_ns)
        self.settle(now_ns)


@pytest.fixture
def bench(tmp_path):
    return Bench(tmp_path)


def test_a_burst_passes_and_what_comes_after_it_is_counted_and_told_once_it_may(bench):
    for _ in range(BURST + 5):
        bench.say(0)
    assert len(bench.passed) == BURST
    assert bench.service.next_deadline() == SECOND
    bench.advance(SECOND - 1)
    assert bench.told == []
    bench.advance(SECOND)
    assert bench.told == [(SECOND, "store_failed", 5)]
    assert bench.service.next_deadline() is None


def test_a_flood_costs_one_report_an_interval_and_every_suppressed_one_is_counted(bench):
    said = 0
    for tenth in range(600):
        now_ns = tenth * SECOND // 10
        bench.say(now_ns)
        said += 1
        if (deadline_ns := bench.service.next_deadline()) is not None and deadline_ns <= now_ns:
            bench.advance(now_ns)
    bench.advance(120 * SECOND)
    assert len(bench.passed) <= BURST + 61
    sent = len(bench.passed) - len(bench.told)
    assert sent + sum(count for _, _, count in bench.told) == said
    assert len(bench.told) > 30


def test_after_a_quiet_time_a_burst_passes_again(bench):
    for _ in range(BURST):
        bench.say(0)
    for _ in range(BURST + 1):
        bench.say(BURST * SECOND)
    assert len(bench.passed) == 2 * BURST


def test_a_quiet_time_gathers_no_more_than_a_burst_and_keeps_its_pace(bench):
    bench.say(0)
    for _ in range(BURST + 1):
        bench.say(1000 * SECOND)
    assert len(bench.passed) == BURST + 1
    assert bench.service.next_deadline() == 1001 * SECOND


def test_one_event_does_not_cost_another_its_reports(bench):
    for _ in range(2 * BURST):
        bench.say(0)
    bench.say(0, JOURNAL_MENDED, octets=5)
    assert len(bench.passed) == BURST + 1


def test_the_rate_follows_its_settings(bench):
    for name, value in (("event_burst", 2), ("event_interval", 500)):
        bench.pool._ledger.commit(*bench.pool.change({name: value}))
        bench.pool.apply([name], 0)
    for _ in range(4):
        bench.say(0)
    assert len(bench.passed) == 2
    assert bench.service.next_deadline() == SECOND // 2


# Over the link.


def send(table, make_telecommand, sequence, subtype, data=b""):
    table.send(make_telecommand(5, subtype, data, sequence=sequence))
    return table.hear()


def said(table):
    """Give the names of the events that come down."""
    events = [data for service, subtype, data in table.hear() if service == 5 and subtype <= 4]
    return [DICTIONARY.event_of(int.from_bytes(data[:2], "big")).name for data in events]


def encode(*events):
    return DICTIONARY.command("event.enable").arguments.encode({"events": list(events)})


def test_a_disabled_event_is_not_reported_through_a_reboot_until_it_is_enabled(
    table, make_table, make_telecommand, tmp_path
):
    table.spacecraft.contact(True, 0)
    table.hear()
    assert (1, 7) in [each[:2] for each in send(table, make_telecommand, 1, 6, encode("booted", "clock_started"))]
    again = make_table(tmp_path)
    again.spacecraft.contact(True, 0)
    assert not {"booted", "clock_started"} & set(said(again))
    reports = send(again, make_telecommand, 2, 7)
    assert (5, 8, b"\x02\x00\x01\x00\x15") in reports
    send(again, make_telecommand, 3, 5, encode("booted"))
    assert (5, 8, b"\x01\x00\x15") in send(again, make_telecommand, 4, 7)
    once_more = make_table(tmp_path)
    once_more.spacecraft.contact(True, 0)
    heard = said(once_more)
    assert "booted" in heard
    assert "clock_started" not in heard


def test_none_disabled_is_an_empty_list(table, make_telecommand):
    table.spacecraft.contact(True, 0)
    assert (5, 8, b"\x00") in send(table, make_telecommand, 1, 7)


@pytest.mark.parametrize(
    ("subtype", "data", "stage", "reason"),
    [
        (5, b"\x00", 2, b"events: expected a list of 1 to 32"),
        (6, b"\x02\x00\x01\xff\xff", 2, b"events[1]: expected a declared event, found 65535"),
        (6, b"\x02\x00\x01\x00\x01", 4, b"events[1]: expected each event once, found 1 twice"),
        (6, b"\x02\x00\x01", 2, b"found 3 octets"),
        (7, b"\x00", 2, b"expected 0 octets"),
        (1, b"", 2, b"message type [5,1]"),
    ],
)
def test_a_wrong_request_is_refused_and_switches_nothing(table, make_telecommand, subtype, data, stage, reason):
    table.spacecraft.contact(True, 0)
    table.hear()
    reports = send(table, make_telecommand, 1, subtype, data)
    assert (1, stage) in [each[:2] for each in reports]
    assert reason in reports[-1][2]
    assert table.spacecraft._ledger.events.disabled == set()
