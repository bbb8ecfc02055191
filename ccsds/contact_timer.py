"""A timer that counts contact time only: while the link is down it stands still. It never reads a clock.

Every timer of the link is one of these (T1 of COP-1, those of CFDP), so that nothing times out because a spacecraft
went below the horizon.
"""


class ContactTimer:
    """One timer, begun out of contact and not running."""

    def __init__(self) -> None:
        self._is_up = False
        # In contact: when it expires. Out of contact: how long it still has to run.
        self._deadline_ns: int | None = None
        self._remaining_ns: int | None = None

    def start(self, duration_ns: int, now_ns: int) -> None:
        """Start it, or start it again, to expire after `duration_ns` of contact."""
        self.cancel()
        if self._is_up:
            self._deadline_ns = now_ns + duration_ns
        else:
            self._remaining_ns = duration_ns

    def cancel(self) -> None:
        """Stop it, if it runs."""
        self._deadline_ns = self._remaining_ns = None

    def contact(self, up: bool, now_ns: int) -> None:
        """Take notice that the link came up or went down."""
        if up and self._remaining_ns is not None:
            self._deadline_ns, self._remaining_ns = now_ns + self._remaining_ns, None
        elif not up and self._deadline_ns is not None:
            self._deadline_ns, self._remaining_ns = None, max(0, self._deadline_ns - now_ns)
        self._is_up = up

    def deadline(self) -> int | None:
        """Give when it expires if contact lasts, or None if it stands still."""
        return self._deadline_ns

    def expire(self, now_ns: int) -> bool:
        """Tell whether it has expired, and stop it if it has."""
        if self._deadline_ns is None or now_ns < self._deadline_ns:
            return False
        self.cancel()
        return True
