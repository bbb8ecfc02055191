"""Where each declared field of a report lies in its packet, down to the bit, as far as lengths can be told in advance.

A field whose length is written before it takes that length; what comes after a list is shown as one piece.
"""

from collections.abc import Sequence

from ccsds.pus.telemetry import OVERHEAD_OCTETS
from ground.console.parts.octets import Bits
from mission.definition import DICTIONARY
from mission.field_types import Enumerated, Float, Int, Octets, Reference, Text, UInt
from mission.fields import Field

HEADERS_BITS = 8 * (OVERHEAD_OCTETS - 2)
"""Of a PUS telemetry packet, before its source data."""

_LENGTH_OCTETS = 2
_EVENT_NUMBER_BITS = 16
_STRUCTURE_BITS = 8


def source_data(kind: str, name: str, data: bytes) -> list[Bits]:
    """Give the fields of some source data.

    Args:
        kind: Message type of the report, such as ``[3,25]``.
        name: Of the report, the structure or the event.
        data: The source data itself.
    """
    service = kind.strip("[]").partition(",")[0]
    if service == "5" and name in DICTIONARY.events:
        head = [Bits("event number", HEADERS_BITS, _EVENT_NUMBER_BITS)]
        return head + _fields(DICTIONARY.events[name].fields.fields, data, _EVENT_NUMBER_BITS)
    structure = next((each for each in DICTIONARY.structures.values() if each.name == name), None)
    if kind == "[3,25]" and structure is not None:
        head = [Bits("structure", HEADERS_BITS, _STRUCTURE_BITS)]
        return head + _fields(structure.layout.fields, data, _STRUCTURE_BITS)
    if name in DICTIONARY.reports:
        return _fields(DICTIONARY.reports[name].fields.fields, data, 0)
    return _rest(data, 0)


def _fields(declared: Sequence[Field], data: bytes, at: int) -> list[Bits]:
    found: list[Bits] = []
    for field in declared:
        match field.type:
            case UInt(bits) | Int(bits) | Float(bits):
                length = bits
            case Enumerated(bits=bits) | Reference(bits=bits):
                length = bits
            case Text() | Octets():
                octets = int.from_bytes(data[at // 8 : at // 8 + _LENGTH_OCTETS])
                found.append(Bits(f"length of {field.name}", HEADERS_BITS + at, 8 * _LENGTH_OCTETS))
                at += 8 * _LENGTH_OCTETS
                length = 8 * octets
            case _:
                break
        if length:
            found.append(Bits(field.name, HEADERS_BITS + at, length, field.unit, field.type))
        at += length
    return found + _rest(data, at)


def _rest(data: bytes, at: int) -> list[Bits]:
    length = 8 * len(data) - at
    return [Bits("further source data" if at else "source data", HEADERS_BITS + at, length)] if length > 0 else []
