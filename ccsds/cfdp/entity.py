"""A CFDP entity: many transactions at once over one link. It never reads a clock, opens a file, or raises on octets.

It has the shape of every core here: `receive`, `transmit` (one PDU, pulled when the line is free), `advance`,
`next_deadline`, `contact`, `take_events`. Directives go first; then files by priority, and among equals in
short turns; then, when the line has nothing else, what no far end confirmed yet. Timers count contact time only.

Source: CCSDS 727.0-B-5 3, 4.
"""

from collections import Counter, OrderedDict, deque
from collections.abc import Callable, Iterable
from heapq import heappop, heappush
from itertools import count

from ccsds.cfdp.codes import (
    ConditionCode,
    Direction,
    DirectiveCode,
    PromptResponse,
    TransactionStatus,
    TransmissionMode,
)
from ccsds.cfdp.contact_clock import ContactClock, RoundTrip
from ccsds.cfdp.directives import Ack, Directive, Eof, FileData, Finished, Metadata, Nak
from ccsds.cfdp.events import Event, PduRejected, Rejection, Role, TransactionId, TransactionStarted
from ccsds.cfdp.filestore import FileStore, refusal_of
from ccsds.cfdp.header import PduHeader
from ccsds.cfdp.host import Transaction
from ccsds.cfdp.mib import SMALL_FILE_OCTETS_MAX, Mib, RemoteConfig
from ccsds.cfdp.pdu import Body, Pdu, decode_body
from ccsds.cfdp.receiver import Receiver
from ccsds.cfdp.records import (
    RECORDS_MAX,
    ClosedRecord,
    Journal,
    PutRequest,
    ReceiverRecord,
    Record,
    SenderRecord,
    SequenceRecord,
    decode_record,
    encode_record,
    role_of,
    transaction_of,
    turned,
)
from ccsds.cfdp.sender import Sender
from ccsds.cfdp.transfer import Transfer
from ccsds.crc import CRC16_OCTETS, crc16
from ccsds.errors import MalformedError, MisuseError

# Events that nobody took. Beyond it the oldest are dropped; `Entity.rejections` counts on.
EVENTS_MAX = 4096

# Answers to PDUs of finished transactions that wait for the line; a flood of such PDUs gets no more answers than this.
ANSWERS_MAX = 256

PRIORITY_MAX = 7

# PDUs that a transaction sends before it is another one's turn: at 1 Mbit/s and 1 KiB a turn takes 70 ms. Turns of one
# PDU make a processor fetch another file's state for each, which costs a tenth of the speed.
TURN_PDUS = 8

# The shortest header: 1-octet ids.
_HEADER_OCTETS_MIN = 7


