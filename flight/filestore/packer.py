"""Models packed for a thin link, and packed ones made whole again, on board and a slice at a time.

One is at hand at a time. What comes of it is written beside the other files that are not whole, and gets its name once
it is complete, right by its SHA-256, and synced; until then nobody can name it. A reset forgets it: what was written is
removed at the next start, and asking again costs a command. Memory holds a block or two, however large a model is.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum

from ccsds.cfdp.filestore import has_file, refusal_of, sync_names
from ccsds.errors import MalformedError, MisuseError, StarloopError
from flight.filestore.disk_source import DiskSource
from flight.filestore.file_names import FileNames
from flight.filestore.files import Files
from flight.reporter import Reporter, clip_reason
from mission.words.packing import (
    MODEL_APPROXIMATED,
    MODEL_PACKED,
    MODEL_UNPACKED,
    PACKING_FAILED,
    PACKING_FORGOTTEN,
)
from packing.container import Head, Kind, read_head
from packing.exact import check_whole, may_be_base, pack, unpack
from packing.layers import LayeredModel, check_first_layer

# Between slices of a MiB, each of which takes a board some 10 ms to pack and less to unpack.
SLICE_INTERVAL_NS = 10_000_000
# Written before it is synced: a medium takes a second for this, and the flight software waits for it.
SYNC_OCTETS = 16 << 20

# In the directory of what is not whole.
_PART_NAME = "packing"


class _Action(Enum):
    PACK = "pack"
    UNPACK = "unpack"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What a command asks for; the same one asked for again is equal."""

    action: _Action
    name: str
    destination: str
    base: str

    def __str__(self) -> str:
        against = f" against {self.base}" if self.base else ""
        return f"{self.name} on its way to {self.destination}, {self.action.value}ed{against}"


@dataclass(slots=True)
class _Work:
    asked: _Asked
    octets_max: int
    """How long what comes of it may be; so much room is promised to it."""
    pieces: Iterator[bytes]
    done: Callable[[int], None]
    """Tells of its end; takes the length of what came of it."""
    written_octets: int = 0
    unsynced_octets: int = 0


