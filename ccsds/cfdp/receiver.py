"""The receiving end of one CFDP transaction, class 1 or 2. It never reads a clock; its file is behind the host's store.

Its states are one table. What came is in a `PartFile`; what is missing is asked for by `Missing`; a whole file is
brought under its name by `ccsds.cfdp.delivery`. Nothing is acknowledged before the journal has it.

Source: CCSDS 727.0-B-5 4.6.1.2, 4.6.4, 4.7, 4.11.
"""

from collections.abc import Iterable

from ccsds.cfdp.arrival import Arrival, Refusal
from ccsds.cfdp.codes import (
    ConditionCode,
    DirectiveCode,
    HandlerCode,
    PromptResponse,
    TransactionStatus,
)
from ccsds.cfdp.contact_clock import RepeatTimer
from ccsds.cfdp.directives import Ack, Directive, Eof, KeepAlive, Metadata, Prompt
from ccsds.cfdp.events import MetadataReceived, Rejection, Role
from ccsds.cfdp.far_end import FarEnd
from ccsds.cfdp.host import SYNC_NS, SYNC_OCTETS, Host
from ccsds.cfdp.missing import Missing
from ccsds.cfdp.part_file import Taken
from ccsds.cfdp.patience import Patience
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.receiver_table import TABLE, ReceiverEffect, ReceiverEvent, ReceiverState
from ccsds.cfdp.records import ClosedRecord, ReceiverRecord
from ccsds.cfdp.tlv import Option
from ccsds.cfdp.transaction import TransactionEnd
from ccsds.cfdp.transfer import Transfer
from ccsds.crc import CRC16_OCTETS
from ccsds.deadline import earliest

# A store that spoils a file in each of so many tries is broken, and no tries will mend it.
SPOILT_MAX = 3

_BEFORE_END = frozenset({ReceiverState.RECEIVING, ReceiverState.COMPLETING})


