"""The watchdog in virtual time: it bites when it was not fed for its timeout."""

NS_PER_S = 1_000_000_000


class SimulatedWatchdog:
    """Counts the time since it was fed.

    Args:
        timeout_ns: How long it waits.
        now_ns: When it is started.
    """

    def __init__(self, timeout_ns: int, now_ns: int) -> None:
        self._timeout_ns = timeout_ns
        self._fed_ns = now_ns

    def feed(self, now_ns: int) -> None:
        """Say that all is well."""
        self._fed_ns = now_ns

    @property
    def bites_ns(self) -> int:
        """When it resets the computer if it is not fed before."""
        return self._fed_ns + self._timeout_ns
