"""Security associations: which cipher, which mask and which channel an SPI stands for. Data, no keys.

There is one association for each key, and each key serves one direction of one virtual channel. So the SPI of a frame
names its key too, and a key is rotated by sending under another SPI.

Source: CCSDS 355.0-B-2 4.1.1 (header), 4.1.2 (trailer), 4.2.2 (security associations), annex E (baseline modes).
"""

from dataclasses import dataclass
from enum import Enum

from ccsds import tc_frame, tm_frame
from ccsds.errors import MisuseError

SPI_OCTETS = 2
# 0 and 65535 are reserved (4.1.1.2.3).
SPI_MIN = 1
SPI_MAX = 0xFFFE

GCM_IV_OCTETS = 12
CMAC_SEQUENCE_OCTETS = 4
MAC_OCTETS = 16
KEY_OCTETS = 32

# A frame that COP-1 sends again carries the counter it was given first, and meanwhile frames that bypass the sequence
# have passed it. FOP-1 has 255 frames under way at most, so one that is further behind is no retransmission.
WINDOW_FRAMES_DEFAULT = 256
# The window is kept as one integer and in every journal record of a command: 512 octets at most.
WINDOW_FRAMES_MAX = 4_096

# A sender jumps ahead by a block at each start, and by all it sends while nobody hears. A limit that it can come near
# would lock a link for ever, so this one only stops a sender whose counter is broken.
AHEAD_FRAMES_MAX = 1 << 32


class Link(Enum):
    """The direction of a link, which is also its frame."""

    TC = "tc"
    """From the ground."""
    TM = "tm"
    """From the spacecraft."""


class Suite(Enum):
    """What protects the data field of a frame, and how its security header and trailer are laid out."""

    AES_256_GCM = "aes-256-gcm"
    """Authenticated encryption: SPI 16 | IV 96; MAC 128 (annex E1). The IV is the anti-replay counter (4.1.1.4.2)."""
    AES_256_CMAC = "aes-256-cmac"
    """Authentication only: SPI 16 | sequence number 32; MAC 128 (annex E2)."""

    @property
    def iv_octets(self) -> int:
        """Length of the initialization vector."""
        return GCM_IV_OCTETS if self is Suite.AES_256_GCM else 0

    @property
    def sequence_octets(self) -> int:
        """Length of the sequence number."""
        return 0 if self is Suite.AES_256_GCM else CMAC_SEQUENCE_OCTETS

    @property
    def header_octets(self) -> int:
        """Length of the security header. Neither suite pads, so there is no pad length."""
        return SPI_OCTETS + self.iv_octets + self.sequence_octets

    @property
    def overhead_octets(self) -> int:
        """What protection takes from the data field of each frame: 30 octets for GCM, 22 for CMAC."""
        return self.header_octets + MAC_OCTETS

    @property
    def counter_max(self) -> int:
        """The last counter of a key.

        For CMAC the field ends there. For GCM it is where the chance to tell the cipher from a random one is still
        below 2^-36 (64 blocks a frame); at 5,600 frames a second, the fastest profile, that is six years.
        """
        return (1 << 40) - 1 if self is Suite.AES_256_GCM else (1 << 32) - 1


class HeaderMask(Enum):
    """Which bits before the data field are authenticated with it (4.2.2.6.2). The data field always is."""

    WHOLE_HEADER = "whole-header"
    """All of them, IV too. Only for frames whose header nobody changes after protection."""
    SETTLED_HEADER = "settled-header"
    """All but what is set after protection, which is N(S) of a TC frame and the master channel count of a TM frame; and
    all but the IV, which GCM authenticates by itself (4.2.2.6.2 h)."""
    CHANNEL_ONLY = "channel-only"
    """Virtual channel, segment header and SPI, the least that the standard allows; other bits and the IV are zeros."""


_HEADER_MASKS = {
    (Link.TC, HeaderMask.WHOLE_HEADER): bytes.fromhex("ffffffffff"),
    (Link.TC, HeaderMask.SETTLED_HEADER): bytes.fromhex("ffffffff00"),
    (Link.TC, HeaderMask.CHANNEL_ONLY): bytes.fromhex("0000fc0000"),
    (Link.TM, HeaderMask.WHOLE_HEADER): bytes.fromhex("ffffffffffff"),
    (Link.TM, HeaderMask.SETTLED_HEADER): bytes.fromhex("ffff00ffffff"),
    (Link.TM, HeaderMask.CHANNEL_ONLY): bytes.fromhex("000e00000000"),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class SecurityAssociation:
    """What both ends agree on for one SPI."""

    spi: int
    """Security parameter index, 1 to 65534."""
    link: Link
    virtual_channel: int
    """0 to 63 on TC, 0 to 7 on TM."""
    suite: Suite = Suite.AES_256_GCM
    mask: HeaderMask = HeaderMask.SETTLED_HEADER
    segment_header_octets: int = 0
    """1 if data fields of TC frames begin with a segment header, which stays in front of the security header."""
    window_frames: int = WINDOW_FRAMES_DEFAULT
    """How far behind the highest counter a frame may come, 1 to `WINDOW_FRAMES_MAX`."""

    def __post_init__(self) -> None:
        """Refuse what the standard has not.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        channel_max = tc_frame.VIRTUAL_CHANNEL_MAX if self.link is Link.TC else tm_frame.VIRTUAL_CHANNEL_MAX
        for name, value, lowest, highest in (
            ("an SPI", self.spi, SPI_MIN, SPI_MAX),
            ("a virtual channel", self.virtual_channel, 0, channel_max),
            ("segment header octets", self.segment_header_octets, 0, 1 if self.link is Link.TC else 0),
            ("a window", self.window_frames, 1, WINDOW_FRAMES_MAX),
        ):
            if not lowest <= value <= highest:
                raise MisuseError(
                    f"security association {self.spi}: expected {name} of {lowest} to {highest}, found {value}"
                )

    @property
    def header_mask(self) -> bytes:
        """Which bits of the frame's primary header are authenticated."""
        return _HEADER_MASKS[self.link, self.mask]

    @property
    def channel(self) -> tuple[Link, int]:
        """What it protects."""
        return self.link, self.virtual_channel
