"""The communications link control word: what FARM-1 says of one virtual channel, in the OCF of TM frames.

The layout, most significant bit first:

    type 1 = 0 | version 2 = 0 | status 3 | COP in effect 2 = 1 | virtual channel 6 | spare 2
    no RF 1 | no bit lock 1 | lockout 1 | wait 1 | retransmit 1 | FARM-B counter 2 | spare 1 | report value N(R) 8

Source: CCSDS 232.0-B-4 4.2.
"""

from typing import Self

import msgspec

from ccsds.errors import MalformedError, MisuseError

CLCW_OCTETS = 4

_COP_1 = 1
_VIRTUAL_CHANNEL_MAX = 63


class Clcw(msgspec.Struct, frozen=True):
    """One control word."""

    virtual_channel: int
    """The TC virtual channel it is about, 0 to 63."""
    report_value: int = 0
    """N(R): the number of the AD frame that FARM-1 waits for, 0 to 255."""
    lockout: bool = False
    wait: bool = False
    retransmit: bool = False
    farm_b_counter: int = 0
    """The two lowest bits of the count of BD and BC frames."""
    no_rf_available: bool = False
    no_bit_lock: bool = False
    status: int = 0
    """Three bits that the mission may use."""

    def __post_init__(self) -> None:
        """Refuse what has no octets.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        for name, value, highest in (
            ("virtual channel", self.virtual_channel, _VIRTUAL_CHANNEL_MAX),
            ("report value", self.report_value, 0xFF),
            ("FARM-B counter", self.farm_b_counter, 0b11),
            ("status", self.status, 0b111),
        ):
            if not 0 <= value <= highest:
                raise MisuseError(f"CLCW: expected {name} 0 to {highest}, found {value}")

    def encode(self) -> bytes:
        """Give the four octets."""
        return bytes(
            (
                self.status << 2 | _COP_1,
                self.virtual_channel << 2,
                bool(self.no_rf_available) << 7
                | bool(self.no_bit_lock) << 6
                | bool(self.lockout) << 5
                | bool(self.wait) << 4
                | bool(self.retransmit) << 3
                | self.farm_b_counter << 1,
                self.report_value,
            )
        )

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the four octets. Spare bits are not looked at, since a later issue may use them.

        Raises:
            MalformedError: There are more or fewer, or they are no CLCW of COP-1.
        """
        if len(data) != CLCW_OCTETS:
            raise MalformedError(f"expected {CLCW_OCTETS} octets of CLCW, found {len(data)}")
        first, second, flags, report_value = data
        if first >> 5:
            raise MalformedError(f"CLCW: expected control word type 0 and version 0, found {data.hex()}")
        if first & 0b11 != _COP_1:
            raise MalformedError(f"CLCW: expected COP in effect {_COP_1}, found {first & 0b11}")
        return cls(
            virtual_channel=second >> 2,
            report_value=report_value,
            lockout=bool(flags & 0x20),
            wait=bool(flags & 0x10),
            retransmit=bool(flags & 0x08),
            farm_b_counter=flags >> 1 & 0b11,
            no_rf_available=bool(flags & 0x80),
            no_bit_lock=bool(flags & 0x40),
            status=first >> 2 & 0b111,
        )
