"""The CLCW: golden octets, round trips, and what is no CLCW of COP-1."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.clcw import Clcw
from ccsds.errors import MalformedError, MisuseError

clcws = st.builds(
    Clcw,
    virtual_channel=st.integers(0, 63),
    report_value=st.integers(0, 255),
    lockout=st.booleans(),
    wait=st.booleans(),
    retransmit=st.booleans(),
    farm_b_counter=st.integers(0, 3),
    no_rf_available=st.booleans(),
    no_bit_lock=st.booleans(),
    status=st.integers(0, 7),
)


@pytest.mark.parametrize(
    ("clcw", "octets"),
    [
        (Clcw(virtual_channel=0), "01000000"),
        (Clcw(virtual_channel=1, report_value=0x2A), "0104002a"),
        (Clcw(virtual_channel=63, lockout=True, report_value=255), "01fc20ff"),
        (Clcw(virtual_channel=0, wait=True, retransmit=True, farm_b_counter=3), "01001e00"),
        (Clcw(virtual_channel=0, no_rf_available=True, no_bit_lock=True, status=5), "1500c000"),
    ],
)
def test_known_control_words_encode_and_decode(clcw, octets):
    assert clcw.encode().hex() == octets
    assert Clcw.decode(bytes.fromhex(octets)) == clcw


@given(clcws)
def test_every_control_word_survives_a_round_trip(clcw):
    assert Clcw.decode(clcw.encode()) == clcw


@pytest.mark.parametrize(
    ("octets", "reason"),
    [
        ("010000", "expected 4 octets of CLCW, found 3"),
        ("0100000000", "expected 4 octets of CLCW, found 5"),
        ("81000000", "control word type 0"),
        ("21000000", "version 0"),
        ("00000000", "COP in effect 1, found 0"),
        ("02000000", "COP in effect 1, found 2"),
    ],
)
def test_what_is_no_clcw_is_refused(octets, reason):
    with pytest.raises(MalformedError, match=reason):
        Clcw.decode(bytes.fromhex(octets))


def test_spare_bits_are_not_looked_at():
    assert Clcw.decode(bytes.fromhex("01030100")) == Clcw(virtual_channel=0)


@pytest.mark.parametrize(
    "wrong", [{"virtual_channel": 64}, {"report_value": 256}, {"farm_b_counter": 4}, {"status": 8}, {"status": -1}]
)
def test_a_control_word_that_has_no_octets_cannot_be_made(wrong):
    with pytest.raises(MisuseError, match="CLCW: expected"):
        Clcw(**({"virtual_channel": 0} | wrong))