class Packer:
    """Packs and unpacks models.

    Args:
        files: Of the spacecraft.
        reporter: Where it is told what came of them.
    """

    def __init__(self, files: Files, reporter: Reporter) -> None:
        self._files = files
        self._folder = files.folder
        self._names = FileNames(files.folder, files.part_directory)
        self._part = f"{files.part_directory}/{_PART_NAME}"
        self._reporter = reporter
        self._work: _Work | None = None
        self._due_ns = 0

    def boot(self) -> None:
        """Remove what a reset left of one that was at hand."""
        try:
            if has_file(self._folder, self._part):
                octets = self._folder.size(self._part)
                self._discard()
                self._reporter.event(PACKING_FORGOTTEN, octets=octets)
        except OSError:  # It is only in the way, and the next one removes it before it begins.
            return

    def pack(self, name: str, destination: str, base: str, now_ns: int) -> None:
        """Begin to pack a model.

        Args:
            name: Of the model, or of any other file.
            destination: Of what is packed, a name that nothing has yet.
            base: Of a model that the other end holds, to tell no more than the difference; empty for none.
            now_ns: Now.

        Raises:
            MisuseError: It cannot be, and why.
            OSError: The store failed.
        """
        asked = _Asked(_Action.PACK, name, destination, base)
        if self._is_at_hand(asked):
            return
        source = self._source(name)
        against = self._source(base) if base else None
        self._begin(
            asked,
            source.length_octets,
            pack(source, against),
            lambda octets: self._reporter.event(
                MODEL_PACKED,
                name=name,
                destination=destination,
                size=source.length_octets,
                packed_size=octets,
            ),
            now_ns,
        )

    def unpack(self, name: str, destination: str, base: str, now_ns: int) -> None:
        """Begin to make a model of a packed file, or of what came so far of one in layers that is on its way up.

        Args:
            name: Of the packed file.
            destination: Of the model, a name that nothing has yet.
            base: Of the model that it was packed against; empty if it is to be found.
            now_ns: Now.

        Raises:
            MisuseError: It cannot be, and why: as far as it can be told without reading all of it.
            OSError: The store failed.
        """
        asked = _Asked(_Action.UNPACK, name, destination, base)
        if self._is_at_hand(asked):
            return
        source = self._packed(name)
        try:
            head, begin = read_head(source)
            if head.kind is Kind.LAYERS:
                check_first_layer(source, head, begin)
            else:
                check_whole(source, head, begin)
        except MalformedError as error:
            raise MisuseError(f"{name}: {error}") from None
        unpacking = _Unpacking(source, head, self._bases(head, base), self._source)
        self._begin(
            asked,
            head.length_octets,
            unpacking.pieces(),
            lambda octets: self._tell_unpacked(asked, octets, unpacking),
            now_ns,
        )

    def advance(self, now_ns: int) -> None:
        """Do a slice if it is due."""
        work = self._work
        if work is None or now_ns < self._due_ns:
            return
        self._due_ns = now_ns + SLICE_INTERVAL_NS
        try:
            piece = next(work.pieces, None)
            if piece is None:
                self._finish(work)
            elif piece:
                self._write(work, piece)
        except (StarloopError, OSError) as error:
            self._end()
            about = {"name": work.asked.name, "destination": work.asked.destination}
            self._reporter.event(PACKING_FAILED, **about, reason=clip_reason(str(error)))

    def next_deadline(self) -> int | None:
        """Give when the next slice is due."""
        return self._due_ns if self._work is not None else None

    def _is_at_hand(self, asked: _Asked) -> bool:
        """Tell whether what is asked for is being done already.

        Raises:
            MisuseError: Something else is.
        """
        if self._work is None:
            return False
        other = self._work.asked
        if other != asked:
            raise MisuseError(f"expected nothing at hand, found {other}")
        return True

    def _begin(
        self,
        asked: _Asked,
        octets_max: int,
        pieces: Iterator[bytes],
        done: Callable[[int], None],
        now_ns: int,
    ) -> None:
        self._names.free(asked.destination)
        room = self._files.entity.room
        self._discard()
        free_octets = room.free_octets(self._part)
        if octets_max > free_octets:
            raise MisuseError(f"{asked.destination}: expected room for {octets_max} octets, found {free_octets}")
        # There from now on, so that a start after a reset knows of it, also before its first octet is written.
        self._folder.append(self._part, b"")
        self._folder.fsync(self._part)
        sync_names(self._folder, self._part)
        room.promise(self._part, octets_max)
        self._work = _Work(asked, octets_max, pieces, done)
        self._due_ns = now_ns

    def _write(self, work: _Work, piece: bytes) -> None:
        """Write a piece.

        Raises:
            MalformedError: It would become longer than its packed file says, and take room that others were promised.
            OSError: The store failed.
        """
        if work.asked.action is _Action.UNPACK and work.written_octets + len(piece) > work.octets_max:
            raise MalformedError(f"packed file: expected {work.octets_max} octets in all, found more")
        self._folder.append(self._part, piece)
        self._files.entity.room.take(self._part, len(piece))
        work.written_octets += len(piece)
        work.unsynced_octets += len(piece)
        if work.unsynced_octets >= SYNC_OCTETS:
            self._folder.fsync(self._part)
            work.unsynced_octets = 0

    def _finish(self, work: _Work) -> None:
        """Bring it under its name, durably, or leave nothing there.

        Raises:
            MisuseError: Something has the name by now.
            OSError: The store failed.
        """
        destination = work.asked.destination
        self._names.free(destination)  # Something may have come there meanwhile.
        self._folder.fsync(self._part)
        self._folder.rename(self._part, destination)
        try:
            sync_names(self._folder, self._part, destination)
        except OSError:
            with suppress(OSError):  # It stays, then, and whole.
                self._folder.remove(destination)
            raise
        self._end()
        work.done(work.written_octets)

    def _end(self) -> None:
        self._work = None
        self._files.entity.room.promise(self._part, 0)
        try:
            self._discard()
        except OSError:  # The next one removes it before it begins, and so does the next start.
            return

    def _discard(self) -> None:
        if has_file(self._folder, self._part):
            self._folder.remove(self._part)

    def _source(self, name: str) -> DiskSource:
        return DiskSource(self._folder, self._names.file(name))

    def _packed(self, name: str) -> DiskSource:
        """Give a packed file, or what came so far of one that is on its way."""
        if not has_file(self._folder, self._names.inside(name)):
            part = self._files.entity.part_of(name)
            if part is not None:
                return DiskSource(self._folder, part)
        return self._source(name)

    def _bases(self, head: Head, base: str) -> Sequence[str]:
        """Give the names of files that may be the base of a packed file.

        Raises:
            MisuseError: There is none, or the one that is named is another.
        """
        if not head.base_sha256:
            return ()
        wanted = f"a base of {head.base_octets} octets with SHA-256 {head.base_sha256.hex()[:16]}"
        if base:
            if not may_be_base(head, self._source(base)):
                raise MisuseError(f"expected {wanted}, found another: {base}")
            return (base,)
        if not head.base_octets:
            raise MisuseError(f"expected the name of {wanted}: the packed file says too little of it to find it")
        found = [
            name
            for name in self._folder.list()
            if refusal_of(self._folder, name, self._files.part_directory) is None and self._may_be_base(head, name)
        ]
        if not found:
            raise MisuseError(f"expected {wanted} in the store, found none")
        return found

    def _may_be_base(self, head: Head, name: str) -> bool:
        """Tell whether a file of the store may be a base; one that cannot be read is none."""
        try:
            return may_be_base(head, DiskSource(self._folder, name))
        except OSError:
            return False

    def _tell_unpacked(self, asked: _Asked, octets: int, work: "_Unpacking") -> None:
        about = {"name": asked.name, "destination": asked.destination, "size": octets, "base": work.base_name}
        if work.layered is None:
            self._reporter.event(MODEL_UNPACKED, **about, sha256=work.head.sha256)
            return
        self._reporter.event(
            MODEL_APPROXIMATED,
            **about,
            sha256=work.layered.sha256,
            layers=work.layered.layers,
            layers_in_all=work.layered.layers_in_all,
            error=work.layered.error,
        )


