"""From a telecommand packet to the service that executes it, with every report of ST[01] on the way.

No command acts twice: a telecommand is known by its source, APID, sequence count and digest. One that was dealt with is
answered from the ledger, with the very reports it was answered with then. What a command changes, and the reports it is
answered with, become durable in one record, before any of it is sent.

Source: ECSS-E-ST-70-41C 6.1 and 8.1 (request verification).
"""

import hashlib
from collections.abc import Iterable
from dataclasses import replace

from ccsds.errors import MalformedError, MisuseError
from ccsds.pus.telecommand import RequestId, Telecommand
from ccsds.pus.verification import VerificationStage
from ccsds.sdls.window import Receipt
from flight.acceptance import Acceptance, RefusedError
from flight.autonomy.release import Release
from flight.books.commands import Answer, Begun, Executed, Identity
from flight.books.seal import StruckBookError
from flight.commit import Change
from flight.events import CommandAnswered, Event, Rejected
from flight.journal import UncertainStoreError
from flight.ledger import Ledger
from flight.reporter import Reporter, clip_reason
from flight.request import Request, failure_report
from flight.services.service import Guard, Outcome, Service
from mission.dictionary import Dictionary, Repeat
from mission.failures import FailureCode
from mission.schedule import Fate
from mission.words.core import COMMAND_REPEATED, STORE_FAILED

DIGEST_OCTETS = 16
_REQUEST_ID_OCTETS = 4
_OUTCOME_NAMES = {
    Fate.EXECUTED: "executed",
    Fate.REFUSED: "refused",
    Fate.FAILED: "failed",
    Fate.OUTCOME_UNKNOWN: "failed",
}


