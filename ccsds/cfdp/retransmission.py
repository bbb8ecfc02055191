"""What of a file must be sent again, and what may be: the sender's memory of NAKs. It never touches the file.

A far end that reports in full lists all that is missing each time, so a NAK also confirms the rest of its scope. What
was sent again less than a round trip ago is not sent again because a NAK says so: that NAK cannot know of it yet. The
round trip is measured by how far a NAK's scope reaches, since the receiver makes a NAK when that octet came.

When all was sent and the line has nothing else, the unconfirmed end of the file goes out again, from its end on: what
is nearer to its beginning is what a NAK will tell of next.
"""

from collections import deque

from ccsds.cfdp.contact_clock import RoundTrip
from ccsds.cfdp.directives import Nak
from ccsds.cfdp.intervals import IntervalSet
from ccsds.cfdp.mib import RemoteConfig

# How often the unconfirmed end goes out between two answers: at 20 % loss four rounds leave one segment in 600 missing,
# and a receiver that is gone costs four times the tail.
IDLE_ROUNDS_MAX = 4

# Points at which it is remembered how far the file was sent when; one in a hundredth of a round trip.
MARKS_MAX = 1024
_MARKS_A_ROUND_TRIP = 100

# What was sent again in the last round trip: 50 Mbit/s for 600 ms are 3,700 segments of 1 KiB. Beyond it the oldest is
# forgotten, which costs a needless segment.
RESENT_MAX = 8192


class Retransmission:
    """What one sender knows of what its receiver has.

    Args:
        remote: The far end.
        round_trip: As measured to there.
    """

    def __init__(self, remote: RemoteConfig, round_trip: RoundTrip) -> None:
        self._remote = remote
        self._round_trip = round_trip
        self.is_asked = False
        """Whether something was asked for that was not sent again yet."""
        self._asked = IntervalSet()
        self._confirmed = IntervalSet()
        # When, start, end.
        self._resent: deque[tuple[int, int, int]] = deque(maxlen=RESENT_MAX)
        # When, and how far the file was sent then.
        self._marks: deque[tuple[int, int]] = deque(maxlen=MARKS_MAX)
        self._next_mark_ns = 0
        self._eof_sent_ns: int | None = None
        self._idle_at: int | None = None
        self._idle_rounds = 0

    def sent(self, end: int, time_ns: int) -> None:
        """Take notice that the file was sent up to ``end``, for the first time."""
        if time_ns >= self._next_mark_ns:
            self._marks.append((time_ns, end))
            self._next_mark_ns = time_ns + self._round_trip.value_ns // _MARKS_A_ROUND_TRIP

    def sent_eof(self, time_ns: int) -> None:
        """Take notice that EOF was sent; only the first answer to a first EOF is a measurement (Karn)."""
        self._eof_sent_ns = time_ns if self._eof_sent_ns is None else -1

    def answered(self, time_ns: int) -> None:
        """Take notice that EOF was acknowledged."""
        if self._eof_sent_ns is not None and self._eof_sent_ns >= 0:
            self._round_trip.sample(time_ns - self._eof_sent_ns)
        self._eof_sent_ns = -1
        self._idle_rounds = 0

    def contact_changed(self) -> None:
        """Take notice that contact began or ended: no measurement may reach across."""
        self._marks.clear()
        self._resent.clear()
        self._eof_sent_ns = -1
        self._idle_at, self._idle_rounds = None, 0

    def receive_nak(self, nak: Nak, progress: int, time_ns: int) -> None:
        """Take what is missing at the receiver."""
        self._measure(nak.scope_end_octets, time_ns)
        self._idle_rounds = 0
        requested = IntervalSet((start, min(end, progress)) for start, end in sorted(nak.requests))
        scope_end = min(nak.scope_end_octets, progress)
        if self._remote.reports_in_full:
            for start, end in requested.gaps(nak.scope_start_octets, scope_end):
                self._confirmed.add(start, end)
                self._asked.remove(start, end)
        for start, end in requested:
            self._confirmed.remove(start, end)
        self._forget_old(time_ns)
        for _, start, end in self._resent:
            requested.remove(start, end)
        for start, end in requested:
            self._asked.add(start, end)
        self.is_asked = len(self._asked) > 0

    def next_asked(self, segment_octets: int, time_ns: int) -> tuple[int, int] | None:
        """Give offset and length of what is to be sent again, and take it as sent."""
        first = self._asked.first()
        if first is None:
            self.is_asked = False
            return None
        start, end = first[0], min(first[1], first[0] + segment_octets)
        self._asked.remove(start, end)
        self.is_asked = len(self._asked) > 0
        self._resent.append((time_ns, start, end))
        return start, end - start

    def next_unconfirmed(self, progress: int, segment_octets: int, time_ns: int) -> tuple[int, int] | None:
        """Give offset and length of what may be sent again though nobody asked, and take it as sent."""
        bottom = max(0, progress - self._remote.tail_octets_max)
        for _ in range(2):
            if self._idle_rounds >= IDLE_ROUNDS_MAX:
                return None
            top = progress if self._idle_at is None else self._idle_at
            gaps = self._confirmed.gaps(bottom, top)
            if gaps:
                end = gaps[-1][1]
                start = max(gaps[-1][0], (end - 1) // segment_octets * segment_octets)
                self._idle_at = start
                self._resent.append((time_ns, start, end))
                return start, end - start
            self._idle_at = None
            self._idle_rounds += 1
        return None

    def _measure(self, scope_end: int, time_ns: int) -> None:
        """Find when the octet before ``scope_end`` was sent."""
        when = None
        while self._marks and self._marks[0][1] <= scope_end:
            when = self._marks.popleft()
        if when is not None:
            self._round_trip.sample(time_ns - when[0])

    def _forget_old(self, time_ns: int) -> None:
        """Drop what was sent again so long ago that a NAK can know of it."""
        since_ns = time_ns - self._round_trip.value_ns
        while self._resent and self._resent[0][0] < since_ns:
            self._resent.popleft()
