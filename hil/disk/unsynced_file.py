"""One file with content that is not synced: what is needed to go back to the last sync, and what a power cut leaves.

Of the old content only the pages overwritten since are kept, so a large file costs what is written to it and no more.
"""

from dataclasses import dataclass, field
from enum import Enum
from pathlib import Path

import numpy as np

# A sector is written whole or not at all by every medium in use.
SECTOR_OCTETS = 512

# Old content is kept by pages of this size, as a kernel's page cache does.
PAGE_OCTETS = 4096


class Fate(Enum):
    """What a power cut does to that which was not synced."""

    VANISHES = 0
    STAYS = 1
    IS_TORN = 2


def draw_fate(chance: np.random.Generator) -> Fate:
    """Draw a fate; each is as likely as another."""
    return Fate(int(chance.integers(len(Fate))))


@dataclass(slots=True, eq=False)
class UnsyncedFile:
    """A file, whatever its name."""

    location: Path
    """Where its content is now."""
    synced_octets: int
    """Its length at the last sync."""
    old_pages: dict[int, bytes] = field(default_factory=dict)
    """By page number, oldest first, the synced content of pages overwritten since."""
    is_dirty: bool = False
    """Whether anything was written since the last sync."""
    kept_octets: int = 0
    """Octets in ``old_pages``."""

    def keep_pages(self, offset_octets: int, length_octets: int) -> None:
        """Remember the synced content of the pages that are about to be overwritten."""
        end = min(offset_octets + length_octets, self.synced_octets)
        if offset_octets >= end:
            return
        with self.location.open("rb") as content:
            for page in range(offset_octets // PAGE_OCTETS, (end - 1) // PAGE_OCTETS + 1):
                if page not in self.old_pages:
                    content.seek(page * PAGE_OCTETS)
                    self.old_pages[page] = content.read(min(PAGE_OCTETS, self.synced_octets - page * PAGE_OCTETS))
                    self.kept_octets += len(self.old_pages[page])

    def release_oldest_page(self) -> None:
        """Take the oldest page kept as written, so that no cut brings its old content back."""
        self.kept_octets -= len(self.old_pages.pop(next(iter(self.old_pages))))

    def sync(self, length_octets: int) -> None:
        """Make the content of now, which is so long, the one that every cut leaves."""
        self.old_pages.clear()
        self.kept_octets = 0
        self.synced_octets = length_octets
        self.is_dirty = False

    def settle(self, chance: np.random.Generator) -> bool:
        """Leave in the file what a power cut leaves; tell whether unsynced content may be gone."""
        fate = draw_fate(chance) if self.is_dirty else Fate.STAYS
        if fate is Fate.STAYS:
            return False
        is_torn = fate is Fate.IS_TORN
        with self.location.open("r+b") as content:
            length = self.synced_octets
            if is_torn:
                length = int(chance.integers(length, self.location.stat().st_size, endpoint=True))
            content.truncate(length)
            for page, old in sorted(self.old_pages.items()):
                for start in range(0, len(old), SECTOR_OCTETS):
                    if not is_torn or chance.random() < 0.5:
                        content.seek(page * PAGE_OCTETS + start)
                        content.write(old[start : start + SECTOR_OCTETS])
            # The file may have grown although a sector of what was appended never came; it then reads as zeros.
            start = self.synced_octets
            while is_torn and start < length:
                end = min((start // SECTOR_OCTETS + 1) * SECTOR_OCTETS, length)
                if chance.random() < 0.5:
                    content.seek(start)
                    content.write(bytes(end - start))
                start = end
        return True
