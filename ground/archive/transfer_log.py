"""What an archive keeps of files on their way: the journal of the CFDP entity, and the history that people read.

It is a `ccsds.cfdp.records.Journal` in the tables of the archive, and shares its transactions: a record is durable when
`append` returns, and with it all that was recorded before. The history follows the station's events; where a kill came
between a record and its event, the journal is believed (`settle`).
"""

import errno
import sqlite3
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Any

from ccsds.cfdp.codes import ConditionCode, DeliveryCode
from ccsds.cfdp.records import (
    ClosedRecord,
    ReceiverRecord,
    SequenceRecord,
    decode_record,
    encode_record,
    transaction_of,
)
from ccsds.errors import MalformedError
from ground.transfer_events import (
    TransferEvent,
    TransferFailed,
    TransferFinished,
    TransferProgressed,
    TransferStarted,
)

SCHEMA = """
CREATE TABLE transfer_journal (id INTEGER PRIMARY KEY, record BLOB NOT NULL);
CREATE TABLE transfers (
    id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, direction TEXT NOT NULL, source_name TEXT NOT NULL,
    destination_name TEXT NOT NULL, size_octets INTEGER, done_octets INTEGER NOT NULL, outcome TEXT NOT NULL,
    condition TEXT NOT NULL, text TEXT NOT NULL, started_unix_ns INTEGER NOT NULL, ended_unix_ns INTEGER
);
"""

# 2020-01-01: transactions of an archive that is new or restored are numbered from the seconds since then on, in 32 bits
# until 2156. No station begins more than one a second for its life, so none of them was used before, and the spacecraft
# takes no new file for one that it has.
_SEQUENCE_EPOCH_UNIX_NS = 1_577_836_800_000_000_000
_NS_PER_S = 1_000_000_000


class Outcome(Enum):
    """What became of a transfer."""

    UNDER_WAY = "under way"
    FINISHED = "finished"
    FAILED = "failed"


