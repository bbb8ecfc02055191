"""Checksums: known answers, any order, going on after a reboot."""

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.cfdp.checksum import checksum_of, file_checksum, join_crcs
from ccsds.cfdp.codes import ChecksumType
from ccsds.errors import MisuseError

KINDS = list(ChecksumType)


def test_known_answers():
    assert checksum_of(ChecksumType.MODULAR, bytes(range(15))) == 0x181C2015
    assert checksum_of(ChecksumType.CRC_32C, b"123456789") == 0xE3069283
    assert checksum_of(ChecksumType.CRC_32, b"123456789") == 0xCBF43926
    assert checksum_of(ChecksumType.NULL, b"123456789") == 0


@given(st.binary(min_size=1, max_size=2000), st.randoms(), st.sampled_from(KINDS))
def test_order_and_reboots_mean_nothing(data, chance, kind):
    cuts = sorted({0, len(data), *(chance.randrange(len(data)) for _ in range(8))})
    pieces = list(itertools.pairwise(cuts))
    chance.shuffle(pieces)
    checksum = file_checksum(kind)
    for start, end in pieces:
        checksum.add(start, data[start:end])
        checksum = file_checksum(kind, checksum.runs())
    assert checksum.value() == checksum_of(kind, data)


@pytest.mark.parametrize("kind", [ChecksumType.CRC_32, ChecksumType.CRC_32C])
def test_crcs_are_joined_across_more_than_4_gib(kind):
    # Joining is associative: zeros doubled 33 times are 8 GiB, whichever way they are split.
    crc, octets = checksum_of(kind, bytes(1)), 1
    for _ in range(33):
        crc, octets = join_crcs(kind, crc, crc, octets), 2 * octets
    other, length = checksum_of(kind, bytes(8)), 8
    while length < octets:
        other, length = join_crcs(kind, other, other, length), 2 * length
    assert crc == other


def test_a_sum_cannot_be_joined_as_a_crc():
    with pytest.raises(MisuseError, match="MODULAR"):
        join_crcs(ChecksumType.MODULAR, 1, 2, 3)
