"""What of a store's free room is promised to files that are still coming, so that it is not promised twice.

A file takes what it was promised as it is written; what is left of the promise is given back when it is whole, or given
up. Nothing is set aside in the store itself: others may fill it meanwhile.
"""

from ccsds.cfdp.filestore import FileStore


class Room:
    """The free room of a store.

    Args:
        store: The store.
    """

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._promised: dict[str, int] = {}
        self._promised_octets = 0

    def free_octets(self, path: str) -> int:
        """Give how much more a file may take: what is free and not promised to other files."""
        return self._store.free_octets() - self._promised_octets + self._promised.get(path, 0)

    def promise(self, path: str, octets: int) -> None:
        """Promise a file this much, in the place of what it was promised before."""
        self._promised_octets += octets - self._promised.pop(path, 0)
        if octets:
            self._promised[path] = octets

    def take(self, path: str, octets: int) -> None:
        """Take notice that a file was written to."""
        left = self._promised.get(path, 0)
        if left:
            self.promise(path, max(0, left - octets))