class TransferLog:
    """The part of an archive that is of files.

    Args:
        connection: To the archive.
        execute: Executes a statement in the archive's transaction, which is begun if there is none.
        commit: Makes the archive's transaction durable.
        roll_back: Gives it up.
    """

    def __init__(
        self,
        connection: sqlite3.Connection,
        execute: Callable[[str, tuple[Any, ...]], None],
        commit: Callable[[], None],
        roll_back: Callable[[], None],
    ) -> None:
        self.connection = connection
        """To the archive, whichever file that is."""
        self._execute = execute
        self._commit = commit
        self._roll_back = roll_back

    def append(self, payload: bytes) -> None:
        """See `ccsds.cfdp.records.Journal.append`."""
        self._write([payload], is_new=False)

    def replace(self, payloads: Iterable[bytes]) -> None:
        """See `ccsds.cfdp.records.Journal.replace`."""
        self._write(payloads, is_new=True)

    def records(self) -> list[bytes]:
        """Give the journal, oldest first.

        Raises:
            OSError: The archive failed.
        """
        try:
            return self._records()
        except sqlite3.Error as error:
            raise _failed(error) from error

    def note(self, event: TransferEvent, unix_ns: int) -> None:
        """Keep what an event says of a transfer."""
        self._execute(
            "INSERT INTO transfers (name, direction, source_name, destination_name, size_octets, done_octets, outcome,"
            " condition, text, started_unix_ns) VALUES (?,?,?,?,?,0,?,'','',?) ON CONFLICT (name) DO UPDATE SET"
            " source_name = excluded.source_name, destination_name = excluded.destination_name,"
            " size_octets = excluded.size_octets",
            (
                event.transaction,
                event.direction.name,
                event.source_name,
                event.destination_name,
                event.size_octets,
                Outcome.UNDER_WAY.name,
                unix_ns,
            ),
        )
        match event:
            case TransferStarted():
                # The number of one that ended long ago may come again.
                self._execute(
                    "UPDATE transfers SET done_octets = 0, outcome = ?, condition = '', text = '', started_unix_ns = ?,"
                    " ended_unix_ns = NULL WHERE name = ?",
                    (Outcome.UNDER_WAY.name, unix_ns, event.transaction),
                )
            case TransferProgressed():
                row = (event.done_octets, event.transaction)
                self._execute("UPDATE transfers SET done_octets = ? WHERE name = ?", row)
            case TransferFinished():
                self._execute(
                    "UPDATE transfers SET done_octets = coalesce(size_octets, done_octets) WHERE name = ?",
                    (event.transaction,),
                )
                self._end(event.transaction, Outcome.FINISHED, ConditionCode.NO_ERROR, "", unix_ns)
            case TransferFailed():
                self._end(event.transaction, Outcome.FAILED, event.condition, event.text, unix_ns)

    def settle(self, unix_ns: int, *, is_sure: bool) -> None:
        """Begin anew: end the transfers of the history that the journal knows to be over, or does not know.

        Args:
            unix_ns: Now.
            is_sure: Whether no transaction was begun that this archive does not know; else numbers go on from the time.
        """
        ends: dict[str, tuple[ConditionCode, bool]] = {}
        running: set[str] = set()
        for payload in self._records():
            try:
                record = decode_record(payload)
            except MalformedError:
                continue  # The entity refuses it, and says why.
            if isinstance(record, SequenceRecord):
                continue
            name = str(transaction_of(record.header))
            if isinstance(record, ClosedRecord | ReceiverRecord) and record.finished is not None:
                is_whole = record.finished.delivery is DeliveryCode.COMPLETE
                ends[name] = (record.finished.condition, is_whole)
            elif isinstance(record, ClosedRecord):
                ends[name] = (record.condition, record.condition is ConditionCode.NO_ERROR)
            else:
                running.add(name)
        rows = self.connection.execute("SELECT name FROM transfers WHERE outcome = ?", (Outcome.UNDER_WAY.name,))
        for (name,) in rows.fetchall():
            if name in ends:
                condition, is_whole = ends[name]
                self._end(name, Outcome.FINISHED if is_whole else Outcome.FAILED, condition, "", unix_ns)
            elif name not in running:
                text = "the station was stopped, and its journal does not know it"
                self._end(name, Outcome.FAILED, ConditionCode.NO_ERROR, text, unix_ns)
        if not is_sure:
            floor = max(1, (unix_ns - _SEQUENCE_EPOCH_UNIX_NS) // _NS_PER_S)
            self._execute(
                "INSERT INTO transfer_journal (record) VALUES (?)",
                (encode_record(SequenceRecord(next_sequence=floor)),),
            )

    def _records(self) -> list[bytes]:
        return [record for (record,) in self.connection.execute("SELECT record FROM transfer_journal ORDER BY id")]

    def _end(self, name: str, outcome: Outcome, condition: ConditionCode, text: str, unix_ns: int) -> None:
        self._execute(
            "UPDATE transfers SET outcome = ?, condition = ?, text = ?, ended_unix_ns = ? WHERE name = ?",
            (outcome.name, condition.name, text, unix_ns, name),
        )

    def _write(self, payloads: Iterable[bytes], *, is_new: bool) -> None:
        try:
            self._insert(payloads, is_new)
            self._commit()
        except sqlite3.Error as error:
            raise _failed(error) from error

    def _insert(self, payloads: Iterable[bytes], is_new: bool) -> None:
        try:
            if is_new:
                self._execute("DELETE FROM transfer_journal", ())
            for payload in payloads:
                self._execute("INSERT INTO transfer_journal (record) VALUES (?)", (payload,))
        except sqlite3.Error:
            self._roll_back()
            raise


def _failed(error: sqlite3.Error) -> OSError:
    return OSError(errno.EIO, f"the archive failed: {error}")
