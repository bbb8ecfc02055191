"""Time reports: the on-board time at which every 2^n-th live frame began to leave, each in a packet of its own.

A report rides in the next live frame there is anyway. It asks for one of its own only when a frame is due that would
else be idle, so that a high rate on a quiet link costs no more than the keep-alive. One that found no frame before the
next was sampled is replaced by it. Nothing here asks what time it is: the frame's own ``now_ns`` is turned into TAI.

Source: ECSS-E-ST-70-41C 6.9.4.
"""

from collections.abc import Callable

from ccsds.pus.time_report import TimeReport
from flight.clock import Clock
from flight.link.live_queue import LiveQueue

_COUNT_14_BITS = 1 << 14


class TimeReports:
    """What the live channel carries: time reports, and before all else the packets of its queue.

    Args:
        clock: On-board time.
        exponent: Gives n, or None while there are no reports.
        queue: The other packets.
    """

    def __init__(self, clock: Clock, exponent: Callable[[], int | None], queue: LiveQueue) -> None:
        self._clock = clock
        self._exponent = exponent
        self._queue = queue
        self._waiting: TimeReport | None = None
        self._is_released = False
        self._sequence_count = 0

    @property
    def is_empty(self) -> bool:
        """See `flight.link.downlink_channel.PacketSource`."""
        return self._queue.is_empty and not self._is_released

    def next_packet(self, now_ns: int) -> bytes | None:
        """See `flight.link.downlink_channel.PacketSource`."""
        report, self._waiting = self._waiting, None
        self._is_released = False
        if report is None:
            return self._queue.next_packet(now_ns)
        packet = report.encode(self._sequence_count)
        self._sequence_count = (self._sequence_count + 1) % _COUNT_14_BITS
        return packet

    def release(self) -> None:
        """Let a report that waits have a frame of its own."""
        self._is_released = self._waiting is not None

    def frame_left(self, frame_count: int, now_ns: int) -> None:
        """Take note that a live frame begins to leave."""
        exponent = self._exponent()
        if exponent is None:
            self._waiting, self._is_released = None, False
        elif frame_count % (1 << exponent) == 0:
            self._waiting = TimeReport(
                rate_exponent=exponent,
                tai_ns=self._clock.tai_ns(now_ns),
                status=self._clock.status,
                frame_count=frame_count,
            )
