"""The clocks that the console reads: Unix time for what people see, and the station's own time."""

import time


def unix_ns() -> int:
    """Give Unix time."""
    return time.time_ns()


def now_ns() -> int:
    """Give the station's own time."""
    return time.monotonic_ns()
