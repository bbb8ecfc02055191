"""The sending end of one CFDP transaction, class 1 or 2. It never reads a clock, and reads its file through the host.

Its states are one table. What it sends is pulled: directives that are due, then what was asked for again, then the
file itself (`ccsds.cfdp.source_file`), and, when the line has nothing else, the end of the file that nothing confirmed
yet (`ccsds.cfdp.retransmission`).

Source: CCSDS 727.0-B-5 4.6.1.1, 4.7, 4.11.
"""

from collections.abc import Iterable

from ccsds.cfdp.codes import (
    ConditionCode,
    DeliveryCode,
    DirectiveCode,
    FileStatus,
    HandlerCode,
    PromptResponse,
    TransactionStatus,
)
from ccsds.cfdp.contact_clock import RepeatTimer
from ccsds.cfdp.directives import Ack, Directive, Eof, Finished, KeepAlive, Nak, Prompt
from ccsds.cfdp.events import FileSent, ProgressReported, Rejection, Role, TransactionFinished
from ccsds.cfdp.far_end import FarEnd
from ccsds.cfdp.host import SYNC_NS, SYNC_OCTETS, Host
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.records import ClosedRecord, SenderRecord
from ccsds.cfdp.retransmission import Retransmission
from ccsds.cfdp.sender_table import TABLE, SenderEffect, SenderEvent, SenderState
from ccsds.cfdp.source_file import ChangedFileError, ShortFileError, SourceFile
from ccsds.cfdp.tlv import Option
from ccsds.cfdp.transaction import TransactionEnd
from ccsds.cfdp.transfer import Transfer

_AFTER_EOF = frozenset({SenderState.AWAITING_ACK, SenderState.AWAITING_FINISHED, SenderState.CANCELLING})
_HAS_FILE = frozenset({SenderState.SENDING, SenderState.AWAITING_ACK, SenderState.AWAITING_FINISHED})


