"""Keeps the receipts of frames that come by the hundred a second durable, without a sync for each of them.

A frame acts only after its receipt is durable (`ccsds.sdls.window`). Here a durable receipt also stands for frames that
have not come yet: everything up to the counter it reserves counts as accepted after a reboot, whether it came or not.
So no frame acts twice, and what a reboot costs is that some frames that never came are refused as replays: CFDP sends
their content again. How much is reserved follows how fast frames come, about a second's worth; when none came for a
while, the exact receipt replaces the reservation, and a reboot then costs nothing.
"""

from dataclasses import dataclass

from ccsds.sdls.window import Receipt
from flight.ledger import Ledger
from flight.reporter import Reporter, clip_reason
from mission.words.core import STORE_FAILED

# Reservations are made about so often while frames come, and are taken back when none came for so long.
INTERVAL_NS = 1_000_000_000

# Frames reserved at once: 256 of the longest are a second at 2 Mbit/s, eight times the fastest uplink. After a reboot
# the sender must get beyond them before it is heard again.
RESERVED_FRAMES_MAX = 256


@dataclass(slots=True)
class _Reservation:
    """What is durable of one key."""

    exact: Receipt
    """What is true, durable or not."""
    below: int
    """Counters below this count as accepted after a reboot."""
    frames: int
    """How many were reserved at once."""
    committed_ns: int
    admitted_ns: int


class ReceiptKeeper:
    """Makes receipts durable before frames act.

    Args:
        ledger: Where they are kept.
        reporter: Where it is told that the store failed.
    """

    def __init__(self, ledger: Ledger, reporter: Reporter) -> None:
        self._ledger = ledger
        self._reporter = reporter
        self._reservations: dict[int, _Reservation] = {}
        self._has_failed = False

    def admit(self, receipt: Receipt | None, now_ns: int) -> bool:
        """Tell whether a frame may act: whether it counts as accepted whatever happens from here on.

        Args:
            receipt: Of the frame; None if it is not protected.
            now_ns: Now.
        """
        if receipt is None:
            return True
        reservation = self._reservations.get(receipt.spi)
        if reservation is None:
            reservation = _Reservation(receipt, 0, 0, now_ns, now_ns)
        if receipt.highest >= reservation.below:
            frames = reservation.frames
            if now_ns - reservation.committed_ns >= INTERVAL_NS:
                frames //= 2
            elif receipt.spi in self._reservations:
                frames = min(max(1, 2 * frames), RESERVED_FRAMES_MAX)
            if not self._commit(receipt.ahead(frames)):
                return False
            reservation.frames = frames
            reservation.below = receipt.highest + frames + 1
            reservation.committed_ns = now_ns
            self._reservations[receipt.spi] = reservation
        reservation.exact = receipt
        reservation.admitted_ns = now_ns
        return True

    def advance(self, now_ns: int) -> None:
        """Take back reservations that nobody uses."""
        for reservation in self._reservations.values():
            if reservation.frames and now_ns >= reservation.admitted_ns + INTERVAL_NS:
                if self._commit(reservation.exact):
                    reservation.below, reservation.frames = reservation.exact.highest + 1, 0
                    reservation.committed_ns = now_ns
                else:
                    reservation.admitted_ns = now_ns

    def next_deadline(self) -> int | None:
        """Give when a reservation is due to be taken back."""
        admitted_ns: int | None = None
        for each in self._reservations.values():
            if each.frames and (admitted_ns is None or each.admitted_ns < admitted_ns):
                admitted_ns = each.admitted_ns
        return None if admitted_ns is None else admitted_ns + INTERVAL_NS

    def _commit(self, receipt: Receipt) -> bool:
        try:
            self._ledger.commit(receipt)
        except OSError as error:
            if not self._has_failed:
                self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
            self._has_failed = True
            return False
        self._has_failed = False
        return True
