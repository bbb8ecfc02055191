"""The book of stored telemetry: numbers that may have been given, what the ground has, what was overwritten."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import msgspec

from ccsds.cfdp.intervals import IntervalSet

# Ranges that were overwritten, kept to tell the ground why it cannot have them. They grow together, unless the ground
# confirms every other packet; beyond, the oldest are told as lost.
OVERWRITTEN_RANGES_MAX = 256


class NumbersReserved(msgspec.Struct, frozen=True, tag=True):
    """Numbers of a store below ``end`` may be given from now on; after a start the first is ``end``."""

    store: int
    end: int


class StoreConfirmed(msgspec.Struct, frozen=True, tag=True):
    """What the ground has of a store, in its last word."""

    store: int
    end: int
    gaps: tuple[tuple[int, int], ...]
    """Half open."""


class StoreOverwrote(msgspec.Struct, frozen=True, tag=True):
    """Packets that were not confirmed make way, and everything before ``first_kept`` with them."""

    store: int
    ranges: tuple[tuple[int, int], ...]
    """Half open, of those not confirmed."""
    first_kept: int
    forgotten_count: int = 0
    """Overwritten packets beside those ranges; only a compacted journal has any."""


class StoreSwitched(msgspec.Struct, frozen=True, tag=True):
    """What a store is told to do."""

    store: int
    is_storing: bool
    is_playing: bool


StorageChange = NumbersReserved | StoreConfirmed | StoreOverwrote | StoreSwitched


@dataclass(slots=True)
class StoreState:
    """What is durable of one store, beside its packets."""

    reserved_end: int = 0
    confirmed: IntervalSet = field(default_factory=IntervalSet)
    last_word: StoreConfirmed | None = None
    overwritten: IntervalSet = field(default_factory=IntervalSet)
    overwritten_count: int = 0
    """Also of those ranges that are forgotten."""
    first_kept: int = 0
    is_storing: bool = True
    is_playing: bool = True


class StorageBook:
    """The state of each store."""

    changes = (NumbersReserved, StoreConfirmed, StoreOverwrote, StoreSwitched)

    def __init__(self) -> None:
        self._states: dict[int, StoreState] = {}

    def state(self, store: int) -> StoreState:
        """Give what is durable of a store. It is read, never written to."""
        return self._states.get(store) or StoreState()

    def apply(self, change: StorageChange) -> None:
        """See `flight.books.book.Book`."""
        state = self._states.setdefault(change.store, StoreState())
        match change:
            case NumbersReserved():
                state.reserved_end = max(state.reserved_end, change.end)
            case StoreConfirmed():
                state.last_word = change
                state.confirmed = IntervalSet([(0, change.end)])
                for start, end in change.gaps:
                    state.confirmed.remove(start, end)
            case StoreOverwrote():
                state.overwritten_count += change.forgotten_count
                for start, end in change.ranges:
                    state.overwritten_count += end - start
                    state.overwritten.add(start, end)
                while len(state.overwritten) > OVERWRITTEN_RANGES_MAX:
                    state.overwritten.remove(*next(iter(state.overwritten)))
                state.first_kept = max(state.first_kept, change.first_kept)
            case StoreSwitched():
                state.is_storing, state.is_playing = change.is_storing, change.is_playing

    def snapshot(self) -> Iterator[tuple[StorageChange, ...]]:
        """See `flight.books.book.Book`."""
        for store, state in self._states.items():
            changes: list[StorageChange] = [NumbersReserved(store, state.reserved_end)]
            if state.last_word is not None:
                changes.append(state.last_word)
            forgotten_count = state.overwritten_count - state.overwritten.octets
            changes.append(StoreOverwrote(store, tuple(state.overwritten), state.first_kept, forgotten_count))
            changes.append(StoreSwitched(store, state.is_storing, state.is_playing))
            yield tuple(changes)
