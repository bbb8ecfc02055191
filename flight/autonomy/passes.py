"""Passes: when one begins and when it is over, as the schedule reckons them.

The link is lost and found many times while a spacecraft is low over the horizon, and a reset may fall into a pass;
neither ends a pass nor begins another. It never touches the store: who asks makes a turn durable, and says so.
"""

from enum import Enum

from mission.schedule import Anchor

# A link that was gone for so long will not come back in this pass: it is longer than any fade or restart of a modem,
# and shorter than the way from one station to the next.
PASS_ENDS_AFTER_NS = 60_000_000_000


class Link(Enum):
    """What the link is like."""

    UP = "up"
    DOWN = "down"
    LONG_DOWN = "long down"


# Whether a pass was on, and what the link is like -> what has come. Whatever is not here changes nothing.
PASS_TABLE: dict[tuple[bool, Link], Anchor] = {
    (False, Link.UP): Anchor.AOS,
    (True, Link.LONG_DOWN): Anchor.LOS,
}


class Passes:
    """Watches the link.

    Args:
        now_ns: When it starts to watch; until it is told otherwise, the link is down since then.
    """

    def __init__(self, now_ns: int) -> None:
        self._is_up = False
        self._changed_ns = now_ns

    def contact(self, is_up: bool, now_ns: int) -> None:
        """Take note that the link is there, or is gone."""
        if is_up != self._is_up:
            self._is_up, self._changed_ns = is_up, now_ns

    def turn(self, is_in_pass: bool, now_ns: int) -> tuple[Anchor, int] | None:
        """Give what has come, and when it was, from whether a pass was on as far as is durably known."""
        if is_in_pass == self._is_up:
            return None  # As the table has it, without the look into it: nearly always.
        anchor = PASS_TABLE.get((is_in_pass, self._link(now_ns)))
        return None if anchor is None else (anchor, self._changed_ns)

    def next_deadline(self, is_in_pass: bool) -> int | None:
        """Give when something comes if the link stays as it is."""
        if is_in_pass == self._is_up:
            return None
        return self._changed_ns + (PASS_ENDS_AFTER_NS if is_in_pass else 0)

    def _link(self, now_ns: int) -> Link:
        if self._is_up:
            return Link.UP
        return Link.LONG_DOWN if now_ns >= self._changed_ns + PASS_ENDS_AFTER_NS else Link.DOWN
