"""From a telecommand packet to the service that executes it, with every report of ST[01] on the way.

No command acts twice: a telecommand is known by its source, APID, sequence count and digest. One that was dealt with is
answered from the ledger, with the very reports it was answered with then. What a command changes, and the reports it is
answered with, become durable in one record, before any of it is sent.

Source: ECSS-E-ST-70-41C 6.1 and 8.1 (request verification).
"""

import hashlib
from collections.abc import Iterable

from ccsds.errors import MalformedError, MisuseError
from ccsds.pus.telecommand import AckFlags, RequestId, Telecommand
from ccsds.pus.verification import VerificationReport, VerificationStage
from ccsds.sdls.window import Receipt
from flight.books.commands import Answer, Begun, Executed, Identity
from flight.commit import Change
from flight.events import CommandAnswered, Event, Rejected
from flight.journal import UncertainStoreError
from flight.ledger import Ledger
from flight.reporter import Reporter, clip_reason
from flight.services.service import Outcome, Service
from mission.channels import Apid
from mission.dictionary import Command, Dictionary, Repeat
from mission.failures import FailureCode
from mission.words.core import COMMAND_REPEATED, STORE_FAILED

DIGEST_OCTETS = 16
_REQUEST_ID_OCTETS = 4
_WANTED = {
    VerificationStage.ACCEPTED: AckFlags.ACCEPTANCE,
    VerificationStage.STARTED: AckFlags.START,
    VerificationStage.COMPLETED: AckFlags.COMPLETION,
}


class _RefusedError(Exception):
    """A telecommand fails acceptance."""

    def __init__(self, code: FailureCode, text: str) -> None:
        super().__init__(text)
        self.code = code


