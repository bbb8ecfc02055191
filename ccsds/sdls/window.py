"""The anti-replay window: which counters of one key were accepted already.

It is asked only after the MAC was found right, so a forged frame never moves it. The standard accepts rising counters
only; here a frame may also come late, since COP-1 sends a lost frame again with the counter it had, after frames that
bypass the sequence. Each counter is accepted once, in whatever order.

Source: CCSDS 355.0-B-2 2.3.2.3 (anti-replay), 4.2.4.4 (after authentication).
"""

from enum import Enum

import msgspec

from ccsds.errors import MalformedError
from ccsds.sdls.association import AHEAD_FRAMES_MAX, WINDOW_FRAMES_MAX

_SEEN_OCTETS_MAX = WINDOW_FRAMES_MAX // 8


class Place(Enum):
    """Where a counter stands to the window."""

    NEW = "new"
    SEEN = "seen"
    """It was accepted before."""
    BEHIND = "behind"
    """It is too far behind to say whether it was."""
    AHEAD = "ahead"
    """It is too far ahead to come from a sound sender."""


class Receipt(msgspec.Struct, frozen=True, tag=True):
    """What must be durable before a received frame acts: the window of its key with that frame in it.

    It belongs into the same durable record as what the frame changes. The last one of each SPI is enough to restore.
    """

    spi: int
    highest: int
    """The highest counter that was accepted."""
    seen: bytes
    """The counters up to it that were: the last bit of the last octet is the highest, the bit before it one less."""

    def ahead(self, frames: int) -> "Receipt":
        """Give a receipt that also stands for everything before and for so many counters after this one.

        Whoever makes it durable need not make those of the frames durable that it stands for; after a restore none of
        them is accepted, whether it came or not.
        """
        if not frames:
            return self
        return Receipt(self.spi, self.highest + frames, b"\xff" * _SEEN_OCTETS_MAX)


class ReplayWindow:
    """The window of one key. Empty, it accepts any counter.

    Args:
        frames: How far behind the highest counter a new one may be.
    """

    def __init__(self, frames: int) -> None:
        self._frames = frames
        self._mask = (1 << frames) - 1
        self._highest = -1
        self._seen = 0

    @property
    def is_empty(self) -> bool:
        """Whether nothing was accepted yet."""
        return self._highest < 0

    @property
    def highest(self) -> int:
        """The highest counter that was accepted, or -1."""
        return self._highest

    def place(self, counter: int) -> Place:
        """Say where a counter stands."""
        if self._highest < 0:
            return Place.NEW
        behind = self._highest - counter
        if behind < 0:
            return Place.NEW if -behind <= AHEAD_FRAMES_MAX else Place.AHEAD
        if behind >= self._frames:
            return Place.BEHIND
        return Place.SEEN if self._seen >> behind & 1 else Place.NEW

    def accept(self, counter: int) -> None:
        """Note a counter that is `Place.NEW`."""
        ahead = counter - self._highest
        if ahead <= 0:
            self._seen |= 1 << -ahead
            return
        # A jump beyond the window leaves nothing of what was in it, and must not build a huge integer on the way.
        kept = self._seen << ahead & self._mask if ahead < self._frames else 0
        self._seen = kept | 1
        self._highest = counter

    def receipt(self, spi: int) -> Receipt:
        """Give what restores the window as it is now."""
        return Receipt(spi, self._highest, self._seen.to_bytes((self._seen.bit_length() + 7) // 8, "big"))

    def restore(self, receipt: Receipt) -> None:
        """Take in what was durable, on top of what is here: a counter that either has accepted stays accepted.

        Raises:
            MalformedError: It is no receipt that a window has given.
        """
        if receipt.highest < 0 or not receipt.seen or len(receipt.seen) > _SEEN_OCTETS_MAX:
            raise MalformedError(
                f"receipt of SPI {receipt.spi}: expected a counter of 0 or above and 1 to {_SEEN_OCTETS_MAX} octets of "
                f"window, found {receipt.highest} and {len(receipt.seen)}"
            )
        seen, highest = int.from_bytes(receipt.seen, "big"), receipt.highest
        if highest < self._highest:
            behind = self._highest - highest
            self._seen |= seen << behind & self._mask if behind < self._frames else 0
            return
        ahead = highest - self._highest
        kept = self._seen << ahead if ahead < self._frames else 0
        self._seen = (kept | seen) & self._mask
        self._highest = highest
