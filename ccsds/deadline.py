"""When something is due next: the earliest of the deadlines of many parts, of which some have none."""

from collections.abc import Iterable


def earliest(deadlines: Iterable[int | None]) -> int | None:
    """Give the earliest deadline; None if there is none."""
    first: int | None = None
    for deadline in deadlines:
        if deadline is not None and (first is None or deadline < first):
            first = deadline
    return first
