"""When things come that come by chance: a Poisson process, whose gaps are distributed exponentially."""

import numpy as np


def draw_arrivals(chance: np.random.Generator, mean_ns: float, from_ns: int, until_ns: int) -> list[int]:
    """Draw the times of a Poisson process, in order.

    Args:
        chance: Where they are drawn from.
        mean_ns: The mean time between two.
        from_ns: When it begins.
        until_ns: When it ends.
    """
    now_ns = from_ns
    arrivals: list[int] = []
    while True:
        now_ns += 1 + round(chance.exponential(mean_ns))
        if now_ns >= until_ns:
            return arrivals
        arrivals.append(now_ns)
