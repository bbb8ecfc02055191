"""Acceptance: whether a telecommand is one that this spacecraft knows, with arguments as declared.

The same check for what comes from the uplink, for what is put into a schedule, and for what is released from it.

Source: ECSS-E-ST-70-41C 6.1.4 (acceptance and reporting).
"""

from collections.abc import Collection, Iterator, Mapping
from typing import Any

from ccsds.errors import MalformedError
from ccsds.pus.telecommand import Telecommand
from mission.channels import Apid
from mission.dictionary import Command, Dictionary
from mission.failures import FailureCode


class RefusedError(Exception):
    """A telecommand fails acceptance."""

    def __init__(self, code: FailureCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class Acceptance:
    """Checks telecommands.

    Args:
        dictionary: The commands there are.
        services: The numbers of the services on board; all in the dictionary, if not given.
        procedures: The names of the procedures on board; if given, what `read` reads may start no other.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        services: Collection[int] | None = None,
        procedures: Collection[str] | None = None,
    ) -> None:
        self._procedures = procedures
        self._dictionary = dictionary
        self._services = dictionary.service_numbers if services is None else services

    def accept(self, telecommand: Telecommand) -> tuple[Command, dict[str, Any]]:
        """Give the command and its arguments.

        Raises:
            RefusedError: It is not for this spacecraft, not declared, or its arguments are not as declared.
        """
        if telecommand.apid != Apid.CORE:
            raise RefusedError(FailureCode.UNKNOWN_APID, f"expected APID {Apid.CORE:#x}, found {telecommand.apid:#x}")
        if telecommand.service not in self._dictionary.service_numbers or telecommand.service not in self._services:
            known = ", ".join(map(str, sorted(self._services)))
            text = f"unknown service {telecommand.service}: expected one of {known}"
            raise RefusedError(FailureCode.UNKNOWN_SERVICE, text)
        try:
            command = self._dictionary.command_of(telecommand.service, telecommand.subtype)
        except MalformedError as error:
            raise RefusedError(FailureCode.UNKNOWN_SUBTYPE, str(error)) from None
        try:
            return command, command.arguments.decode(telecommand.data)
        except MalformedError as error:
            raise RefusedError(FailureCode.BAD_ARGUMENT, f"{command.name}: {error}") from None

    def read(self, packet: bytes) -> Telecommand:
        """Read a telecommand that travels inside another, and check it, and those that travel inside it in turn.

        Raises:
            RefusedError: It is no telecommand, cannot be accepted, or starts a procedure that is not on board.
        """
        try:
            telecommand = Telecommand.decode(packet)
        except MalformedError as error:
            code = FailureCode.CHECKSUM if "CRC" in str(error) else FailureCode.MALFORMED_PACKET
            raise RefusedError(code, str(error)) from None
        command, arguments = self.accept(telecommand)
        if command.name == "procedure.start" and self._procedures is not None:
            name = arguments["procedure"]
            if name not in self._procedures:
                known = ", ".join(self._procedures) or "none"
                text = f"{command.name}: expected a procedure on board ({known}), found {name!r}"
                raise RefusedError(FailureCode.BAD_ARGUMENT, text)
        for name, position, inner in requests_in(arguments):
            try:
                self.read(inner)  # Each is shorter than what it travels in.
            except RefusedError as error:
                raise RefusedError(error.code, f"{command.name}: {name}[{position}]: {error}") from None
        return telecommand


def requests_in(arguments: Mapping[str, Any]) -> Iterator[tuple[str, int, bytes]]:
    """Give the telecommands that travel in a command's arguments, each with the argument and the row it is in."""
    for name, rows in arguments.items():
        for position, row in enumerate(rows if isinstance(rows, list) else ()):
            if isinstance(row, dict) and "request" in row:
                yield name, position, row["request"]
