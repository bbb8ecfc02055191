"""From what is to be said to octets on the line: virtual channels by urgency, TM frames with the CLCW, coding chain.

Frames are made when the transmitter asks for one, so that the most urgent packet leaves first: live telemetry before
playback of stored telemetry and files, each on its own virtual channel (`flight.link.downlink_channel`), so that it
never waits behind more than the frame that is on its way. Playback and files share what live telemetry leaves: three
frames of playback for one of files while both wait, since telemetry is small and tells what happened, but a backlog of
days must not hold up a file for a pass.

With keys, no frame with packets leaves unless it is protected. If it cannot be, packets wait, and idle frames, which
travel clear, bring the CLCW down; else a frame that only brings the CLCW is a live one with an idle packet.

Source: CCSDS 132.0-B-3 (frame, virtual channel multiplexing 4.2.4), 131.0-B-5 (coding).
"""

from collections.abc import Callable

from ccsds.sdls.security import Security
from ccsds.sync import TmEncoder
from ccsds.tm_frame import ONLY_IDLE, TmFrame
from flight.clock import Clock
from flight.events import Event
from flight.link.downlink_channel import DownlinkChannel, PacketSource, Packing
from flight.link.live_queue import LiveQueue
from flight.reporter import Statement
from flight.storage.playback import Playback
from flight.time_reports import TimeReports
from mission.channels import SPACECRAFT_ID, Downlink
from mission.profiles import LinkProfile
from mission.storage import StoreId

# While both wait, so many frames of playback leave for each one of files.
PLAYBACK_FRAMES_PER_FILE_FRAME = 3

_COUNT_8_BITS = 1 << 8


class DownlinkTransmitter:
    """The sending end of the downlink.

    Args:
        profile: How the link is run.
        files: What is to be said of files.
        playback: What is to be said of stored telemetry.
        security: The keys of this end, or None on a bench: then frames travel clear.
        clock: On-board time, for time reports.
        time_report_exponent: Gives n where every 2^n-th live frame is to be told the time of, or None for none.
    """

    def __init__(
        self,
        profile: LinkProfile,
        files: PacketSource,
        playback: Playback,
        security: Security | None = None,
        *,
        clock: Clock,
        time_report_exponent: Callable[[], int | None],
    ) -> None:
        self._profile = profile
        self._encoder = TmEncoder(profile.tm_coding)
        self._queue = LiveQueue(playback.left_live)
        self._times = TimeReports(clock, time_report_exponent, self._queue)
        self._live = DownlinkChannel(Downlink.LIVE, profile, security, self._times, Packing.END_TO_END)
        self._playback = DownlinkChannel(Downlink.PLAYBACK, profile, security, playback, Packing.WHOLE)
        self._files = DownlinkChannel(Downlink.FILES, profile, security, files, Packing.WHOLE)
        self._channels = (self._live, self._playback, self._files)
        # Frames of playback since the last one of files.
        self._played_count = 0
        self._master_count = 0
        self._idle_count = 0
        self._last_clcw = b""
        self._next_keep_alive_ns = 0
        self.keep_alive_ns = profile.keep_alive_ns
        """A frame leaves when none has for this long."""
        self.frames_count = 0

    @property
    def dropped_count(self) -> int:
        """Live packets dropped because their queue was full."""
        return self._queue.dropped_count

    def put(
        self, said: Statement, tai_ns: int, time_status: int, now_ns: int, stored: tuple[StoreId, int] | None
    ) -> None:
        """Queue one report, and say where it is stored."""
        self._queue.put(said, tai_ns, time_status, now_ns, stored)

    def leave_to_playback(self, now_ns: int) -> None:
        """Let go of live packets of long ago; contact came."""
        self._queue.leave_to_playback(now_ns)

    def transmit(self, clcw: bytes, now_ns: int) -> bytes | None:
        """Give the next frame, coded for the line, or None if there is nothing to say yet.

        Args:
            clcw: The report on the command channel that the frame carries, four octets.
            now_ns: When the frame leaves.
        """
        is_due = clcw != self._last_clcw or now_ns >= self._next_keep_alive_ns
        if is_due:
            self._times.release()
        frame = self._next_frame(clcw, is_due, now_ns)
        if frame is None:
            return None
        if frame.virtual_channel == Downlink.LIVE:
            self._times.frame_left(frame.vc_count, now_ns)
        self._master_count = (self._master_count + 1) % _COUNT_8_BITS
        self._last_clcw = clcw
        self._next_keep_alive_ns = now_ns + self.keep_alive_ns
        self.frames_count += 1
        return self._encoder.encode(frame.encode())

    def next_deadline(self) -> int:
        """Give the time at which a frame leaves even if there is nothing to say."""
        return self._next_keep_alive_ns

    def take_events(self) -> list[Event]:
        """Give what happened since the last call."""
        return [event for channel in self._channels for event in channel.take_events()]

    def _next_frame(self, clcw: bytes, is_due: bool, now_ns: int) -> TmFrame | None:
        is_turn_of_files = self._played_count >= PLAYBACK_FRAMES_PER_FILE_FRAME
        shared = (self._files, self._playback) if is_turn_of_files else (self._playback, self._files)
        for channel in (self._live, *shared):
            frame = channel.frame(clcw, self._master_count, now_ns)
            if frame is not None:
                if channel is not self._live:
                    self._played_count = 0 if channel is self._files else self._played_count + 1
                return frame
        if not is_due:
            return None
        return self._live.idle_frame(clcw, self._master_count, now_ns) or self._idle_frame(clcw)

    def _idle_frame(self, clcw: bytes) -> TmFrame:
        """Give a clear frame that holds nothing but the CLCW."""
        frame = TmFrame(
            spacecraft_id=SPACECRAFT_ID,
            virtual_channel=Downlink.IDLE,
            mc_count=self._master_count,
            vc_count=self._idle_count,
            first_header_pointer=ONLY_IDLE,
            data=bytes(self._profile.tm_data_octets),
            ocf=clcw,
        )
        self._idle_count = (self._idle_count + 1) % _COUNT_8_BITS
        return frame
