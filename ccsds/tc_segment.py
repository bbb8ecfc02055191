"""The TC segment: one octet in front of a frame's data, which lets a packet be longer than a frame.

    sequence flags 2 | MAP id 6 | data

With segment headers, each AD and BD frame of a virtual channel begins with one; control commands never do. The data of
an unsegmented one is whole packets; the others are cut from one packet, in order. A MAP (multiplexer access point) is a
stream of its own. Source: CCSDS 232.0-B-4 4.1.3.2.2 (segment header), 4.3.2 and 4.4.2 (MAP packet processing and
extraction).
"""

from typing import Self

import msgspec

from ccsds.errors import MalformedError, MisuseError
from ccsds.packet import HEADER_OCTETS, PACKET_OCTETS_MAX, SequenceFlags, packet_length
from ccsds.tc_frame import DATA_OCTETS_MAX

SEGMENT_HEADER_OCTETS = 1
MAP_ID_MAX = 0x3F

# Octets of a packet that is not whole yet: none is longer by its header.
PARTIAL_OCTETS_MAX = PACKET_OCTETS_MAX


class TcSegment(msgspec.Struct, frozen=True):
    """What a frame with a segment header carries."""

    flags: SequenceFlags
    map_id: int
    """0 to 63."""
    data: bytes
    """Whole packets, or a part of one: 1 to 1016 octets."""

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        if not 0 <= self.map_id <= MAP_ID_MAX:
            raise MisuseError(f"TC segment: expected a MAP id of 0 to {MAP_ID_MAX}, found {self.map_id}")
        if not 1 <= len(self.data) <= DATA_OCTETS_MAX - SEGMENT_HEADER_OCTETS:
            raise MisuseError(
                f"TC segment: expected 1 to {DATA_OCTETS_MAX - SEGMENT_HEADER_OCTETS} octets of data, "
                f"found {len(self.data)}"
            )

    def encode(self) -> bytes:
        """Give the data field of a frame."""
        return bytes([self.flags << 6 | self.map_id]) + self.data

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the data field of a frame.

        Raises:
            MalformedError: There is nothing behind the header, or more than a frame holds.
        """
        if not SEGMENT_HEADER_OCTETS < len(data) <= DATA_OCTETS_MAX:
            raise MalformedError(
                f"expected {SEGMENT_HEADER_OCTETS + 1} to {DATA_OCTETS_MAX} octets of TC segment, found {len(data)}"
            )
        return cls(SequenceFlags(data[0] >> 6), data[0] & MAP_ID_MAX, bytes(data[SEGMENT_HEADER_OCTETS:]))


def cut_packet(packet: bytes, map_id: int, data_octets_max: int) -> list[TcSegment]:
    """Cut a packet into segments; one that fits stays whole.

    Args:
        packet: One whole packet.
        map_id: Of the stream that it belongs to, 0 to 63.
        data_octets_max: What a segment may hold behind its header, 1 or more.

    Raises:
        MisuseError: A number is out of range.
    """
    if data_octets_max < 1:
        raise MisuseError(f"TC segment: expected room for 1 octet of data or more, found {data_octets_max}")
    parts = [packet[start : start + data_octets_max] for start in range(0, len(packet), data_octets_max)]
    if len(parts) == 1:
        return [TcSegment(SequenceFlags.UNSEGMENTED, map_id, packet)]
    flags = [SequenceFlags.FIRST, *[SequenceFlags.CONTINUATION] * (len(parts) - 2), SequenceFlags.LAST]
    return [TcSegment(flag, map_id, part) for flag, part in zip(flags, parts, strict=True)]


class Assembled(msgspec.Struct, frozen=True):
    """What a segment has brought."""

    data: bytes | None
    """Whole packets, or None if they are not whole yet, or will never be."""
    rejects: tuple[str, ...] = ()
    """Why octets were dropped: those of a packet that was begun, the segment's own, or both."""


class SegmentAssembler:
    """Gathers the packets of one MAP and one service (AD or BD); never raises, and gives no packet with a hole."""

    def __init__(self) -> None:
        self._partial = bytearray()
        self._next_number: int | None = None

    def receive(self, segment: TcSegment, number: int | None = None, next_number: int | None = None) -> Assembled:
        """Take the next segment that came.

        Args:
            segment: It.
            number: Its number among frames; None if they have none. Then only the length by the packet's header tells
                that one in the middle was lost.
            next_number: The number that the packet's next segment must have.
        """
        if segment.flags in (SequenceFlags.UNSEGMENTED, SequenceFlags.FIRST):
            rejects = self._drop("its next segment, found another packet")
            if segment.flags is SequenceFlags.UNSEGMENTED:
                return Assembled(segment.data, rejects)
            self._partial += segment.data
            self._next_number = next_number
            return Assembled(None, (*rejects, *self._check_length(is_whole=False)))
        if not self._partial:
            reason = f"dropped {len(segment.data)} octets of a packet: expected its first segment before them"
            return Assembled(None, (reason,))
        if number != self._next_number:
            return Assembled(None, self._drop(f"frame {self._next_number} to go on, found {number}", segment.data))
        self._partial += segment.data
        self._next_number = next_number
        is_whole = segment.flags is SequenceFlags.LAST
        rejects = self._check_length(is_whole)
        if rejects or not is_whole:
            return Assembled(None, rejects)
        packet = bytes(self._partial)
        self._partial.clear()
        return Assembled(packet)

    def _check_length(self, is_whole: bool) -> tuple[str, ...]:
        """Drop the packet if there is more of it than its header says, or less when it should be whole."""
        found_octets = len(self._partial)
        wanted_octets = (
            PARTIAL_OCTETS_MAX if found_octets < HEADER_OCTETS else packet_length(bytes(self._partial[:HEADER_OCTETS]))
        )
        is_good = found_octets == wanted_octets if is_whole else found_octets < wanted_octets
        return () if is_good else self._drop(f"{wanted_octets} octets by its header, found {found_octets}")

    def _drop(self, wanted: str, segment_data: bytes = b"") -> tuple[str, ...]:
        """Forget the packet that was begun, if one was, and say why."""
        if not self._partial:
            return ()
        octets = len(self._partial) + len(segment_data)
        self._partial.clear()
        return (f"dropped {octets} octets of a packet: expected {wanted}",)
