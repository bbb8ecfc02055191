"""Sending commands, whoever asks for it: what is checked before a command is issued, and what is known of it after.

A command that can do harm needs a second person where the station has users, and an arming where one person is alone;
so does one that carries another to be released on board later. What was done is in the audit before it is done.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any, Protocol

from ccsds.cop1.fop import Service
from ccsds.errors import MalformedError, MisuseError
from ground.access.approvals import Approval, Approvals, Verdict
from ground.access.arming import NS_PER_S, Arming, check_typed_name
from ground.access.hazards import hazards_in
from ground.access.principal import Door, HazardError, Principal, Role
from ground.archive.history import CommandRecord, History
from ground.events import FINAL, CommandStaged, Stage, StationEvent, plain
from ground.server.reading import read_archive
from ground.station import Station
from mission.definition import DICTIONARY
from mission.dictionary import Command, Hazard
from mission.field_types import Octets
from mission.fields import FieldType, Layout, Rows

ARM = "command.arm"

# Of the latest commands, transfers or events in one answer.
ROWS_ASKED_MAX = 1_000


class Issuer(Protocol):
    """The station in service, as far as commands go."""

    station: Station

    def issue(self, command_id: int) -> None:
        """Make a command durable before the transmitter can pull it, or take it back."""
        ...

    def note_action(self, by: Principal, action: str, details: Mapping[str, Any]) -> None:
        """Keep what somebody does."""
        ...


class Commanding:
    """The commands of one station.

    Args:
        issuer: The station in service.
        archive_path: Where what became of commands is kept.
        needs_two: Whether hazardous commands need a second person; else an arming.
    """

    def __init__(self, issuer: Issuer, archive_path: Path, *, needs_two: bool) -> None:
        self._issuer = issuer
        self._archive_path = archive_path
        self.needs_two = needs_two
        self._arming = Arming()
        self._approvals = Approvals()

    def send(
        self,
        by: Principal,
        name: str,
        arguments: Mapping[str, Any],
        *,
        service: Service = Service.AD,
        typed_name: str | None = None,
    ) -> int:
        """Send a command of the dictionary.

        Args:
            by: Who asks.
            name: Its name.
            arguments: By name; octets may be in hexadecimal, members of enumerations by name.
            service: AD, or BD past the sequence.
            typed_name: What the user typed, where `command.arm` is sent: the name of the command to be armed.

        Returns:
            The number that the command goes by; it is in the archive.

        Raises:
            DeniedError: Who asks may not.
            HazardError: It is hazardous, and neither approved nor armed.
            MisuseError: The dictionary has no such command, or it does not take these arguments; or too many wait.
            sqlite3.Error: The archive cannot keep it: it is not sent.
        """
        by.require(Role.COMMANDER, name)
        command = DICTIONARY.command(name)
        complete = command.arguments.complete(typed_arguments(command, arguments))
        armed = self._armed_by(by, command, complete, typed_name)
        self._pass(hazards_in(DICTIONARY, command, complete))
        command_id = self._issue(by, command, complete, service)
        if armed is not None:
            self._arming.arm(armed, command_id)
        return command_id

    def check_one_is_enough(self, name: str, arguments: Mapping[str, Any]) -> None:
        """Refuse a command that needs a second person at this station, before it is sent.

        Raises:
            HazardError: It does.
            MisuseError: The dictionary has no such command, or it does not take these arguments.
        """
        command = DICTIONARY.command(name)
        complete = command.arguments.complete(typed_arguments(command, arguments))
        self._require_second(hazards_in(DICTIONARY, command, complete))

    def telecommand(
        self, by: Principal, service_type: int, subtype: int, data: bytes, *, service: Service = Service.AD
    ) -> int:
        """Send a telecommand that the dictionary need not hold; see `send`.

        Raises:
            DeniedError: Who asks may not.
            HazardError: The dictionary holds it as hazardous, or does not hold it and the station has users.
            MisuseError: A number does not fit its field, the packet does not fit a frame, or too many wait.
        """
        by.require(Role.COMMANDER, f"telecommand [{service_type},{subtype}]")
        declared = [
            each for each in DICTIONARY.commands.values() if (each.service, each.subtype) == (service_type, subtype)
        ]
        if not declared and self.needs_two:
            raise HazardError(f"[{service_type},{subtype}]: expected a declared command where two have to agree")
        for command in declared:
            arguments = _decoded(command, data)
            self._pass(hazards_in(DICTIONARY, command, arguments))
        self._issuer.note_action(by, "telecommand", {"service": service_type, "subtype": subtype, "data": data})
        command_id = self._issuer.station.telecommand(
            service_type, subtype, data, service=service, now_ns=time.monotonic_ns()
        )
        self._issuer.issue(command_id)
        return command_id

    def arm(self, by: Principal, name: str, typed_name: str | None, *, service: Service = Service.AD) -> int:
        """Arm a hazardous command for one use: here, and on board by `command.arm`.

        Args:
            by: Who asks.
            name: The hazardous command.
            typed_name: What the user typed; it has to be the name.
            service: AD, or BD past the sequence.

        Returns:
            The number of the `command.arm`. Once it has completed, the command may be sent for
            `ground.access.arming.ARMED_NS`.

        Raises:
            DeniedError: Who asks may not.
            HazardError: Two have to agree at this station.
            MisuseError: The name is not typed, or the command needs no arming.
        """
        command = DICTIONARY.command(name)
        check_typed_name(command, typed_name)
        if self.needs_two:
            raise HazardError(f"{name}: expected it to be asked for and approved by a second person, found an arming")
        return self.send(by, ARM, _arm_arguments(command), service=service, typed_name=typed_name)

    def armed(self) -> dict[str, float | None]:
        """Give what is armed, by name, with the seconds that are left; None until the spacecraft has answered."""
        return self._arming.armed(time.monotonic_ns())

    def ask(
        self, by: Principal, name: str, arguments: Mapping[str, Any], *, service: Service = Service.AD
    ) -> dict[str, Any]:
        """Have a hazardous command wait for a second person.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: It is not hazardous, its arguments are wrong, or too many wait.
        """
        by.require(Role.COMMANDER, name)
        command = DICTIONARY.command(name)
        complete = command.arguments.complete(typed_arguments(command, arguments))
        if not hazards_in(DICTIONARY, command, complete):
            raise MisuseError(f"{name}: expected a hazardous command, found one that needs no approval")
        now_ns = time.monotonic_ns()
        self._issuer.note_action(by, "ask", {"name": name, "arguments": complete})
        return self._approval_row(self._approvals.ask(by, name, complete, service, now_ns), now_ns)

    def approve(self, by: Principal, approval_id: int) -> dict[str, Any]:
        """Let a command go that another person asked for; it is armed on board first.

        Raises:
            DeniedError: Who asks may not: the same person, or no approver.
            MisuseError: It does not wait any more, or was never asked for; or it cannot be sent now.
        """
        now_ns = time.monotonic_ns()
        approval = self._approvals.decide(by, approval_id, Verdict.APPROVED, now_ns)
        command = DICTIONARY.command(approval.name)
        details = {"approval_id": approval_id, "name": approval.name, "asked_by": approval.asked_by}
        self._issuer.note_action(by, "approve", details)
        if command.hazard is not Hazard.NONE:
            self._issue(by, DICTIONARY.command(ARM), _arm_arguments(command), approval.service)
        approval.command_id = self._issue(by, command, approval.arguments, approval.service)
        return self._approval_row(approval, now_ns)

    def refuse(self, by: Principal, approval_id: int) -> dict[str, Any]:
        """Refuse a command that waits for approval, or take it back.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: It does not wait any more, or was never asked for.
        """
        now_ns = time.monotonic_ns()
        approval = self._approvals.decide(by, approval_id, Verdict.REFUSED, now_ns)
        self._issuer.note_action(by, "refuse", {"approval_id": approval_id, "name": approval.name})
        return self._approval_row(approval, now_ns)

    def approvals(self) -> list[dict[str, Any]]:
        """Give the commands that wait for approval, and the latest that did, newest first."""
        now_ns = time.monotonic_ns()
        return [self._approval_row(each, now_ns) for each in self._approvals.all(now_ns)]

    async def latest(self, limit: int = 20) -> list[dict[str, Any]]:
        """Give the latest commands with all their stages, from the archive, newest first."""
        limit = max(0, min(limit, ROWS_ASKED_MAX))

        def read(history: History) -> list[dict[str, Any]]:
            return [plain(asdict(each)) for each in history.commands(limit)]

        return await read_archive(self._archive_path, read)

    async def command(self, command_id: int) -> dict[str, Any]:
        """Give one command with all its stages, from the archive.

        Raises:
            MisuseError: There is none of that number.
        """

        def read(history: History) -> CommandRecord | None:
            # What SQLite cannot hold is no number of a command.
            return history.command(command_id) if 0 < command_id < 1 << 63 else None

        found = await read_archive(self._archive_path, read)
        if found is None:
            raise MisuseError(f"unknown command number {command_id}")
        return plain(asdict(found))

    def observe(self, event: StationEvent) -> None:
        """Take note of how a command ended."""
        if isinstance(event, CommandStaged) and event.stage in FINAL:
            self._arming.ended(event.command_id, event.stage is Stage.COMPLETED, time.monotonic_ns())

    def _armed_by(
        self, by: Principal, command: Command, arguments: Mapping[str, Any], typed_name: str | None
    ) -> Command | None:
        """Give the command that this one arms; over the web its name has to be typed."""
        if command.name != ARM:
            return None
        message_type = (arguments["service"], arguments["subtype"])
        for each in DICTIONARY.commands.values():
            if (each.service, each.subtype) == message_type:
                if by.door is Door.WEB and not self.needs_two:
                    check_typed_name(each, typed_name)
                return each
        return None

    def _pass(self, hazards: list[Command]) -> None:
        """Let hazardous commands through, each by its arming.

        Raises:
            HazardError: One is not armed, or needs a second person.
        """
        self._require_second(hazards)
        for each in hazards:
            self._arming.take(each, time.monotonic_ns())

    def _require_second(self, hazards: list[Command]) -> None:
        if self.needs_two:
            for each in hazards:
                raise HazardError(
                    f"{each.name} {each.hazard.value}: expected it to be asked for, and approved by another"
                )

    def _issue(self, by: Principal, command: Command, arguments: Mapping[str, Any], service: Service) -> int:
        self._issuer.note_action(by, "send", {"name": command.name, "arguments": arguments, "service": service})
        command_id = self._issuer.station.command(command.name, arguments, service=service, now_ns=time.monotonic_ns())
        self._issuer.issue(command_id)
        return command_id

    def _approval_row(self, approval: Approval, now_ns: int) -> dict[str, Any]:
        return plain({**asdict(approval), "asked_s_ago": (now_ns - approval.asked_ns) / NS_PER_S})


def typed_arguments(command: Command, arguments: Mapping[str, Any]) -> dict[str, Any]:
    """Turn what JSON cannot carry back: octets came as hexadecimal; names of enumerations are taken as they are.

    Raises:
        MisuseError: Octets are no hexadecimal.
    """
    return _typed_values(command.arguments, arguments)


def service_of(name: str) -> Service:
    """Give the service of COP-1 of a name.

    Raises:
        MisuseError: There is none.
    """
    if name not in Service.__members__:
        raise MisuseError(f"service: expected one of {', '.join(Service.__members__)}, found {name!r}")
    return Service[name]


def _arm_arguments(command: Command) -> dict[str, Any]:
    declared = DICTIONARY.command(ARM).arguments
    return declared.complete({"service": command.service, "subtype": command.subtype})


def _decoded(command: Command, data: bytes) -> Mapping[str, Any]:
    try:
        return command.arguments.decode(data)
    except MalformedError:
        return {}  # The spacecraft refuses it too.


def _typed_values(layout: Layout, values: Mapping[str, Any]) -> dict[str, Any]:
    types = {field.name: field.type for field in layout.fields}
    return {key: _typed_value(key, types.get(key), value) for key, value in values.items()}


def _typed_value(key: str, kind: FieldType | None, value: Any) -> Any:
    match kind, value:
        case Octets(), str():
            try:
                return bytes.fromhex(value)
            except ValueError:
                raise MisuseError(f"{key}: expected hexadecimal octets, found {value!r}") from None
        case Rows(layout), list():
            return [_typed_values(layout, row) if isinstance(row, dict) else row for row in value]
        case _:
            return value
