"""A file of a store as what is packed, unpacked and looked at: a `packing.source.Source`."""

import errno

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
        """See `packing.source.Source.read`.

        Raises:
            OSError: They could not be read, or the file has become shorter since.
        """
        octets = self._disk.read(self._path, offset_octets, length_octets)
        expected_octets = min(length_octets, max(self.length_octets - offset_octets, 0))
        if len(octets) < expected_octets:
            raise OSError(
                errno.EIO,
                f"expected {expected_octets} octets at {offset_octets} of {self._path}, found {len(octets)}: it became "
                "shorter",
            )
        return octets
