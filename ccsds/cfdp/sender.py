"""The sending end of one CFDP transaction, class 1 or 2. It never reads a clock, and reads its file through the host.

Its states are one table. What it sends is pulled: directives that are due, then what was asked for again, then the
file itself, and, when the line has nothing else, the end of the file that nothing confirmed yet
(`ccsds.cfdp.retransmission`).

Source: CCSDS 727.0-B-5 4.6.1.1, 4.7, 4.11.
"""

from collections.abc import Callable

import msgspec

from ccsds.cfdp.checksum import file_checksum
from ccsds.cfdp.codes import (
    ChecksumType,
    ConditionCode,
    DeliveryCode,
    Direction,
    DirectiveCode,
    FileStatus,
    HandlerCode,
    PromptResponse,
    TransactionStatus,
    TransmissionMode,
)
from ccsds.cfdp.contact_clock import RepeatTimer, RoundTrip
from ccsds.cfdp.directives import Ack, Directive, Eof, FileData, Finished, KeepAlive, Nak, Prompt
from ccsds.cfdp.events import (
    FaultRaised,
    FileSent,
    Rejection,
    Role,
    TransactionFinished,
    TransactionResumed,
    TransactionSuspended,
)
from ccsds.cfdp.header import PduHeader, PduType
from ccsds.cfdp.host import PIECE_OCTETS, SYNC_OCTETS, Host
from ccsds.cfdp.mib import RemoteConfig
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.records import ClosedRecord, SenderRecord, transaction_of
from ccsds.cfdp.retransmission import Retransmission
from ccsds.cfdp.sender_table import TABLE, SenderEffect, SenderEvent, SenderState
from ccsds.cfdp.tlv import FaultHandlerOverride
from ccsds.cfdp.transfer import Transfer
from ccsds.crc import CRC16_OCTETS, crc16


