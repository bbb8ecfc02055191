"""Typed fields: what is declared can be written and read back; all else is refused with what was expected."""

import math
import struct
from enum import IntEnum

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ccsds.errors import MalformedError, MisuseError
from mission.field_types import Enumerated, Float, Int, Octets, Reference, Text, UInt
from mission.fields import Array, Field, Layout, Rows, Values


class Colour(IntEnum):
    RED = 1
    BLUE = 3


LAYOUT = Layout(
    (
        Field("number", UInt(32), minimum=1, maximum=1000, unit="s"),
        Field("share", Float(64), default=0.5),
        Field("colour", Enumerated(Colour), default=Colour.RED),
        Field("name", Text(8), default=""),
        Field("digest", Octets(4), default=b""),
        Field("list", Array(UInt(8), 3), default=(1,)),
    )
)
VALUES = {"number": 7, "share": 0.25, "colour": Colour.BLUE, "name": "Zoë", "digest": b"\x00\xff", "list": [1, 2]}


def test_the_layout_is_big_endian_with_lengths_before_text_octets_and_lists():
    expected = struct.pack(">Id", 7, 0.25) + b"\x03" + b"\x00\x04Zo\xc3\xab" + b"\x00\x02\x00\xff" + b"\x02\x01\x02"
    assert LAYOUT.encode(VALUES) == expected
    assert LAYOUT.decode(expected) == VALUES


def test_defaults_fill_what_is_not_given():
    assert LAYOUT.decode(LAYOUT.encode({"number": 1}))["share"] == 0.5


def test_not_a_number_stands_for_none_yet():
    layout = Layout((Field("loss", Float(32), minimum=0),))
    assert math.isnan(layout.decode(layout.encode({"loss": math.nan}))["loss"])


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"number": 0}, "number: expected 1 to 1000 s, found 0"),
        ({"number": 1001}, "number: expected 1 to 1000 s, found 1001"),
        ({"number": -1}, "number: expected an integer from 0 to 4294967295, found -1"),
        ({"number": True}, "number: expected an integer"),
        ({"share": "much"}, "share: expected a number, found 'much'"),
        ({"colour": 2}, "colour: expected one of RED, BLUE, found 2"),
        ({"name": "far too long"}, "name: expected text of at most 8 octets"),
        ({"name": "\ud800"}, "name: expected text that can be written as UTF-8"),
        ({"digest": b"12345"}, "digest: expected at most 4 octets"),
        ({"list": []}, "list: expected a list of 1 to 3"),
        ({"list": [1, 2, 3, 4]}, "list: expected a list of 1 to 3"),
        ({"list": [1, 256]}, "list[1]: expected an integer from 0 to 255"),
        ({"lenght": 3}, "unknown field 'lenght': expected number, share, colour, name, digest, list"),
    ],
)
def test_a_wrong_value_is_refused_with_what_was_expected(changed, message):
    with pytest.raises(MisuseError) as caught:
        LAYOUT.encode({**VALUES, **changed})
    assert message in str(caught.value)


def test_a_missing_value_is_named():
    with pytest.raises(MisuseError, match="number: expected a value, found none"):
        LAYOUT.encode({})


def test_every_truncation_and_every_surplus_octet_is_refused():
    data = LAYOUT.encode(VALUES)
    for length in range(len(data)):
        with pytest.raises(MalformedError):
            LAYOUT.decode(data[:length])
    with pytest.raises(MalformedError, match=f"expected {len(data)} octets"):
        LAYOUT.decode(data + b"\x00")


