"""CRC-16 and CRC-32C against known answers, crcmod's declarations and spacepackets' implementation."""

import crcmod
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.crc import crc16, crc32c

DECLARED_CRC16 = crcmod.mkCrcFun(0x11021, initCrc=0xFFFF, rev=False, xorOut=0)
DECLARED_CRC32C = crcmod.mkCrcFun(0x11EDC6F41, initCrc=0, rev=True, xorOut=0xFFFFFFFF)


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        ("313233343536373839", 0x29B1),
        ("0000", 0x1D0F),
        ("000000", 0xCC9C),
        ("abcdef01", 0x04A2),
        ("1456f89a0001", 0x7FD5),
    ],
)
def test_crc16_gives_the_known_answers(data, expected):
    assert crc16(bytes.fromhex(data)) == expected


def test_crc32c_gives_the_known_answer():
    assert crc32c(b"123456789") == 0xE3069283


@given(st.binary(max_size=300))
def test_crc16_is_what_crcmod_declares(data):
    assert crc16(data) == DECLARED_CRC16(data)


@given(st.binary(max_size=300))
def test_crc32c_is_what_crcmod_declares(data):
    assert crc32c(data) == DECLARED_CRC32C(data)


@given(st.binary(max_size=100), st.binary(max_size=100))
def test_both_go_on_where_they_stopped(first, second):
    assert crc16(second, crc16(first)) == crc16(first + second)
    assert crc32c(second, crc32c(first)) == crc32c(first + second)


@given(st.binary(max_size=100))
def test_octets_that_end_with_their_own_crc16_have_a_crc16_of_zero(data):
    assert crc16(data + crc16(data).to_bytes(2, "big")) == 0