class Receiver(TransactionEnd):
    """The receiving end of one transaction.

    Args:
        host: The entity that it lives in.
        far_end: Where the file comes from.
        record: The transaction, new or from the journal.
        time_ns: Contact time.
    """

    role = Role.RECEIVER

    def __init__(self, host: Host, far_end: FarEnd, record: ReceiverRecord, time_ns: int) -> None:
        super().__init__(host, far_end, record.header, record.is_suspended)
        self.state = ReceiverState.RECEIVING
        self.routes: list[bytes] = []
        """Headers of its file data, by which `ccsds.cfdp.inbound` finds it."""
        self._arrival = Arrival(host, self._remote, record)
        self._part = self._arrival.part
        header_octets = record.header.octets + (CRC16_OCTETS if record.header.has_crc else 0)
        self._missing = Missing(self._remote, record.header.is_large, header_octets, time_ns)
        self._patience = Patience(self._remote, self._is_acknowledged, time_ns)
        self._sync_ns = time_ns + SYNC_NS
        # How often the store did not hold what came.
        self._spoilt = 0

    def restore(self, time_ns: int) -> None:
        """Go on after a reboot; may raise ``OSError``."""
        if self._arrival.is_part_lost:
            self._save()
        if self._arrival.finished is not None:
            self._arrival.clear()
            self._close_or_finish(time_ns)
        elif not self._arrival.is_receiving:
            self._end_again(time_ns)
        elif self._arrival.eof is not None:
            self._apply(ReceiverEvent.EOF, time_ns)
            self._check_whole(time_ns)
        self.far_end.wake(self)

    @property
    def part_path(self) -> str:
        """Where its file waits until it is whole."""
        return self._part.path

    def written_part(self) -> str | None:
        """Give where what came of its file can be read, None if nothing came or it is over; may raise ``OSError``."""
        if not self._arrival.is_receiving:  # It has its name, or is given up: what is there is no part any more.
            return None
        self._part.flush()
        return self._part.path if self._part.end else None

    def snapshot(self) -> Transfer:
        """Give how far it is."""
        return self._arrival.snapshot(self.identity, self.state, self.is_suspended)

    def durable_record(self) -> ReceiverRecord:
        """Sync what came, and give what the journal must know."""
        if self._arrival.is_receiving and self._part.end:
            self._part.sync()
        return self._arrival.record(self.is_suspended)

    def receive_data(self, offset: int, data: bytes, time_ns: int) -> None:
        """Take a segment of the file."""
        self._patience.heard_ns = time_ns
        part = self._part
        if part.take_next(offset, data):
            if part.unsynced_octets >= SYNC_OCTETS or time_ns >= self._sync_ns:
                self._save_regularly(time_ns)
            return
        self._patience.silences = 0
        if self.state not in _BEFORE_END or self._arrival.finished is not None:
            if time_ns >= self._sync_ns:
                self._sync_ns = time_ns + SYNC_NS
                self._end_again(time_ns)
            return
        taken = self._arrival.take(offset, data)
        if isinstance(taken, Refusal):
            self._reject(*taken)
            return
        if taken is Taken.NEW:
            self._missing.progressed()
        self._missing.heard()
        if part.unsynced_octets >= SYNC_OCTETS or time_ns >= self._sync_ns:
            self._save_regularly(time_ns)
        if self._arrival.eof is not None:
            part.close()
            self._check_whole(time_ns)
        elif self._is_acknowledged and (
            self._arrival.metadata is None or len(part.received) > 1 or not part.received.has(0, 1)
        ):
            self._missing.watch(part.end, time_ns)
        self.far_end.wake(self)

    def receive(self, body: Directive, time_ns: int) -> None:
        """Take a directive from the far end."""
        self._patience.hear(time_ns)
        self._end_again(time_ns)
        match body:
            case Metadata():
                self._receive_metadata(body, time_ns)
            case Eof():
                self._receive_eof(body, time_ns)
            case Ack(directive=DirectiveCode.FINISHED):
                self._apply(ReceiverEvent.FINISHED_ACKNOWLEDGED, time_ns)
            case Prompt(response=PromptResponse.NAK):
                if self._arrival.finished is None and self._is_acknowledged:
                    self._ask_now(self._arrival.eof is not None, time_ns)
            case Prompt():
                self._want(DirectiveCode.KEEP_ALIVE)
            case _:
                detail = f"expected Metadata, EOF, ACK of Finished or Prompt, found {type(body).__name__}"
                self._reject(Rejection.OUT_OF_PLACE, detail)
        self.far_end.wake(self)

    def pull_directive(self, time_ns: int) -> bytes | None:
        """Give a directive that is due."""
        if self._due:
            # The ACK of EOF goes before Finished: not every sender takes them the other way round.
            code = DirectiveCode.ACK if DirectiveCode.ACK in self._due else next(iter(self._due))
            del self._due[code]
            body = self._directive(code)
        elif self.is_suspended or self._arrival.finished is not None or not self._missing.is_due:
            return None
        else:
            body = self._missing.pull(self._arrival.known(), time_ns)
        return None if body is None else Pdu(self._header, body).encode()

    def advance(self, time_ns: int) -> None:
        """Let time pass."""
        if self.is_suspended:
            return
        if self._missing.ring(time_ns, self.far_end.heard_ns):
            if self._missing.timer.count > self._remote.nak_limit:
                self._fault(ConditionCode.NAK_LIMIT_REACHED, f"{self._remote.nak_limit} NAKs brought nothing", time_ns)
            else:
                self.far_end.want_directive(self)
        patience = self._patience
        if self._rings(patience.ack, ConditionCode.POSITIVE_ACK_LIMIT_REACHED, "no ACK of Finished", time_ns):
            self._want(DirectiveCode.FINISHED)
        self._rings(patience.check, ConditionCode.CHECK_LIMIT_REACHED, "data is missing after EOF", time_ns)
        if patience.keep_alive is not None and patience.keep_alive.ring(time_ns):
            self._want(DirectiveCode.KEEP_ALIVE)
        if patience.falls_silent(time_ns):
            if patience.silences > self._remote.inactivity_limit:
                self._fault(ConditionCode.INACTIVITY_DETECTED, f"nothing heard {patience.silences} times", time_ns)
                return
            self._end_again(time_ns)
            if self._is_acknowledged and self._arrival.finished is None:
                self._missing.ask_into_silence(self._part.end, time_ns)
                self.far_end.want_directive(self)

    def deadline(self) -> int | None:
        """Give the contact time at which `advance` has something to do."""
        if self.is_suspended or self.is_closed:
            return None
        times = [self._missing.timer.deadline_ns, *self._patience.deadlines()]
        return earliest(times)

    def contact(self, up: bool, time_ns: int) -> None:
        """Take notice that contact begins or ends: what is missing is asked for at once, what came is made durable."""
        if not up:
            if self._arrival.finished is None and not self._part.is_synced:
                self._save()
            return
        self._patience.hear(time_ns)
        if self.is_suspended or not self._is_acknowledged:
            return
        if self.state is ReceiverState.FINISHING:
            self._patience.ack.quicken()
            self._patience.ack.restart(time_ns)
            self._want(DirectiveCode.FINISHED)
        elif self._arrival.finished is None:
            self._ask_now(True, time_ns)
        self.far_end.wake(self)

    def cancel(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell the far end."""
        self._give_up(condition, self._host.mib.entity, time_ns)

    def abandon(self, condition: ConditionCode, time_ns: int) -> None:
        """End it, and tell nobody."""
        if self._arrival.finished is None:
            self._arrival.drop(condition)
            self._host.tell(self._arrival.report(self.identity))
        self._apply(ReceiverEvent.ABANDON, time_ns)
        self._arrival.clear()

    def _receive_metadata(self, metadata: Metadata, time_ns: int) -> None:
        arrival = self._arrival
        if arrival.metadata is not None or arrival.finished is not None:
            if arrival.metadata is not None and metadata != arrival.metadata:
                self._reject(Rejection.CONTRADICTION, "expected the Metadata to be as it came before, found another")
            return
        faults = arrival.accept(metadata)
        self._missing.progressed()
        self._host.tell(
            MetadataReceived(self.identity, metadata.source_name, arrival.name, metadata.size_octets, metadata.options)
        )
        for fault in faults:
            if arrival.finished is None:
                self._fault(*fault, time_ns)
        self._check_whole(time_ns)

    def _receive_eof(self, eof: Eof, time_ns: int) -> None:
        arrival = self._arrival
        if arrival.finished is None and eof.condition is not ConditionCode.NO_ERROR:
            arrival.eof = eof
            self._give_up(eof.condition, eof.fault_location, time_ns)
        elif arrival.finished is None and arrival.eof is None:
            size = arrival.size()
            if size not in (None, eof.size_octets):
                detail = f"expected EOF at {size} as the Metadata says, found it at {eof.size_octets}"
                self._reject(Rejection.CONTRADICTION, detail, ConditionCode.FILE_SIZE_ERROR)
                return
            fault = arrival.end_at(eof)
            if fault is not None:
                self._fault(*fault, time_ns)
            else:
                self._check_whole(time_ns)
                if arrival.finished is None:
                    self._save()
        elif arrival.eof is not None and eof != arrival.eof and eof.condition is ConditionCode.NO_ERROR:
            self._reject(Rejection.CONTRADICTION, "expected EOF to be as it came before, found another")
            return
        self._apply(ReceiverEvent.EOF, time_ns)

    def _check_whole(self, time_ns: int) -> None:
        """Verify and deliver the file, if all of it is there."""
        if self._arrival.finished is not None or self.is_suspended or not self._arrival.is_whole():
            return
        fault = self._arrival.verify()
        if fault is not None:
            self._fault(*fault, time_ns)
        elif self._arrival.is_spoilt():
            self._begin_anew(time_ns)
        else:
            self._deliver(time_ns)

    def _begin_anew(self, time_ns: int) -> None:
        """Have a file come again of which the store does not hold what came."""
        self._spoilt += 1
        if not self._is_acknowledged or self._spoilt > SPOILT_MAX:
            detail = f"expected the store to hold what came, found other octets {self._spoilt} times"
            self._fault(ConditionCode.FILE_CHECKSUM_FAILURE, detail, time_ns)
            return
        detail = "expected the store to hold the file as it came, found other octets; it is asked for again"
        self._reject(Rejection.SPOILT, detail, ConditionCode.FILE_CHECKSUM_FAILURE)
        self._arrival.begin_anew(self._save)
        self._ask_now(True, time_ns)

    def _give_up(self, condition: ConditionCode, location: int | None, time_ns: int) -> None:
        if self._arrival.finished is None:
            self.is_suspended = False
            if self._arrival.is_under_its_name():
                self._deliver(time_ns)
            else:
                self._arrival.give_up(condition, location)
                self._finish(time_ns)

    def _deliver(self, time_ns: int) -> None:
        self._arrival.deliver(self._save_progress)
        self._finish(time_ns)

    def _end_again(self, time_ns: int) -> None:
        """Go on with an end that the store interrupted, if there is one."""
        if self.state not in _BEFORE_END:
            return
        if self._arrival.finished is not None:
            self._finish(time_ns)
        elif not self._arrival.is_receiving and not self.is_suspended:
            self._deliver(time_ns)

    def _finish(self, time_ns: int) -> None:
        self._save_progress()
        self._arrival.clear()
        self._host.tell(self._arrival.report(self.identity))
        self._close_or_finish(time_ns)

    def _close_or_finish(self, time_ns: int) -> None:
        self._missing.stop()
        self._patience.finish()
        if self._is_acknowledged:
            self._apply(ReceiverEvent.WHOLE, time_ns)
        elif self._arrival.wants_closure:
            self._apply(ReceiverEvent.WHOLE_WITH_CLOSURE, time_ns)
        else:
            self._apply(ReceiverEvent.WHOLE_UNACKNOWLEDGED, time_ns)

    def _apply(self, event: ReceiverEvent, time_ns: int) -> None:
        effects, self.state = TABLE.get((self.state, event), ((), self.state))
        for effect in effects:
            match effect:
                case ReceiverEffect.ACKNOWLEDGE:
                    if self._is_acknowledged:
                        self._want(DirectiveCode.ACK)
                case ReceiverEffect.AWAIT_DATA:
                    if self._is_acknowledged:
                        self._missing.watch(self._part.end, time_ns)
                    else:
                        self._patience.check.start(time_ns)
                case ReceiverEffect.SEND_FINISHED:
                    self._want(DirectiveCode.FINISHED)
                case ReceiverEffect.AWAIT_ACK:
                    self._patience.ack.start(time_ns, self._ack_interval_ns())
                case ReceiverEffect.CLOSE:
                    self._close()

    def _close(self) -> None:
        self.is_closed = True
        self._patience.stop()
        self._missing.stop()
        self._part.release()
        finished = self._arrival.finished
        condition = finished.condition if finished else ConditionCode.NO_ERROR
        # What late EOFs are answered with.
        answer = finished if self._is_acknowledged or self._arrival.wants_closure else None
        self._host.close(ClosedRecord(header=self._header, role=self.role, condition=condition, finished=answer))

    def _timers(self) -> Iterable[RepeatTimer]:
        return self._patience.timers()

    def _options(self) -> tuple[Option, ...]:
        return self._arrival.metadata.options if self._arrival.metadata else ()

    def _go_on(self, time_ns: int) -> None:
        self.contact(True, time_ns)
        self._end_again(time_ns)
        self._check_whole(time_ns)

    def _fail(self, error: OSError, time_ns: int) -> None:
        if self._arrival.finished is not None or self._arrival.is_under_its_name():
            # How it ends is decided; `_end_again` sees to that.
            raise error
        self._fault(ConditionCode.FILESTORE_REJECTION, str(error), time_ns)

    def _handler(self, condition: ConditionCode) -> HandlerCode:
        if self._arrival.finished is not None:
            return HandlerCode.ABANDON
        handler = super()._handler(condition)
        if condition is ConditionCode.FILESTORE_REJECTION and handler is not HandlerCode.ABANDON:
            # What the store refuses cannot be ignored, least of all because the Metadata that names it says so.
            return HandlerCode.CANCEL
        return handler

    def _ignore(self, time_ns: int) -> None:
        self._missing.timer.count = 0
        self._patience.hear(time_ns)
        super()._ignore(time_ns)

    def _ask_now(self, asks_for_tail: bool, time_ns: int) -> None:
        self._missing.ask_now(asks_for_tail, self._part.end, time_ns)
        self.far_end.want_directive(self)

    def _directive(self, code: DirectiveCode) -> Directive | None:
        eof = self._arrival.eof
        match code:
            case DirectiveCode.ACK:
                condition = eof.condition if eof else ConditionCode.NO_ERROR
                return Ack(DirectiveCode.EOF, condition, TransactionStatus.ACTIVE)
            case DirectiveCode.KEEP_ALIVE:
                return KeepAlive(self._part.end)
            case _:
                return self._arrival.finished

    def _save_regularly(self, time_ns: int) -> None:
        """Make durable what came, so that little is asked for again after a reboot."""
        self._save()
        self._sync_ns = time_ns + SYNC_NS

    def _save(self) -> None:
        self._host.save(self.durable_record())

    def _save_progress(self) -> None:
        self._host.save(self._arrival.record(self.is_suspended))
