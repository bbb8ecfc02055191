"""A file of a store as what is packed, unpacked and looked at: a `packing.source.Source`."""

from flight.disk import Disk


class DiskSource:
    """A `packing.source.Source` of a file of a store.

    Args:
        disk: The store.
        path: Of the file.

    Raises:
        OSError: There is none.
    """

    def __init__(self, disk: Disk, path: str) -> None:
        self._disk = disk
        self._path = path
        self.length_octets = disk.size(path)
        """See `packing.source.Source.length_octets`."""

    def read(self, offset_octets: int, length_octets: int) -> bytes:
        """See `packing.source.Source.read`."""
        return self._disk.read(self._path, offset_octets, length_octets)
