"""The codec writes and reads, for every layout of the dictionary, the octets that `construct` declares."""

import random

import pytest

from ccsds.errors import MalformedError
from mission.definition import DICTIONARY
from mission.field_types import Enumerated, Float, Int, Octets, Reference, Text, UInt
from mission.fields import Array, Field, Layout, Rows, Values, _plain_form, _wire_form

LAYOUTS = {
    **{f"command {each.name}": each.arguments for each in DICTIONARY.commands.values()},
    **{f"report {each.name}": each.fields for each in DICTIONARY.reports.values()},
    **{f"event {each.name}": each.fields for each in DICTIONARY.events.values()},
    **{f"structure {each.name}": each.layout for each in DICTIONARY.structures.values()},
}
CODED = {name: layout for name, layout in LAYOUTS.items() if layout.codec is not None}


def drawn(kind, chance):
    """Draw a value of a type, in the form in which it was checked; ranges of fields are no matter here."""
    match kind:
        case UInt(bits):
            return chance.getrandbits(bits)
        case Int(bits):
            return chance.getrandbits(bits) - (1 << bits - 1)
        case Float():
            return float(chance.choice([0.0, -1.5, 2.0**20, float("inf"), -float("inf")]))
        case Enumerated(members):
            return chance.choice(list(members))
        case Reference(_, numbers):
            return chance.choice(list(numbers.values()))
        case Text(octets_max):
            return "é" * chance.randint(0, min(octets_max, 30) // 2)
        case Octets(octets_max):
            return chance.randbytes(chance.randint(0, min(octets_max, 30)))
        case Array(element, count_max, count_min):
            return [drawn(element, chance) for _ in range(chance.randint(count_min, min(count_max, 5)))]
        case Rows(layout, count_max, count_min):
            count = chance.randint(count_min, min(count_max, 5))
            return [{each.name: drawn(each.type, chance) for each in layout.fields} for _ in range(count)]


def test_only_values_of_undeclared_length_go_another_way():
    others = {name: layout for name, layout in LAYOUTS.items() if layout.codec is None}
    assert 0 < len(others) < 5
    for layout in others.values():
        assert any(isinstance(each.type, Values) for each in layout.fields)


@pytest.mark.parametrize("name", CODED)
def test_both_write_and_read_the_same(name):
    layout, chance = CODED[name], random.Random(name)
    for _ in range(4):
        values = {each.name: drawn(each.type, chance) for each in layout.fields}
        declared = layout.wire.build({each.name: _wire_form(each.type, values[each.name]) for each in layout.fields})
        assert layout.codec.encode(values) == declared
        parsed = layout.wire.parse(declared)
        expected = {each.name: _plain_form(each.type, parsed[each.name]) for each in layout.fields}
        assert layout.codec.decode(declared) == expected


def test_what_does_not_fit_is_told_as_construct_tells_it(monkeypatch):
    layout = Layout(
        (
            Field("number", UInt(16)),
            Field("text", Text(20)),
            Field("list", Array(UInt(32), 3)),
            Field("rows", Rows(Layout((Field("octets", Octets(9)), Field("small", Int(8)))), 3)),
        )
    )
    data = layout.encode(
        {"number": 1, "text": "Zoë", "list": [1, 2], "rows": [{"octets": b"12", "small": -1}] * 2},
    )
    broken = [data[:length] for length in range(len(data))] + [data + b"\x00"]
    broken += [data[:at] + bytes([data[at] ^ 1 << bit]) + data[at + 1 :] for at in range(len(data)) for bit in range(8)]

    def outcome(octets):
        try:
            return layout.decode(octets)
        except MalformedError as error:
            return str(error)

    found = [outcome(octets) for octets in broken]
    monkeypatch.setitem(vars(layout), "codec", None)
    assert found == [outcome(octets) for octets in broken]
    assert sum(isinstance(each, str) for each in found) > len(data)