class Sender(TransactionEnd):
    """The sending end of one transaction.

    Args:
        host: The entity that it lives in.
        far_end: Where the file goes.
        record: The transaction, new or from the journal.
        time_ns: Contact time.
    """

    role = Role.SENDER

    def __init__(self, host: Host, far_end: FarEnd, record: SenderRecord, time_ns: int) -> None:
        super().__init__(host, far_end, record.header, record.is_suspended)
        remote = far_end.config
        self.priority = record.request.priority
        self.state = SenderState.SENDING
        self._request = record.request
        self._metadata = record.metadata
        self._version = record.version
        self._condition = record.condition
        self._segment_octets = remote.segment_octets_of(record.header.is_large)
        self._file = SourceFile(host.store, record, self._segment_octets)
        self._saved_progress = record.progress_octets
        self._sync_ns = time_ns + SYNC_NS
        self._retransmission = Retransmission(remote, far_end.round_trip)
        self._due[DirectiveCode.METADATA] = None
        self._prompt = PromptResponse.NAK
        self._is_prompted = False
        self._finished: Finished | None = None
        self._ack_timer = RepeatTimer(1, remote.ack_interval_max_ns, remote.ack_limit)
        self._check_timer = RepeatTimer(remote.check_interval_ns, remote.check_interval_ns, remote.check_limit - 1)
        self._inactivity_timer = RepeatTimer(remote.inactivity_ns, remote.inactivity_ns, remote.inactivity_limit)
        self._repeat_timer = RepeatTimer(remote.repeat_interval_ns, remote.repeat_interval_ns, remote.repeats)
        if record.condition is not ConditionCode.NO_ERROR:
            self._apply(SenderEvent.CANCEL, time_ns)
        far_end.want_directive(self)
        far_end.want_data(self)

    def snapshot(self) -> Transfer:
        """Give how far it is."""
        return Transfer(
            transaction=self.identity,
            role=Role.SENDER,
            far_end=self.far_end.entity,
            source_name=self._metadata.source_name,
            destination_name=self._metadata.destination_name,
            size_octets=self._file.size,
            done_octets=self._file.progress,
            state=self.state,
            condition=self._condition,
            is_suspended=self.is_suspended,
        )

    def durable_record(self) -> SenderRecord:
        """Give what the journal must know."""
        return SenderRecord(
            header=self._header,
            request=self._request,
            metadata=self._metadata,
            progress_octets=self._file.piece_start,
            runs=self._file.runs(),
            condition=self._condition,
            is_suspended=self.is_suspended,
            version=self._version,
        )

    @property
    def reads(self) -> str:
        """The name of the file that it may still read, empty if there is none."""
        return self._metadata.source_name if self.state in _HAS_FILE else ""

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
                if self._condition is ConditionCode.NO_ERROR:
                    self._condition = body.condition
                self._apply(SenderEvent.FINISHED, time_ns)
            case KeepAlive():
                if self._is_prompted:
                    self._is_prompted = False
                    self._host.tell(ProgressReported(self.identity, body.progress_octets))
                behind = self._file.progress - body.progress_octets
                if 0 < self._remote.keep_alive_limit_octets < behind:
                    self._fault(ConditionCode.KEEP_ALIVE_LIMIT_REACHED, f"{behind} octets behind", time_ns)
            case _:
                detail = f"expected NAK, ACK of EOF, Finished or Keep Alive, found {type(body).__name__}"
                self._reject(Rejection.OUT_OF_PLACE, detail)
        self.far_end.wake(self)

    def pull_directive(self, time_ns: int) -> bytes | None:
        """Give a directive that is due."""
        if not self._due or (self.is_suspended and not self.is_closed):
            return None
        code = next(iter(self._due))
        del self._due[code]
        return Pdu(self._header, self._directive(code, time_ns)).encode()

    def pull_data(self, time_ns: int) -> bytes | None:
        """Give what was asked for again, or else what was not sent yet."""
        if self.is_suspended:
            return None
        if self._retransmission.is_asked and self.state in _HAS_FILE:
            asked = self._retransmission.next_asked(self._segment_octets, time_ns)
            if asked is not None:
                return self._file.pdu_at(*asked)
        if self.state is not SenderState.SENDING:
            return None
        file = self._file
        if time_ns >= self._sync_ns:
            file.close_piece()
            self._save_regularly(time_ns)
        if file.progress >= file.piece_end and not self._load_piece(time_ns):
            return None
        pdu = file.next_pdu()
        self._retransmission.sent(file.progress, time_ns)
        if file.progress == file.size:
            self._all_sent(time_ns)
        return pdu

    def pull_idle(self, time_ns: int) -> bytes | None:
        """Give a part of the unconfirmed end of the file once more."""
        if self.is_suspended or not self._is_acknowledged:
            return None
        if self.state not in (SenderState.AWAITING_ACK, SenderState.AWAITING_FINISHED):
            return None
        tail = self._retransmission.next_unconfirmed(self._file.progress, self._segment_octets, time_ns)
        return None if tail is None else self._file.pdu_at(*tail)

    def advance(self, time_ns: int) -> None:
        """Let time pass."""
        if self.is_suspended:
            return
        # Both at each time: `_rings` moves a timer on.
        is_unanswered = self._rings(self._ack_timer, ConditionCode.POSITIVE_ACK_LIMIT_REACHED, "no ACK of EOF", time_ns)
        is_silent = self._rings(self._inactivity_timer, ConditionCode.INACTIVITY_DETECTED, "nothing heard", time_ns)
        if is_unanswered or is_silent:
            self._want(DirectiveCode.EOF)
        self._rings(self._check_timer, ConditionCode.CHECK_LIMIT_REACHED, "no Finished", time_ns)
        if self._repeat_timer.ring(time_ns):
            is_last = self._repeat_timer.count >= self._repeat_timer.limit
            if is_last:
                self._repeat_timer.stop()
            self._apply(SenderEvent.LAST_REPEAT if is_last else SenderEvent.REPEAT, time_ns)

    def deadline(self) -> int | None:
        """Give the contact time at which `advance` has something to do."""
        if self.is_suspended:
            return None
        return min((timer.deadline_ns for timer in self._timers() if timer.deadline_ns is not None), default=None)

    def contact(self, up: bool, time_ns: int) -> None:
        """Take notice that contact begins or ends: what waits for an answer asks again at once."""
        self._retransmission.contact_changed()
        if up and self.state in _AFTER_EOF:
            self._ack_timer.quicken()
            self._ack_timer.restart(time_ns)
            if self._is_acknowledged:
                self._want(DirectiveCode.EOF)
                self.far_end.want_idle(self)
            self.far_end.wake(self)
        elif not up and self.state is SenderState.SENDING and self._file.progress > self._saved_progress:
            self._file.close_piece()
            self._save()

    def cancel(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell the far end."""
        if self.state in (SenderState.CANCELLING, SenderState.CLOSED):
            return
        self.is_suspended = False
        self._condition = condition
        self._file.close_piece()
        if self._is_acknowledged:
            self._save()
        self._apply(SenderEvent.CANCEL if self._is_acknowledged else SenderEvent.CANCEL_UNACKNOWLEDGED, time_ns)
        self.far_end.wake(self)

    def abandon(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell nobody."""
        self._condition = condition
        self._apply(SenderEvent.ABANDON, time_ns)

    def prompt(self, response: PromptResponse) -> None:
        """Ask the receiver for a NAK or a Keep Alive."""
        self._prompt = response
        self._is_prompted = response is PromptResponse.KEEP_ALIVE
        self._want(DirectiveCode.PROMPT)

    def _directive(self, code: DirectiveCode, time_ns: int) -> Directive:
        match code:
            case DirectiveCode.METADATA:
                return self._metadata
            case DirectiveCode.EOF:
                self._retransmission.sent_eof(time_ns)
                return self._eof()
            case DirectiveCode.PROMPT:
                return Prompt(self._prompt)
            case _:
                condition = self._finished.condition if self._finished else ConditionCode.NO_ERROR
                return Ack(DirectiveCode.FINISHED, condition, TransactionStatus.ACTIVE)

    def _eof(self) -> Eof:
        if self._condition is ConditionCode.NO_ERROR:
            return Eof(ConditionCode.NO_ERROR, self._file.checksum(), self._file.size)
        return Eof(self._condition, self._file.checksum(), self._file.progress, self._host.mib.entity)

    def _receive_nak(self, nak: Nak, time_ns: int) -> None:
        if self.state not in _HAS_FILE:
            return
        if any(start > end for start, end in nak.requests) or nak.scope_start_octets > nak.scope_end_octets:
            self._reject(Rejection.CONTRADICTION, "expected intervals that end after they start")
            return
        if (0, 0) in nak.requests:
            self._want(DirectiveCode.METADATA)
        self._retransmission.receive_nak(nak, self._file.progress, time_ns)
        if self._retransmission.is_asked:
            self.far_end.want_data(self)
        if self.state is not SenderState.SENDING:
            self.far_end.want_idle(self)

    def _load_piece(self, time_ns: int) -> bool:
        """Read the next piece of the file; tell whether there is one."""
        file = self._file
        file.close_piece()
        if file.progress == file.size:
            self._all_sent(time_ns)
            return False
        if file.progress - self._saved_progress >= SYNC_OCTETS:
            self._save_regularly(time_ns)
        file.load()
        return True

    def _all_sent(self, time_ns: int) -> None:
        self._file.close_piece()
        self._host.tell(FileSent(self.identity))
        if self._is_acknowledged:
            event = SenderEvent.ALL_SENT
        elif self._metadata.closure_requested:
            event = SenderEvent.ALL_SENT_WITH_CLOSURE
        elif self._remote.repeats:
            event = SenderEvent.ALL_SENT_WITH_REPEATS
        else:
            event = SenderEvent.ALL_SENT_UNACKNOWLEDGED
        self._apply(event, time_ns)
        self.far_end.wake(self)

    def _timers(self) -> Iterable[RepeatTimer]:
        return self._ack_timer, self._inactivity_timer, self._check_timer, self._repeat_timer

    def _options(self) -> tuple[Option, ...]:
        return self._metadata.options

    def _go_on(self, time_ns: int) -> None:
        self.contact(True, time_ns)
        self.far_end.want_directive(self)
        self.far_end.want_data(self)
        self.far_end.wake(self)

    def _fail(self, error: OSError, time_ns: int) -> None:
        match error:
            case ShortFileError():
                condition = ConditionCode.FILE_SIZE_ERROR
            case ChangedFileError():
                condition = ConditionCode.FILE_CHECKSUM_FAILURE
            case _:
                condition = ConditionCode.FILESTORE_REJECTION
        self._fault(condition, str(error), time_ns)

    def _handler(self, condition: ConditionCode) -> HandlerCode:
        return HandlerCode.ABANDON if self.state is SenderState.CANCELLING else super()._handler(condition)

    def _save_regularly(self, time_ns: int) -> None:
        """Tell the journal how far it is, so that little is sent again after a reboot."""
        self._save()
        self._sync_ns = time_ns + SYNC_NS

    def _save(self) -> None:
        self._host.save(self.durable_record())
        self._saved_progress = self._file.piece_start

    def _apply(self, event: SenderEvent, time_ns: int) -> None:
        effects, self.state = TABLE.get((self.state, event), ((), self.state))
        for effect in effects:
            match effect:
                case SenderEffect.SEND_EOF:
                    self._want(DirectiveCode.EOF)
                case SenderEffect.SEND_AGAIN:
                    self._want(DirectiveCode.METADATA)
                    self._want(DirectiveCode.EOF)
                case SenderEffect.AWAIT_ACK:
                    self._ack_timer.start(
                        time_ns, self._remote.ack_interval_ns or self.far_end.round_trip.value_ns // 2
                    )
                    self._inactivity_timer.stop()
                    self.far_end.want_idle(self)
                case SenderEffect.AWAIT_FINISHED:
                    self._ack_timer.stop()
                    self._inactivity_timer.start(time_ns)
                case SenderEffect.AWAIT_CHECK:
                    self._check_timer.start(time_ns)
                case SenderEffect.AWAIT_REPEAT:
                    if self._remote.repeats:
                        self._repeat_timer.start(time_ns)
                case SenderEffect.ACKNOWLEDGE:
                    if self._is_acknowledged:
                        self._due.clear()
                        self._want(DirectiveCode.ACK)
                case SenderEffect.CLOSE:
                    self._close()

    def _close(self) -> None:
        self.is_closed = True
        for timer in self._timers():
            timer.stop()
        finished = self._finished
        delivery = finished.delivery if finished else DeliveryCode.INCOMPLETE
        if not finished and self._condition is ConditionCode.NO_ERROR:
            delivery = DeliveryCode.COMPLETE
        self._host.tell(
            TransactionFinished(
                self.identity,
                Role.SENDER,
                self._condition,
                delivery,
                finished.file_status if finished else FileStatus.UNREPORTED,
                self._metadata.source_name,
                self._file.size,
                finished.responses if finished else (),
            )
        )
        self._host.close(ClosedRecord(header=self._header, role=Role.SENDER, condition=self._condition))
