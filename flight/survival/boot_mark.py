"""The mark of boots: how often the flight software has started and was reset, where a full store cannot stop it.

The journal only grows, so a store that is full, or whose syncs fail, would let every start count as the first since.
The mark is a file of fixed length that is written in place: two slots in turn, each with its digest, so that one that
is torn leaves the one before it. What it cannot do is begin on a store that is full already.
"""

import contextlib

import msgspec

from ccsds.crc import crc32c
from flight.disk import Disk
from mission.boots import ResetReason

PATH = "boots"

# Unasked resets whose times are kept: as many as a policy may ask for.
RESETS_KEPT_MAX = 100
# A slot holds those times and some ten numbers, with as much to spare.
SLOT_OCTETS = 2_048
_CRC_OCTETS = 4
_LENGTH_OCTETS = 4


class BootMark(msgspec.Struct, frozen=True, array_like=True):
    """What is durable of boots beside the journal."""

    serial: int = 0
    """Goes up with each change."""
    boot_count: int = 0
    """Times it has started."""
    computer: str = ""
    """Which start of the computer the last one was, as far as that is known."""
    resets: int = 0
    """Unasked resets in a row up to the last start, after lives that were short."""
    ended: ResetReason | None = None
    """How this life ended, if it had the time to say so."""
    uptime_s: int = 0
    """Of all lives together, as far as it was marked."""
    resets_at_s: tuple[int, ...] = ()
    """The same at each of the last unasked resets."""


class BootMarks:
    """The mark on its disk.

    Args:
        disk: The store. What cannot be read of it is not there.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        try:
            data = disk.read(PATH)
        except OSError:
            data = b""
        self._is_there = len(data) == 2 * SLOT_OCTETS
        found = (_decode(data[start : start + SLOT_OCTETS]) for start in (0, SLOT_OCTETS))
        self.latest = max((each for each in found if each is not None), key=lambda each: each.serial, default=None)
        """The last one kept; None if there is none that is whole."""

    def keep(self, mark: BootMark) -> None:
        """Make a mark durable in the place of the last one.

        Raises:
            OSError: The disk failed. The mark may be there all the same, but for a power cut.
        """
        serial = self.latest.serial + 1 if self.latest is not None else 1
        self.latest = msgspec.structs.replace(mark, serial=serial)
        if not self._is_there:
            self._make()
        self._disk.pwrite(PATH, serial % 2 * SLOT_OCTETS, _encode(self.latest))
        self._disk.fsync(PATH)

    def _make(self) -> None:
        """Make the file in its full length, so that nothing needs to be allocated any more."""
        with contextlib.suppress(FileNotFoundError):
            self._disk.remove(PATH)
        self._disk.append(PATH, bytes(2 * SLOT_OCTETS))
        self._is_there = True
        self._disk.fsync(PATH)
        self._disk.fsync("")


def _encode(mark: BootMark) -> bytes:
    payload = msgspec.msgpack.encode(mark)
    body = len(payload).to_bytes(_LENGTH_OCTETS, "big") + payload
    return (crc32c(body).to_bytes(_CRC_OCTETS, "big") + body).ljust(SLOT_OCTETS, b"\0")


def _decode(slot: bytes) -> BootMark | None:
    """Read a slot; None if it is not whole, or of another version."""
    end = _CRC_OCTETS + _LENGTH_OCTETS + int.from_bytes(slot[_CRC_OCTETS : _CRC_OCTETS + _LENGTH_OCTETS], "big")
    if end > len(slot) or crc32c(slot[_CRC_OCTETS:end]) != int.from_bytes(slot[:_CRC_OCTETS], "big"):
        return None
    try:
        return _DECODER.decode(slot[_CRC_OCTETS + _LENGTH_OCTETS : end])
    except msgspec.DecodeError:
        return None


_DECODER = msgspec.msgpack.Decoder(BootMark)
