"""Order: blocks of octets that are moved later by different times, and yet arrive in the order in which they left.

A block that would overtake the one before waits until its first octet ends no earlier than the last one of that. Octets
may so arrive closer together than the line's pace, as they do through Doppler or out of a buffer, but never in another
order. How a block is cut into bursts changes nothing: all of it is moved by the time found for its beginning.
"""

from hil.channel.burst import Burst


class InOrder:
    """The blocks of one line, in the order in which they were sent."""

    def __init__(self) -> None:
        self._key: tuple[int, int] | None = None
        self._shift_ns = 0
        self._end_ns = 0

    def later(self, burst: Burst, block: int, wanted_ns: int) -> Burst:
        """Give a burst at a later time.

        Args:
            burst: Octets of one block, all of one run.
            block: The number of the block, which differs from that of the burst before if a new one begins.
            wanted_ns: By how much it is to be later, unless it would overtake.
        """
        key = (burst.run_start_ns, block)
        if key != self._key:
            self._key = key
            self._shift_ns = max(wanted_ns, self._end_ns - burst.octet_start_ns(1))
        moved = burst.later(self._shift_ns)
        self._end_ns = moved.end_ns
        return moved
