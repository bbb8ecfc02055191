"""The time report packet of ST[09]: the on-board time at which a certain TM frame began to leave.

It is a space packet of application 0 without a secondary header, whose data is, most significant octet first:

    rate exponent 8 | P-field 8 | CUC time 56 (4 octets of seconds, 3 of fractions) | time reference status 8 |
    virtual channel frame count 8

The report tells of a frame that left before it, at the leading edge of the first bit of its attached sync marker. The
standard leaves it to the receiver to find out which frame that was; the last octet, which the mission adds, says it, so
that a frame that was lost cannot be mistaken for another.

Source: ECSS-E-ST-70-41C 6.9.4 and 8.9.2.2.
"""

from typing import Self

import msgspec

from ccsds.errors import MalformedError, MisuseError
from ccsds.packet import PacketType, SpacePacket
from ccsds.time import CucFormat

TIME_APID = 0
RATE_EXPONENT_MAX = 8
"""One report in 256 frames: the frame count of a virtual channel has eight bits."""

_FORMAT = CucFormat(fine_octets=3)
_DATA_OCTETS = 1 + 1 + _FORMAT.length_octets + 1 + 1


class TimeReport(msgspec.Struct, frozen=True):
    """One time report."""

    rate_exponent: int
    """A report is made for every 2^n-th frame of the live channel."""
    tai_ns: int
    """On-board TAI since 1958, in ticks of 60 ns."""
    status: int
    """Time reference status: how the time came about."""
    frame_count: int
    """Virtual channel frame count of the frame that it is about."""

    def encode(self, sequence_count: int) -> bytes:
        """Give the whole packet.

        Raises:
            MisuseError: A field has no octets.
        """
        if not 0 <= self.rate_exponent <= RATE_EXPONENT_MAX or not 0 <= self.status <= 15:
            raise MisuseError(f"time report: expected a rate of 0 to 8 and a status of 0 to 15, found {self}")
        if not 0 <= self.frame_count <= 0xFF:
            raise MisuseError(f"time report: expected a frame count of 0 to 255, found {self.frame_count}")
        time = bytes([_FORMAT.p_field]) + _FORMAT.encode(self.tai_ns)
        data = bytes([self.rate_exponent]) + time + bytes([self.status, self.frame_count])
        return SpacePacket(
            packet_type=PacketType.TELEMETRY,
            apid=TIME_APID,
            sequence_count=sequence_count,
            data=data,
            has_secondary_header=False,
        ).encode()

    @classmethod
    def decode(cls, packet: bytes) -> Self:
        """Read exactly one packet.

        Raises:
            MalformedError: It is not a time report of this form.
        """
        whole = SpacePacket.decode(packet)
        if whole.apid != TIME_APID or whole.has_secondary_header or whole.packet_type is not PacketType.TELEMETRY:
            raise MalformedError("time report: expected telemetry of application 0 without a secondary header")
        data = whole.data
        if len(data) != _DATA_OCTETS:
            raise MalformedError(f"time report: expected {_DATA_OCTETS} octets of data, found {len(data)}")
        if data[1] != _FORMAT.p_field:
            raise MalformedError(f"time report: expected P-field {_FORMAT.p_field:#04x}, found {data[1]:#04x}")
        if data[0] > RATE_EXPONENT_MAX:
            raise MalformedError(f"time report: expected a rate of 0 to {RATE_EXPONENT_MAX}, found {data[0]}")
        if data[-2] > 15:
            raise MalformedError(f"time report: expected a status of 0 to 15, found {data[-2]}")
        return cls(data[0], _FORMAT.decode(data[2:-2]), data[-2], data[-1])
