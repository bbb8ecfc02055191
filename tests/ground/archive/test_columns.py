"""Numbers come back from their octets as they were, and damage is found."""

from enum import IntEnum

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MalformedError
from ground.archive.columns import columns_of, decode_numbers, encode_numbers

INT64 = st.integers(-(1 << 63), (1 << 63) - 1)


class Colour(IntEnum):
    RED = 1
    BLUE = 2


@given(st.lists(INT64))
def test_whole_numbers_come_back(numbers):
    decoded = decode_numbers(encode_numbers(np.array(numbers, dtype=np.int64)))
    assert decoded.dtype == np.int64
    assert decoded.tolist() == numbers


@given(st.lists(st.floats()))
def test_real_numbers_come_back_bit_by_bit(numbers):
    column = np.array(numbers, dtype=np.float64)
    assert decode_numbers(encode_numbers(column)).tobytes() == column.tobytes()


def test_each_flipped_bit_is_found():
    octets = encode_numbers(np.arange(50, dtype=np.int64) ** 3)
    # The lowest bits of the first octet say whether they are whole; both kinds are kinds.
    for bit in range(8, 8 * len(octets)):
        damaged = bytearray(octets)
        damaged[bit // 8] ^= 1 << bit % 8
        try:
            assert decode_numbers(bytes(damaged)).tolist() == (np.arange(50) ** 3).tolist()
        except MalformedError:
            continue


@pytest.mark.parametrize("octets", [b"", b"i", b"x" + encode_numbers(np.array([1]))[1:], b"i\xff\xff", b"f" * 40])
def test_what_is_no_column_is_refused(octets):
    with pytest.raises(MalformedError, match="expected"):
        decode_numbers(octets)


def test_a_column_is_whole_if_all_its_numbers_are_and_has_gaps_where_there_is_none():
    columns = columns_of(
        [
            {"a": 1, "b": 1.5, "c": "text", "d": Colour.RED, "e": 1 << 64, "f": True},
            {"a": 2, "c": "more", "d": Colour.BLUE, "e": 3, "f": False, "g": 7},
        ]
    )
    assert {name: column.dtype.kind for name, column in columns.items()} == {
        "a": "i",
        "b": "f",
        "d": "i",
        "e": "f",
        "f": "i",
        "g": "f",
    }
    assert columns["d"].tolist() == [1, 2]
    assert columns["e"].tolist() == [float(1 << 64), 3.0]
    assert np.isnan(columns["b"][1]) and np.isnan(columns["g"][0])


def test_reports_whose_fields_are_in_another_order_are_not_mixed_up():
    columns = columns_of([{"a": 1, "b": 2}, {"b": 4, "a": 3}])
    assert {name: column.tolist() for name, column in columns.items()} == {"a": [1, 3], "b": [2, 4]}
