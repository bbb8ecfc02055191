"""The simulated disk: a `flight.disk.Disk` that forgets and tears what was not synced when power is cut.

Files live in a real directory, so another process sees them the ordinary way, synced or not. Beside it is kept only
what is needed to go back: of each file the pages overwritten and the length at the last sync, of each directory the
names changed since. What survives a cut is drawn from the campaign's seed, within what POSIX allows: each unsynced file
goes back to what it was, stays, or is torn sector by sector, with zeros where an appended sector never came; unsynced
creations, renames and removals each happened or did not, a rename as one. Content and names are independent: a name can
survive without the content under it. Directories are names too; what happened in one that lasts not did not happen.

Files written by another process are taken as synced when they are written, since nobody tells this file of them. How
much room they take is found out when it is asked for after `measure_anew`; what is done here is added up.
"""

import os
import shutil
import stat
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path, PurePosixPath

import msgspec
import numpy as np

from ccsds.errors import MisuseError
from flight.disk import RealDisk, directory_of
from hil.disk.unsynced_file import Fate, UnsyncedFile, draw_fate
from hil.streams import Streams

# Old content kept for all files together. Beyond it the oldest is let go, and what replaced it counts as written: a
# kernel does the same when too much is waiting. 64 MiB is a tenth of the memory of a small board.
UNDO_OCTETS_MAX = 64 << 20

# Changes of names not synced. Beyond it the oldest count as written, as a file system writes its log in time by itself.
RENAMINGS_MAX = 4096

# What it holds, unless its owner says otherwise: the store of a small board.
CAPACITY_OCTETS = 16 << 30


