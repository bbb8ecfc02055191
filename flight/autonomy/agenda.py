"""An agenda: keys in the order of their times, for a schedule or for anything else that comes due.

A heap in which what was moved or dropped is left where it is, unless it comes first. It is rebuilt when more than half
of it is of that kind, so that its length stays within twice what is in it and every operation is cheap. Who only looks
changes nothing. It is a sealed part of a book: what comes first is verified, and all of it when somebody looks.
"""

import heapq
from collections.abc import Mapping

from flight.books.seal import Sealed, StruckBookError

# Below this a heap is not worth rebuilding.
_REBUILT_MIN = 64


class Agenda(Sealed):
    """Keys by time; of those due at the same time, the one put first comes first."""

    def __init__(self) -> None:
        self._entries: list[tuple[int, int, int]] = []
        # By key, when it is due, which of its entries says so, and their hash: a number may be one object in memory
        # here and there, so that comparing it with itself tells nothing.
        self._current: dict[int, tuple[int, int, int]] = {}
        self._order = 0
        # Of what is current, the hashes added up.
        self._sum = 0

    def __len__(self) -> int:
        return len(self._current)

    def __contains__(self, key: object) -> bool:
        return key in self._current

    def put(self, key: int, due_ns: int) -> None:
        """Add a key, or move it.

        Raises:
            StruckBookError: What comes first is not what was put there.
        """
        self._order += 1
        self._forget(key)
        entry = (due_ns, self._order, key)
        digest = hash(entry)
        self._current[key] = (due_ns, self._order, digest)
        self._sum += digest
        heapq.heappush(self._entries, entry)
        if len(self._entries) > max(_REBUILT_MIN, 2 * len(self._current)):
            self._entries = [(due, order, key) for key, (due, order, _) in self._current.items()]
            heapq.heapify(self._entries)
        self._prune()

    def drop(self, key: int) -> None:
        """Forget a key; one that is not there is no matter.

        Raises:
            StruckBookError: What comes first is not what was put there.
        """
        self._forget(key)
        self._prune()

    def clear(self) -> None:
        """Forget all."""
        self._current.clear()
        self._entries.clear()
        self._sum = 0

    def first(self) -> tuple[int, int] | None:
        """Give when the next is due, and its key; None if there is none.

        Raises:
            StruckBookError: It is not what was put there.
        """
        if not self._entries:
            return None
        due_ns, _, key = self._entries[0]
        if not self._is_current(self._entries[0]):
            raise _struck(key)
        return due_ns, key

    def due(self, until_ns: int, count_max: int) -> list[int]:
        """Give up to ``count_max`` keys that are due by a time, in order; they stay where they are.

        Raises:
            StruckBookError: One is not what was put there.
        """
        keys: list[int] = []
        if not self._entries or self._entries[0][0] > until_ns:
            return keys
        entries = self._entries.copy()
        while entries and entries[0][0] <= until_ns and len(keys) < count_max:
            entry = heapq.heappop(entries)
            if self._is_current(entry):
                keys.append(entry[2])
        return keys

    @property
    def times(self) -> Mapping[int, int]:
        """By key, when each is due."""
        return {key: due_ns for key, (due_ns, _, _) in self._current.items()}

    @property
    def seal(self) -> tuple[int, ...]:
        """See `Sealed`."""
        return len(self._current), self._order, self._sum & ((1 << 64) - 1)

    def is_whole(self) -> bool:
        """See `Sealed`."""
        current, found = self._current, 0
        for entry in self._entries:
            due_ns, order, key = entry
            account = current.get(key)
            if account is not None and account[1] == order:
                if account[0] != due_ns or account[2] != hash(entry):
                    return False
                found += account[2]
        return found == self._sum

    def _forget(self, key: int) -> None:
        before = self._current.pop(key, None)
        if before is not None:
            self._sum -= before[2]

    def _prune(self) -> None:
        """Let the first entry be one that counts."""
        while self._entries and not self._is_current(self._entries[0]):
            heapq.heappop(self._entries)

    def _is_current(self, entry: tuple[int, int, int]) -> bool:
        """Tell whether an entry counts, or is left of what was moved or dropped.

        Raises:
            StruckBookError: It counts, and is not what was put there.
        """
        current = self._current.get(entry[2])
        if current is None or entry[1] < current[1]:
            return False
        if hash(entry) != current[2]:
            raise _struck(entry[2])
        return True


def _struck(key: int) -> StruckBookError:
    return StruckBookError(f"expected key {key} on the agenda as it was put there, found it changed in memory")
