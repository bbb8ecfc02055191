"""What of a checkpoint can be struck on the store: the octets of its files, manifest and tensors alike."""

from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ccsds.errors import MisuseError
from flight.disk import Disk, directory_of
from flight.jobs.checkpoint import slot_paths
from hil.faults.flip import Flip, Spread, draw_flip


@dataclass(frozen=True, kw_only=True)
class StoredStrike:
    """Bits of one file."""

    path: str
    flip: Flip

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"{self.path}, {self.flip}"


def files_of(disk: Disk, job_id: int, slot: str) -> list[str]:
    """Give the files that a checkpoint lies in.

    Raises:
        MisuseError: There is no such slot.
    """
    tensors_path, manifest_path = slot_paths(job_id, slot)
    stem = manifest_path.removesuffix(".json")
    whole = (path for path in disk.list(directory_of(tensors_path)) if not path.endswith(".new"))
    return [path for path in whole if path.startswith((f"{stem}.", f"{stem}-"))]


def draw_stored_strike(chance: np.random.Generator, disk: Disk, job_id: int, slot: str, spread: Spread) -> StoredStrike:
    """Draw the place of a strike in a checkpoint: each file alike, then each octet alike.

    Raises:
        MisuseError: There is no such slot, or nothing in it.
    """
    paths = files_of(disk, job_id, slot)
    if not paths:
        raise MisuseError(f"expected a checkpoint in slot {slot} of job {job_id}, found none")
    path = paths[int(chance.integers(len(paths)))]
    return StoredStrike(path=path, flip=draw_flip(chance, spread, disk.size(path)))


def strike_stored(place: Path, strike: StoredStrike) -> None:
    """Flip the bits where they lie, under the disk and unknown to it; a second time flips them back.

    Args:
        place: Where the store is.
        strike: Which bits.
    """
    with (place / strike.path).open("r+b") as content:
        for offset, mask in strike.flip.masks:
            content.seek(offset)
            (octet,) = content.read(1)
            content.seek(offset)
            content.write(bytes((octet ^ mask,)))
