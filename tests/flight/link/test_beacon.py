"""The beacon: plain text out of contact and in SAFE, never in the way of frames."""

import pytest

from flight.books.mode import ModeChanged
from ground.beacon import BeaconListener
from mission.beacon import BEACON_OCTETS_MAX, decode_beacon, encode_beacon
from mission.modes import Mode, ModeCause

SECOND = 1_000_000_000
PERIOD_NS = 300 * SECOND


def heard(table, now_ns):
    table.spacecraft.advance(now_ns)
    octets = table.spacecraft.transmit(now_ns)
    return BeaconListener().receive(octets or b"")


def test_out_of_contact_a_line_leaves_each_period(table):
    table.spacecraft.contact(False, 0)
    assert heard(table, PERIOD_NS - 1) == []
    (text,) = heard(table, PERIOD_NS)
    assert text == "STARLOOP NOMINAL BOOT 1 UP 0D00H05M RST FIRST NO JOB"
    assert heard(table, PERIOD_NS + 1) == []
    assert len(heard(table, 2 * PERIOD_NS)) == 1


def test_in_contact_none_leaves_unless_in_safe(table):
    table.spacecraft.contact(True, 0)
    for number in range(1, 4):
        assert heard(table, number * PERIOD_NS) == []
    table.spacecraft._ledger.commit(ModeChanged(Mode.SAFE, ModeCause.COMMAND))
    assert table.spacecraft.mode is Mode.SAFE
    (text,) = [text for number in range(8, 11) for text in heard(table, number * PERIOD_NS // 2)][:1]
    assert text.startswith("STARLOOP SAFE BOOT 1")


def test_one_that_no_transmitter_took_does_not_pile_up(table):
    table.spacecraft.contact(False, 0)
    for number in range(1, 10):
        table.spacecraft.advance(number * PERIOD_NS)
    assert table.spacecraft.transmit(9 * PERIOD_NS) is not None
    assert table.spacecraft.transmit(9 * PERIOD_NS) is None
    assert table.spacecraft.next_deadline() > 9 * PERIOD_NS


@pytest.mark.parametrize("size", [1, 2, 3, 7, 50, 1000])
def test_a_listener_finds_beacons_however_they_are_cut_and_whatever_is_around(size):
    data = b"\x1a\xcf\r\n\r\n\xff" + encode_beacon("A ONE") + b"noise\r" + encode_beacon("A TWO") + bytes(300)
    data += b"\r\nspoilt*00\r\n" + encode_beacon("A THREE")[:-2] + encode_beacon("A FOUR")
    listener = BeaconListener()
    texts = [text for start in range(0, len(data), size) for text in listener.receive(data[start : start + size])]
    assert texts == ["A ONE", "A TWO", "A THREE", "A FOUR"]
    assert len(listener._kept) <= BEACON_OCTETS_MAX + 2


def test_a_line_that_is_struck_anywhere_is_none():
    line = encode_beacon("STARLOOP SAFE BOOT 12")[2:-2]
    for bit in range(8 * len(line)):
        struck = bytearray(line)
        struck[bit // 8] ^= 1 << bit % 8
        assert decode_beacon(bytes(struck)) is None


def test_a_long_text_is_cut_to_a_line():
    line = encode_beacon("A" * 500)
    assert len(line) <= BEACON_OCTETS_MAX
    assert BeaconListener().receive(line)[0].startswith("AAAA")
