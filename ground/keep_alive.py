"""The keep-alive of a station whose spacecraft knows contact by traffic: a frame each second that says that it came.

It goes out blind too, since that is how contact is found. It is a protected BD frame with an idle packet on the channel
of files: BD is judged whatever state FARM-1 is in, and the counters of commands stay those of commands, so that an AD
frame that waits through hours of silence is not too old for the anti-replay window in the end.

Source: CCSDS 232.0-B-4 (frame), 133.0-B-2 4.1.4 (idle packet), 355.0-B-2 (SDLS).
"""

from ccsds.errors import MisuseError
from ccsds.packet import PACKET_OCTETS_MIN, idle_packet
from ccsds.sdls.security import Security
from ccsds.tc_frame import TcFrame, TcFrameKind
from mission.channels import SPACECRAFT_ID, Uplink
from mission.profiles import Contact, LinkProfile


class KeepAlive:
    """The keep-alive of one station; there is no line at first.

    Args:
        profile: How the link is run.
        security: The keys of this end, or None on a bench: then it travels clear.
    """

    def __init__(self, profile: LinkProfile, security: Security | None) -> None:
        self._is_wanted = profile.contact is Contact.TRAFFIC
        self._interval_ns = profile.keep_alive_ns
        self._security = security
        self._due_ns: int | None = None
        self._is_due = False
        self.failure = ""
        """Why the last one could not be protected; empty if it could."""

    def line(self, up: bool, now_ns: int) -> None:
        """Take note that there is a line to the spacecraft, or none."""
        if not up:
            self._due_ns, self._is_due = None, False
        elif self._is_wanted and self._due_ns is None:
            self._due_ns = now_ns

    def sent(self, frame: TcFrame, now_ns: int) -> None:
        """Take note of a frame that goes up: a BD frame says all that a keep-alive says."""
        if self._due_ns is not None and frame.kind is TcFrameKind.BD:
            self._due_ns, self._is_due = now_ns + self._interval_ns, False

    def advance(self, now_ns: int) -> None:
        """Let one wait for the transmitter if it is due."""
        if self._due_ns is not None and now_ns >= self._due_ns:
            self._is_due = True
            self._due_ns = now_ns + self._interval_ns

    def next_deadline(self) -> int | None:
        """Give when one is due."""
        return self._due_ns

    def next_frame(self, now_ns: int) -> TcFrame | None:
        """Give the one that waits, if one does and can be protected."""
        self.advance(now_ns)
        if not self._is_due:
            return None
        self._is_due = False
        frame = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, Uplink.FILES, 0, idle_packet(PACKET_OCTETS_MIN))
        if self._security is None:
            return frame
        try:
            frame = self._security.sender.protect_tc(frame)
        except (OSError, MisuseError) as error:
            self.failure = str(error)
            return None
        self.failure = ""
        return frame
