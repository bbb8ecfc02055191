"""Segments of telecommands that are longer than a frame, for profiles with segment headers.

AD and BD frames are gathered apart: a recovery command that bypasses the sequence falls between the frames of a long
one and harms neither. The segments of a packet must follow each other by what the frames are numbered with: under keys
the counter of one SPI, which nobody can forge, so that no two packets are ever joined; without keys N(S), and for BD
frames nothing. So whatever loses or repeats one (a reboot, forged control commands, BD) costs the packet, and is told.

Source: CCSDS 232.0-B-4 4.4.2 (MAP packet extraction), 355.0-B-2 4.1.1 (the segment header is authenticated).
"""

from ccsds.errors import MalformedError
from ccsds.sdls.association import GCM_IV_OCTETS
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tc_segment import Assembled, SegmentAssembler, TcSegment

COUNTER_BITS = 8 * GCM_IV_OCTETS
"""Of the longest counter of link security."""

_SEQUENCE_NUMBERS = 1 << 8


class SegmentReceiver:
    """Gathers packets from the segments of one virtual channel.

    Args:
        map_id: The MAP that its packets come by, the only one there is on board.
    """

    def __init__(self, map_id: int) -> None:
        self._map_id = map_id
        self._assemblers = {kind: SegmentAssembler() for kind in (TcFrameKind.AD, TcFrameKind.BD)}

    def receive(self, frame: TcFrame, spi: int | None, counter: int | None) -> Assembled:
        """Take the next frame that FARM-1 and link security let through.

        Args:
            frame: Clear, AD or BD.
            spi: That it was protected under; None without keys.
            counter: Its anti-replay counter; None without keys.
        """
        try:
            segment = TcSegment.decode(frame.data)
        except MalformedError as error:
            return Assembled(None, (str(error),))
        if segment.map_id != self._map_id:
            return Assembled(None, (f"expected MAP {self._map_id}, found {segment.map_id}",))
        assembler = self._assemblers[frame.kind]
        if spi is not None and counter is not None:
            # The SPI stands in front, so that the next counter of another key is never the next number.
            number = spi << COUNTER_BITS | counter
            return assembler.receive(segment, number, number + 1)
        if frame.kind is TcFrameKind.AD:
            return assembler.receive(segment, frame.sequence, (frame.sequence + 1) % _SEQUENCE_NUMBERS)
        return assembler.receive(segment)