class _Unpacking:
    """A packed file made whole with the first base that fits.

    Args:
        source: The packed file.
        head: Its head.
        bases: Names of what may be its base; none if it needs none.
        open_base: Opens one of them.
    """

    def __init__(
        self, source: DiskSource, head: Head, bases: Sequence[str], open_base: Callable[[str], DiskSource]
    ) -> None:
        self.head = head
        self.base_name = ""
        """What it was packed against, once its pieces are given."""
        self.layered: LayeredModel | None = None
        self._source = source
        self._bases = bases
        self._open_base = open_base

    def pieces(self) -> Iterator[bytes]:
        """Give what comes of it; a base that is another one is passed over before anything is given.

        Raises:
            MalformedError: The packed file is damaged.
            MisuseError: None of the bases fits; it is the last one's reason.
            OSError: A file could not be read.
        """
        if self.head.kind is Kind.LOSSLESS:
            yield from unpack(self._source)
            return
        failure: Exception = MisuseError("expected a base, found none")
        for name in self._bases:
            is_begun = False
            self.base_name = name
            try:
                for piece in self._pieces_with(self._open_base(name)):
                    is_begun = is_begun or bool(piece)
                    yield piece
                return
            except (MisuseError, OSError) as error:  # It is another one, or is gone, or changed just now.
                if is_begun:
                    raise
                failure = error
        raise failure

    def _pieces_with(self, base: DiskSource) -> Iterator[bytes]:
        """Give what comes of it with a base.

        Raises:
            MalformedError: The packed file is damaged.
            MisuseError: The base is another one.
            OSError: A file could not be read.
        """
        if self.head.kind is not Kind.LAYERS:
            return unpack(self._source, base)
        try:
            self.layered = LayeredModel(self._source, base)
        except MalformedError as error:  # The packed file was looked at when this was asked for: it is the base.
            raise MisuseError(f"base: {error}") from None
        return self.layered.pieces()
