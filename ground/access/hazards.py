"""Which hazardous commands a command brings with it: itself, and whole telecommands that it carries for later.

A schedule, a reaction or a procedure on board releases what it was given; who may not send a hazardous command may not
hide it in one of those either.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from ccsds.errors import MalformedError
from ccsds.pus.telecommand import Telecommand
from mission.dictionary import Command, Dictionary, Hazard
from mission.field_types import Octets
from mission.fields import Layout, Rows

CARRIED = "request"
"""The name that every field has which holds a whole telecommand (ST[11], ST[19])."""


def hazards_in(dictionary: Dictionary, command: Command, arguments: Mapping[str, Any]) -> list[Command]:
    """Give the hazardous commands that a command is or carries, each once.

    Args:
        dictionary: The words of the mission.
        command: What is to be sent.
        arguments: All of its arguments, checked.
    """
    found = {command.name: command} if command.hazard is not Hazard.NONE else {}
    for packet in _carried(command.arguments, arguments):
        try:
            telecommand = Telecommand.decode(packet)
            carried = dictionary.command_of(telecommand.service, telecommand.subtype)
        except MalformedError:
            continue  # The spacecraft refuses it: there is nothing in it to release.
        if carried.hazard is not Hazard.NONE:
            found[carried.name] = carried
    return list(found.values())


def _carried(layout: Layout, values: Mapping[str, Any]) -> Iterator[bytes]:
    """Give every telecommand in the values of a layout, in rows too."""
    for field in layout.fields:
        value = values.get(field.name)
        match field.type:
            case Octets() if field.name == CARRIED and isinstance(value, bytes):
                yield value
            case Rows(inner) if isinstance(value, list):
                for row in value:
                    yield from _carried(inner, row)
