"""The file of a sender: read in pieces, cut into PDUs, summed once they were given. It never decides when.

Source: CCSDS 727.0-B-5 4.6.1.1.3, 4.6.1.1.5.
"""

import msgspec

from ccsds.cfdp.checksum import file_checksum
from ccsds.cfdp.codes import ChecksumType, Direction
from ccsds.cfdp.directives import FileData
from ccsds.cfdp.filestore import FileStore
from ccsds.cfdp.header import PduHeader, PduType
from ccsds.cfdp.host import PIECE_OCTETS
from ccsds.cfdp.pdu import Pdu
from ccsds.cfdp.records import SenderRecord
from ccsds.crc import CRC16_OCTETS, crc16


class ShortFileError(OSError):
    """The file is shorter than it was when it was put."""


class ChangedFileError(OSError):
    """The file is another than the one that was put, or was written to."""


class SourceFile:
    """The file of a sender.

    Args:
        store: Where it is.
        record: The transaction, new or from the journal.
        segment_octets: Octets of the file in a PDU.
    """

    def __init__(self, store: FileStore, record: SenderRecord, segment_octets: int) -> None:
        self.size = record.metadata.size_octets
        self.progress = record.progress_octets
        """How much of it was given at least once."""
        self.piece_start = self.piece_end = self.progress
        """The piece that is at hand; `next_pdu` gives from it."""
        self._store = store
        self._name = record.metadata.source_name
        self._version = record.version
        self._header = record.header
        self._checksum = file_checksum(ChecksumType(record.metadata.checksum_type), record.runs)
        self._segment_octets = segment_octets
        self._offset_octets = 8 if record.header.is_large else 4
        self._prefix = _prefix(record.header, segment_octets + self._offset_octets)
        self._piece = b""

    def next_pdu(self) -> bytes:
        """Give the next segment; `progress` must be below `piece_end`."""
        start = self.progress
        index = start - self.piece_start
        data = self._piece[index : index + self._segment_octets]
        self.progress = start + len(data)
        if len(data) == self._segment_octets:
            pdu = self._prefix + start.to_bytes(self._offset_octets, "big") + data
            return pdu + crc16(pdu).to_bytes(CRC16_OCTETS, "big") if self._header.has_crc else pdu
        return self._encode(start, data)

    def pdu_at(self, offset: int, octets: int) -> bytes:
        """Give a segment once more.

        Raises:
            ShortFileError: There are no such octets any more.
            ChangedFileError: What is there is not what was put.
        """
        data = self._store.read(self._name, offset, octets)
        if not data:
            raise ShortFileError(f"expected octets at {offset}, found none")
        self._require_same()
        return self._encode(offset, data)

    def load(self) -> None:
        """Sum the piece at hand, and read the next one.

        Raises:
            ShortFileError: There is none.
            ChangedFileError: What is there is not what was put.
        """
        self.close_piece()
        # Whole segments, so that only the last one of the file is shorter.
        octets = max(1, PIECE_OCTETS // self._segment_octets) * self._segment_octets
        octets = min(octets, self.size - self.progress)
        piece = self._store.read(self._name, self.progress, octets)
        if len(piece) < octets:
            raise ShortFileError(
                f"expected {octets} octets at {self.progress}, found {len(piece)}: the file became shorter"
            )
        self._require_same()
        self._piece, self.piece_end = piece, self.progress + octets

    def close_piece(self) -> None:
        """Sum what was given of the piece at hand, and drop it."""
        given = self.progress - self.piece_start
        if given:
            self._checksum.add(self.piece_start, self._piece[:given])
        self._piece, self.piece_start, self.piece_end = b"", self.progress, self.progress

    def checksum(self) -> int:
        """Give the checksum of all closed pieces."""
        return self._checksum.value()

    def runs(self) -> tuple[tuple[int, int, int], ...]:
        """Give what the journal must know of the checksum: it reaches up to `piece_start`."""
        return tuple(self._checksum.runs())

    def _require_same(self) -> None:
        """Refuse what was just read if it may be of another file: half of each would arrive as a whole one.

        Raises:
            ChangedFileError: It may.
        """
        if self._version and self._store.version(self._name) != self._version:
            raise ChangedFileError(f"expected {self._name!r} to be as it was put, found it changed")

    def _encode(self, offset: int, data: bytes) -> bytes:
        return Pdu(self._header, FileData(offset, data)).encode()


def _prefix(header: PduHeader, field_octets: int) -> bytes:
    """Give the header of all PDUs with whole segments, whose length is the same."""
    plain = msgspec.structs.replace(header, direction=Direction.TOWARD_RECEIVER)
    octets = plain.encode(PduType.FILE_DATA, bytes(field_octets))
    return octets[: plain.octets]
