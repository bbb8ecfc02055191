"""What the station knows of on-board time: the correlation, the light time, and UTC for everything on board.

A time report tells what the on-board clock said when a certain frame began to leave. The station notes when each live
frame came; from that it takes the frame's own length on the line, and the light time if somebody has told it (an orbit
prediction does). If nobody has, commands tell it: from the release of a command to its acceptance on board is a light
time up, from a frame to the station one down, and the smallest that was seen of late is believed. What neither tells
stays in the offset, and is shown as unknown.

The correlation is with the station's own monotonic clock, so that a computer whose UTC is set does not disturb it.
"""

from collections import OrderedDict, deque
from typing import Any

from ccsds.time import LEAP_SECONDS_DATE, LEAP_SECONDS_VALID_UNTIL_UNIX_NS, tai_ns_from_unix
from ground.downlink import TIME_REPORT
from ground.events import EventReported, ReportReceived, SegmentCause, TimeSegmentBegan
from ground.time_correlation import TimeCorrelation
from mission.profiles import LinkProfile
from mission.words.time import CLOCK_CHANGED, CLOCK_STARTED

NS_PER_S = 1_000_000_000

# Commands whose acceptance is waited for; more than a window of COP-1 is never on the way.
RELEASES_MAX = 256
# The light time changes over a pass by milliseconds; of a few commands the fastest is the truest.
ROUND_TRIPS_MAX = 16
_ASM_OCTETS = 4


class OnboardTime:
    """On-board time as the ground knows it.

    Args:
        profile: How the link is run.
    """

    def __init__(self, profile: LinkProfile) -> None:
        frame_octets = _ASM_OCTETS + 255 * profile.interleave
        self._frame_ns = frame_octets * profile.bits_per_octet * NS_PER_S // profile.downlink_rate_bps
        self._correlation = TimeCorrelation()
        self._utc_offset_ns: int | None = None
        self._light_ns: int | None = None
        self._round_trips: deque[int] = deque(maxlen=ROUND_TRIPS_MAX)
        # When the last octet of a command left, by its sequence count; None if it was sent twice.
        self._released: OrderedDict[int, int | None] = OrderedDict()

    def set_utc(self, unix_ns: int, now_ns: int) -> None:
        """Take what the computer's clock says."""
        self._utc_offset_ns = unix_ns - now_ns

    def set_light_time(self, light_ns: int | None) -> None:
        """Take the light time of one way as it is now, or that nobody knows it."""
        self._light_ns = light_ns

    def released(self, sequence_count: int, ended_ns: int) -> None:
        """Take note that the last octet of a command left."""
        # Which try an acceptance answers, nobody can tell.
        self._released[sequence_count] = None if sequence_count in self._released else ended_ns
        if len(self._released) > RELEASES_MAX:
            self._released.popitem(last=False)

    def accepted(self, sequence_count: int, tai_ns: int) -> None:
        """Take note of the on-board time at which a command was accepted."""
        ended_ns = self._released.pop(sequence_count, None)
        fit = self._correlation.fit
        if ended_ns is not None and fit is not None and self._light_ns is None:
            self._round_trips.append((tai_ns - fit.tai_at(ended_ns)) // 2)

    def report(self, event: ReportReceived, now_ns: int) -> list[TimeSegmentBegan]:
        """Take in a time report."""
        received_ns = event.values["frame_time_ns"] if event.name == TIME_REPORT else None
        if received_ns is None:
            return []
        at_ns = received_ns - self._frame_ns - (self._light_ns or 0)
        before = self._correlation.fit
        if not self._correlation.observe(at_ns, event.tai_ns):
            return []
        self._round_trips.clear()
        step_ns = 0 if before is None else event.tai_ns - before.tai_at(at_ns)
        return [self._segment(SegmentCause.FIRST if before is None else SegmentCause.DETECTED, step_ns, now_ns)]

    def event(self, event: EventReported, now_ns: int) -> list[TimeSegmentBegan]:
        """Take in an event; those that are not about the clock, or are old, are left aside."""
        if event.stored is not None:
            return []
        match event.name:
            case CLOCK_CHANGED.name:
                before_ns, after_ns = event.values["before"], event.values["after"]
                if self._correlation.clock_changed(before_ns, after_ns, now_ns):
                    return [self._segment(SegmentCause.ANNOUNCED, after_ns - before_ns, now_ns)]
            case CLOCK_STARTED.name:
                self._correlation.restart()
                self._round_trips.clear()
        return []

    @property
    def light_ns(self) -> int | None:
        """The light time of one way, or None if nothing tells it."""
        if self._light_ns is not None:
            return self._light_ns
        return max(min(self._round_trips), 0) if self._round_trips else None

    def tai_at(self, now_ns: int) -> int | None:
        """Give on-board TAI at a station time, or None before the first time report."""
        fit = self._correlation.fit
        return None if fit is None else fit.tai_at(now_ns) + self._unfitted_light_ns

    def generated_ns(self, tai_ns: int) -> int | None:
        """Give the station time of an on-board TAI, or None of one before the present segment."""
        fit = self._correlation.fit
        # Before this segment the clock stood otherwise.
        if fit is None or tai_ns < self._correlation.began_tai_ns:
            return None
        return fit.time_of(tai_ns - self._unfitted_light_ns)

    def snapshot(self, now_ns: int) -> dict[str, Any]:
        """Give all that is known, in plain values."""
        correlation, fit = self._correlation, self._correlation.fit
        tai_ns = self.tai_at(now_ns)
        unix_ns = None if self._utc_offset_ns is None else now_ns + self._utc_offset_ns
        return {
            "unix_ns": unix_ns,
            "onboard_tai_ns": tai_ns,
            "offset_ns": None if tai_ns is None or unix_ns is None else tai_ns - tai_ns_from_unix(unix_ns),
            "error_ns": None if fit is None else round(fit.error_ns(now_ns)),
            "drift_ppm": None if fit is None else fit.drift_ppm,
            "drift_error_ppm": None if fit is None else fit.drift_error_ppm,
            "spread_ns": None if fit is None else round(fit.spread_ns),
            "residual_ns": None if fit is None else correlation.residual_ns,
            "samples": 0 if fit is None else fit.samples,
            "outliers": correlation.outliers_count,
            "segments": correlation.segments_count,
            "light_ns": self.light_ns,
            "light_source": "given" if self._light_ns is not None else "commands" if self._round_trips else "unknown",
            "leap_seconds_date": LEAP_SECONDS_DATE,
            "leap_seconds_valid": None if unix_ns is None else unix_ns < LEAP_SECONDS_VALID_UNTIL_UNIX_NS,
        }

    @property
    def _unfitted_light_ns(self) -> int:
        """The light time that is in the samples still."""
        return 0 if self._light_ns is not None else self.light_ns or 0

    def _segment(self, cause: SegmentCause, step_ns: int, now_ns: int) -> TimeSegmentBegan:
        return TimeSegmentBegan(time_ns=now_ns, cause=cause, step_ns=step_ns)
