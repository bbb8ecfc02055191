"""Every power of a station in service, in one place: what the API's routes and the console's pages call.

Commands are in `commanding`, files in `filing`, alarms in `alarming`, the past in `archiving`, listeners in
`subscriptions`; the rest is here. It runs on the event
loop of the station. Whoever acts says who acts (`ground.access.principal`); looking is for everybody who was let in.
"""

import time
from collections.abc import Mapping
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from ccsds.cop1.fop import Directive, Service
from ccsds.errors import MisuseError
from ccsds.sdls.key_state import KeyOperation
from ccsds.sdls.security import KeyStatus
from ground.access.audit import read_audit
from ground.access.guard import Guard
from ground.access.principal import Principal, Role
from ground.archive.history import History
from ground.events import KeyChanged, plain
from ground.server.alarming import Alarming
from ground.server.archiving import Archiving
from ground.server.commanding import ROWS_ASKED_MAX, Commanding
from ground.server.filing import Filing
from ground.server.parameters import LatestParameters, Sample
from ground.server.procedures import Procedures
from ground.server.reading import read_archive
from ground.server.stacks import Stacks
from ground.server.subscriptions import Subscriptions

if TYPE_CHECKING:
    from ground.serve import StationService

# The state machine has one more, which a key store does by itself.
_KEY_OPERATIONS = {each.value: each for each in (KeyOperation.ACTIVATE, KeyOperation.DEACTIVATE, KeyOperation.DESTROY)}

# What a job can be told, beside being submitted.
JOB_ACTIONS = ("pause", "resume", "cancel", "discard", "report")


