"""A CFDP PDU: a header, and a directive or a segment of a file. It knows nothing of transactions.

Source: CCSDS 727.0-B-5 5.
"""

from typing import Self

import msgspec

from ccsds.cfdp.directives import CODES, DECODERS, Directive, FileData
from ccsds.cfdp.header import PduHeader, PduType
from ccsds.errors import MalformedError, MisuseError

Body = Directive | FileData


class Pdu(msgspec.Struct, frozen=True):
    """One PDU."""

    header: PduHeader
    body: Body

    def __post_init__(self) -> None:
        """Refuse a flag that the body contradicts.

        Raises:
            MisuseError: The header's segment metadata flag is not what the body has.
        """
        has_metadata = isinstance(self.body, FileData) and self.body.metadata is not None
        if isinstance(self.body, FileData) and has_metadata is not bool(self.header.has_segment_metadata):
            raise MisuseError(
                f"file data: expected the header's segment metadata flag to be {has_metadata}, "
                f"found {self.header.has_segment_metadata}"
            )

    def encode(self) -> bytes:
        """Give the octets.

        Raises:
            MisuseError: It does not fit into a PDU.
        """
        body, is_large = self.body, self.header.is_large
        if isinstance(body, FileData):
            return self.header.encode(PduType.FILE_DATA, body.encode(is_large))
        return self.header.encode(PduType.DIRECTIVE, bytes([CODES[type(body)]]) + body.encode(is_large))

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read exactly one PDU.

        Raises:
            MalformedError: It is not what the standard says.
        """
        header, pdu_type, field = PduHeader.decode(data)
        return cls(header, decode_body(header, pdu_type, field))


def decode_body(header: PduHeader, pdu_type: PduType, field: bytes) -> Body:
    """Read what follows a header.

    Raises:
        MalformedError: It is not what the standard says.
    """
    if pdu_type is PduType.FILE_DATA:
        return FileData.decode(field, header.is_large, header.has_segment_metadata)
    if not field or field[0] not in DECODERS:
        raise MalformedError(f"CFDP PDU: expected a directive code, found {field[:1].hex() or 'no octets'}")
    return DECODERS[field[0]](field[1:], header.is_large)