class Router:
    """Deals with telecommand packets.

    Args:
        dictionary: The commands there are.
        ledger: What was dealt with before.
        reporter: Where answers go.
        services: What executes commands.
        guard: What lets them through.
    """

    def __init__(
        self,
        dictionary: Dictionary,
        ledger: Ledger,
        reporter: Reporter,
        services: Iterable[Service],
        guard: Guard,
    ) -> None:
        self._guard = guard
        self._dictionary = dictionary
        self._ledger = ledger
        self._reporter = reporter
        self._services = {service.number: service for service in services}
        self._acceptance = Acceptance(dictionary, self._services)
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
        """Deal with one packet. Whatever is wrong with it is reported, never raised.

        Raises:
            StruckBookError: Memory was struck.
        """
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
        request = Request(
            telecommand,
            begun=Begun(identity, telecommand.request_id.encode()),
            ended=lambda _, answers: Executed(identity, answers),
        )
        if answers is not None:
            try:
                self._ledger.make_certain()
            except OSError as error:
                # It was done, but whether a power cut would leave that so is not known.
                self._store_failed(request, UncertainStoreError(error.errno, error.strerror), now_ns)
            else:
                self._repeat(telecommand, answers, now_ns)
            return
        if self._ledger.request_begun(identity) is not None:
            self._fail_unknown(request, now_ns)
            return
        self._deal(request, now_ns)

    def release(self, release: Release, now_ns: int) -> Fate:
        """Deal with a telecommand that the spacecraft gives itself, as with one from the uplink.

        Not to be called while a frame is being dealt with.

        Returns:
            What became of it.

        Raises:
            OSError: The store failed. Whoever releases it tries again later; what is durable by then says whether it
                had begun.
        """
        try:
            telecommand = Telecommand.decode(release.packet)
        except MalformedError as error:  # It was whole when it was kept, and is not any more.
            self._events.append(Rejected(now_ns, "release", str(error)))
            self.refused_count += 1
            self._commit(release.ended(Fate.REFUSED))
            return Fate.REFUSED
        request = Request(telecommand, begun=release.begun, ended=lambda fate, _: release.ended(fate), is_release=True)
        if release.has_begun and self._is_once(telecommand):
            self._fail_unknown(request, now_ns)
        else:
            self._deal(request, now_ns)
        if request.store_error is not None:
            raise request.store_error
        return request.fate

    def _deal(self, request: Request, now_ns: int) -> None:
        """Take a telecommand through acceptance and execution."""
        try:
            command, arguments = self._acceptance.accept(request.telecommand)
            self._guard.check(command, now_ns, is_release=request.is_release)
        except RefusedError as error:
            request.refuse(error.code, str(error))
            self._conclude(request, Fate.REFUSED, str(error), now_ns)
            return
        request.name = command.name
        request.stage(VerificationStage.ACCEPTED)
        heard = () if request.is_release or command.is_automatic else self._guard.heard(now_ns)
        try:
            if command.repeat is Repeat.ONCE or (command.repeat is Repeat.IDEMPOTENT and request.is_release):
                self._commit(request.begun)
            elif command.repeat is Repeat.IDEMPOTENT and self._receipt is not None:
                # It may act before its record, and after a crash in between only the receipt keeps the frame out.
                self._commit()
            outcome = self._services[command.service].execute(command, arguments, now_ns)
        except MisuseError as error:
            request.fail(VerificationStage.START_FAILED, FailureCode.REFUSED, str(error))
            self._conclude(request, Fate.REFUSED, str(error), now_ns)
            return
        except OSError as error:
            self._store_failed(request, error, now_ns)
            return
        except StruckBookError:
            raise  # No answer that is given from here on can be trusted: the reset that it brings about is the mend.
        except Exception as error:
            # Nobody foresaw this one. It must end here, and be remembered: else the same octets, sent again, would end
            # the flight software again.
            text = f"fault in the flight software: {type(error).__name__}: {error}"
            request.fail(VerificationStage.START_FAILED, FailureCode.SOFTWARE_FAULT, text)
            self._conclude(request, Fate.FAILED, text, now_ns)
            return
        request.stage(VerificationStage.STARTED)
        request.answers += outcome.answers
        request.stage(VerificationStage.COMPLETED)
        outcome = replace(outcome, changes=(*outcome.changes, *heard))
        self._conclude(request, Fate.EXECUTED, "", now_ns, outcome)

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
        report = failure_report(VerificationStage.ACCEPTANCE_FAILED, request_id, code, reason)
        self._send((report,), 0, "unreadable")

    def _fail_unknown(self, request: Request, now_ns: int) -> None:
        text = "a reset fell into its execution"
        request.name = self._name_of(request.telecommand)
        request.fail(VerificationStage.COMPLETION_FAILED, FailureCode.OUTCOME_UNKNOWN, text)
        self._conclude(request, Fate.OUTCOME_UNKNOWN, text, now_ns)

    def _conclude(self, request: Request, fate: Fate, text: str, now_ns: int, outcome: Outcome | None = None) -> None:
        """Make a command's effect and its answers durable together, then let both be seen."""
        changes = outcome.changes if outcome else ()
        try:
            self._commit(*changes, request.ended(fate, tuple(request.answers)))
        except (OSError, MisuseError) as error:
            if request.is_release and outcome is not None and isinstance(error, MisuseError):
                # Its effect is longer than a record. Trying again would change nothing, and hold up all that follows.
                request.answers.clear()
                request.fail(VerificationStage.COMPLETION_FAILED, FailureCode.STORE, str(error))
                self._conclude(request, Fate.FAILED, str(error), now_ns)
                return
            self._store_failed(request, error, now_ns)
            return
        request.fate = fate
        if fate is Fate.EXECUTED:
            self.executed_count += 1
        else:
            self.refused_count += 1
        self._send(request.answers, request.telecommand.source_id, request.name)
        self._note(request.telecommand, request.name, _OUTCOME_NAMES[fate], text, now_ns)
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

    def _store_failed(self, request: Request, error: Exception, now_ns: int) -> None:
        """Say that nothing was done, or that it is not known. The same telecommand may be tried again."""
        self.refused_count += 1
        request.store_error = error if isinstance(error, OSError) else OSError(str(error))
        if not request.is_release:  # Who releases one tells of the failure and tries again; its end is reported then.
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
            request.answers.clear()
            code = FailureCode.OUTCOME_UNKNOWN if isinstance(error, UncertainStoreError) else FailureCode.STORE
            request.fail(VerificationStage.COMPLETION_FAILED, code, str(error))
            self._send(request.answers, request.telecommand.source_id, request.name)
        self._note(request.telecommand, request.name, "failed", str(error), now_ns)

    def _send(self, answers: Iterable[Answer], source_id: int, name: str) -> None:
        for answer in answers:
            self._reporter.answer(answer, source_id, name)

    def _note(self, telecommand: Telecommand, name: str, outcome: str, text: str, now_ns: int) -> None:
        event = CommandAnswered(now_ns, name, telecommand.source_id, telecommand.sequence_count, outcome, text)
        self._events.append(event)

    def _is_once(self, telecommand: Telecommand) -> bool:
        try:
            command = self._dictionary.command_of(telecommand.service, telecommand.subtype)
        except MalformedError:
            return False
        return command.repeat is Repeat.ONCE

    def _name_of(self, telecommand: Telecommand) -> str:
        try:
            return self._dictionary.command_of(telecommand.service, telecommand.subtype).name
        except MalformedError:
            return f"[{telecommand.service},{telecommand.subtype}]"
