"""An agenda: keys in the order of their times, for a schedule or for anything else that comes due.

A heap in which what was moved or dropped is left where it is and passed over later. It is rebuilt when more than half
of it is of that kind, so that its length stays within twice what is in it and every operation is cheap.
"""

import heapq
from collections.abc import Mapping

# Below this a heap is not worth rebuilding.
_REBUILT_MIN = 64


class Agenda:
    """Keys by time; of those due at the same time, the one put first comes first."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, int]] = []
        # By key, when it is due, and which of its entries says so.
        self._current: dict[int, tuple[int, int]] = {}
        self._order = 0

    def __len__(self) -> int:
        return len(self._current)

    def put(self, key: int, due_ns: int) -> None:
        """Add a key, or move it."""
        self._order += 1
        self._current[key] = (due_ns, self._order)
        heapq.heappush(self._entries, (due_ns, self._order, key))
        if len(self._entries) > max(_REBUILT_MIN, 2 * len(self._current)):
            self._entries = [(due, order, key) for key, (due, order) in self._current.items()]
            heapq.heapify(self._entries)

    def drop(self, key: int) -> None:
        """Forget a key; one that is not there is no matter."""
        self._current.pop(key, None)

    def clear(self) -> None:
        """Forget all."""
        self._current.clear()
        self._entries.clear()

    def first(self) -> tuple[int, int] | None:
        """Give when the next is due, and its key; None if there is none."""
        while self._entries:
            due_ns, order, key = self._entries[0]
            if self._current.get(key) == (due_ns, order):
                return due_ns, key
            heapq.heappop(self._entries)
        return None

    def due(self, until_ns: int, count_max: int) -> list[int]:
        """Give up to ``count_max`` keys that are due by a time, in order; they stay where they are."""
        taken: list[tuple[int, int, int]] = []
        while len(taken) < count_max and (first := self.first()) is not None and first[0] <= until_ns:
            taken.append(heapq.heappop(self._entries))
        for entry in taken:
            heapq.heappush(self._entries, entry)
        return [key for _, _, key in taken]

    @property
    def times(self) -> Mapping[int, int]:
        """By key, when each is due."""
        return {key: due_ns for key, (due_ns, _) in self._current.items()}
