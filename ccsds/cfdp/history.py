"""What an entity remembers: its journal, the transactions that are over, and which sequence numbers are used up.

It keeps nothing of running transactions but what the journal needs to be written anew.

Source: CCSDS 727.0-B-5 4.1.
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable

from ccsds.cfdp.events import Role, TransactionId
from ccsds.cfdp.records import (
    RECORDS_MAX,
    ClosedRecord,
    Journal,
    ReceiverRecord,
    Record,
    SenderRecord,
    SequenceRecord,
    decode_record,
    encode_record,
    role_of,
    transaction_of,
)
from ccsds.errors import MalformedError, MisuseError


class History:
    """The memory of an entity.

    Args:
        journal: Where it is durable; None if it need not be.
        finished_max: Transactions that are over and still remembered.
        running_records: Gives a record of each running transaction.
    """

    def __init__(
        self,
        journal: Journal | None,
        finished_max: int,
        running_records: Callable[[], Iterable[SenderRecord | ReceiverRecord]],
    ) -> None:
        self._journal = journal
        self._finished_max = finished_max
        self._running_records = running_records
        self._records = 0
        self._closed: OrderedDict[tuple[TransactionId, Role], ClosedRecord] = OrderedDict()
        self._next_sequence = 1

    def restore(self, records: Iterable[bytes]) -> list[SenderRecord | ReceiverRecord]:
        """Read the journal; give what was running.

        Raises:
            MisuseError: A record is none of CFDP's.
        """
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
                self._remember(record)
            else:
                latest[key] = record
            if key[1] is Role.SENDER:
                self._next_sequence = max(self._next_sequence, key[0].sequence + 1)
        return list(latest.values())

    def append(self, record: Record) -> None:
        """Make a record durable; may raise ``OSError``."""
        if self._journal is None:
            return
        # Before the new record, not after it: what it tells of has not happened here yet.
        if self._records >= RECORDS_MAX + self._finished_max:
            self._compact(self._journal)
        self._journal.append(encode_record(record))
        self._records += 1

    def close(self, record: ClosedRecord) -> None:
        """Remember that a transaction is over, until a reboot at least; may raise ``OSError``."""
        self._remember(record)
        self.append(record)

    def closed(self, transaction: TransactionId, role: Role) -> ClosedRecord | None:
        """Give what is remembered of a transaction that is over."""
        return self._closed.get((transaction, role))

    def take_sequence(self, entity: int, sequence_octets: int, is_running: Callable[[TransactionId], bool]) -> int:
        """Give the next sequence number; they begin again after the largest that the far end's field holds.

        Args:
            entity: Who sends.
            sequence_octets: Of the field.
            is_running: Tells whether a transaction still has a number.

        Raises:
            MisuseError: The next one is still in use.
        """
        sequence = self._next_sequence % (1 << 8 * sequence_octets)
        self._next_sequence += 1
        transaction = TransactionId(entity, sequence)
        if is_running(transaction):
            raise MisuseError(f"put: expected a free sequence number, found {sequence} in use")
        self._closed.pop((transaction, Role.SENDER), None)
        return sequence

    def _remember(self, record: ClosedRecord) -> None:
        self._closed[transaction_of(record.header), record.role] = record
        if len(self._closed) > self._finished_max:
            self._closed.popitem(last=False)

    def _compact(self, journal: Journal) -> None:
        """Write the journal anew, with what still matters."""
        records = [
            SequenceRecord(next_sequence=self._next_sequence),
            *self._closed.values(),
            *self._running_records(),
        ]
        journal.replace(map(encode_record, records))
        self._records = len(records)