class Router:
    """Deals with telecommand packets.

    Args:
        dictionary: The commands there are.
        ledger: What was dealt with before.
        reporter: Where answers go.
        services: What executes commands.
    """

    def __init__(self, dictionary: Dictionary, ledger: Ledger, reporter: Reporter, services: Iterable[Service]) -> None:
        self._dictionary = dictionary
        self._ledger = ledger
        self._reporter = reporter
        self._services = {service.number: service for service in services}
        self._events: list[Event] = []
        self._receipt: Receipt | None = None
        self.executed_count = 0
        self.refused_count = 0
        self.repeated_count = 0

    def take_events(self) -> list[Event]:
        """Give what happened since the last call."""
        taken, self._events = self._events, []
        return taken

    def route_frame(self, packets: Iterable[bytes], receipt: Receipt | None, now_ns: int) -> None:
        """Deal with the packets of one frame.

        Args:
            packets: In the order of the frame.
            receipt: What must be durable before the frame acts; None if it is not protected.
            now_ns: Now.
        """
        self._receipt = receipt
        for packet in packets:
            self.route(packet, now_ns)
        if self._receipt is not None:  # No packet has committed anything, so none has acted.
            try:
                self._commit()
            except OSError as error:
                self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
        self._receipt = None

    def route(self, packet: bytes, now_ns: int) -> None:
        """Deal with one packet. Whatever is wrong with it is reported, never raised."""
        try:
            telecommand = Telecommand.decode(packet)
        except MalformedError as error:
            self._refuse_unreadable(packet, str(error), now_ns)
            return
        identity = Identity(
            telecommand.source_id,
            telecommand.apid,
            telecommand.sequence_count,
            hashlib.sha256(packet).digest()[:DIGEST_OCTETS],
        )
        answers = self._ledger.answers_to(identity)
        if answers is not None:
            self._repeat(telecommand, answers, now_ns)
            return
        request = _Request(telecommand, identity)
        if self._ledger.request_begun(identity) is not None:
            self._fail(request, FailureCode.OUTCOME_UNKNOWN, "a reset fell into its execution", now_ns)
            return
        try:
            command, arguments = self._accept(telecommand)
        except _RefusedError as error:
            request.refuse(error.code, str(error))
            self._conclude(request, "refused", str(error), now_ns)
            return
        request.name = command.name
        request.stage(VerificationStage.ACCEPTED)
        try:
            if command.repeat is Repeat.ONCE:
                self._commit(Begun(identity, request.id))
            elif command.repeat is Repeat.IDEMPOTENT and self._receipt is not None:
                # It may act before its record, and after a crash in between only the receipt keeps the frame out.
                self._commit()
            outcome = self._services[command.service].execute(command, arguments, now_ns)
        except MisuseError as error:
            request.fail(VerificationStage.START_FAILED, FailureCode.REFUSED, str(error))
            self._conclude(request, "refused", str(error), now_ns)
            return
        except OSError as error:
            self._store_failed(request, error, now_ns)
            return
        except Exception as error:
            # Nobody foresaw this one. It must end here, and be remembered: else the same octets, sent again, would end
            # the flight software again.
            text = f"fault in the flight software: {type(error).__name__}: {error}"
            request.fail(VerificationStage.START_FAILED, FailureCode.SOFTWARE_FAULT, text)
            self._conclude(request, "failed", text, now_ns)
            return
        request.stage(VerificationStage.STARTED)
        request.answers += outcome.answers
        request.stage(VerificationStage.COMPLETED)
        self._conclude(request, "executed", "", now_ns, outcome)

    def _accept(self, telecommand: Telecommand) -> tuple[Command, dict]:
        if telecommand.apid != Apid.CORE:
            raise _RefusedError(FailureCode.UNKNOWN_APID, f"expected APID {Apid.CORE:#x}, found {telecommand.apid:#x}")
        if not self._dictionary.has_service(telecommand.service) or telecommand.service not in self._services:
            known = ", ".join(map(str, sorted(self._services)))
            text = f"unknown service {telecommand.service}: expected one of {known}"
            raise _RefusedError(FailureCode.UNKNOWN_SERVICE, text)
        try:
            command = self._dictionary.command_of(telecommand.service, telecommand.subtype)
        except MalformedError as error:
            raise _RefusedError(FailureCode.UNKNOWN_SUBTYPE, str(error)) from None
        try:
            return command, command.arguments.decode(telecommand.data)
        except MalformedError as error:
            raise _RefusedError(FailureCode.BAD_ARGUMENT, f"{command.name}: {error}") from None

    def _repeat(self, telecommand: Telecommand, answers: tuple[Answer, ...], now_ns: int) -> None:
        self.repeated_count += 1
        self._reporter.event(
            COMMAND_REPEATED, sequence_count=telecommand.sequence_count, source_id=telecommand.source_id
        )
        name = self._name_of(telecommand)
        self._send(answers, telecommand.source_id, name)
        self._note(telecommand, name, "repeated", "", now_ns)

    def _refuse_unreadable(self, packet: bytes, reason: str, now_ns: int) -> None:
        """Answer a packet that cannot be read, if as much as its first four octets can.

        Nothing of it is journalled: it has no identity to be known by.
        """
        self.refused_count += 1
        self._events.append(Rejected(now_ns, "packet", reason))
        if len(packet) < _REQUEST_ID_OCTETS:
            return
        try:
            request_id = RequestId.decode(packet[:_REQUEST_ID_OCTETS])
        except MalformedError:
            return
        code = FailureCode.CHECKSUM if "CRC" in reason else FailureCode.MALFORMED_PACKET
        report = _failure(VerificationStage.ACCEPTANCE_FAILED, request_id, code, reason)
        self._send((report,), 0, "unreadable")

    def _fail(self, request: "_Request", code: FailureCode, text: str, now_ns: int) -> None:
        request.name = self._name_of(request.telecommand)
        request.fail(VerificationStage.COMPLETION_FAILED, code, text)
        self._conclude(request, "failed", text, now_ns)

    def _conclude(
        self, request: "_Request", outcome_name: str, text: str, now_ns: int, outcome: Outcome | None = None
    ) -> None:
        """Make a command's effect and its answers durable together, then let both be seen."""
        changes = outcome.changes if outcome else ()
        try:
            self._commit(*changes, Executed(request.identity, tuple(request.answers)))
        except (OSError, MisuseError) as error:
            self._store_failed(request, error, now_ns)
            return
        if outcome_name == "executed":
            self.executed_count += 1
        else:
            self.refused_count += 1
        self._send(request.answers, request.telecommand.source_id, request.name)
        self._note(request.telecommand, request.name, outcome_name, text, now_ns)
        if outcome is not None and outcome.afterwards is not None:
            outcome.afterwards(now_ns)

    def _commit(self, *changes: Change) -> None:
        """Make changes durable, and with the first of a frame its receipt.

        Raises:
            OSError: The store failed; nothing has changed.
        """
        receipt = () if self._receipt is None else (self._receipt,)
        self._ledger.commit(*receipt, *changes)
        self._receipt = None

    def _store_failed(self, request: "_Request", error: Exception, now_ns: int) -> None:
        """Say that nothing was done, or that it is not known. The same telecommand may be tried again."""
        self.refused_count += 1
        request.answers.clear()
        code = FailureCode.OUTCOME_UNKNOWN if isinstance(error, UncertainStoreError) else FailureCode.STORE
        request.fail(VerificationStage.COMPLETION_FAILED, code, str(error))
        self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
        self._send(request.answers, request.telecommand.source_id, request.name)
        self._note(request.telecommand, request.name, "failed", str(error), now_ns)

    def _send(self, answers: Iterable[Answer], source_id: int, name: str) -> None:
        for answer in answers:
            self._reporter.answer(answer, source_id, name)

    def _note(self, telecommand: Telecommand, name: str, outcome: str, text: str, now_ns: int) -> None:
        event = CommandAnswered(now_ns, name, telecommand.source_id, telecommand.sequence_count, outcome, text)
        self._events.append(event)

    def _name_of(self, telecommand: Telecommand) -> str:
        try:
            return self._dictionary.command_of(telecommand.service, telecommand.subtype).name
        except MalformedError:
            return f"[{telecommand.service},{telecommand.subtype}]"


class _Request:
    """A telecommand that is being dealt with, and the reports it has come to so far."""

    def __init__(self, telecommand: Telecommand, identity: Identity) -> None:
        self.telecommand = telecommand
        self.identity = identity
        self.name = f"[{telecommand.service},{telecommand.subtype}]"
        self.answers: list[Answer] = []

    @property
    def id(self) -> bytes:
        """The four octets by which ST[01] reports name it."""
        return self.telecommand.request_id.encode()

    def stage(self, stage: VerificationStage) -> None:
        """Add a success report, if the telecommand asks for it."""
        if _WANTED[stage] in self.telecommand.ack:
            report = VerificationReport(stage=stage, request_id=self.telecommand.request_id)
            self.answers.append(Answer(1, stage, report.encode()))

    def refuse(self, code: FailureCode, text: str) -> None:
        """Add a failed acceptance report."""
        self.fail(VerificationStage.ACCEPTANCE_FAILED, code, text)

    def fail(self, stage: VerificationStage, code: FailureCode, text: str) -> None:
        """Add a failure report, which is sent whatever the telecommand asks for (6.1.4.3.b)."""
        self.answers.append(_failure(stage, self.telecommand.request_id, code, text))


def _failure(stage: VerificationStage, request_id: RequestId, code: FailureCode, text: str) -> Answer:
    report = VerificationReport(stage=stage, request_id=request_id, failure_code=code, failure_text=clip_reason(text))
    return Answer(1, stage, report.encode())