def test_every_single_bit_flip_is_read_or_refused_and_never_raises_another_error():
    data = LAYOUT.encode(VALUES)
    for bit in range(8 * len(data)):
        flipped = bytearray(data)
        flipped[bit // 8] ^= 0x80 >> bit % 8
        try:
            values = LAYOUT.decode(bytes(flipped))
        except MalformedError:
            continue
        assert LAYOUT.encode(values) == bytes(flipped) or math.isnan(values["share"])


@given(st.binary(max_size=64))
def test_any_octets_are_read_or_refused(data):
    try:
        LAYOUT.decode(data)
    except MalformedError as error:
        assert "expected" in str(error)


def test_what_an_operator_types_is_read_by_the_type():
    typed = {"number": "0x10", "colour": "blue", "list": "1,2", "digest": "00ff", "name": "a", "share": "1e-3"}
    assert LAYOUT.parse(typed) == {
        "number": 16,
        "share": 1e-3,
        "colour": Colour.BLUE,
        "name": "a",
        "digest": b"\x00\xff",
        "list": [1, 2],
    }


@pytest.mark.parametrize(
    ("typed", "message"),
    [
        ({"number": "many"}, "number: expected uint32, found 'many'"),
        ({"number": "1", "colour": "green"}, "colour: expected RED | BLUE, found 'green'"),
        ({"number": "1", "digest": "xy"}, "digest: expected octets up to 4, found 'xy'"),
        ({"number": "1", "colour": "9"}, "colour"),
    ],
)
def test_what_an_operator_mistypes_is_named(typed, message):
    with pytest.raises(MisuseError) as caught:
        LAYOUT.parse(typed)
    assert message in str(caught.value)


def test_two_fields_of_one_name_are_refused():
    with pytest.raises(MisuseError, match="distinct"):
        Layout((Field("a", UInt(8)), Field("a", UInt(8))))


ROWS = Layout(
    (
        Field(
            "rows",
            Rows(
                Layout(
                    (
                        Field("shift", Int(16)),
                        Field("name", Text(4), default=""),
                        Field("colour", Enumerated(Colour), default=Colour.RED),
                        Field("list", Array(UInt(8), 3, 0), default=()),
                    )
                ),
                2,
                0,
            ),
        ),
    )
)


def test_rows_are_counted_and_written_one_after_another():
    values = {"rows": [{"shift": -2, "name": "Zoë", "colour": Colour.BLUE, "list": [7]}, {"shift": 1}]}
    octets = b"\x02" + b"\xff\xfe\x00\x04Zo\xc3\xab\x03\x01\x07" + b"\x00\x01\x00\x00\x01\x00"
    assert ROWS.encode(values) == octets
    assert ROWS.decode(octets) == {
        "rows": [*values["rows"][:1], {"shift": 1, "name": "", "colour": Colour.RED, "list": []}]
    }
    assert ROWS.decode(ROWS.encode({"rows": []})) == {"rows": []}


def test_what_is_wrong_in_a_row_is_named_with_its_position():
    with pytest.raises(MisuseError, match=r"^rows\[1\]\.shift: expected an integer from -32768 to 32767, found 32768"):
        ROWS.encode({"rows": [{"shift": 0}, {"shift": 32768}]})
    with pytest.raises(MalformedError, match=r"^rows\[0\]\.colour: expected one of RED, BLUE, found 2"):
        ROWS.decode(b"\x01\x00\x00\x00\x00\x02\x00")
    with pytest.raises(MisuseError, match="rows: expected a list of 0 to 2, found"):
        ROWS.encode({"rows": [{"shift": 0}] * 3})
    with pytest.raises(MisuseError, match="rows: expected rows of shift"):
        ROWS.encode({"rows": [7]})


def test_rows_are_typed_as_json():
    typed = ROWS.parse({"rows": '[{"shift": -3, "colour": "blue", "list": "1,2"}]'})
    assert typed == {"rows": [{"shift": -3, "name": "", "colour": Colour.BLUE, "list": [1, 2]}]}
    with pytest.raises(MisuseError, match="rows: expected rows of"):
        ROWS.parse({"rows": "[3]"})
    with pytest.raises(MisuseError, match="rows: shift: expected int16, found 'x'"):
        ROWS.parse({"rows": '[{"shift": "x"}]'})
    with pytest.raises(MisuseError, match="rows: expected rows of"):
        ROWS.parse({"rows": "[{"})


@given(st.lists(st.integers(-(1 << 15), (1 << 15) - 1), max_size=2))
def test_signed_numbers_in_rows_come_back(shifts):
    assert [
        row["shift"] for row in ROWS.decode(ROWS.encode({"rows": [{"shift": each} for each in shifts]}))["rows"]
    ] == shifts


THINGS = Reference("thing", {"north": 3, "south": 900})
SOME = Values({3: Field("level", UInt(8), maximum=9), 900: Field("label", Text(5))}, 2)


def test_a_reference_is_named_or_numbered_and_nothing_else():
    layout = Layout((Field("things", Array(THINGS, 4)),))
    assert layout.encode({"things": ["south", 3]}) == b"\x02\x03\x84\x00\x03"
    assert layout.parse({"things": "south,3"}) == {"things": [900, 3]}
    for wrong in ("west", 4, True, None, [3]):
        with pytest.raises(MisuseError, match="things\\[1\\]: expected a declared thing"):
            layout.encode({"things": [3, wrong]})


def test_values_carry_their_numbers_and_have_the_types_of_their_fields():
    layout = Layout((Field("values", SOME),))
    octets = b"\x02\x03\x84\x00\x02hi\x00\x03\x07"
    values = {"values": {"label": "hi", "level": 7}}
    assert layout.encode(values) == octets
    assert layout.encode({"values": {900: "hi", 3: 7}}) == octets
    assert layout.decode(octets) == values
    assert layout.parse({"values": "label=hi,level=7"}) == values


@pytest.mark.parametrize(
    ("octets", "message"),
    [
        (b"\x02\x00\x03\x07\x00\x09\x01", "[1]: expected a declared number, found 9"),
        (b"\x02\x00\x03\x07\x00\x03\x07", "values[1]: expected each name once, found level twice"),
        (b"\x01\x00\x03\x0a", "values[0].level: expected 9 or less, found 10"),
        (b"\x00", "values: expected 1 to 2 values by name"),
        (b"\x03" + b"\x00\x03\x07" * 3, "values: expected 1 to 2 values by name"),
        (b"\x01\x03\x84\x00\x01\xff", "UTF-8"),
    ],
)
def test_values_that_are_wrong_are_refused_with_their_place(octets, message):
    with pytest.raises(MalformedError) as caught:
        Layout((Field("values", SOME),)).decode(octets)
    assert message in str(caught.value)


@pytest.mark.parametrize("text", ["level", "level=x", "depth=1", "level=1,level=2", ""])
def test_what_an_operator_typed_wrong_is_refused(text):
    with pytest.raises(MisuseError, match="values"):
        Layout((Field("values", SOME),)).parse({"values": text})
