"""The layout of a protected data field, and what of the frame around it is authenticated.

    segment header 8, if there is one | SPI 16 | IV | sequence number | data | MAC 128

It joins and splits octets and never judges them. The FECF is no part of this: a frame computes it last, when it is
encoded (4.2.3).

Source: CCSDS 355.0-B-2 4.1.1, 4.1.2, 4.2.3.2.2 (authentication payload), 4.2.2.6.2 (authentication bit mask).
"""

import struct
from typing import NamedTuple

from ccsds.sdls.association import MAC_OCTETS, SPI_OCTETS, HeaderMask, SecurityAssociation
from ccsds.tc_frame import OVERHEAD_OCTETS, TcFrame
from ccsds.tm_frame import TmFrame

_TC_HEADER = struct.Struct(">HHB")
_TM_HEADER = struct.Struct(">HBBH")
_TM_STATUS = 0x1800


class ProtectedField(NamedTuple):
    """A protected data field, cut into its parts."""

    segment_header: bytes
    counter: int
    """The IV or the sequence number: the anti-replay counter."""
    data: bytes
    """Encrypted, or clear if the suite only authenticates."""
    mac: bytes


def tc_header(frame: TcFrame, data_octets: int) -> bytes:
    """Give the primary header of a TC frame as it stands when its data field has a given length."""
    return _TC_HEADER.pack(
        frame.kind.value << 12 | frame.spacecraft_id,
        frame.virtual_channel << 10 | data_octets + OVERHEAD_OCTETS - 1,
        frame.sequence,
    )


def tm_header(frame: TmFrame) -> bytes:
    """Give the primary header of a TM frame."""
    return _TM_HEADER.pack(
        frame.spacecraft_id << 4 | frame.virtual_channel << 1 | (frame.ocf is not None),
        frame.mc_count,
        frame.vc_count,
        _TM_STATUS | frame.first_header_pointer,
    )


class Layout:
    """Where the parts of a protected data field are, for one association; worked out once, since every frame asks.

    Args:
        association: Whose.
    """

    __slots__ = ("_body", "_counter_octets", "_cut", "_is_iv_masked", "_mask", "_mask_octets", "_spi", "octets_min")

    def __init__(self, association: SecurityAssociation) -> None:
        suite = association.suite
        self._cut = association.segment_header_octets
        self._body = self._cut + suite.header_octets
        self._spi = association.spi.to_bytes(SPI_OCTETS, "big")
        self._counter_octets = suite.header_octets - SPI_OCTETS
        self._mask = int.from_bytes(association.header_mask, "big")
        self._mask_octets = len(association.header_mask)
        self._is_iv_masked = suite.iv_octets > 0 and association.mask is not HeaderMask.WHOLE_HEADER
        self.octets_min = self._cut + suite.overhead_octets + 1
        """Length of the shortest data field, which has one octet of data."""

    def security_header(self, counter: int) -> bytes:
        """Give the security header of a frame."""
        return self._spi + counter.to_bytes(self._counter_octets, "big")

    def authenticated_octets(self, frame_header: bytes, segment_header: bytes, counter: int) -> bytes:
        """Give what is authenticated in front of the data field: the headers, with the mask's zeros."""
        masked = int.from_bytes(frame_header, "big") & self._mask
        security = self.security_header(0 if self._is_iv_masked else counter)
        return masked.to_bytes(self._mask_octets, "big") + segment_header + security

    def split(self, data: bytes) -> ProtectedField:
        """Cut a protected data field of `octets_min` or more into its parts."""
        cut, body = self._cut, self._body
        return ProtectedField(
            data[:cut],
            int.from_bytes(data[cut + SPI_OCTETS : body], "big"),
            data[body:-MAC_OCTETS],
            data[-MAC_OCTETS:],
        )


def read_spi(data: bytes, segment_header_octets: int) -> int | None:
    """Give the SPI of a data field, or None if it is too short to have one."""
    end = segment_header_octets + SPI_OCTETS
    return int.from_bytes(data[segment_header_octets:end], "big") if len(data) >= end else None
