"""Time codes: CUC on the wire, TAI inside, UTC for people. It never reads a clock.

TAI here is always an integer of nanoseconds since 1958-01-01T00:00:00 TAI. The mission's time field is CUC with 4
octets of seconds and 2 of 2^-16 seconds, its P-field (0x1E) agreed and not sent: a tick is 15.3 us, and the field
lasts until 2094. Encoding rounds down to a tick and decoding up to the next nanosecond, so that a decoded time is
never in the future and encodes to the same octets again.

Source: CCSDS 301.0-B-4 3.2 (CUC), 3.3 (CDS); leap seconds by IERS Bulletin C.
"""

from bisect import bisect_right
from dataclasses import dataclass
from enum import IntEnum
from typing import Self

from ccsds.errors import MalformedError, MisuseError

NS_PER_S = 1_000_000_000
NS_PER_DAY = 86_400 * NS_PER_S

TAI_EPOCH_TO_UNIX_EPOCH_S = 4_383 * 86_400
"""Seconds from 1958-01-01 to 1970-01-01, leap seconds not counted."""

CUC_OCTETS = 6
"""Length of the mission's time field."""
CDS_OCTETS = 7
"""Length of a CDS time with its P-field, a 16-bit day and no part of a millisecond."""

LEAP_SECONDS_DATE = "2025-07-07, IERS Bulletin C 70"
"""When the steps below were last compared with what the IERS announced."""
LEAP_SECONDS_VALID_UNTIL_UNIX_NS = 1_782_604_800 * NS_PER_S
"""2026-06-28: no step that they do not have can come before; after it look for a newer bulletin."""

# Each step of TAI - UTC: the first second (since 1970-01-01 UTC) that it holds for, and the seconds it has. UTC before
# 1972 ran at another rate; the first step is used for it, so that every time has an answer.
_LEAP_STEPS = (
    (63_072_000, 10),
    (78_796_800, 11),
    (94_694_400, 12),
    (126_230_400, 13),
    (157_766_400, 14),
    (189_302_400, 15),
    (220_924_800, 16),
    (252_460_800, 17),
    (283_996_800, 18),
    (315_532_800, 19),
    (362_793_600, 20),
    (394_329_600, 21),
    (425_865_600, 22),
    (489_024_000, 23),
    (567_993_600, 24),
    (631_152_000, 25),
    (662_688_000, 26),
    (709_948_800, 27),
    (741_484_800, 28),
    (773_020_800, 29),
    (820_454_400, 30),
    (867_715_200, 31),
    (915_148_800, 32),
    (1_136_073_600, 33),
    (1_230_768_000, 34),
    (1_341_100_800, 35),
    (1_435_708_800, 36),
    (1_483_228_800, 37),
)
_UNIX_STARTS_NS = tuple(start_s * NS_PER_S for start_s, _ in _LEAP_STEPS)
_TAI_STARTS_NS = tuple((start_s + TAI_EPOCH_TO_UNIX_EPOCH_S + leap_s) * NS_PER_S for start_s, leap_s in _LEAP_STEPS)

_CDS_P_FIELD = 0x40
# A day that ends with a leap second has one thousand milliseconds more.
_MS_PER_DAY_MAX = 86_401_000
_CDS_DAYS_MAX = 0xFFFF


class CucEpoch(IntEnum):
    """The time code identification in a CUC P-field."""

    TAI_1958 = 0b001
    AGENCY = 0b010


@dataclass(frozen=True, slots=True, kw_only=True)
class CucFormat:
    """A form of unsegmented time code, as its P-field tells it. Times are nanoseconds since its own epoch."""

    epoch: CucEpoch = CucEpoch.TAI_1958
    coarse_octets: int = 4
    """Octets of whole seconds, 1 to 4."""
    fine_octets: int = 2
    """Octets of binary fractions of a second, 0 to 3."""

    def __post_init__(self) -> None:
        """Refuse lengths that one octet of P-field cannot tell.

        Raises:
            MisuseError: Naming the part.
        """
        if not 1 <= self.coarse_octets <= 4:
            raise MisuseError(f"CUC: expected 1 to 4 octets of seconds, found {self.coarse_octets}")
        if not 0 <= self.fine_octets <= 3:
            raise MisuseError(f"CUC: expected 0 to 3 octets of fractions, found {self.fine_octets}")

    @property
    def p_field(self) -> int:
        """The octet that tells this form."""
        return self.epoch << 4 | (self.coarse_octets - 1) << 2 | self.fine_octets

    @property
    def length_octets(self) -> int:
        """Length of a time in this form, without P-field."""
        return self.coarse_octets + self.fine_octets

    @classmethod
    def from_p_field(cls, p_field: int) -> Self:
        """Read a form.

        Raises:
            MalformedError: It is not the single-octet P-field of a CUC time.
        """
        epoch = p_field >> 4
        if epoch not in (CucEpoch.TAI_1958, CucEpoch.AGENCY):
            raise MalformedError(f"CUC: expected a P-field of 0x10 to 0x2f, found {p_field:#04x}")
        return cls(epoch=CucEpoch(epoch), coarse_octets=(p_field >> 2 & 0b11) + 1, fine_octets=p_field & 0b11)

    def encode(self, since_epoch_ns: int) -> bytes:
        """Give the octets of a time, rounded down.

        Raises:
            MisuseError: It is before the epoch or after the last second that fits.
        """
        ticks = (since_epoch_ns << 8 * self.fine_octets) // NS_PER_S
        if not 0 <= ticks < 1 << 8 * self.length_octets:
            raise MisuseError(
                f"CUC: expected 0 to {1 << 8 * self.coarse_octets} s since the epoch, found {since_epoch_ns} ns"
            )
        return ticks.to_bytes(self.length_octets, "big")

    def decode(self, data: bytes) -> int:
        """Give the nanoseconds since the epoch, rounded up.

        Raises:
            MalformedError: There are more or fewer octets than this form has.
        """
        if len(data) != self.length_octets:
            raise MalformedError(f"expected {self.length_octets} octets of CUC time, found {len(data)}")
        return -(-int.from_bytes(data, "big") * NS_PER_S >> 8 * self.fine_octets)


