"""The receipt log of a key store: what was received since its state was last written, a record for each time.

An end that has no ledger makes its anti-replay windows durable each second of a contact. To write a whole state each
time takes nine operations of the disk; a record takes an append and a sync. The log belongs to one generation of the
state and counts for nothing beside another, so the state that takes it in needs no other step to be rid of it. Its
records stand for themselves: the last one of each SPI counts. One that is torn ends the log, and no more is written
after it: the next state takes in what there is.

Layout of a record: ``length 32 | CRC-32C of length and payload 32 | payload``, big-endian.
"""

import struct
from collections.abc import Iterable
from typing import TYPE_CHECKING, Self

import msgspec

from ccsds.crc import crc32c
from ccsds.sdls.window import Receipt

if TYPE_CHECKING:
    from ccsds.sdls.key_store import KeyDisk

_HEADER = struct.Struct(">II")
_LENGTH = struct.Struct(">I")

# Records of one log: a quarter of an hour of contact, some 100 KB, before it is taken into the state.
RECORDS_MAX = 1_024
# The windows of all keys there may be; it keeps a damaged length from being believed.
_RECORD_OCTETS_MAX = 1 << 20

_decoder = msgspec.msgpack.Decoder(tuple[Receipt, ...])


class ReceiptLog:
    """The log of one generation.

    Args:
        disk: Where it is.
        path: Its path there.
        records: Those that were read from it.
        is_whole: Whether there is nothing after them.
    """

    def __init__(
        self, disk: "KeyDisk", path: str, records: tuple[tuple[Receipt, ...], ...] = (), *, is_whole: bool = True
    ) -> None:
        self._disk = disk
        self.path = path
        self.receipts = tuple(receipt for record in records for receipt in record)
        """What was read, oldest first."""
        self.is_there = bool(records) or not is_whole
        """Whether there may be a file."""
        self._count = len(records)
        self._is_whole = is_whole
        self._is_name_durable = False

    @classmethod
    def read(cls, disk: "KeyDisk", path: str) -> Self:
        """Read a log that is there.

        Raises:
            OSError: The disk failed.
        """
        data = disk.read(path)
        records: list[tuple[Receipt, ...]] = []
        position = 0
        while (payload := _payload_at(data, position)) is not None:
            try:
                records.append(_decoder.decode(payload))
            except msgspec.DecodeError:
                break
            position += _HEADER.size + len(payload)
        return cls(disk, path, tuple(records), is_whole=position == len(data))

    @property
    def takes_more(self) -> bool:
        """Whether `append` may be called; else a state is to be written."""
        return self._is_whole and self._count < RECORDS_MAX

    def end(self) -> None:
        """Take no more."""
        self._is_whole = False

    def append(self, receipts: Iterable[Receipt]) -> None:
        """Add a record; it is durable when this returns.

        Raises:
            OSError: The disk failed. It takes no more.
        """
        payload = msgspec.msgpack.encode(tuple(receipts))
        length = _LENGTH.pack(len(payload))
        self.is_there, self._is_whole = True, False
        self._disk.append(self.path, _HEADER.pack(len(payload), crc32c(length + payload)) + payload)
        self._disk.fsync(self.path)
        if not self._is_name_durable:
            self._disk.fsync("")
            self._is_name_durable = True
        self._is_whole = True
        self._count += 1


def _payload_at(data: bytes, position: int) -> bytes | None:
    if len(data) - position < _HEADER.size:
        return None
    length_octets, crc = _HEADER.unpack_from(data, position)
    start = position + _HEADER.size
    if length_octets > _RECORD_OCTETS_MAX or start + length_octets > len(data):
        return None
    payload = data[start : start + length_octets]
    return payload if crc32c(_LENGTH.pack(length_octets) + payload) == crc else None