class DiskForgot(msgspec.Struct, frozen=True, tag=True):
    """What a power cut took from a disk."""

    operation: int
    """Operations done before it."""
    files_altered: int
    """Files whose unsynced content is gone or torn."""
    names_undone: int
    """Creations, renames and removals that were not synced and did not last."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"power was cut at disk operation {self.operation}: {self.files_altered} files lost unsynced content, "
            f"{self.names_undone} unsynced names were undone"
        )


class PowerCut(BaseException):
    """Power was cut at a disk operation; until `SimulatedDisk.power_on`, every operation raises this.

    It is no `Exception`, so that nothing on board can catch it and go on: a computer without power does not.
    """

    def __init__(self, forgot: DiskForgot) -> None:
        super().__init__(str(forgot))
        self.forgot = forgot


@dataclass(frozen=True, slots=True, eq=False)
class _Renaming:
    """A change of names that no sync has made durable: a creation (no ``old``), a removal (no ``new``) or a rename."""

    file: UnsyncedFile
    old: str | None
    new: str | None

    @property
    def paths(self) -> tuple[str, ...]:
        return tuple(path for path in (self.old, self.new) if path is not None)


class SimulatedDisk:
    """A disk whose power can be cut.

    Args:
        root: The directory of its files; it is made if it is missing, and what is in it counts as synced. Removed files
            that a cut could bring back wait beside it, in a directory of the same name and ``.removed``.
        streams: The campaign's random streams; it draws from ``disk/power_cut``.
        capacity_octets: How much it holds by `free_octets`, whatever is free on this computer.
    """

    def __init__(self, root: Path | str, streams: Streams, capacity_octets: int = CAPACITY_OCTETS) -> None:
        self._disk = RealDisk(root)
        self._capacity_octets = capacity_octets
        self.root = self._disk.root
        self.operations = 0
        """Operations done: those that change something, which are append, pwrite, fsync, rename, remove, and the making
        and removing of directories."""
        self._removed = self.root.with_name(self.root.name + ".removed")
        self._put_aside_at: list[Path] = []
        self._streams = streams
        self._cut_at: int | None = None
        self._forgot: DiskForgot | None = None
        # Files by their name as seen now, where something about them is not synced; other files are left alone.
        self._files: dict[str, UnsyncedFile] = {}
        # What the names touched by `_renamings` would mean after a cut that undoes all of these.
        self._durable: dict[str, UnsyncedFile | None] = {}
        self._renamings: list[_Renaming] = []
        # The octets of all files; None if they are to be added up anew.
        self._held_octets: int | None = None
        shutil.rmtree(self._removed, ignore_errors=True)

    def cut_at(self, operation: int) -> None:
        """Cut power in the operation of this number, the first being 1: it raises `PowerCut`, done, half done or not.

        Raises:
            MisuseError: That operation is past.
        """
        if operation <= self.operations:
            raise MisuseError(f"expected a disk operation after number {self.operations}, found {operation}")
        self._cut_at = operation

    def spare(self) -> None:
        """Cut power in no operation that is still to come."""
        self._cut_at = None

    def power_cut(self) -> DiskForgot:
        """Cut power now; only what survives it stays in the directory.

        Raises:
            PowerCut: It is cut already.
        """
        self._require_power()
        self._cut_at = None
        self._held_octets = None
        chance = self._streams.block("disk/power_cut", self.operations)
        names_undone = self._settle_names(chance)
        files_altered = sum(self._files[path].settle(chance) for path in sorted(self._files))
        self._files.clear()
        self._forgot = DiskForgot(operation=self.operations, files_altered=files_altered, names_undone=names_undone)
        return self._forgot

    def power_on(self) -> None:
        """Let the disk be used again after a power cut."""
        self._forgot = None

    def measure_anew(self) -> None:
        """Take note that another process may have written: how much room is left is not known."""
        self._held_octets = None

    def append(self, path: str, data: bytes) -> None:
        """See `flight.disk.Disk.append`."""
        path = _normal(path)
        with self._operation():
            self._open(path).is_dirty = True
            self._disk.append(path, data)
            self._hold(len(data))

    def pwrite(self, path: str, offset_octets: int, data: bytes) -> None:
        """See `flight.disk.Disk.pwrite`."""
        path = _normal(path)
        with self._operation():
            file = self._open(path)
            file.is_dirty = True
            file.keep_pages(offset_octets, len(data))
            self._let_go()
            before_octets = self._disk.size(path) if self._held_octets is not None and file.location.exists() else 0
            self._disk.pwrite(path, offset_octets, data)
            self._hold(max(0, offset_octets + len(data) - before_octets))

    def read(self, path: str, offset_octets: int = 0, length_octets: int | None = None) -> bytes:
        """See `flight.disk.Disk.read`."""
        self._require_power()
        return self._disk.read(path, offset_octets, length_octets)

    def fsync(self, path: str) -> None:
        """See `flight.disk.Disk.fsync`."""
        path = _normal(path)
        with self._operation():
            try:
                status = os.stat(self._disk.locate(path))
            except (FileNotFoundError, NotADirectoryError):
                raise FileNotFoundError(f"expected a file or a directory to sync, found nothing at {path!r}") from None
            if self.operations == self._cut_at:
                return
            if stat.S_ISDIR(status.st_mode):
                if self._renamings:
                    self._commit(self._with_predecessors(lambda name: path in map(directory_of, name.paths)))
            elif path in self._files:
                self._files[path].sync(status.st_size)
            self._tidy()

    def rename(self, old: str, new: str) -> None:
        """See `flight.disk.Disk.rename`."""
        old, new = _normal(old), _normal(new)
        with self._operation():
            file = self._adopt(old)
            if old == new:
                return
            self._make_way(new)
            replaced = self._adopt(new) if self._disk.locate(new).exists() else None
            if replaced is not None:
                self._hold(-replaced.location.stat().st_size)
                self._put_aside(replaced)
            self._disk.rename(old, new)
            file.location = self._disk.locate(new)
            self._files[new] = self._files.pop(old)
            self._change_names(_Renaming(file, old, new), replaced)

    def list(self, prefix: str = "") -> list[str]:
        """See `flight.disk.Disk.list`."""
        self._require_power()
        return self._disk.list(prefix)

    def size(self, path: str) -> int:
        """See `flight.disk.Disk.size`."""
        self._require_power()
        return self._disk.size(path)

    def remove(self, path: str) -> None:
        """See `flight.disk.Disk.remove`."""
        path = _normal(path)
        with self._operation():
            file = self._adopt(path)
            self._hold(-file.location.stat().st_size)
            self._put_aside(file)
            del self._files[path]
            self._change_names(_Renaming(file, path, None), None)

    def is_directory(self, path: str) -> bool:
        """See `flight.disk.Disk.is_directory`."""
        self._require_power()
        return self._disk.is_directory(path)

    def list_directories(self, prefix: str = "") -> tuple[str, ...]:
        """See `flight.disk.Disk.list_directories`."""
        self._require_power()
        return self._disk.list_directories(prefix)

    def make_directory(self, path: str) -> None:
        """See `flight.disk.Disk.make_directory`."""
        path = _normal(path)
        with self._operation():
            self._make_way(path)
            self._disk.make_directory(path)
            directory = self._files[path] = UnsyncedFile(self._disk.locate(path), 0)
            self._change_names(_Renaming(directory, None, path), None)

    def remove_directory(self, path: str) -> None:
        """See `flight.disk.Disk.remove_directory`."""
        path = _normal(path)
        with self._operation():
            location = self._disk.locate(path)
            self._disk.remove_directory(path)
            # The real one is gone only if it was empty; one that is as empty takes its place until it is put aside.
            location.mkdir()
            directory = self._files.pop(path, None) or UnsyncedFile(location, 0)
            self._put_aside(directory)
            self._change_names(_Renaming(directory, path, None), None)

    def version(self, path: str) -> bytes:
        """See `flight.disk.Disk.version`."""
        self._require_power()
        return self._disk.version(path)

    def free_octets(self) -> int:
        """See `flight.disk.Disk.free_octets`."""
        self._require_power()
        if self._held_octets is None:
            self._held_octets = _octets_below(self.root)
        return max(0, self._capacity_octets - self._held_octets)

    def is_inside(self, path: str, directory: str = "") -> bool:
        """See `flight.disk.Disk.is_inside`."""
        self._require_power()
        return self._disk.is_inside(path, directory)

    def stamp(self, path: str) -> str:
        """See `ccsds.sdls.key_store.KeyDisk.stamp`."""
        self._require_power()
        status = self.locate(path).stat()
        return f"{status.st_ino}:{status.st_ctime_ns}"

    def locate(self, path: str) -> Path:
        """Give the path on this computer of a disk path; see `flight.disk.RealDisk.locate`."""
        return self._disk.locate(path)

    def _operation(self) -> "SimulatedDisk":
        """Count an operation, and cut power at the end of the one that was chosen for it: `with` that."""
        self._require_power()
        self.operations += 1
        return self

    def __enter__(self) -> None:
        """Begin an operation; see `_operation`."""

    def __exit__(self, kind: object, *_: object) -> None:
        """End an operation; see `_operation`."""
        if kind is not None:
            self._held_octets = None  # It failed, and may be half done.
        if self.operations == self._cut_at:
            raise PowerCut(self.power_cut())

    def _require_power(self) -> None:
        if self._forgot is not None:
            raise PowerCut(self._forgot)

    def _open(self, path: str) -> UnsyncedFile:
        """Give the file of a name; one that is missing is about to be created."""
        try:
            return self._adopt(path)
        except (FileNotFoundError, NotADirectoryError):
            pass
        self._make_way(path)
        file = self._files[path] = UnsyncedFile(self._disk.locate(path), 0)
        self._change_names(_Renaming(file, None, path), None)
        return file

    def _make_way(self, path: str) -> None:
        """Let go of the directories that must be made for a name: they are durable at once, and the names beside them.

        Else a cut could bring one back that was removed, in the place of the one that is there now.
        """
        missing = [above for above in _above(path) if not self._disk.is_directory(above)]
        if missing:
            beside = set(map(directory_of, missing))
            self._commit(self._with_predecessors(lambda name: not beside.isdisjoint(map(directory_of, name.paths))))

    def _adopt(self, path: str) -> UnsyncedFile:
        """Give the file of a name, which must exist; one that nothing was known of counts as synced."""
        if path not in self._files:
            self._files[path] = UnsyncedFile(self._disk.locate(path), self._disk.size(path))
        return self._files[path]

    def _hold(self, octets: int) -> None:
        """Take note that files hold so many octets more, or less."""
        if self._held_octets is not None:
            self._held_octets += octets

    def _put_aside(self, file: UnsyncedFile) -> None:
        """Take a file out of sight, but keep it: a cut may bring it back."""
        if not self._put_aside_at:
            self._removed.mkdir(exist_ok=True)
        aside = self._removed / str(len(self._put_aside_at))
        file.location.rename(aside)
        file.location = aside
        self._put_aside_at.append(aside)

    def _change_names(self, renaming: _Renaming, replaced: UnsyncedFile | None) -> None:
        if renaming.old is not None:
            self._durable.setdefault(renaming.old, renaming.file)
        if renaming.new is not None:
            self._durable.setdefault(renaming.new, replaced)
        self._renamings.append(renaming)
        if len(self._renamings) > RENAMINGS_MAX:
            self._commit(self._renamings[:1])

    def _with_predecessors(self, is_chosen: Callable[[_Renaming], bool]) -> Sequence[_Renaming]:
        """Give the changes of names that are chosen, and the earlier ones that they rest on, in order.

        These are the changes of the same names, of the directories that they are in, and of what was in them.
        """
        found: list[_Renaming] = []
        paths: set[str] = set()
        above: set[str] = set()
        for renaming in reversed(self._renamings):
            names = renaming.paths
            if (
                is_chosen(renaming)
                or not paths.isdisjoint(names)
                or not above.isdisjoint(names)
                or any(not paths.isdisjoint(_above(name)) for name in names)
            ):
                paths.update(names)
                above.update(directory for name in names for directory in _above(name))
                found.append(renaming)
        return found[::-1]

    def _commit(self, renamings: Sequence[_Renaming]) -> None:
        """Make changes of names durable."""
        for renaming in renamings:
            if renaming.old is not None:
                self._durable[renaming.old] = None
            if renaming.new is not None:
                self._durable[renaming.new] = renaming.file
        committed = set(map(id, renamings))
        self._renamings = [renaming for renaming in self._renamings if id(renaming) not in committed]

    def _tidy(self) -> None:
        """Let go of what no cut can bring back any more."""
        if self._renamings:
            return
        self._durable.clear()
        self._files = {path: file for path, file in self._files.items() if file.is_dirty}
        self._forget_removed()

    def _forget_removed(self) -> None:
        for aside in self._put_aside_at:
            if aside.is_dir():
                shutil.rmtree(aside)
            else:
                aside.unlink(missing_ok=True)  # A cut may have brought it back.
        self._put_aside_at.clear()

    def _let_go(self) -> None:
        """Keep the old content within its bound."""
        files = dict.fromkeys(file for file in (*self._durable.values(), *self._files.values()) if file is not None)
        while sum(file.kept_octets for file in files) > UNDO_OCTETS_MAX:
            next(file for file in files if file.old_pages).release_oldest_page()

    def _settle_names(self, chance: np.random.Generator) -> int:
        """Draw which changes of names last, and give every file the name that it has after the cut."""
        match draw_fate(chance):
            case Fate.STAYS:
                self._commit(self._renamings)
            case Fate.IS_TORN:
                tosses = chance.random(len(self._renamings)) < 0.5
                lasting = {id(name) for name, toss in zip(self._renamings, tosses, strict=True) if toss}
                self._commit(self._with_predecessors(lambda name: id(name) in lasting))
            case Fate.VANISHES:
                pass
        changed = sorted(path for path, file in self._durable.items() if self._files.get(path) is not file)
        # What is in a directory goes before it and comes back after it.
        for path in reversed(changed):
            if path in self._files:
                self._put_aside(self._files.pop(path))
        for path in changed:
            file = self._durable[path]
            if file is not None:
                file.location = file.location.rename(self._disk.locate(path))
                self._files[path] = file
        names_undone = len(self._renamings)
        self._renamings.clear()
        self._durable.clear()
        self._forget_removed()
        return names_undone


def _octets_below(directory: Path | str) -> int:
    octets = 0
    with os.scandir(directory) as entries:
        for entry in entries:
            octets += _octets_below(entry.path) if entry.is_dir(follow_symlinks=False) else entry.stat().st_size
    return octets


@lru_cache(maxsize=1024)
def _above(path: str) -> tuple[str, ...]:
    """Give the directories that a name is in, the nearest first, without the root."""
    return tuple(str(parent) for parent in PurePosixPath(path).parents)[:-1]


@lru_cache(maxsize=1024)
def _normal(path: str) -> str:
    normal = str(PurePosixPath(path))
    return "" if normal == "." else normal
