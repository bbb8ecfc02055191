"""The agenda: what is to be done at times that are known before, in the order of time and then of entry."""

import heapq
from collections.abc import Callable


class Agenda:
    """Things to do. A scenario bounds how many there are."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, Callable[[], object]]] = []
        self._count = 0

    def add(self, time_ns: int, act: Callable[[], object]) -> None:
        """Have something done at a time; at once if it is past."""
        heapq.heappush(self._entries, (time_ns, self._count, act))
        self._count += 1

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        while self._entries and self._entries[0][0] <= now_ns:
            heapq.heappop(self._entries)[2]()

    def next_deadline(self) -> int | None:
        """Give when the next thing is due."""
        return self._entries[0][0] if self._entries else None
