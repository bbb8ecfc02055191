"""The beat: what is done at intervals is done at multiples of its interval, whenever it was asked for.

So what has one interval, or intervals that divide each other, comes due in one turn: an idle spacecraft wakes seldom,
and two hundred monitors, housekeeping, the beacon and the second copy of the journal cost one waking a minute.
"""


def next_beat(now_ns: int, interval_ns: int) -> int:
    """Give the first multiple of an interval that is later than now."""
    return (now_ns // interval_ns + 1) * interval_ns