class Sender:
    """The sending end of one transaction.

    Args:
        host: The entity that it lives in.
        remote: Where the file goes.
        round_trip: As measured to there.
        record: The transaction, new or from the journal.
        time_ns: Contact time.
    """

    def __init__(
        self, host: Host, remote: RemoteConfig, round_trip: RoundTrip, record: SenderRecord, time_ns: int
    ) -> None:
        self.identity = transaction_of(record.header)
        self.priority = record.request.priority
        self.state = SenderState.SENDING
        self.is_suspended = record.is_suspended
        self._host = host
        self._remote = remote
        self._round_trip = round_trip
        self._request = record.request
        self._header = record.header
        self._metadata = record.metadata
        self._size = record.metadata.size_octets
        self._condition = record.condition
        self._fault_location: int | None = None
        self._progress = self._saved_progress = record.progress_octets
        self._checksum = file_checksum(ChecksumType(record.metadata.checksum_type), record.runs)
        self._retransmission = Retransmission(remote, round_trip)
        self._due: dict[DirectiveCode, None] = {DirectiveCode.METADATA: None}
        self._prompt = PromptResponse.NAK
        self._finished: Finished | None = None
        self._acknowledged = (ConditionCode.NO_ERROR, TransactionStatus.ACTIVE)
        # The piece of the file that is being sent; it is summed when it was sent.
        self._piece, self._piece_start, self._piece_end = b"", self._progress, self._progress
        self._segment_octets = remote.segment_octets
        self._offset_octets = 8 if record.header.is_large else 4
        self._segment_prefix = _segment_prefix(record.header, remote.segment_octets + self._offset_octets)
        self._ack_timer = RepeatTimer(1, remote.ack_interval_max_ns)
        self._check_timer = RepeatTimer(remote.check_interval_ns, remote.check_interval_ns)
        self._inactivity_timer = RepeatTimer(remote.inactivity_ns, remote.inactivity_ns)
        if record.condition is not ConditionCode.NO_ERROR:
            self._apply(SenderEvent.CANCEL, time_ns)
        host.want_directive(self)
        host.want_data(self)

    @property
    def destination(self) -> int:
        """Entity id of the far end."""
        return self._header.destination

    def snapshot(self) -> Transfer:
        """Give how far it is."""
        return Transfer(
            transaction=self.identity,
            role=Role.SENDER,
            far_end=self._header.destination,
            source_name=self._metadata.source_name,
            destination_name=self._metadata.destination_name,
            size_octets=self._size,
            done_octets=self._progress,
            state=self.state,
            condition=self._condition,
            is_suspended=self.is_suspended,
        )

    def durable_record(self) -> SenderRecord:
        """Give what the journal must know."""
        start = self._piece_start if self._progress > self._piece_start else self._progress
        return SenderRecord(
            header=self._header,
            request=self._request,
            metadata=self._metadata,
            progress_octets=start,
            runs=tuple(self._checksum.runs()),
            condition=self._condition,
            is_suspended=self.is_suspended,
        )

    def receive(self, body: Directive, time_ns: int) -> None:
        """Take a directive from the far end."""
        self._inactivity_timer.restart(time_ns)
        self._inactivity_timer.count = 0
        match body:
            case Nak():
                self._receive_nak(body, time_ns)
            case Ack(directive=DirectiveCode.EOF):
                if body.condition is self._condition or self.state is not SenderState.CANCELLING:
                    self._retransmission.answered(time_ns)
                    self._apply(SenderEvent.EOF_ACKNOWLEDGED, time_ns)
            case Finished():
                self._finished = body
                self._acknowledged = (body.condition, TransactionStatus.ACTIVE)
                if self._condition is ConditionCode.NO_ERROR:
                    self._condition = body.condition
                self._apply(SenderEvent.FINISHED, time_ns)
            case KeepAlive():
                behind = self._progress - body.progress_octets
                if 0 < self._remote.keep_alive_limit_octets < behind:
                    self._fault(ConditionCode.KEEP_ALIVE_LIMIT_REACHED, f"{behind} octets behind", time_ns)
            case _:
                self._host.reject(
                    Rejection.OUT_OF_PLACE,
                    f"expected NAK, ACK of EOF, Finished or Keep Alive, found {type(body).__name__}",
                    self.identity,
                    ConditionCode.NO_ERROR,
                )
        self._host.wake(self)

    def pull_directive(self, time_ns: int) -> bytes | None:
        """Give a directive that is due."""
        if not self._due or (self.is_suspended and self.state is not SenderState.CLOSED):
            return None
        code = next(iter(self._due))
        del self._due[code]
        header = self._header
        match code:
            case DirectiveCode.METADATA:
                return Pdu(header, self._metadata).encode()
            case DirectiveCode.EOF:
                self._retransmission.sent_eof(time_ns)
                return Pdu(header, self._eof()).encode()
            case DirectiveCode.PROMPT:
                return Pdu(header, Prompt(self._prompt)).encode()
            case _:
                return Pdu(header, Ack(DirectiveCode.FINISHED, *self._acknowledged)).encode()

    def pull_data(self, time_ns: int) -> bytes | None:
        """Give what was asked for again, or else what was not sent yet."""
        if self.is_suspended:
            return None
        if self._retransmission.is_asked:
            asked = self._retransmission.next_asked(self._segment_octets, time_ns)
            if asked is not None and self.state not in (SenderState.CLOSED, SenderState.CANCELLING):
                return self._segment(asked[0], self._host.store.read(self._metadata.source_name, *asked), time_ns)
        if self.state is not SenderState.SENDING:
            return None
        start = self._progress
        if start >= self._piece_end and not self._load_piece(time_ns):
            return None
        index = start - self._piece_start
        data = self._piece[index : index + self._segment_octets]
        end = self._progress = start + len(data)
        self._retransmission.sent(end, time_ns)
        if end == self._size:
            self._all_sent(time_ns)
        if len(data) == self._segment_octets:
            pdu = self._segment_prefix + start.to_bytes(self._offset_octets, "big") + data
            return pdu + crc16(pdu).to_bytes(CRC16_OCTETS, "big") if self._header.has_crc else pdu
        return Pdu(self._header, FileData(start, data)).encode()

    def pull_idle(self, time_ns: int) -> bytes | None:
        """Give a part of the unconfirmed end of the file once more."""
        if self.is_suspended or self.state not in (SenderState.AWAITING_ACK, SenderState.AWAITING_FINISHED):
            return None
        if self._header.mode is TransmissionMode.UNACKNOWLEDGED:
            return None
        tail = self._retransmission.next_unconfirmed(self._progress, self._segment_octets, time_ns)
        if tail is None:
            return None
        return self._segment(tail[0], self._host.store.read(self._metadata.source_name, *tail), time_ns)

    def advance(self, time_ns: int) -> None:
        """Let time pass."""
        if self.is_suspended:
            return
        if self._ack_timer.ring(time_ns):
            if self._ack_timer.count > self._remote.ack_limit:
                detail = f"{self._ack_timer.count} EOFs without an answer"
                self._fault(ConditionCode.POSITIVE_ACK_LIMIT_REACHED, detail, time_ns)
            else:
                self._want(DirectiveCode.EOF)
        if self._inactivity_timer.ring(time_ns):
            if self._inactivity_timer.count > self._remote.inactivity_limit:
                detail = f"nothing heard {self._inactivity_timer.count} times"
                self._fault(ConditionCode.INACTIVITY_DETECTED, detail, time_ns)
            else:
                self._want(DirectiveCode.EOF)
        if self._check_timer.ring(time_ns) and self._check_timer.count >= self._remote.check_limit:
            self._fault(ConditionCode.CHECK_LIMIT_REACHED, "no Finished came", time_ns)

    def deadline(self) -> int | None:
        """Give the contact time at which `advance` has something to do."""
        if self.is_suspended:
            return None
        times = (self._ack_timer.deadline_ns, self._inactivity_timer.deadline_ns, self._check_timer.deadline_ns)
        return min((time for time in times if time is not None), default=None)

    def contact(self, up: bool, time_ns: int) -> None:
        """Take notice that contact begins or ends: what waits for an answer asks again at once."""
        self._retransmission.contact_changed()
        if up and self.state in (SenderState.AWAITING_ACK, SenderState.AWAITING_FINISHED, SenderState.CANCELLING):
            self._ack_timer.quicken()
            self._ack_timer.restart(time_ns)
            if self._header.mode is TransmissionMode.ACKNOWLEDGED:
                self._want(DirectiveCode.EOF)
                self._host.want_idle(self)
            self._host.wake(self)
        elif not up and self.state is SenderState.SENDING and self._piece_start > self._saved_progress:
            self._save()

    def suspend(self, condition: ConditionCode) -> None:
        """Stand still until resumed."""
        if self.is_suspended or self.state is SenderState.CLOSED:
            return
        self.is_suspended = True
        self._save()
        self._host.tell(TransactionSuspended(self.identity, Role.SENDER, condition))

    def resume(self, time_ns: int) -> None:
        """Go on."""
        if not self.is_suspended:
            return
        self.is_suspended = False
        self._save()
        self._host.tell(TransactionResumed(self.identity, Role.SENDER, self._progress))
        for timer in (self._ack_timer, self._inactivity_timer, self._check_timer):
            timer.restart(time_ns)
        self.contact(True, time_ns)
        self._host.want_directive(self)
        self._host.want_data(self)
        self._host.wake(self)

    def cancel(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell the far end."""
        if self.state in (SenderState.CANCELLING, SenderState.CLOSED):
            return
        self.is_suspended = False
        self._condition = condition
        self._fault_location = self._host.mib.entity
        self._sum_piece()
        is_acknowledged = self._header.mode is TransmissionMode.ACKNOWLEDGED
        if is_acknowledged:
            self._save()
        self._apply(SenderEvent.CANCEL if is_acknowledged else SenderEvent.CANCEL_UNACKNOWLEDGED, time_ns)
        self._host.wake(self)

    def abandon(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell nobody."""
        self._condition = condition
        self._apply(SenderEvent.ABANDON, time_ns)

    def prompt(self, response: PromptResponse) -> None:
        """Ask the receiver for a NAK or a Keep Alive."""
        self._prompt = response
        self._want(DirectiveCode.PROMPT)

    def fail(self, error: OSError, time_ns: int) -> None:
        """Take notice that the store failed."""
        self._fault(ConditionCode.FILESTORE_REJECTION, str(error), time_ns)

    def _receive_nak(self, nak: Nak, time_ns: int) -> None:
        if self.state not in (SenderState.SENDING, SenderState.AWAITING_ACK, SenderState.AWAITING_FINISHED):
            return
        if any(start > end for start, end in nak.requests) or nak.scope_start_octets > nak.scope_end_octets:
            detail = "expected intervals that end after they start"
            self._host.reject(Rejection.CONTRADICTION, detail, self.identity, ConditionCode.NO_ERROR)
            return
        if (0, 0) in nak.requests:
            self._want(DirectiveCode.METADATA)
        self._retransmission.receive_nak(nak, self._progress, time_ns)
        if self._retransmission.is_asked:
            self._host.want_data(self)
        if self.state is not SenderState.SENDING:
            self._host.want_idle(self)

    def _load_piece(self, time_ns: int) -> bool:
        """Read the next piece of the file; tell whether there is one."""
        self._sum_piece()
        if self._progress == self._size:
            self._all_sent(time_ns)
            return False
        if self._progress - self._saved_progress >= SYNC_OCTETS:
            self._save()
        # Whole segments, so that only the last one of the file is shorter.
        octets = max(1, PIECE_OCTETS // self._segment_octets) * self._segment_octets
        octets = min(octets, self._size - self._progress)
        self._piece = self._host.store.read(self._metadata.source_name, self._progress, octets)
        self._piece_start, self._piece_end = self._progress, self._progress + len(self._piece)
        if len(self._piece) < octets:
            self._piece_end = self._piece_start
            detail = f"expected {octets} octets at {self._progress}, found {len(self._piece)}: the file became shorter"
            self._piece = b""
            self._fault(ConditionCode.FILE_SIZE_ERROR, detail, time_ns)
            return False
        return True

    def _sum_piece(self) -> None:
        """Sum what was sent of the piece, and drop it."""
        sent = self._progress - self._piece_start
        if sent:
            self._checksum.add(self._piece_start, self._piece[:sent])
        self._piece, self._piece_start, self._piece_end = b"", self._progress, self._progress

    def _all_sent(self, time_ns: int) -> None:
        self._sum_piece()
        self._host.tell(FileSent(self.identity))
        if self._header.mode is TransmissionMode.ACKNOWLEDGED:
            event = SenderEvent.ALL_SENT
        elif self._metadata.closure_requested:
            event = SenderEvent.ALL_SENT_WITH_CLOSURE
        else:
            event = SenderEvent.ALL_SENT_UNACKNOWLEDGED
        self._apply(event, time_ns)
        self._host.wake(self)

    def _segment(self, start: int, data: bytes, time_ns: int) -> bytes | None:
        if not data:
            self._fault(ConditionCode.FILE_SIZE_ERROR, f"expected octets at {start}, found none", time_ns)
            return None
        return Pdu(self._header, FileData(start, data)).encode()

    def _eof(self) -> Eof:
        if self._condition is ConditionCode.NO_ERROR:
            return Eof(ConditionCode.NO_ERROR, self._checksum.value(), self._size)
        location = self._host.mib.entity if self._fault_location is None else self._fault_location
        return Eof(self._condition, self._checksum.value(), self._progress, location)

    def _fault(self, condition: ConditionCode, detail: str, time_ns: int) -> None:
        handler = _override(self._request.options, condition) or self._remote.handler(condition)
        if self.state is SenderState.CANCELLING:
            handler = HandlerCode.ABANDON
        self._host.tell(FaultRaised(self.identity, Role.SENDER, condition, handler, detail))
        handlers: dict[HandlerCode, Callable[[], None]] = {
            HandlerCode.CANCEL: lambda: self.cancel(condition, time_ns),
            HandlerCode.SUSPEND: lambda: self.suspend(condition),
            HandlerCode.ABANDON: lambda: self.abandon(condition, time_ns),
            HandlerCode.IGNORE: lambda: self._begin_timers_again(time_ns),
        }
        handlers[handler]()

    def _begin_timers_again(self, time_ns: int) -> None:
        for timer in (self._ack_timer, self._inactivity_timer, self._check_timer):
            if timer.deadline_ns is not None:
                timer.start(time_ns)

    def _want(self, code: DirectiveCode) -> None:
        self._due[code] = None
        self._host.want_directive(self)

    def _save(self) -> None:
        self._host.save(self.durable_record())
        self._saved_progress = self._piece_start

    def _apply(self, event: SenderEvent, time_ns: int) -> None:
        effect, self.state = TABLE.get((self.state, event), (SenderEffect.NOTHING, self.state))
        if SenderEffect.SEND_EOF in effect:
            self._want(DirectiveCode.EOF)
        if SenderEffect.AWAIT_ACK in effect:
            self._ack_timer.start(time_ns, self._remote.ack_interval_ns or self._round_trip.value_ns // 2)
            self._inactivity_timer.stop()
            self._host.want_idle(self)
        if SenderEffect.AWAIT_FINISHED in effect:
            self._ack_timer.stop()
            self._inactivity_timer.start(time_ns)
        if SenderEffect.AWAIT_CHECK in effect:
            self._check_timer.start(time_ns)
        if SenderEffect.ACKNOWLEDGE in effect and self._header.mode is TransmissionMode.ACKNOWLEDGED:
            self._due.clear()
            self._want(DirectiveCode.ACK)
        if SenderEffect.CLOSE in effect:
            self._close()

    def _close(self) -> None:
        for timer in (self._ack_timer, self._inactivity_timer, self._check_timer):
            timer.stop()
        finished = self._finished
        delivery = finished.delivery if finished else DeliveryCode.INCOMPLETE
        if not finished and self._condition is ConditionCode.NO_ERROR:
            delivery = DeliveryCode.COMPLETE
        record = ClosedRecord(header=self._header, role=Role.SENDER, condition=self._condition)
        self._host.close(self, record)
        self._host.tell(
            TransactionFinished(
                self.identity,
                Role.SENDER,
                self._condition,
                delivery,
                finished.file_status if finished else FileStatus.UNREPORTED,
                self._metadata.source_name,
                self._size,
                finished.responses if finished else (),
            )
        )


def _override(options: tuple[object, ...], condition: ConditionCode) -> HandlerCode | None:
    for option in options:
        if isinstance(option, FaultHandlerOverride) and option.condition is condition:
            return option.handler
    return None


def _segment_prefix(header: PduHeader, field_octets: int) -> bytes:
    """Give the header of all PDUs with whole segments, whose length is the same."""
    plain = msgspec.structs.replace(header, direction=Direction.TOWARD_RECEIVER)
    octets = plain.encode(PduType.FILE_DATA, bytes(field_octets))
    return octets[: plain.octets]
