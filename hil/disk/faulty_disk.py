"""A simulated disk that can be full or worn, and whose bits can flip where they lie."""

import errno

import numpy as np

from hil.disk.simulated_disk import SimulatedDisk
from hil.faults.flip import Flip, Spread, draw_flip


class FaultyDisk(SimulatedDisk):
    """See `hil.disk.simulated_disk.SimulatedDisk`, which it is until something befalls it."""

    is_full = False
    """Whether nothing more can be written, but in place."""
    is_worn = False
    """Whether no sync succeeds."""

    def append(self, path: str, data: bytes) -> None:
        """See `flight.disk.Disk.append`."""
        self._require_room()
        super().append(path, data)

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `flight.disk.Disk.pwrite`."""
        # What is there already is written over, as most file systems do it.
        try:
            is_in_place = offset_octets + len(data) <= self.size(path)
        except FileNotFoundError:
            is_in_place = False
        if not is_in_place:
            self._require_room()
        super().pwrite(path, offset_octets, data)

    def fsync(self, path: str) -> None:
        """See `flight.disk.Disk.fsync`."""
        if self.is_worn:
            raise OSError(errno.EIO, "Input/output error")
        super().fsync(path)

    def free_octets(self) -> int:
        """See `flight.disk.Disk.free_octets`."""
        return 0 if self.is_full else super().free_octets()

    def flip(self, chance: np.random.Generator, spread: Spread = Spread.BIT, path: str = "") -> tuple[str, Flip] | None:
        """Flip bits of one file, each file as likely as another; nothing of the disk is told.

        Args:
            chance: Where the file and the bits are drawn from.
            spread: How far apart the bits lie.
            path: Of a file, or of a directory: then one below it. All files, if empty.

        Returns:
            Which file was struck, and how; None if there is nothing to strike.
        """
        paths = [each for each in self.list() if _is_at(each, path) and self.size(each)]
        if not paths:
            return None
        struck = paths[int(chance.integers(len(paths)))]
        flip = draw_flip(chance, spread, self.size(struck))
        with self.locate(struck).open("r+b") as content:
            for offset_octets, mask in flip.masks:
                content.seek(offset_octets)
                (octet,) = content.read(1)
                content.seek(offset_octets)
                content.write(bytes([octet ^ mask]))
        return struck, flip

    def _require_room(self) -> None:
        if self.is_full:
            raise OSError(errno.ENOSPC, "No space left on device")


def _is_at(path: str, above: str) -> bool:
    return not above or path == above or path.startswith(above.rstrip("/") + "/")
