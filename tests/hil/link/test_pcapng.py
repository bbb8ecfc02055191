"""pcapng: the octets that the format prescribes, and nothing of a broken file that is taken for a whole one."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MalformedError
from hil.link.pcapng import Direction, Interface, Packet, SectionHeader, read_pcapng

# By hand from the draft: 4.1 with no options; 4.2 with if_name "a" and if_tsresol 9; 4.3 with opt_comment "hi" and
# epb_flags 2.
SECTION = "0a0d0d0a 1c000000 4d3c2b1a 0100 0000 ffffffffffffffff 1c000000"
INTERFACE = "01000000 28000000 9300 0000 00000000 0200 0100 61000000 0900 0100 09000000 0000 0000 28000000"
PACKET = (
    "06000000 38000000 00000000 01000000 02000000 03000000 03000000 61626300 "
    "0100 0200 68690000 0200 0400 02000000 0000 0000 38000000"
)
GOLDEN = bytes.fromhex(SECTION + INTERFACE + PACKET)


def test_blocks_have_the_octets_of_the_format():
    interface = Interface("a")
    packet = Packet(0, (1 << 32) + 2, b"abc", "hi", Direction.OUTBOUND)
    assert SectionHeader().encode() + interface.encode() + packet.encode() == GOLDEN
    assert read_pcapng(GOLDEN) == ([interface], [packet])


@given(
    data=st.binary(max_size=50),
    time_ns=st.integers(0, (1 << 64) - 1),
    comment=st.text(max_size=20),
    direction=st.sampled_from(Direction),
)
def test_packets_come_back_as_they_were_written(data, time_ns, comment, direction):
    packet = Packet(0, time_ns, data, comment, direction)
    interface = Interface("down sent", "as they left")
    file = SectionHeader("x").encode() + interface.encode() + packet.encode() * 2
    assert read_pcapng(file) == ([interface], [packet, packet])


def test_unknown_blocks_and_options_are_skipped():
    unknown = bytes.fromhex("05000000 10000000 01020304 10000000")
    packet = bytes.fromhex(PACKET.replace("0100 0200 68690000", "0400 0200 68690000"))
    assert read_pcapng(GOLDEN[:68] + unknown + packet)[1] == [Packet(0, (1 << 32) + 2, b"abc", "", Direction.OUTBOUND)]


def test_every_truncation_is_refused():
    ends = {28, 68, len(GOLDEN)}
    for length in range(1, len(GOLDEN)):
        if length not in ends:
            with pytest.raises(MalformedError, match="expected"):
                read_pcapng(GOLDEN[:length])


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("4d3c2b1a", "1a2b3c4d", "expected a little-endian pcapng file"),
        ("06000000 38000000", "06000000 39000000", "expected a whole block"),
        ("06000000 38000000 00000000", "06000000 38000000 01000000", "expected a described interface, found number 1"),
        ("03000000 03000000 6162", "ff000000 03000000 6162", "expected 255 octets of a packet"),
        ("0100 0200 6869", "0100 ff00 6869", "expected 255 octets of an option"),
        ("0900 0100 09000000", "0900 0100 06000000", "expected times of a capture in nanoseconds"),
    ],
)
def test_what_is_wrong_is_refused(old, new, message):
    text = SECTION + INTERFACE + PACKET
    assert old in text
    with pytest.raises(MalformedError, match=message):
        read_pcapng(bytes.fromhex(text.replace(old, new)))
