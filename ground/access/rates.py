"""How often somebody may ask: for each, a bucket that fills steadily and holds so much. Time is an argument."""

from collections import OrderedDict
from dataclasses import dataclass

from ground.access.principal import TooManyError

NS_PER_S = 1_000_000_000

# Addresses and people that are told apart at once; beyond, the one that asked longest ago begins anew with a full
# bucket, which helps nobody who has to ask this many addresses first.
KEYS_MAX = 4_096


@dataclass(frozen=True, kw_only=True)
class Rate:
    """So many at once, and so many a second after that."""

    what: str
    """In words, for who is told to wait."""
    burst: float
    per_s: float


LOGINS = Rate(what="log-ins", burst=5, per_s=1 / 12)
"""Guessing is hopeless at five a minute; a person who mistypes waits some seconds."""

REQUESTS = Rate(what="requests", burst=600, per_s=100)
"""A page of the console asks for some hundred files when it is first opened."""

ACTIONS = Rate(what="actions", burst=100, per_s=20)
"""A stack of commands at once; a script that runs away is slowed down to what a link could carry."""


class Limiter:
    """The buckets of one kind.

    Args:
        rate: How large they are, and how they fill.
    """

    def __init__(self, rate: Rate) -> None:
        self._rate = rate
        self._buckets: OrderedDict[str, tuple[float, int]] = OrderedDict()

    def take(self, key: str, now_ns: int) -> None:
        """Take one out of a bucket.

        Raises:
            TooManyError: It is empty.
        """
        rate = self._rate
        level, since_ns = self._buckets.pop(key, (rate.burst, now_ns))
        level = min(rate.burst, level + (now_ns - since_ns) / NS_PER_S * rate.per_s)
        is_empty = level < 1
        self._buckets[key] = (level if is_empty else level - 1, now_ns)
        while len(self._buckets) > KEYS_MAX:
            self._buckets.popitem(last=False)
        if is_empty:
            wait_s = (1 - level) / rate.per_s
            raise TooManyError(
                f"expected at most {rate.per_s * 60:g} {rate.what} a minute, found more; wait {wait_s:.0f} s", wait_s
            )
