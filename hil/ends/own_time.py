"""The clock of one computer, which may run a little fast or slow: its own monotonic time against that of the world."""

_BILLION = 1_000_000_000


class OwnTime:
    """Monotonic time of one computer, exact in whole nanoseconds; it is the world's until it drifts."""

    def __init__(self) -> None:
        self._world_ns = 0
        self._own_ns = 0
        self._rate_ppb = _BILLION

    def drift(self, drift_ppm: float, world_ns: int) -> None:
        """Run so much fast from now on, or slow if it is below 0."""
        self._own_ns, self._world_ns = self.own_ns(world_ns), world_ns
        self._rate_ppb = _BILLION + round(drift_ppm * 1_000)

    def own_ns(self, world_ns: int) -> int:
        """Give what it shows at a time of the world."""
        return self._own_ns + (world_ns - self._world_ns) * self._rate_ppb // _BILLION

    def world_ns(self, own_ns: int) -> int:
        """Give the first time of the world at which it shows this time, or a later one."""
        return self._world_ns - (self._own_ns - own_ns) * _BILLION // self._rate_ppb