class Entity:
    """A CFDP entity, begun out of contact.

    Args:
        mib: What it is set to.
        store: The files.
        journal: Where it remembers its transactions; None if it need not.
        records: What the journal holds from before, in order.
        now_ns: The time.

    Raises:
        MisuseError: A record is none of CFDP's, or of a far end that the MIB does not know any more.
    """

    def __init__(
        self,
        mib: Mib,
        store: FileStore,
        journal: Journal | None = None,
        records: Iterable[bytes] = (),
        now_ns: int = 0,
    ) -> None:
        self.mib = mib
        self.store = store
        self.rejections: Counter[Rejection] = Counter()
        """PDUs that were not taken, by reason."""
        self.events_dropped = 0
        """Events that nobody took in time."""
        self.heard_ns = 0
        """Contact time at which a PDU came last."""
        self._journal = journal
        self._records = 0
        self._clock = ContactClock()
        self._remotes = {remote.entity: remote for remote in mib.remotes}
        self._round_trips = {remote.entity: RoundTrip(remote.round_trip_ns) for remote in mib.remotes}
        self._events: deque[Event] = deque(maxlen=EVENTS_MAX)
        self._senders: dict[TransactionId, Sender] = {}
        self._receivers: dict[TransactionId, Receiver] = {}
        self._closed: OrderedDict[tuple[TransactionId, Role], ClosedRecord] = OrderedDict()
        self._next_sequence = 1
        # Receivers by all of a header but its length, so that file data finds its way with one look.
        self._routes: dict[bytes, Receiver] = {}
        self._answers: deque[bytes] = deque(maxlen=ANSWERS_MAX)
        self._directives: OrderedDict[int, Transaction] = OrderedDict()
        self._data: list[OrderedDict[int, Transaction]] = [OrderedDict() for _ in range(PRIORITY_MAX + 1)]
        self._idle: OrderedDict[int, Transaction] = OrderedDict()
        self._turn_pdus = 0
        self._wakes: list[tuple[int, int, Transaction]] = []
        self._wake_of: dict[int, int] = {}
        self._order = count()
        self._restore(records, now_ns)

    # What the owner calls.

    def put(self, request: PutRequest, now_ns: int) -> TransactionId:
        """Begin to send a file; it is in the journal when this returns.

        Raises:
            MisuseError: The far end is unknown, the file is not there or too large, or a name leaves the store.
        """
        remote = self._remotes.get(request.destination)
        if remote is None:
            raise MisuseError(f"put: expected a far end of {sorted(self._remotes)}, found {request.destination}")
        if len(self._senders) >= self.mib.transactions_max:
            raise MisuseError(f"put: expected at most {self.mib.transactions_max} transactions at once")
        if not 0 <= request.priority <= PRIORITY_MAX:
            raise MisuseError(f"put: expected priority 0 to {PRIORITY_MAX}, found {request.priority}")
        if bool(request.source_name) != bool(request.destination_name):
            raise MisuseError("put: expected both file names or none, found one")
        size = self._size_of(request, remote)
        metadata = Metadata(
            size,
            request.source_name,
            request.destination_name,
            remote.checksum_type if request.checksum_type is None else request.checksum_type,
            remote.closure_requested if request.closure_requested is None else request.closure_requested,
            request.options,
        )
        header = PduHeader(
            Direction.TOWARD_RECEIVER,
            remote.mode if request.mode is None else request.mode,
            self.mib.entity,
            self._take_sequence(remote),
            request.destination,
            remote.has_crc,
            size > SMALL_FILE_OCTETS_MAX,
            remote.entity_octets,
            remote.sequence_octets,
        )
        octets = len(Pdu(header, metadata).encode())
        if octets > remote.pdu_octets_max:
            raise MisuseError(f"put: expected Metadata of at most {remote.pdu_octets_max} octets, found {octets}")
        record = SenderRecord(header=header, request=request, metadata=metadata)
        self.save(record)
        self._open_sender(record, remote, self._clock.count(now_ns))
        identity = transaction_of(header)
        self.tell(TransactionStarted(identity, Role.SENDER))
        return identity

    def receive(self, pdu: bytes, now_ns: int) -> None:
        """Take one PDU. What is wrong with it is counted and told, never raised."""
        time_ns = self.heard_ns = self._clock.count(now_ns)
        if len(pdu) >= _HEADER_OCTETS_MIN:
            sizes = pdu[3]
            header_octets = 6 + (sizes >> 3 & 14) + (sizes & 7) + 1
            receiver = self._routes.get(pdu[:1] + pdu[3:header_octets])
            if receiver is not None:
                self._receive_routed(receiver, pdu, header_octets, time_ns)
                return
        try:
            header, pdu_type, field = PduHeader.decode(bytes(pdu))
            body = decode_body(header, pdu_type, field)
        except MalformedError as error:
            self.reject(Rejection.MALFORMED, str(error), None, ConditionCode.NO_ERROR)
            return
        self._dispatch(header, body, pdu, time_ns)

    def transmit(self, now_ns: int) -> bytes | None:
        """Give the PDU that is most urgent now, None if there is none or no contact."""
        if not self._clock.is_up:
            return None
        if self._answers:
            return self._answers.popleft()
        time_ns = self._clock.count(now_ns)
        if self._directives:
            pdu = self._pull(self._directives, _pull_directive, time_ns)
            if pdu is not None:
                return pdu
        for queue in self._data:
            if queue:
                pdu = self._pull(queue, _pull_data, time_ns)
                # The last segment may have made EOF due; a file that was empty has only that.
                if pdu is None and self._directives:
                    pdu = self._pull(self._directives, _pull_directive, time_ns)
                if pdu is not None:
                    return pdu
        return self._pull(self._idle, _pull_idle, time_ns) if self._idle else None

    def advance(self, now_ns: int) -> None:
        """Let time pass: timers ring."""
        if not self._wakes:
            return
        time_ns = self._clock.count(now_ns)
        while self._wakes and self._wakes[0][0] <= time_ns and self._clock.is_up:
            wake_ns, _, transaction = heappop(self._wakes)
            if self._wake_of.get(id(transaction)) != wake_ns:
                continue
            del self._wake_of[id(transaction)]
            deadline = transaction.deadline()
            if deadline is not None and deadline <= time_ns:
                try:
                    transaction.advance(time_ns)
                except OSError as error:
                    self._fail(transaction, error, time_ns)
            self.wake(transaction)

    def next_deadline(self) -> int | None:
        """Give the time at which `advance` has something to do, None if there is none as things stand."""
        return self._clock.when(self._wakes[0][0]) if self._wakes else None

    def contact(self, up: bool, now_ns: int) -> None:
        """Take notice that contact begins or ends; told twice, it is told once."""
        if up is self._clock.is_up:
            return
        self._clock.contact(up, now_ns)
        time_ns = self._clock.count(now_ns)
        for transaction in self._transactions():
            try:
                transaction.contact(up, time_ns)
            except OSError as error:
                self._fail(transaction, error, time_ns)

    def take_events(self) -> list[Event]:
        """Give the events since the last call."""
        events = list(self._events)
        self._events.clear()
        return events

    def cancel(self, transaction: TransactionId, now_ns: int) -> None:
        """End a transaction at both ends.

        Raises:
            MisuseError: It is not running here.
        """
        self._find(transaction).cancel(ConditionCode.CANCEL_REQUEST_RECEIVED, self._clock.count(now_ns))

    def suspend(self, transaction: TransactionId) -> None:
        """Let a transaction stand still.

        Raises:
            MisuseError: It is not running here.
        """
        self._find(transaction).suspend(ConditionCode.SUSPEND_REQUEST_RECEIVED)

    def resume(self, transaction: TransactionId, now_ns: int) -> None:
        """Let a transaction go on.

        Raises:
            MisuseError: It is not running here.
        """
        self._find(transaction).resume(self._clock.count(now_ns))

    def prompt(self, transaction: TransactionId, response: PromptResponse) -> None:
        """Ask the receiver of a file for a NAK or a Keep Alive.

        Raises:
            MisuseError: It is not sent from here.
        """
        sender = self._senders.get(transaction)
        if sender is None:
            raise MisuseError(f"CFDP {transaction}: expected a transaction that is sent from here, found none")
        sender.prompt(response)

    @property
    def running(self) -> list[tuple[TransactionId, Role]]:
        """The transactions that are not over."""
        return [(key, Role.SENDER) for key in self._senders] + [(key, Role.RECEIVER) for key in self._receivers]

    @property
    def transfers(self) -> list[Transfer]:
        """How far each transaction is that is not over: what is sent from here, then what is received."""
        return [transaction.snapshot() for transaction in self._transactions()]

    @property
    def wants_to_transmit(self) -> bool:
        """Whether `transmit` may give a PDU; it costs nothing.

        Where it is False, `transmit` gives None. Where it is True, `transmit` nearly always gives a PDU; once it gave
        None, this is False until something happens.
        """
        return self._clock.is_up and bool(
            self._answers or self._directives or self._idle or any(queue for queue in self._data)
        )

    # What transactions call (`ccsds.cfdp.host.Host`).

    def save(self, record: SenderRecord | ReceiverRecord) -> None:
        """See `Host.save`."""
        self._append(record)

    def close(self, transaction: Transaction, record: ClosedRecord) -> None:
        """See `Host.close`."""
        self._append(record)
        identity = transaction.identity
        if record.role is Role.SENDER:
            self._senders.pop(identity, None)
        else:
            self._receivers.pop(identity, None)
            self._routes = {key: other for key, other in self._routes.items() if other is not transaction}
        self._remember(identity, record)

    def tell(self, event: Event) -> None:
        """See `Host.tell`."""
        if len(self._events) == EVENTS_MAX:
            self.events_dropped += 1
        self._events.append(event)

    def reject(
        self, rejection: Rejection, detail: str, transaction: TransactionId | None, condition: ConditionCode
    ) -> None:
        """See `Host.reject`."""
        self.rejections[rejection] += 1
        self.tell(PduRejected(rejection, condition, detail, transaction))

    def want_directive(self, transaction: Transaction) -> None:
        """See `Host.want_directive`."""
        self._directives.setdefault(id(transaction), transaction)

    def want_data(self, transaction: Transaction) -> None:
        """See `Host.want_data`."""
        self._data[transaction.priority].setdefault(id(transaction), transaction)

    def want_idle(self, transaction: Transaction) -> None:
        """See `Host.want_idle`."""
        self._idle.setdefault(id(transaction), transaction)

    def wake(self, transaction: Transaction) -> None:
        """See `Host.wake`. An entry that was overtaken by an earlier one stays in the heap, and is skipped there."""
        deadline = transaction.deadline()
        if deadline is None:
            return
        earlier = self._wake_of.get(id(transaction))
        if earlier is None or deadline < earlier:
            self._wake_of[id(transaction)] = deadline
            heappush(self._wakes, (deadline, next(self._order), transaction))

    # Inner.

    def _receive_routed(self, receiver: Receiver, pdu: bytes, header_octets: int, time_ns: int) -> None:
        """Take file data of a transaction that had some before."""
        if pdu[1] << 8 | pdu[2] != len(pdu) - header_octets:
            detail = f"expected a PDU of {header_octets + (pdu[1] << 8 | pdu[2])} octets, found {len(pdu)}"
            self.reject(Rejection.MALFORMED, detail, receiver.identity, ConditionCode.NO_ERROR)
            return
        end = len(pdu)
        if pdu[0] & 2:
            if crc16(pdu):
                detail = f"expected CRC {crc16(pdu[:-2]):04x}, found {pdu[-2:].hex()}"
                self.reject(Rejection.MALFORMED, detail, receiver.identity, ConditionCode.NO_ERROR)
                return
            end -= CRC16_OCTETS
        start = header_octets + (8 if pdu[0] & 1 else 4)
        if start > end:
            detail = f"expected an offset of {start - header_octets} octets, found {end - header_octets}"
            self.reject(Rejection.MALFORMED, detail, receiver.identity, ConditionCode.NO_ERROR)
            return
        try:
            receiver.receive_data(int.from_bytes(pdu[header_octets:start], "big"), pdu[start:end], time_ns)
        except OSError as error:
            self._fail(receiver, error, time_ns)

    def _dispatch(self, header: PduHeader, body: Body, pdu: bytes, time_ns: int) -> None:
        is_toward_receiver = header.direction is Direction.TOWARD_RECEIVER
        here, there = (header.destination, header.source) if is_toward_receiver else (header.source, header.destination)
        identity = transaction_of(header)
        remote = self._remotes.get(there)
        if here != self.mib.entity or remote is None:
            detail = (
                f"expected a PDU for entity {self.mib.entity} from {sorted(self._remotes)}, found {there} to {here}"
            )
            self.reject(Rejection.FOREIGN_ENTITY, detail, identity, ConditionCode.NO_ERROR)
            return
        if is_toward_receiver:
            self._receive_as_receiver(header, body, pdu, remote, time_ns)
        else:
            self._receive_as_sender(header, body, time_ns)

    def _receive_as_sender(self, header: PduHeader, body: Body, time_ns: int) -> None:
        identity = transaction_of(header)
        sender = self._senders.get(identity)
        if isinstance(body, FileData):
            self.reject(
                Rejection.OUT_OF_PLACE, "expected no file data from a receiver", identity, ConditionCode.NO_ERROR
            )
        elif sender is not None and header.destination == sender.destination:
            try:
                sender.receive(body, time_ns)
            except OSError as error:
                self._fail(sender, error, time_ns)
        elif sender is None and (identity, Role.SENDER) in self._closed:
            condition = self._closed[identity, Role.SENDER].condition
            if isinstance(body, Finished) and header.mode is TransmissionMode.ACKNOWLEDGED:
                self._answer(header, Ack(DirectiveCode.FINISHED, body.condition, TransactionStatus.TERMINATED))
            elif isinstance(body, Nak) and condition is not ConditionCode.NO_ERROR:
                # The far end does not know that it was given up.
                self._answer(header, Eof(condition, 0, 0, self.mib.entity))
        else:
            detail = f"expected a transaction that is sent from here, found {type(body).__name__} of another"
            self.reject(Rejection.UNKNOWN_TRANSACTION, detail, identity, ConditionCode.NO_ERROR)
            if isinstance(body, Finished) and sender is None and header.mode is TransmissionMode.ACKNOWLEDGED:
                self._answer(header, Ack(DirectiveCode.FINISHED, body.condition, TransactionStatus.UNRECOGNIZED))

    def _receive_as_receiver(
        self, header: PduHeader, body: Body, pdu: bytes, remote: RemoteConfig, time_ns: int
    ) -> None:
        identity = transaction_of(header)
        receiver = self._receivers.get(identity)
        if receiver is None:
            closed = self._closed.get((identity, Role.RECEIVER))
            if closed is not None:
                self._answer_again(closed, header, body)
                return
            receiver = self._open_receiver(header, body, remote, time_ns)
            if receiver is None:
                return
        if not receiver.agrees(header):
            detail = "expected the mode, large file flag and ids of the transaction, found others"
            self.reject(Rejection.CONTRADICTION, detail, identity, ConditionCode.INVALID_TRANSMISSION_MODE)
            return
        try:
            if not isinstance(body, FileData):
                receiver.receive(body, time_ns)
                return
            receiver.receive_data(body.offset_octets, body.data, time_ns)
            if not header.has_segment_metadata and identity in self._receivers:
                self._routes[pdu[:1] + pdu[3 : header.octets]] = receiver
        except OSError as error:
            self._fail(receiver, error, time_ns)

    def _open_receiver(self, header: PduHeader, body: Body, remote: RemoteConfig, time_ns: int) -> Receiver | None:
        identity = transaction_of(header)
        if not isinstance(body, Metadata | FileData | Eof):
            detail = f"expected Metadata, file data or EOF to begin with, found {type(body).__name__}"
            self.reject(Rejection.UNKNOWN_TRANSACTION, detail, identity, ConditionCode.NO_ERROR)
            return None
        if len(self._receivers) >= self.mib.transactions_max:
            detail = f"expected at most {self.mib.transactions_max} transactions at once"
            self.reject(Rejection.NO_ROOM, detail, identity, ConditionCode.FILESTORE_REJECTION)
            return None
        record = ReceiverRecord(header=turned(header, Direction.TOWARD_SENDER))
        try:
            receiver = Receiver(self, remote, self._round_trips[remote.entity], record, time_ns)
        except OSError as error:
            self.reject(Rejection.NO_ROOM, str(error), identity, ConditionCode.FILESTORE_REJECTION)
            return None
        self._receivers[identity] = receiver
        self.tell(TransactionStarted(identity, Role.RECEIVER))
        self.wake(receiver)
        return receiver

    def _answer_again(self, closed: ClosedRecord, header: PduHeader, body: Body) -> None:
        """Answer a late PDU of a finished transaction: the answer may have been lost."""
        if isinstance(body, Eof) and header.mode is TransmissionMode.ACKNOWLEDGED:
            self._answer(closed.header, Ack(DirectiveCode.EOF, body.condition, TransactionStatus.TERMINATED))
            if closed.finished is not None:
                self._answer(closed.header, closed.finished)

    def _answer(self, header: PduHeader, body: Directive) -> None:
        is_from_sender = isinstance(body, Eof) or (isinstance(body, Ack) and body.directive is DirectiveCode.FINISHED)
        direction = Direction.TOWARD_RECEIVER if is_from_sender else Direction.TOWARD_SENDER
        answer = Pdu(turned(header, direction), body).encode()
        if answer not in self._answers and len(self._answers) < ANSWERS_MAX:
            self._answers.append(answer)

    def _pull(
        self,
        queue: OrderedDict[int, Transaction],
        pull: Callable[[Transaction, int], bytes | None],
        time_ns: int,
    ) -> bytes | None:
        """Let the transactions of a queue take turns; one that has nothing leaves it."""
        while queue:
            key, transaction = next(iter(queue.items()))
            try:
                pdu = pull(transaction, time_ns)
            except OSError as error:
                self._fail(transaction, error, time_ns)
                pdu = None
            if pdu is None:
                queue.pop(key, None)
                self._turn_pdus = 0
                continue
            self._turn_pdus += 1
            if self._turn_pdus >= TURN_PDUS:
                self._turn_pdus = 0
                if key in queue:
                    queue.move_to_end(key)
            return pdu
        return None

    def _fail(self, transaction: Transaction, error: OSError, time_ns: int) -> None:
        """Let a transaction end because the store failed; that it ends may not be remembered then."""
        try:
            transaction.fail(error, time_ns)
        except OSError as second:
            self.reject(Rejection.NO_ROOM, str(second), transaction.identity, ConditionCode.FILESTORE_REJECTION)

    def _transactions(self) -> list[Sender | Receiver]:
        return [*self._senders.values(), *self._receivers.values()]

    def _find(self, identity: TransactionId) -> Sender | Receiver:
        found = self._senders.get(identity) or self._receivers.get(identity)
        if found is None:
            raise MisuseError(f"CFDP {identity}: expected a running transaction, found none")
        return found

    def _size_of(self, request: PutRequest, remote: RemoteConfig) -> int:
        if not request.source_name:
            return 0
        refusal = refusal_of(self.store, request.source_name, self.mib.part_directory)
        if refusal:
            raise MisuseError(f"put: {refusal}")
        try:
            size = self.store.size(request.source_name)
        except OSError as error:
            raise MisuseError(f"put: expected a file at {request.source_name!r}: {error}") from error
        if size > remote.file_octets_max:
            raise MisuseError(f"put: expected at most {remote.file_octets_max} octets for this far end, found {size}")
        return size

    def _take_sequence(self, remote: RemoteConfig) -> int:
        """Give the next sequence number; they begin again after the largest that the far end's field holds."""
        sequence = self._next_sequence % (1 << 8 * remote.sequence_octets)
        self._next_sequence += 1
        if TransactionId(self.mib.entity, sequence) in self._senders:
            raise MisuseError(f"put: expected a free sequence number, found {sequence} in use")
        self._closed.pop((TransactionId(self.mib.entity, sequence), Role.SENDER), None)
        return sequence

    def _open_sender(self, record: SenderRecord, remote: RemoteConfig, time_ns: int) -> None:
        sender = Sender(self, remote, self._round_trips[remote.entity], record, time_ns)
        self._senders[sender.identity] = sender
        self.wake(sender)

    def _remember(self, identity: TransactionId, record: ClosedRecord) -> None:
        self._closed[identity, record.role] = record
        if len(self._closed) > self.mib.finished_max:
            self._closed.popitem(last=False)

    def _append(self, record: Record) -> None:
        if self._journal is None:
            return
        # Before the new record, not after it: what it tells of has not happened here yet.
        if self._records >= RECORDS_MAX + self.mib.finished_max:
            self._compact()
        self._journal.append(encode_record(record))
        self._records += 1

    def _compact(self) -> None:
        """Write the journal anew, with what still matters."""
        if self._journal is None:
            return
        records: list[Record] = [SequenceRecord(next_sequence=self._next_sequence), *self._closed.values()]
        for transaction in self._transactions():
            records.append(transaction.durable_record())
        self._journal.replace(map(encode_record, records))
        self._records = len(records)

    def _restore(self, records: Iterable[bytes], now_ns: int) -> None:
        latest: dict[tuple[TransactionId, Role], SenderRecord | ReceiverRecord] = {}
        for data in records:
            try:
                record = decode_record(data)
            except MalformedError as error:
                raise MisuseError(str(error)) from error
            self._records += 1
            if isinstance(record, SequenceRecord):
                self._next_sequence = max(self._next_sequence, record.next_sequence)
                continue
            key = (transaction_of(record.header), role_of(record))
            if isinstance(record, ClosedRecord):
                latest.pop(key, None)
                self._remember(key[0], record)
            else:
                latest[key] = record
            if key[1] is Role.SENDER:
                self._next_sequence = max(self._next_sequence, key[0].sequence + 1)
        time_ns = self._clock.count(now_ns)
        for (identity, _), record in latest.items():
            there = record.header.destination if isinstance(record, SenderRecord) else record.header.source
            remote = self._remotes.get(there)
            if remote is None:
                raise MisuseError(
                    f"CFDP {identity}: expected far end {there} in the MIB, found {sorted(self._remotes)}"
                )
            if isinstance(record, SenderRecord):
                self._open_sender(record, remote, time_ns)
                continue
            receiver = Receiver(self, remote, self._round_trips[there], record, time_ns)
            self._receivers[identity] = receiver
            receiver.restore(time_ns)


def _pull_directive(transaction: Transaction, time_ns: int) -> bytes | None:
    return transaction.pull_directive(time_ns)


def _pull_data(transaction: Transaction, time_ns: int) -> bytes | None:
    return transaction.pull_data(time_ns)


def _pull_idle(transaction: Transaction, time_ns: int) -> bytes | None:
    return transaction.pull_idle(time_ns)
