"""Whether the ground is in contact: what the driver says, or, where no modem tells, what authentic traffic says.

It judges no frame; the uplink does. Of what it says, the spacecraft makes everything that depends on contact.
"""

from mission.profiles import Contact, LinkProfile


class GroundContact:
    """Whether the ground is in contact; it is not, at first.

    Args:
        profile: How the link is run.
    """

    def __init__(self, profile: LinkProfile) -> None:
        self._goes_by_traffic = profile.contact is Contact.TRAFFIC
        self._silence_ns = profile.silence_ns
        self._has_line = False
        # When the ground counts as lost, unless it is heard before; None if it is.
        self._lost_at_ns: int | None = None

    @property
    def is_up(self) -> bool:
        """Whether it is."""
        return self._has_line and (not self._goes_by_traffic or self._lost_at_ns is not None)

    def line(self, up: bool) -> None:
        """Take note of what the driver says: that there is a way to the ground, or none."""
        self._has_line = up
        if not up:
            self._lost_at_ns = None

    def hear(self, now_ns: int) -> None:
        """Take note that a frame came which is authentic and new."""
        if self._has_line:
            self._lost_at_ns = now_ns + self._silence_ns

    def advance(self, now_ns: int) -> None:
        """Let time pass: silence ends contact."""
        if self._lost_at_ns is not None and now_ns >= self._lost_at_ns:
            self._lost_at_ns = None

    def next_deadline(self) -> int | None:
        """Give when silence ends contact."""
        return self._lost_at_ns if self._goes_by_traffic else None
