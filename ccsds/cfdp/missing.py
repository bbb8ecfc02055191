"""What a receiver asks for, and when: the NAKs of one transaction. It never sees the octets of the file.

A gap is asked for once it is older than `RemoteConfig.nak_delay_ns`, since PDUs may only have changed places; then
again at each interval, which doubles while nothing is heard. Without EOF the horizon is what came so far; after
acquisition of signal, or long silence, it is the end of the file, so that what was lost with the signal is asked for.

Source: CCSDS 727.0-B-5 4.6.4.
"""

from collections import deque
from typing import NamedTuple

from ccsds.cfdp.contact_clock import RepeatTimer
from ccsds.cfdp.directives import Nak
from ccsds.cfdp.intervals import IntervalSet
from ccsds.cfdp.mib import RemoteConfig

# NAK PDUs of one round. What they cannot list is listed in the next round, when some of this has come.
NAKS_A_ROUND_MAX = 8


class Known(NamedTuple):
    """What a receiver knows of its file."""

    received: IntervalSet
    """What came."""
    size_octets: int | None
    """None if it is not known."""
    has_metadata: bool
    has_eof: bool


class Missing:
    """Decides what one receiver asks for.

    Args:
        remote: The sender.
        is_large: Whether offsets have 64 bits.
        header_octets: Of each PDU, with its CRC.
        time_ns: Contact time.
    """

    def __init__(self, remote: RemoteConfig, is_large: bool, header_octets: int, time_ns: int) -> None:
        self._remote = remote
        request_octets = 16 if is_large else 8
        room_octets = remote.pdu_octets_max - header_octets - 1 - request_octets
        self._requests_max = max(1, min(remote.nak_segments_max, room_octets // request_octets))
        self._offset_max = (1 << (64 if is_large else 32)) - 1
        self.timer = RepeatTimer(remote.nak_interval_ns, remote.nak_interval_max_ns, remote.nak_limit)
        self._waiting: deque[Nak] = deque(maxlen=NAKS_A_ROUND_MAX)
        # Gaps below this are old enough to be asked for.
        self._ripe_end = 0
        self._asks_for_tail = False
        # When, start, end.
        self._asked: deque[tuple[int, int, int]] = deque()
        self._is_due = False
        self._rang_ns = time_ns

    @property
    def is_due(self) -> bool:
        """Whether a NAK is to be sent."""
        return self._is_due or bool(self._waiting)

    def watch(self, end: int, time_ns: int) -> None:
        """Take notice that something below ``end`` is missing."""
        if self.timer.deadline_ns is None:
            self._ripe_end = end
            self.timer.start(time_ns, self._remote.nak_interval_ns)
            self.timer.deadline_ns = time_ns + self._remote.nak_delay_ns

    def heard(self) -> None:
        """Take notice that the sender sends."""
        self._asks_for_tail = False

    def progressed(self) -> None:
        """Take notice that something new came."""
        self.timer.count = 0
        self.timer.quicken()

    def ask_now(self, asks_for_tail: bool, end: int, time_ns: int) -> None:
        """Let a NAK be sent at once, for the whole tail too if that is wanted; those that brought nothing count on."""
        self._ask(asks_for_tail, end)
        count = self.timer.count
        self.timer.start(time_ns, self._remote.nak_interval_ns)
        self.timer.count = count

    def ask_into_silence(self, end: int, time_ns: int) -> None:
        """Let a NAK be sent at once for the whole tail, and the next one when the timer rings as it would have."""
        self._ask(True, end)
        if self.timer.deadline_ns is None:
            self.timer.start(time_ns, self._remote.nak_interval_ns)

    def ring(self, time_ns: int, heard_ns: int) -> bool:
        """Tell whether it is time for a NAK; its count begins again if the far end was heard since the last one."""
        if not self.timer.ring(time_ns):
            return False
        if heard_ns > self._rang_ns:
            self.timer.count = 0
        self._rang_ns = time_ns
        self._is_due = True
        return True

    def _ask(self, asks_for_tail: bool, end: int) -> None:
        self._is_due = True
        self._ripe_end = end
        self._asks_for_tail = asks_for_tail
        self._asked.clear()

    def stop(self) -> None:
        """Ask for nothing any more."""
        self.timer.stop()
        self._is_due = False
        self._waiting.clear()

    def pull(self, known: Known, time_ns: int) -> Nak | None:
        """Give the next NAK."""
        if self._is_due:
            self._is_due = False
            self._waiting.clear()
            self._plan(known, time_ns)
        return self._waiting.popleft() if self._waiting else None

    def _plan(self, known: Known, time_ns: int) -> None:
        received = known.received
        horizon = self._horizon(known)
        requests_max = self._requests_max * NAKS_A_ROUND_MAX
        gaps = received.gaps(0, horizon, requests_max)
        covered = gaps[-1][1] if len(gaps) == requests_max else horizon
        requests = self._held_off(gaps, time_ns)
        if not known.has_metadata:
            requests.insert(0, (0, 0))
        self._ripe_end = received.end
        if not requests:
            if received.end <= horizon and received.gaps(0, received.end, 1) == []:
                self.timer.stop()
            return
        start = 0
        for at in range(0, len(requests), self._requests_max):
            part = requests[at : at + self._requests_max]
            is_last = at + self._requests_max >= len(requests)
            end = max(start, covered) if is_last else part[-1][1]
            self._waiting.append(Nak(start, end, tuple(part)))
            start = end

    def _horizon(self, known: Known) -> int:
        received, size = known.received, known.size_octets
        if known.has_eof and size is not None:
            return size
        if not self._asks_for_tail or not self._remote.asks_beyond_progress:
            return min(self._ripe_end, received.end)
        return self._offset_max if size is None else max(size, received.end)

    def _held_off(self, gaps: list[tuple[int, int]], time_ns: int) -> list[tuple[int, int]]:
        """Leave out what was asked for a short while ago, where the sender wants it so."""
        if not self._remote.nak_hold_off_ns:
            return gaps
        since_ns = time_ns - self._remote.nak_hold_off_ns
        while self._asked and self._asked[0][0] <= since_ns:
            self._asked.popleft()
        wanted = IntervalSet(gaps)
        for _, start, end in self._asked:
            wanted.remove(start, end)
        self._asked.extend((time_ns, start, end) for start, end in wanted)
        return list(wanted)