MISSION_FORMAT = CucFormat()
"""CUC 4+2 since 1958 TAI, P-field 0x1E."""


def cuc_encode(tai_ns: int) -> bytes:
    """Give the mission's time field.

    Args:
        tai_ns: Nanoseconds since 1958-01-01 TAI.

    Returns:
        Six octets.

    Raises:
        MisuseError: It is before 1958 or after 2094.
    """
    ticks = (tai_ns << 16) // NS_PER_S
    if not 0 <= ticks < 1 << 48:
        raise MisuseError(f"CUC: expected a time from 1958 to 2094, found {tai_ns} ns since 1958")
    return ticks.to_bytes(CUC_OCTETS, "big")


def cuc_decode(data: bytes) -> int:
    """Give the nanoseconds since 1958-01-01 TAI of the mission's time field.

    Raises:
        MalformedError: There are not six octets.
    """
    if len(data) != CUC_OCTETS:
        raise MalformedError(f"expected {CUC_OCTETS} octets of CUC time, found {len(data)}")
    return -(-int.from_bytes(data, "big") * NS_PER_S >> 16)


def tai_ns_from_unix(unix_ns: int) -> int:
    """Turn POSIX time into TAI.

    Args:
        unix_ns: Nanoseconds since 1970-01-01 UTC, leap seconds not counted.

    Returns:
        Nanoseconds since 1958-01-01 TAI.
    """
    step = max(0, bisect_right(_UNIX_STARTS_NS, unix_ns) - 1)
    return unix_ns + (TAI_EPOCH_TO_UNIX_EPOCH_S + _LEAP_STEPS[step][1]) * NS_PER_S


def unix_ns_from_tai(tai_ns: int) -> int:
    """Turn TAI into POSIX time, in which a leap second and the second after it have the same number.

    Args:
        tai_ns: Nanoseconds since 1958-01-01 TAI.

    Returns:
        Nanoseconds since 1970-01-01 UTC, leap seconds not counted.
    """
    step = max(0, bisect_right(_TAI_STARTS_NS, tai_ns) - 1)
    return tai_ns - (TAI_EPOCH_TO_UNIX_EPOCH_S + _LEAP_STEPS[step][1]) * NS_PER_S


def cds_encode(unix_ns: int) -> bytes:
    """Give a CDS time (UTC, 16-bit day since 1958, milliseconds) with its P-field, rounded down.

    Args:
        unix_ns: Nanoseconds since 1970-01-01 UTC, leap seconds not counted.

    Raises:
        MisuseError: It is before 1958 or after 2137.
    """
    day, of_day_ns = divmod(unix_ns + TAI_EPOCH_TO_UNIX_EPOCH_S * NS_PER_S, NS_PER_DAY)
    if not 0 <= day <= _CDS_DAYS_MAX:
        raise MisuseError(f"CDS: expected day 0 to {_CDS_DAYS_MAX} since 1958, found {day}")
    return bytes([_CDS_P_FIELD]) + day.to_bytes(2, "big") + (of_day_ns // 1_000_000).to_bytes(4, "big")


def cds_decode(data: bytes) -> int:
    """Give the POSIX nanoseconds of a CDS time with its P-field.

    Raises:
        MalformedError: Its length, its P-field or its millisecond of the day is not what the form has.
    """
    if len(data) != CDS_OCTETS:
        raise MalformedError(f"expected {CDS_OCTETS} octets of CDS time, found {len(data)}")
    if data[0] != _CDS_P_FIELD:
        raise MalformedError(f"CDS: expected P-field {_CDS_P_FIELD:#04x}, found {data[0]:#04x}")
    of_day_ms = int.from_bytes(data[3:], "big")
    if of_day_ms >= _MS_PER_DAY_MAX:
        raise MalformedError(f"CDS: expected a millisecond of the day under {_MS_PER_DAY_MAX}, found {of_day_ms}")
    day = int.from_bytes(data[1:3], "big")
    return day * NS_PER_DAY + of_day_ms * 1_000_000 - TAI_EPOCH_TO_UNIX_EPOCH_S * NS_PER_S
