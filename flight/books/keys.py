"""The book of link security: how far the frames came that were accepted under each key."""

from collections import OrderedDict
from collections.abc import Iterator

import msgspec

from ccsds.sdls.window import Receipt

# Key sets whose anti-replay windows are kept, so that going back to an earlier set lets no old frame in again. A set
# lasts for years, and keys cannot be sent over the link.
KEY_SETS_MAX = 8


class KeySetLoaded(msgspec.Struct, frozen=True, tag=True):
    """The receipts that follow are of this key set; SPIs mean something else in another one."""

    set_id: str


class KeyBook:
    """The receipts of each key set."""

    changes = (KeySetLoaded, Receipt)

    def __init__(self) -> None:
        # By key set, the one in use last; and in it by SPI.
        self._receipts: OrderedDict[str, dict[int, Receipt]] = OrderedDict()

    @property
    def key_set(self) -> str | None:
        """The key set that receipts are of, or None if there was never any."""
        return next(reversed(self._receipts), None)

    def receipts(self, set_id: str) -> tuple[Receipt, ...]:
        """Give the last anti-replay window of each SPI of a key set."""
        return tuple(self._receipts.get(set_id, {}).values())

    def apply(self, change: KeySetLoaded | Receipt) -> None:
        """See `flight.books.book.Book`."""
        match change:
            case KeySetLoaded(set_id):
                self._receipts.setdefault(set_id, {})
                self._receipts.move_to_end(set_id)
                while len(self._receipts) > KEY_SETS_MAX:
                    self._receipts.popitem(last=False)
            case Receipt(spi):
                if self.key_set is not None:
                    self._receipts[self.key_set][spi] = change

    def snapshot(self) -> Iterator[tuple[KeySetLoaded | Receipt, ...]]:
        """See `flight.books.book.Book`."""
        for set_id, receipts in self._receipts.items():
            yield (KeySetLoaded(set_id), *receipts.values())
