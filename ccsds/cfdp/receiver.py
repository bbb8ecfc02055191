"""The receiving end of one CFDP transaction, class 1 or 2. It never reads a clock; its file is behind the host's store.

Its states are one table. What came is in a `PartFile`; what is missing is asked for by `Missing`; a whole file is
brought under its name by `ccsds.cfdp.delivery`. Nothing is acknowledged before the journal has it.

Source: CCSDS 727.0-B-5 4.6.1.2, 4.6.4, 4.7, 4.11.
"""

from collections.abc import Callable

from ccsds.cfdp.codes import (
    ChecksumType,
    ConditionCode,
    DeliveryCode,
    DirectiveCode,
    FileStatus,
    HandlerCode,
    PromptResponse,
    TransactionStatus,
    TransmissionMode,
)
from ccsds.cfdp.contact_clock import RepeatTimer, RoundTrip
from ccsds.cfdp.delivery import Progress, deliver
from ccsds.cfdp.directives import Ack, Directive, Eof, Finished, KeepAlive, Metadata, Prompt
from ccsds.cfdp.events import (
    FaultRaised,
    MetadataReceived,
    Rejection,
    Role,
    TransactionFinished,
    TransactionResumed,
    TransactionSuspended,
)
from ccsds.cfdp.filestore import refusal_of
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.host import SYNC_OCTETS, Host
from ccsds.cfdp.mib import RemoteConfig
from ccsds.cfdp.missing import Missing
from ccsds.cfdp.part_file import PartFile, Taken
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.receiver_table import TABLE, ReceiverEffect, ReceiverEvent, ReceiverState
from ccsds.cfdp.records import ClosedRecord, ReceiverRecord, ReceiverStage, transaction_of
from ccsds.cfdp.tlv import FaultHandlerOverride
from ccsds.cfdp.transfer import Transfer
from ccsds.crc import CRC16_OCTETS


