"""ProcessSecurity: protected frames into clear ones, or a reason why not.

Whatever octets come, nothing raises. The MAC is checked before the anti-replay window, and only a frame that passes
both moves it. What a frame does must not begin before its receipt is durable.

Source: CCSDS 355.0-B-2 3.3 (ProcessSecurity), 4.2.4 (procedures), 4.2.4.4 (anti-replay).
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from enum import Enum
from typing import Generic, TypeVar

import msgspec

from ccsds.sdls.association import Link, SecurityAssociation
from ccsds.sdls.cipher import Cipher
from ccsds.sdls.header import Layout, read_spi, tc_header, tm_header
from ccsds.sdls.window import Place, Receipt, ReplayWindow
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import NO_PACKET_START, ONLY_IDLE, TmFrame

Frame = TypeVar("Frame", TcFrame, TmFrame)


class Reason(Enum):
    """Why a frame was refused, in the order in which it is checked."""

    CONTROL_COMMAND = "control command"
    """FARM-1 executes these; as data they mean nothing."""
    TOO_SHORT = "too short"
    """There is no room for a security header, one octet of data and a MAC."""
    UNKNOWN_SPI = "unknown SPI"
    WRONG_CHANNEL = "wrong channel"
    """The SPI belongs to another direction or virtual channel."""
    KEY_NOT_ACTIVE = "key not active"
    BAD_POINTER = "bad pointer"
    """The first header pointer of a TM frame points behind the clear data."""
    COUNTER_OUT_OF_RANGE = "counter out of range"
    """No sender gets so far."""
    BAD_MAC = "bad MAC"
    REPLAYED = "replayed"
    BEHIND_WINDOW = "behind the window"
    AHEAD_OF_WINDOW = "ahead of the window"


class Accepted(msgspec.Struct, Generic[Frame], frozen=True):
    """A frame is authentic and new."""

    frame: Frame
    """The clear frame."""
    receipt: Receipt
    """What must be durable before the frame acts."""
    counter: int
    """Its own, which the receipt only has among others."""


class Refused(msgspec.Struct, frozen=True):
    """A frame is not used."""

    reason: Reason
    text: str
    """What was expected and what was found."""

    def __str__(self) -> str:
        return f"{self.reason.value}: {self.text}"


_PLACES = {
    Place.SEEN: (Reason.REPLAYED, "a counter not accepted before"),
    Place.BEHIND: (Reason.BEHIND_WINDOW, "a counter in the window"),
    Place.AHEAD: (Reason.AHEAD_OF_WINDOW, "a counter in the window"),
}


class Receiver:
    """The receiving half of one end.

    Args:
        associations: What each SPI stands for.
        find_cipher: Gives the cipher of an SPI.
        is_active: Whether frames under an SPI are accepted.
    """

    def __init__(
        self,
        associations: Mapping[int, SecurityAssociation],
        find_cipher: Callable[[int], Cipher],
        is_active: Callable[[int], bool],
    ) -> None:
        self._associations = associations
        self._find_cipher = find_cipher
        self._is_active = is_active
        self._layouts = {spi: Layout(association) for spi, association in associations.items()}
        self._windows = {spi: ReplayWindow(association.window_frames) for spi, association in associations.items()}
        # Frames of a channel may carry a segment header, whatever their SPI turns out to be.
        self._segment_header_octets = {each.channel: each.segment_header_octets for each in associations.values()}
        self.accepted_count = 0
        self.refused_counts: Counter[Reason] = Counter()

    def process_tc(self, frame: TcFrame) -> Accepted[TcFrame] | Refused:
        """Judge a TC frame that FARM-1 has let through."""
        if frame.kind is TcFrameKind.BC:
            return self._refuse(Reason.CONTROL_COMMAND, "expected AD or BD, found BC")
        opened = self._open(Link.TC, frame.virtual_channel, tc_header(frame, len(frame.data)), frame.data)
        if isinstance(opened, Refused):
            return opened
        data, receipt, counter = opened
        clear = TcFrame(frame.kind, frame.spacecraft_id, frame.virtual_channel, frame.sequence, data)
        return Accepted(clear, receipt, counter)

    def process_tm(self, frame: TmFrame) -> Accepted[TmFrame] | Refused:
        """Judge a TM frame. Its CLCW is authentic in neither case."""
        pointer = frame.first_header_pointer
        opened = self._open(Link.TM, frame.virtual_channel, tm_header(frame), frame.data, pointer)
        if isinstance(opened, Refused):
            return opened
        data, receipt, counter = opened
        clear = TmFrame(
            frame.spacecraft_id, frame.virtual_channel, frame.mc_count, frame.vc_count, pointer, data, frame.ocf
        )
        return Accepted(clear, receipt, counter)

    def restore(self, receipts: Iterable[Receipt]) -> None:
        """Take in what was durable when this end stopped. Receipts of SPIs that are gone are passed over.

        Raises:
            MalformedError: A receipt is none that a window has given.
        """
        for receipt in receipts:
            if receipt.spi in self._windows:
                self._windows[receipt.spi].restore(receipt)

    def receipts(self) -> tuple[Receipt, ...]:
        """Give what restores all windows as they are now."""
        return tuple(window.receipt(spi) for spi, window in self._windows.items() if not window.is_empty)

    def is_proven(self, spi: int) -> bool:
        """Whether a frame was ever accepted under an SPI."""
        return spi in self._windows and not self._windows[spi].is_empty

    def highest(self, spi: int) -> int:
        """Give the highest counter that was accepted under an SPI, or -1."""
        return self._windows[spi].highest if spi in self._windows else -1

    def _open(
        self, link: Link, virtual_channel: int, header: bytes, data: bytes, pointer: int = NO_PACKET_START
    ) -> tuple[bytes, Receipt, int] | Refused:
        channel = (link, virtual_channel)
        spi = read_spi(data, self._segment_header_octets.get(channel, 0))
        if spi is None:
            return self._refuse(Reason.TOO_SHORT, f"expected an SPI, found {len(data)} octets")
        association = self._associations.get(spi)
        if association is None:
            return self._refuse(Reason.UNKNOWN_SPI, f"expected an SPI of {link.value} {virtual_channel}, found {spi}")
        if association.channel != channel:
            return self._refuse(
                Reason.WRONG_CHANNEL,
                f"expected SPI {spi} on {association.link.value} {association.virtual_channel}, "
                f"found it on {link.value} {virtual_channel}",
            )
        if not self._is_active(spi):
            return self._refuse(Reason.KEY_NOT_ACTIVE, f"expected an active key, found that of SPI {spi}")
        layout = self._layouts[spi]
        if len(data) < layout.octets_min:
            return self._refuse(
                Reason.TOO_SHORT, f"SPI {spi}: expected {layout.octets_min} octets or more, found {len(data)}"
            )
        field = layout.split(data)
        if pointer >= len(field.data) and pointer not in (NO_PACKET_START, ONLY_IDLE):
            return self._refuse(
                Reason.BAD_POINTER,
                f"SPI {spi}: expected a first header pointer into {len(field.data)} octets, found {pointer}",
            )
        counter = field.counter
        if counter > association.suite.counter_max:
            return self._refuse(
                Reason.COUNTER_OUT_OF_RANGE,
                f"SPI {spi}: expected a counter up to {association.suite.counter_max}, found {counter}",
            )
        authenticated = layout.authenticated_octets(header, field.segment_header, counter)
        clear = self._find_cipher(spi).open(counter, authenticated, field.data, field.mac)
        if clear is None:
            return self._refuse(Reason.BAD_MAC, f"SPI {spi}, counter {counter}: expected another MAC than was found")
        window = self._windows[spi]
        place = window.place(counter)
        if place is not Place.NEW:
            reason, expected = _PLACES[place]
            return self._refuse(reason, f"SPI {spi}: expected {expected}, found {counter} at {window.highest}")
        window.accept(counter)
        self.accepted_count += 1
        return field.segment_header + clear, window.receipt(spi), counter

    def _refuse(self, reason: Reason, text: str) -> Refused:
        self.refused_counts[reason] += 1
        return Refused(reason, text)
