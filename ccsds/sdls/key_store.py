"""The key store: what one end must never forget about its keys, on a disk that its owner opens.

Beside the key file lie ``.state`` (states of keys, counters set aside to send with, anti-replay windows), one empty
``.seal-N``, and ``.received-N`` with the windows as they moved since that state was written (`receipt_log`). Every
other change writes a new seal and then a state that names it, with what the system says of that seal and no copy or
backup brings along. So a state that was copied, restored or put back is found out by its seal, and a stop at any moment
is not: the old state and its seal are there until the new ones are durable.

If the store was restored, counters may have been used that it does not know. Then no key that it ever sent under sends
again (`KeyState.SPENT`); the operator activates another one, which is what "rekey" means here. Receiving goes on.

It never locks and never checks permissions: its disk has done both.

Source: CCSDS 355.0-B-2 4.2.2.5 (anti-replay counters are kept), NIST SP 800-38D 8.2.1 (uniqueness across power loss).
"""

import contextlib
from collections.abc import Callable, Iterable
from enum import Enum
from typing import Protocol, Self

import msgspec

from ccsds.errors import MalformedError, MisuseError
from ccsds.sdls.key_file import KeyFile, read_checked, write_checked
from ccsds.sdls.key_state import KeyMoved, KeyOperation, KeyRecord, KeyRing, KeyState
from ccsds.sdls.receipt_log import ReceiptLog
from ccsds.sdls.window import Receipt

_SEAL = b"Says that the state beside it is no copy. Do not touch it.\n"


class KeyDisk(Protocol):
    """What a key store asks of its directory: a part of `flight.disk.Disk`, and `stamp`. All may raise ``OSError``."""

    def append(self, path: str, data: bytes) -> None:
        """Add to the end of a file, which is made if it is missing."""
        ...

    def read(self, path: str) -> bytes:
        """Give a file."""
        ...

    def fsync(self, path: str) -> None:
        """Make a file's content durable, or, for ``""``, the names of files."""
        ...

    def rename(self, old: str, new: str) -> None:
        """Give a file another name, replacing what was there."""
        ...

    def remove(self, path: str) -> None:
        """Remove a file."""
        ...

    def list(self) -> list[str]:
        """Give the names of the files there are."""
        ...

    def stamp(self, path: str) -> str:
        """Give what the system alone says of a file, such as inode and time of last change; no copy has the same."""
        ...


class Standing(Enum):
    """What a store turned out to be when it was opened."""

    FRESH = "fresh"
    """It was never used before."""
    RESUMED = "resumed"
    """It is as its end left it, or was stopped at."""
    RESTORED = "restored"
    """It is a copy or a backup, or is damaged: keys that it sent under are spent."""


class _State(msgspec.Struct, frozen=True, kw_only=True):
    """The state file."""

    set_id: str
    generation: int
    seal: str
    stamp: str
    keys: tuple[KeyRecord, ...]
    receipts: tuple[Receipt, ...]