class Receiver:
    """The receiving end of one transaction.

    Args:
        host: The entity that it lives in.
        remote: Where the file comes from.
        round_trip: As measured to there.
        record: The transaction, new or from the journal.
        time_ns: Contact time.
    """

    priority = 0

    def __init__(
        self, host: Host, remote: RemoteConfig, round_trip: RoundTrip, record: ReceiverRecord, time_ns: int
    ) -> None:
        self.identity = transaction_of(record.header)
        self.state = ReceiverState.RECEIVING
        self.is_suspended = record.is_suspended
        self.heard_ns = time_ns
        """When the sender was heard last."""
        self._host = host
        self._remote = remote
        self._round_trip = round_trip
        self._header = record.header
        self._is_acknowledged = record.header.mode is TransmissionMode.ACKNOWLEDGED
        self._metadata = record.metadata
        self._eof = record.eof
        self._finished = record.finished
        self._progress = Progress(record.stage, list(record.responses), record.intent)
        self._is_saved = bool(record.runs or record.eof)
        path = f"{host.mib.part_directory}/{record.header.source}-{record.header.sequence}.part"
        kind = None if record.metadata is None else _known_checksum(record.metadata.checksum_type)
        self._part = PartFile(host.store, path, record.runs, kind)
        if not self._is_saved and record.stage is ReceiverStage.RECEIVING:
            self._part.discard()
            self._part = PartFile(host.store, path, (), kind)
        self._due: dict[DirectiveCode, None] = {}
        header_octets = record.header.octets + (CRC16_OCTETS if record.header.has_crc else 0)
        self._missing = Missing(remote, record.header.is_large, header_octets)
        self._ack_timer = RepeatTimer(1, remote.ack_interval_max_ns)
        self._check_timer = RepeatTimer(remote.check_interval_ns, remote.check_interval_ns)
        self._keep_alive_timer: RepeatTimer | None = None
        if remote.keep_alive_ns and self._is_acknowledged:
            self._keep_alive_timer = RepeatTimer(remote.keep_alive_ns, remote.keep_alive_ns)
            self._keep_alive_timer.start(time_ns)
        self._silences = 0
        self._asked_ns = time_ns

    def restore(self, time_ns: int) -> None:
        """Go on after a reboot."""
        if self._finished is not None:
            self._close_or_finish(time_ns)
        elif self._progress.stage is not ReceiverStage.RECEIVING:
            self._deliver(time_ns)
        elif self._eof is not None:
            self._apply(ReceiverEvent.EOF, time_ns)
            self._check_whole(time_ns)
        self._host.wake(self)

    def agrees(self, header: PduHeader) -> bool:
        """Tell whether a PDU can be of this transaction."""
        mine = self._header
        return (header.mode, header.is_large, header.destination) == (mine.mode, mine.is_large, mine.destination)

    def snapshot(self) -> Transfer:
        """Give how far it is."""
        metadata, finished = self._metadata, self._finished
        return Transfer(
            transaction=self.identity,
            role=Role.RECEIVER,
            far_end=self._header.source,
            source_name=metadata.source_name if metadata else "",
            destination_name=metadata.destination_name if metadata else "",
            # EOF of a file that was given up tells how far the sender came, not how large it is.
            size_octets=(metadata.size_octets if metadata else 0) or self._size(),
            done_octets=self._part.octets,
            state=self.state,
            condition=finished.condition if finished else ConditionCode.NO_ERROR,
            is_suspended=self.is_suspended,
        )

    def durable_record(self) -> ReceiverRecord:
        """Sync what came, and give what the journal must know."""
        if self._progress.stage is ReceiverStage.RECEIVING and self._part.end:
            self._part.sync()
        return self._record()

    def _record(self) -> ReceiverRecord:
        return ReceiverRecord(
            header=self._header,
            metadata=self._metadata,
            eof=self._eof,
            runs=self._part.runs(),
            stage=self._progress.stage,
            responses=tuple(self._progress.responses),
            intent=self._progress.intent,
            finished=self._finished,
            is_suspended=self.is_suspended,
        )

    def receive_data(self, offset: int, data: bytes, time_ns: int) -> None:
        """Take a segment of the file."""
        self.heard_ns = time_ns
        part = self._part
        if part.take_next(offset, data):
            if part.unsynced_octets >= SYNC_OCTETS:
                self._save()
            return
        self._silences = 0
        if self.state not in (ReceiverState.RECEIVING, ReceiverState.COMPLETING) or self._finished is not None:
            return
        octets_max = self._size_max()
        if not data or offset + len(data) > octets_max:
            detail = f"expected octets below {octets_max}, found {len(data)} at {offset}"
            self._reject(Rejection.BEYOND_FILE, detail, ConditionCode.FILE_SIZE_ERROR)
            return
        match part.take(offset, data, octets_max):
            case Taken.CONTRADICTION:
                detail = f"expected the octets at {offset} to be as they came before, found others"
                self._reject(Rejection.CONTRADICTION, detail, ConditionCode.FILE_CHECKSUM_FAILURE)
                return
            case Taken.NO_ROOM:
                detail = f"expected room for {len(data)} octets at {offset}, found none"
                self._reject(Rejection.NO_ROOM, detail, ConditionCode.FILESTORE_REJECTION)
                return
            case Taken.NEW:
                self._missing.progressed()
            case Taken.DUPLICATE:
                pass
        self._missing.heard()
        if part.unsynced_octets >= SYNC_OCTETS:
            self._save()
        if self._eof is not None:
            part.close()
            self._check_whole(time_ns)
        elif self._is_acknowledged and (
            self._metadata is None or len(part.received) > 1 or not part.received.has(0, 1)
        ):
            self._missing.watch(part.end, time_ns)
        self._host.wake(self)

    def receive(self, body: Directive, time_ns: int) -> None:
        """Take a directive from the far end."""
        self.heard_ns = time_ns
        self._silences = 0
        match body:
            case Metadata():
                self._receive_metadata(body, time_ns)
            case Eof():
                self._receive_eof(body, time_ns)
            case Ack(directive=DirectiveCode.FINISHED):
                self._apply(ReceiverEvent.FINISHED_ACKNOWLEDGED, time_ns)
            case Prompt(response=PromptResponse.NAK):
                if self._finished is None and self._is_acknowledged:
                    self._missing.ask_now(self._eof is not None, self._part.end, time_ns)
                    self._want()
            case Prompt():
                self._want(DirectiveCode.KEEP_ALIVE)
            case _:
                detail = f"expected Metadata, EOF, ACK of Finished or Prompt, found {type(body).__name__}"
                self._reject(Rejection.OUT_OF_PLACE, detail)
        self._host.wake(self)

    def pull_directive(self, time_ns: int) -> bytes | None:
        """Give a directive that is due."""
        if self._due:
            # The ACK of EOF goes before Finished: not every sender takes them the other way round.
            code = DirectiveCode.ACK if DirectiveCode.ACK in self._due else next(iter(self._due))
            del self._due[code]
            match code:
                case DirectiveCode.ACK:
                    condition = self._eof.condition if self._eof else ConditionCode.NO_ERROR
                    return self._encode(Ack(DirectiveCode.EOF, condition, TransactionStatus.ACTIVE))
                case DirectiveCode.KEEP_ALIVE:
                    return self._encode(KeepAlive(self._part.end))
                case _:
                    return self._encode(self._finished) if self._finished else None
        if self.is_suspended or self._finished is not None or not self._missing.is_due:
            return None
        size = self._size()
        nak = self._missing.pull(self._part.received, self._metadata is not None, size, self._eof is not None, time_ns)
        return None if nak is None else self._encode(nak)

    def pull_data(self, time_ns: int) -> bytes | None:
        """Give nothing: a receiver has no segments."""
        return None

    def pull_idle(self, time_ns: int) -> bytes | None:
        """Give nothing."""
        return None

    def advance(self, time_ns: int) -> None:
        """Let time pass."""
        if self.is_suspended:
            return
        if self._missing.ring(time_ns):
            if self._host.heard_ns > self._asked_ns:
                self._missing.timer.count = 0
            self._asked_ns = time_ns
            if self._missing.timer.count > self._remote.nak_limit:
                self._fault(ConditionCode.NAK_LIMIT_REACHED, f"{self._remote.nak_limit} NAKs brought nothing", time_ns)
            else:
                self._want()
        if self._ack_timer.ring(time_ns):
            if self._ack_timer.count > self._remote.ack_limit:
                detail = f"{self._remote.ack_limit} Finished without an answer"
                self._fault(ConditionCode.POSITIVE_ACK_LIMIT_REACHED, detail, time_ns)
            else:
                self._want(DirectiveCode.FINISHED)
        if self._check_timer.ring(time_ns) and self._check_timer.count >= self._remote.check_limit:
            self._fault(ConditionCode.CHECK_LIMIT_REACHED, "data is missing after EOF", time_ns)
        if self._keep_alive_timer is not None and self._keep_alive_timer.ring(time_ns):
            self._want(DirectiveCode.KEEP_ALIVE)
        if self._finished is None and time_ns >= self._inactive_ns():
            self._silences += 1
            if self._silences > self._remote.inactivity_limit:
                self._fault(ConditionCode.INACTIVITY_DETECTED, f"nothing heard {self._silences} times", time_ns)
            elif self._is_acknowledged:
                self._missing.ask_now(True, self._part.end, time_ns)
                self._want()

    def deadline(self) -> int | None:
        """Give the contact time at which `advance` has something to do."""
        if self.is_suspended or self.state is ReceiverState.CLOSED:
            return None
        times = [self._missing.timer.deadline_ns, self._ack_timer.deadline_ns, self._check_timer.deadline_ns]
        if self._keep_alive_timer is not None:
            times.append(self._keep_alive_timer.deadline_ns)
        if self._finished is None:
            times.append(self._inactive_ns())
        return min((time for time in times if time is not None), default=None)

    def contact(self, up: bool, time_ns: int) -> None:
        """Take notice that contact begins or ends: what is missing is asked for at once, what came is made durable."""
        if not up:
            if self._finished is None and (self._part.unsynced_octets or self._part.end > self._part.received.end):
                self._save()
            return
        self.heard_ns, self._silences = time_ns, 0
        if self.is_suspended or not self._is_acknowledged:
            return
        if self.state is ReceiverState.FINISHING:
            self._ack_timer.quicken()
            self._ack_timer.restart(time_ns)
            self._want(DirectiveCode.FINISHED)
        elif self._finished is None:
            self._missing.ask_now(True, self._part.end, time_ns)
            self._want()
        self._host.wake(self)

    def suspend(self, condition: ConditionCode) -> None:
        """Stand still until resumed; what comes is taken."""
        if self.is_suspended or self.state is ReceiverState.CLOSED:
            return
        self.is_suspended = True
        self._save()
        self._host.tell(TransactionSuspended(self.identity, Role.RECEIVER, condition))

    def resume(self, time_ns: int) -> None:
        """Go on."""
        if not self.is_suspended:
            return
        self.is_suspended = False
        self._save()
        self._host.tell(TransactionResumed(self.identity, Role.RECEIVER, self._part.end))
        self._check_timer.restart(time_ns)
        self.contact(True, time_ns)
        self._check_whole(time_ns)

    def cancel(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell the far end."""
        self._cancel(condition, self._host.mib.entity, time_ns)

    def abandon(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell nobody."""
        if self._finished is None:
            self._part.discard()
            self._finished = Finished(condition, DeliveryCode.INCOMPLETE, FileStatus.DISCARDED)
            self._tell_finished()
        self._apply(ReceiverEvent.ABANDON, time_ns)

    def fail(self, error: OSError, time_ns: int) -> None:
        """Take notice that the store failed."""
        if self._finished is None:
            self._fault(ConditionCode.FILESTORE_REJECTION, str(error), time_ns)

    def _receive_metadata(self, metadata: Metadata, time_ns: int) -> None:
        if self._metadata is not None or self._finished is not None:
            if self._metadata is not None and metadata != self._metadata:
                self._reject(Rejection.CONTRADICTION, "expected the Metadata to be as it came before, found another")
            return
        self._metadata = metadata
        name = metadata.destination_name
        kind = _known_checksum(metadata.checksum_type)
        self._part.close()
        self._part.sum_by(kind)
        self._missing.progressed()
        self._host.tell(
            MetadataReceived(self.identity, metadata.source_name, name, metadata.size_octets, metadata.options)
        )
        if kind is ChecksumType.NULL and metadata.checksum_type != ChecksumType.NULL:
            detail = f"expected a checksum type that is known, found {metadata.checksum_type}"
            self._fault(ConditionCode.UNSUPPORTED_CHECKSUM_TYPE, detail, time_ns)
        if name and self._finished is None:
            refusal = refusal_of(self._host.store, name, self._host.mib.part_directory)
            if not refusal and self._host.store.is_directory(name):
                refusal = f"expected a file at {name!r}, found a directory"
            room = self._host.store.free_octets() + self._part.received.octets
            if not refusal and metadata.size_octets > room:
                refusal = f"expected a file of at most {room} octets, found {metadata.size_octets}"
            if refusal:
                self._fault(ConditionCode.FILESTORE_REJECTION, refusal, time_ns)
            elif metadata.size_octets > self._remote.file_octets_max:
                detail = f"expected at most {self._remote.file_octets_max} octets, found {metadata.size_octets}"
                self._fault(ConditionCode.FILE_SIZE_ERROR, detail, time_ns)
        self._check_whole(time_ns)

    def _receive_eof(self, eof: Eof, time_ns: int) -> None:
        if self._finished is None and eof.condition is not ConditionCode.NO_ERROR:
            self._eof = eof
            self._cancel(eof.condition, eof.fault_location, time_ns)
        elif self._finished is None and self._eof is None:
            self._part.close()
            if eof.size_octets < self._part.end or eof.size_octets > self._remote.file_octets_max:
                detail = f"expected EOF at {self._part.end} or later, found it at {eof.size_octets}"
                self._eof = eof
                self._fault(ConditionCode.FILE_SIZE_ERROR, detail, time_ns)
            else:
                self._eof = eof
                self._check_whole(time_ns)
                if self._finished is None:
                    self._save()
        elif self._eof is not None and eof != self._eof and eof.condition is ConditionCode.NO_ERROR:
            self._reject(Rejection.CONTRADICTION, "expected EOF to be as it came before, found another")
            return
        self._apply(ReceiverEvent.EOF, time_ns)

    def _check_whole(self, time_ns: int) -> None:
        """Verify and deliver the file, if all of it is there."""
        if self._finished is not None or self._metadata is None or self._eof is None:
            return
        size = self._eof.size_octets
        if self.is_suspended or not self._part.received.has(0, size):
            return
        is_summed = _known_checksum(self._metadata.checksum_type) is not ChecksumType.NULL
        if is_summed and self._part.checksum() != self._eof.checksum:
            detail = f"expected checksum {self._eof.checksum:08x}, found {self._part.checksum():08x}"
            self._fault(ConditionCode.FILE_CHECKSUM_FAILURE, detail, time_ns)
            return
        if self._metadata.destination_name:
            self._part.sync()
        if self._metadata.destination_name and self._host.store.size(self._part.path) != size:
            detail = f"expected {size} octets in the store, found {self._host.store.size(self._part.path)}"
            self._fault(ConditionCode.FILE_SIZE_ERROR, detail, time_ns)
            return
        self._deliver(time_ns)

    def _deliver(self, time_ns: int) -> None:
        """Bring the file under its name, and say so."""
        if self._metadata is None:
            return
        host = self._host
        if not self._metadata.destination_name:
            self._part.discard()
        self._finished = deliver(
            host.store, self._part.path, self._metadata, self._progress, host.mib.part_directory, self._save_progress
        )
        self._progress.stage = ReceiverStage.FINISHED
        self._save_progress()
        self._tell_finished()
        self._close_or_finish(time_ns)

    def _cancel(self, condition: ConditionCode, location: int | None, time_ns: int) -> None:
        if self._finished is not None:
            return
        self.is_suspended = False
        self._part.flush()
        self._part.close()
        status = FileStatus.DISCARDED
        if condition is ConditionCode.FILESTORE_REJECTION:
            status = FileStatus.REJECTED
        name = self._metadata.destination_name if self._metadata else ""
        if self._remote.keeps_incomplete and name and status is FileStatus.DISCARDED and self._part.end:
            self._part.sync()
            self._host.store.rename(self._part.path, name)
            status = FileStatus.RETAINED
        else:
            self._part.discard()
        self._finished = Finished(condition, DeliveryCode.INCOMPLETE, status, (), location)
        self._progress.stage = ReceiverStage.FINISHED
        self._save_progress()
        self._tell_finished()
        self._close_or_finish(time_ns)

    def _close_or_finish(self, time_ns: int) -> None:
        self._missing.stop()
        self._check_timer.stop()
        if self._keep_alive_timer is not None:
            self._keep_alive_timer.stop()
        if self._is_acknowledged:
            self._apply(ReceiverEvent.WHOLE, time_ns)
        elif self._metadata is not None and self._metadata.closure_requested:
            self._apply(ReceiverEvent.WHOLE_WITH_CLOSURE, time_ns)
        else:
            self._apply(ReceiverEvent.WHOLE_UNACKNOWLEDGED, time_ns)

    def _apply(self, event: ReceiverEvent, time_ns: int) -> None:
        effect, self.state = TABLE.get((self.state, event), (ReceiverEffect.NOTHING, self.state))
        if ReceiverEffect.ACKNOWLEDGE in effect and self._is_acknowledged:
            self._want(DirectiveCode.ACK)
        if ReceiverEffect.AWAIT_DATA in effect:
            if self._is_acknowledged:
                self._missing.watch(self._part.end, time_ns)
            else:
                self._check_timer.start(time_ns)
        if ReceiverEffect.SEND_FINISHED in effect:
            self._want(DirectiveCode.FINISHED)
        if ReceiverEffect.AWAIT_ACK in effect:
            self._ack_timer.start(time_ns, self._remote.ack_interval_ns or self._round_trip.value_ns // 2)
        if ReceiverEffect.CLOSE in effect:
            self._ack_timer.stop()
            self._missing.stop()
            self._check_timer.stop()
            condition = self._finished.condition if self._finished else ConditionCode.NO_ERROR
            self._host.close(
                self,
                ClosedRecord(header=self._header, role=Role.RECEIVER, condition=condition, finished=self._finished),
            )

    def _fault(self, condition: ConditionCode, detail: str, time_ns: int) -> None:
        handler = self._handler(condition)
        if self._finished is not None:
            handler = HandlerCode.ABANDON
        elif condition is ConditionCode.FILESTORE_REJECTION and handler is not HandlerCode.ABANDON:
            # What the store refuses cannot be ignored, least of all because the Metadata that names it says so.
            handler = HandlerCode.CANCEL
        self._host.tell(FaultRaised(self.identity, Role.RECEIVER, condition, handler, detail))
        handlers: dict[HandlerCode, Callable[[], None]] = {
            HandlerCode.CANCEL: lambda: self.cancel(condition, time_ns),
            HandlerCode.SUSPEND: lambda: self.suspend(condition),
            HandlerCode.ABANDON: lambda: self.abandon(condition, time_ns),
            HandlerCode.IGNORE: lambda: self._begin_timers_again(time_ns),
        }
        handlers[handler]()

    def _handler(self, condition: ConditionCode) -> HandlerCode:
        for option in self._metadata.options if self._metadata else ():
            if isinstance(option, FaultHandlerOverride) and option.condition is condition:
                return option.handler
        return self._remote.handler(condition)

    def _begin_timers_again(self, time_ns: int) -> None:
        self._missing.timer.count = 0
        self._silences = 0
        self.heard_ns = time_ns
        for timer in (self._ack_timer, self._check_timer):
            if timer.deadline_ns is not None:
                timer.start(time_ns)

    def _want(self, code: DirectiveCode | None = None) -> None:
        if code is not None:
            self._due[code] = None
        self._host.want_directive(self)

    def _encode(self, body: Directive) -> bytes:
        return Pdu(self._header, body).encode()

    def _reject(self, rejection: Rejection, detail: str, condition: ConditionCode = ConditionCode.NO_ERROR) -> None:
        self._host.reject(rejection, detail, self.identity, condition)

    def _save(self) -> None:
        """Sync the file, and tell the journal of it."""
        if self._finished is None and (self._part.end or self._metadata is None or self._metadata.destination_name):
            self._part.sync()
        self._save_progress()

    def _save_progress(self) -> None:
        self._host.save(self._record())
        self._is_saved = True

    def _tell_finished(self) -> None:
        finished = self._finished
        if finished is None:
            return
        name = self._metadata.destination_name if self._metadata else ""
        size = self._eof.size_octets if self._eof else self._part.end
        self._host.tell(
            TransactionFinished(
                self.identity,
                Role.RECEIVER,
                finished.condition,
                finished.delivery,
                finished.file_status,
                name,
                size,
                finished.responses,
            )
        )

    def _inactive_ns(self) -> int:
        return self.heard_ns + (self._silences + 1) * self._remote.inactivity_ns

    def _size(self) -> int | None:
        if self._eof is not None:
            return self._eof.size_octets
        return self._metadata.size_octets or None if self._metadata is not None else None

    def _size_max(self) -> int:
        size = self._size()
        return self._remote.file_octets_max if size is None else min(size, self._remote.file_octets_max)


def _is_known(number: int) -> bool:
    return number in ChecksumType._value2member_map_


def _known_checksum(number: int) -> ChecksumType:
    """Give the checksum type, the null one for those that are not known."""
    return ChecksumType(number) if _is_known(number) else ChecksumType.NULL
