"""How long a receiver waits for each thing: for data after EOF, for the ACK of Finished, for anything at all.

NAKs have their own timer (`ccsds.cfdp.missing`).

Source: CCSDS 727.0-B-5 4.6.3.3, 4.6.4.4, 4.7.1, 4.10.
"""

from collections.abc import Iterator

from ccsds.cfdp.contact_clock import RepeatTimer
from ccsds.cfdp.mib import RemoteConfig

# Keep Alives are sent as long as the transaction lasts.
_ENDLESS = 1 << 62


class Patience:
    """The timers of one receiver but that of its NAKs.

    Args:
        remote: The sender.
        is_acknowledged: Whether it is class 2.
        time_ns: Contact time.
    """

    def __init__(self, remote: RemoteConfig, is_acknowledged: bool, time_ns: int) -> None:
        self.ack = RepeatTimer(1, remote.ack_interval_max_ns, remote.ack_limit)
        """Until Finished goes out again."""
        self.check = RepeatTimer(remote.check_interval_ns, remote.check_interval_ns, remote.check_limit - 1)
        """Class 1: until what is missing after EOF is given up."""
        self.keep_alive: RepeatTimer | None = None
        """Until a Keep Alive is due, None if there are none."""
        if remote.keep_alive_ns and is_acknowledged:
            self.keep_alive = RepeatTimer(remote.keep_alive_ns, remote.keep_alive_ns, _ENDLESS)
            self.keep_alive.start(time_ns)
        self.silences = 0
        """How often nothing was heard for so long."""
        self.heard_ns = time_ns
        """When the sender was heard last."""
        self._inactivity_ns = remote.inactivity_ns
        self._hears = True

    def timers(self) -> Iterator[RepeatTimer]:
        """Give those that begin anew when the transaction goes on."""
        yield self.ack
        yield self.check

    def deadlines(self) -> Iterator[int | None]:
        """Give when each rings next."""
        yield self.ack.deadline_ns
        yield self.check.deadline_ns
        if self.keep_alive is not None:
            yield self.keep_alive.deadline_ns
        if self._hears:
            yield self._silent_ns()

    def hear(self, time_ns: int) -> None:
        """Take notice that the sender was heard, or cannot have been."""
        self.heard_ns = time_ns
        self.silences = 0

    def falls_silent(self, time_ns: int) -> bool:
        """Tell whether nothing was heard for so long again."""
        if not self._hears or time_ns < self._silent_ns():
            return False
        self.silences += 1
        return True

    def finish(self) -> None:
        """Wait for the ACK of Finished only."""
        self.check.stop()
        if self.keep_alive is not None:
            self.keep_alive.stop()
        self._hears = False

    def stop(self) -> None:
        """Wait for nothing any more."""
        self.finish()
        self.ack.stop()

    def _silent_ns(self) -> int:
        return self.heard_ns + (self.silences + 1) * self._inactivity_ns