class Operations:
    """What can be asked of one station.

    Args:
        host: The station in service.
        guard: Knows who may come in. Where people have to log in, hazardous commands need a second person.
    """

    def __init__(self, host: "StationService", guard: Guard) -> None:
        self._host = host
        self.procedures: Procedures
        self.parameters = LatestParameters()
        self.subscriptions = Subscriptions(self.parameters)
        self.commanding = Commanding(host, host.config.archive_path, needs_two=guard.has_users)
        self.stacks = Stacks(self.commanding, guard, host.note_action)
        self.filing = Filing(host, host.config.archive_path)
        self.alarming = Alarming(host)
        self.archiving = Archiving(host)

    # What is known.

    def state(self) -> dict[str, Any]:
        """Give all that the station knows at the moment, in plain values."""
        return {
            **plain(self._host.station.snapshot()),
            "link_url": self._host.config.link,
            "port": self._host.port_text,
            "unix_ns": time.time_ns(),
            "started_unix_ns": self._host.started_unix_ns,
            "listeners": len(self.subscriptions),
            "listeners_dropped": self.subscriptions.dropped,
            "archive_trouble": self._host.recorder.trouble,
            "rules_trouble": self._host.rules_trouble,
            "alarms": self._host.watch.alarms.snapshot(),
            "needs_two": self.commanding.needs_two,
            "armed": self.commanding.armed(),
        }

    def jobs(self) -> dict[str, dict[str, Any]]:
        """Give the jobs that were heard of, by their numbers."""
        return self._host.station.snapshot()["jobs"]

    def conversations(self) -> dict[str, list[dict[str, Any]]]:
        """Give the conversations with the model on board that were heard of, by their numbers, turns in order."""
        return self._host.station.snapshot()["conversations"]

    def passes(self, from_unix_ns: int | None, span_ns: int) -> list[dict[str, Any]]:
        """Give the passes that are expected in a span from a time or now, in order; none where there is no plan."""
        begin_ns = time.time_ns() if from_unix_ns is None else from_unix_ns
        return [asdict(each) for each in self._host.plan.between(begin_ns, begin_ns + span_ns)]

    def latest_parameters(self) -> dict[str, Sample]:
        """Give the latest value of every parameter that was heard of, by name."""
        return self.parameters.all()

    async def events(self, limit: int = 100) -> list[dict[str, Any]]:
        """Give the latest events of station and spacecraft, from the archive, newest first."""
        limit = max(0, min(limit, ROWS_ASKED_MAX))

        def read(history: History) -> list[dict[str, Any]]:
            return [plain(asdict(each)) for each in history.events(limit)]

        return await read_archive(self._host.config.archive_path, read)

    async def packets(self, name: str | None = None, limit: int = 100) -> list[dict[str, Any]]:
        """Give the latest reports, of one name or of all, from the archive, newest first."""
        limit = max(0, min(limit, ROWS_ASKED_MAX))

        def read(history: History) -> list[dict[str, Any]]:
            return [plain(asdict(each)) for each in history.packets(name, limit)]

        return await read_archive(self._host.config.archive_path, read)

    async def frames(self, limit: int = 100) -> list[dict[str, Any]]:
        """Give the latest frames as they came, from the archive, newest first."""
        limit = max(0, min(limit, ROWS_ASKED_MAX))

        def read(history: History) -> list[dict[str, Any]]:
            return [plain(asdict(each)) for each in history.frames(limit)]

        return await read_archive(self._host.config.archive_path, read)

    def audit(self, by: Principal, limit: int = 100) -> list[dict[str, Any]]:
        """Give the latest of what was done at this station, newest first.

        Raises:
            DeniedError: Who asks may not.
        """
        by.require(Role.COMMANDER, "audit")
        return read_audit(self._host.config.audit_path, max(0, min(limit, ROWS_ASKED_MAX)))

    # What can be done, beside commands and files.

    def act_on_job(self, by: Principal, job_id: int, action: str, *, service: Service = Service.AD) -> int:
        """Tell a job something, and give the number of the command that does it.

        Raises:
            DeniedError: Who asks may not.
            HazardError: It loses work, and is neither armed nor approved.
            MisuseError: There is no such action.
        """
        if action not in JOB_ACTIONS:
            raise MisuseError(f"job: expected one of {', '.join(JOB_ACTIONS)}, found {action!r}")
        return self.commanding.send(by, f"job.{action}", {"job_id": job_id}, service=service)

    def prompt(
        self, by: Principal, conversation: int, arguments: Mapping[str, Any], *, service: Service = Service.AD
    ) -> tuple[int, int]:
        """Say something to the model on board, as the next turn of a conversation unless a turn is given.

        Args:
            by: Who asks.
            conversation: Its number.
            arguments: The others of ``chat.prompt``.
            service: AD, or BD past the sequence.

        Returns:
            The number of the command that carries it, and of the turn.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: An argument is not as the dictionary has it.
        """
        said = self.conversations().get(str(conversation), [])
        turn = arguments.get("turn", max((each["turn"] for each in said), default=0) + 1)
        complete = {**arguments, "conversation": conversation, "turn": turn}
        return self.commanding.send(by, "chat.prompt", complete, service=service), turn

    def stop_reply(self, by: Principal, conversation: int, *, service: Service = Service.AD) -> int:
        """Have the model end its reply in a conversation and drop the prompts that wait; give the command's number.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: It is no number of a conversation.
        """
        return self.commanding.send(by, "chat.stop", {"conversation": conversation}, service=service)

    def cop1(self, by: Principal, directive: str | None = None, value: int | None = None) -> dict[str, Any]:
        """Give FOP-1 a directive, if one is given, and give where it is afterwards.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: FOP-1 rejects it, or its value is missing, out of range, or not wanted.
        """
        if directive is not None:
            by.require(Role.COMMANDER, "COP-1")
            if directive not in Directive.__members__:
                known = ", ".join(Directive.__members__)
                raise MisuseError(f"directive: expected one of {known}, found {directive!r}")
            self._host.note_action(by, "cop1", {"directive": directive, "value": value})
            try:
                self._host.station.direct_cop1(Directive[directive], value, now_ns=time.monotonic_ns())
            finally:
                self._host.take(self._host.station.take_events())
                self._host.wake()
        return plain(self._host.station.snapshot()["cop1"])

    def keys(self, by: Principal, action: str | None = None, spi: int | None = None) -> dict[str, Any]:
        """Give the keys of the ground, after an operation on one of them if one is given. No key itself is told.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: The station has no keys, or the operation is not allowed.
        """
        security = self._host.security
        if security is None:
            raise MisuseError("expected a station with keys, found one that serves --insecure")
        if action is not None:
            by.require(Role.APPROVER, "keys")
            if action not in _KEY_OPERATIONS or spi is None:
                known = ", ".join(_KEY_OPERATIONS)
                raise MisuseError(f"keys: expected one of {known} and an SPI, found {action!r} and {spi}")
            self._host.note_action(by, f"key {action}", {"spi": spi})
            try:
                moved = security.operate(spi, _KEY_OPERATIONS[action])
            except OSError as error:
                raise MisuseError(f"keys: expected a disk that takes the change, found: {error}; try again") from None
            changed = KeyChanged(
                time_ns=time.monotonic_ns(), spi=moved.spi, before=moved.before.name, after=moved.after.name
            )
            self._host.take([changed])
            self._host.wake()
        return {
            "set_id": security.set_id,
            "standing": security.standing.value,
            "counts": plain(security.counts),
            "keys": [_key_row(status) for status in security.keys],
        }

    def note_action(self, by: Principal, action: str, details: dict[str, Any]) -> None:
        """Keep what somebody does that is done elsewhere; it is durable at return.

        Raises:
            OSError: The disk does not take it.
        """
        self._host.note_action(by, action, details)

    def stop(self, by: Principal) -> None:
        """End the station's service.

        Raises:
            DeniedError: Who asks may not.
        """
        by.require(Role.APPROVER, "stop")
        self._host.note_action(by, "stop", {})
        self._host.stop()


def _key_row(status: KeyStatus) -> dict[str, Any]:
    """Give one key in plain values."""
    association = status.association
    return {
        "spi": association.spi,
        "link": association.link.value,
        "virtual_channel": association.virtual_channel,
        "suite": association.suite.value,
        "state": status.state.value,
        "sends": status.sends,
        "reserved": status.reserved,
        "highest": status.highest,
    }