class KeyStore:
    """The key store of one end; `open` makes it.

    Args:
        disk: Where it is.
        path: Of the key file there.
        file: Its content.
        standing: What it turned out to be.
        ring: The keys.
        receipts: The windows that were remembered.
        generation: Of the last seal.
        log: Of what was received since the state was written.
    """

    def __init__(
        self,
        disk: KeyDisk,
        path: str,
        file: KeyFile,
        standing: Standing,
        ring: KeyRing,
        receipts: tuple[Receipt, ...],
        generation: int,
        log: ReceiptLog,
    ) -> None:
        self._disk = disk
        self._path = path
        self.file = file
        self.standing = standing
        self.ring = ring
        self.receipts = receipts
        self._generation = generation
        self._log = log
        self._is_tidy = False
        """Whether there is no other seal than the last one, and nothing that a try has left."""

    @classmethod
    def open(cls, disk: KeyDisk, path: str) -> Self:
        """Open the store of a key file, and claim the file if nobody has used it yet.

        Raises:
            MalformedError: The key file is damaged, or none.
            MisuseError: The state beside it belongs to another key file.
            OSError: The disk failed, or there is no such file.
        """
        file = KeyFile.decode(disk.read(path))
        names = disk.list()
        state = _read_state(disk, f"{path}.state", names)
        if state is not None and state.set_id != file.set_id:
            raise MisuseError(f"{path}: expected a state of key set {file.set_id}, found one of {state.set_id}")
        is_fresh = not file.claimed and f"{path}.state" not in names
        is_sealed = state is not None and state.seal in names and disk.stamp(state.seal) == state.stamp
        standing = Standing.FRESH if is_fresh else Standing.RESUMED if is_sealed else Standing.RESTORED
        records = state.keys if state is not None else _first_records(file)
        ring = KeyRing(file.associations, records, file.end.sending)
        log = _read_log(disk, path, state.generation if state is not None else 0, names)
        store = cls(
            disk,
            path,
            file,
            standing,
            ring.restored() if standing is Standing.RESTORED else ring,
            _merged((*(state.receipts if state is not None else ()), *log.receipts)),
            max((_generation_of(path, name) for name in names), default=0),
            log,
        )
        if standing is not Standing.RESUMED:
            # Otherwise nothing has changed, and a disk that is full must not keep an end from hearing.
            store._save(store.ring, store.receipts)
        store._claim()
        return store

    def key(self, spi: int) -> bytes:
        """Give the octets of a key.

        Raises:
            MisuseError: There is no such SPI, or its key is destroyed.
        """
        for entry in self.file.keys:
            if entry.association.spi == spi and entry.key:
                return entry.key
        raise MisuseError(f"expected an SPI of this key file whose key is not destroyed, found {spi}")

    def reserved(self, spi: int) -> int:
        """See `ccsds.sdls.sender.CounterStore.reserved`."""
        return self.ring.record(spi).reserved

    def reserve(self, spi: int, limit: int) -> None:
        """See `ccsds.sdls.sender.CounterStore.reserve`."""
        self._save(self.ring.reserving(spi, limit), self.receipts)

    def operate(self, spi: int, operation: KeyOperation, is_proven: Callable[[int], bool]) -> KeyMoved:
        """Do an operation on a key; it is durable when this returns.

        Args:
            spi: Whose key.
            operation: What is done.
            is_proven: See `KeyRing.after`.

        Raises:
            MisuseError: It is not allowed; nothing has changed.
            OSError: The disk failed. The same operation may be tried again.
        """
        before = self.ring.record(spi).state
        self._save(self.ring.after(spi, operation, is_proven), self.receipts)
        if operation is KeyOperation.DESTROY:
            self._claim()
        return KeyMoved(spi, before, self.ring.record(spi).state)

    def remember(self, receipts: Iterable[Receipt]) -> None:
        """Make anti-replay windows durable, in place of those of the same SPI.

        Raises:
            OSError: The disk failed; the old ones stay.
        """
        known = set(self.receipts)
        fresh = tuple(receipt for receipt in receipts if receipt not in known)
        if not fresh:
            return  # Nothing has come since the last time: spare the disk.
        merged = _merged((*self.receipts, *fresh))
        if self._log.takes_more:
            self._log.append(fresh)
            self.receipts = merged
        else:
            self._save(self.ring, merged)

    def _save(self, ring: KeyRing, receipts: tuple[Receipt, ...]) -> None:
        """Write a seal, then a state that names it, then let the old seal go."""
        before = [f"{self._path}.seal-{self._generation}"]
        if self._log.is_there:
            before.append(self._log.path)
        self._generation += 1
        seal = f"{self._path}.seal-{self._generation}"
        self._disk.append(seal, _SEAL)
        self._disk.fsync(seal)
        self._disk.fsync("")
        state = _State(
            set_id=self.file.set_id,
            generation=self._generation,
            seal=seal,
            stamp=self._disk.stamp(seal),
            keys=ring.records,
            receipts=receipts,
        )
        # Whichever state a failure leaves, no more is written beside the one before.
        self._log.end()
        is_tidy, self._is_tidy = self._is_tidy, False
        self._replace(f"{self._path}.state", write_checked(state), is_there_no_other=is_tidy)
        self.ring, self.receipts = ring, receipts
        self._log = ReceiptLog(self._disk, f"{self._path}.received-{self._generation}")
        if is_tidy:
            for name in before:
                with contextlib.suppress(FileNotFoundError):
                    self._disk.remove(name)
        else:
            self._tidy()
        self._is_tidy = True

    def _replace(self, path: str, data: bytes, *, is_there_no_other: bool = False) -> None:
        """Put a file in the place of another, all or nothing; what an earlier try has left goes first."""
        successor = f"{path}.new"
        if not is_there_no_other and successor in self._disk.list():
            self._disk.remove(successor)
        self._disk.append(successor, data)
        self._disk.fsync(successor)
        self._disk.rename(successor, path)
        self._disk.fsync("")

    def _tidy(self) -> None:
        """Remove the seal and the log before, and those that a stop or a failure has left."""
        for name in self._disk.list():
            if 0 < _generation_of(self._path, name) < self._generation:
                self._disk.remove(name)

    def _claim(self) -> None:
        """Bring the key file up to date, if it is not: claimed, and without the octets of destroyed keys."""
        destroyed = (record.spi for record in self.ring.records if record.state is KeyState.DESTROYED)
        file = self.file.with_changes(destroyed)
        if file != self.file:
            self._replace(self._path, file.encode())
            self.file = file


def _read_state(disk: KeyDisk, path: str, names: Iterable[str]) -> _State | None:
    if path not in names:
        return None
    try:
        return read_checked(disk.read(path), _State, "key state")
    except MalformedError:  # What it said is lost; the caller takes the store as restored.
        return None


def _first_records(file: KeyFile) -> list[KeyRecord]:
    """Give the records of keys that nothing is known of but the key file."""
    records = []
    activation = 0
    for entry in file.keys:
        # The first of a channel sends, so those after it count as activated before it.
        activation -= entry.state is KeyState.ACTIVE
        records.append(KeyRecord(entry.association.spi, entry.state, activation))
    lowest = min(record.activation for record in records)
    return [
        KeyRecord(record.spi, record.state, record.activation - lowest + 1 if record.state is KeyState.ACTIVE else 0)
        for record in records
    ]


def _read_log(disk: KeyDisk, path: str, generation: int, names: Iterable[str]) -> ReceiptLog:
    name = f"{path}.received-{generation}"
    return ReceiptLog.read(disk, name) if name in names else ReceiptLog(disk, name)


def _merged(receipts: Iterable[Receipt]) -> tuple[Receipt, ...]:
    """Give the last receipt of each SPI."""
    return tuple({receipt.spi: receipt for receipt in receipts}.values())


def _generation_of(path: str, name: str) -> int:
    """Give the generation of a seal or a log, or 0 for any other file."""
    kind, _, number = name.removeprefix(f"{path}.").partition("-")
    return int(number) if kind in ("seal", "received") and number.isdecimal() else 0
