"""The durable state of the spacecraft: what the journal adds up to, and the one way to change it.

`Ledger.commit` writes the changes as one synced record first and applies them after, so that what is in memory never
runs ahead of what a power cut would leave. The ledger decides nothing; services and the job engine do. What changes
come to is told by the book of each service (`flight.books`).

Each book has a seal (`flight.books.seal`). Nothing becomes durable unless the seals are as the last changes left them,
and of what is sealed one by one (scheduled commands, answers to commands, ended jobs) nothing is read that is not as it
was. Else `StruckBookError` ends the flight software, and the next start reads the journal. What a flipped bit in the
books can bring about is over before it is durable.
"""

from collections.abc import Iterator, Mapping

import msgspec

from ccsds.sdls.window import Receipt
from flight.books.book import Book
from flight.books.boots import BootBook
from flight.books.commands import Answer, CommandBook, Identity
from flight.books.events import EventBook
from flight.books.housekeeping import HousekeepingBook
from flight.books.inference import InferenceBook
from flight.books.jobs import JobBook, JobRecord
from flight.books.keys import KeyBook, KeySetLoaded
from flight.books.mode import ModeBook
from flight.books.monitoring import MonitoringBook
from flight.books.parameters import ParameterBook
from flight.books.procedures import ProcedureBook
from flight.books.reactions import ReactionBook
from flight.books.safeguards import SafeguardBook
from flight.books.schedule import ScheduleBook
from flight.books.seal import StruckBookError, is_whole, seal_of
from flight.books.storage import StorageBook
from flight.books.time import ClockKept, TimeBook
from flight.commit import Change, Commit
from flight.disk import Disk
from flight.journal import Journal, UncertainStoreError
from mission.housekeeping import StructureKind

JOURNAL_PATH = "journal"
JOURNAL_COPY_PATH = "journal.copy"

# The journal is rewritten when it is longer than this and has doubled since the last time, so that it stays bounded
# and the work of rewriting is spread thinly.
COMPACTION_OCTETS_MIN = 4 << 20


class Ledger:
    """Durable state on a disk.

    Args:
        disk: Where the journal is.

    Raises:
        OSError: The disk failed while the journal was read.
    """

    def __init__(self, disk: Disk) -> None:
        self._journal = Journal(disk, JOURNAL_PATH, JOURNAL_COPY_PATH)
        self._compacted_octets = 0
        self._is_suspect = False
        self._loaded_key_set: str | None = None
        self.boots = BootBook()
        self.mode = ModeBook()
        self.safeguards = SafeguardBook()
        self._keys = KeyBook()
        self._commands = CommandBook()
        self.events = EventBook()
        """Which events are not reported. It is read, never written to."""
        self._housekeeping = HousekeepingBook()
        self._jobs = JobBook()
        self.inference = InferenceBook()
        """Conversations, and what slots of models hold. It is read, never written to."""
        self._parameters = ParameterBook()
        self._time = TimeBook()
        self.schedule = ScheduleBook()
        """What is to be released when. These books are read, never written to."""
        self.procedures = ProcedureBook()
        self.monitoring = MonitoringBook()
        self.reactions = ReactionBook()
        self.storage = StorageBook()
        # In the order in which a compacted journal tells them.
        self._books: dict[str, Book] = {
            "boots": self.boots,
            "mode": self.mode,
            "safeguards": self.safeguards,
            "time": self._time,
            "keys": self._keys,
            "parameters": self._parameters,
            "events": self.events,
            "housekeeping": self._housekeeping,
            "jobs": self._jobs,
            "inference": self.inference,
            "schedule": self.schedule,
            "procedures": self.procedures,
            "monitoring": self.monitoring,
            "reactions": self.reactions,
            "storage": self.storage,
            "commands": self._commands,
        }
        self._name_of = {kind: name for name, book in self._books.items() for kind in book.changes}
        recovery = self._journal.recover()
        self.damaged_octets = recovery.damaged_octets
        self.lost_octets = recovery.lost_octets
        self.mended_octets = recovery.mended_octets
        for payload in recovery.records:
            try:
                commit = Commit.decode(payload)
            except msgspec.DecodeError:
                self.damaged_octets += len(payload)
                self.lost_octets += len(payload)
                continue
            self._take(commit)
        self._seals = {name: seal_of(book) for name, book in self._books.items()}
        # A torn tail must not stand before the next record, or one that follows could be mistaken for part of it.
        self._is_suspect = self.damaged_octets > 0 or self.mended_octets > 0 or recovery.sync_error is not None

    @property
    def boot_count(self) -> int:
        """Times the flight software has started on this store."""
        return self.boots.count

    @property
    def housekeeping(self) -> Mapping[int, bool]:
        """By number of a housekeeping structure, whether it is reported by itself."""
        switched = self._housekeeping.switched
        return {number: is_on for (kind, number), is_on in switched.items() if kind == StructureKind.HOUSEKEEPING}

    @property
    def structures(self) -> HousekeepingBook:
        """What was said of structures. It is read, never written to."""
        return self._housekeeping

    @property
    def settings(self) -> Mapping[int, bytes]:
        """By parameter number, the values on the wire of settings that are not at their defaults."""
        return self._parameters.values

    @property
    def clock(self) -> ClockKept | None:
        """What was last kept of the clock, or None if nothing ever was."""
        return self._time.kept

    @property
    def time_report_exponent(self) -> int | None:
        """Every 2^n-th live frame is told the time of; None is none."""
        return self._time.report_exponent

    @property
    def jobs(self) -> Mapping[int, JobRecord]:
        """The jobs, by number, oldest first. One that is asked for is verified, all that are walked over are not."""
        return self._jobs.records

    @property
    def distrust(self) -> str:
        """Why no job is given to the device; empty while it is trusted."""
        return self._jobs.distrust

    @property
    def device_resets(self) -> int:
        """How often the device was begun anew since it was last trusted, or a job was done."""
        return self._jobs.device_resets

    @property
    def journal_octets(self) -> int:
        """Length of the journal."""
        return self._journal.length_octets

    @property
    def journal(self) -> Journal:
        """The journal itself, to look at what is on the disk; what is in it is changed by `commit` alone."""
        return self._journal

    def rewrite(self) -> None:
        """Write the journal anew from what is in memory: what the disk made of it is mended by that.

        Raises:
            StruckBookError: Memory is no better.
            OSError: The disk failed; the journal is the old one or the new one.
        """
        self._is_suspect = True
        self._compact()

    def verify(self, *names: str) -> None:
        """See whether books are as their last changes left them, with all that their sealed parts hold.

        Args:
            names: Which; all if none is said.

        Raises:
            StruckBookError: One is not.
        """
        for name in names or self._books:
            book = self._books[name]
            if seal_of(book) != self._seals[name] or not is_whole(book):
                raise _struck(name)

    def glance(self) -> None:
        """See whether books are as their last changes left them; of what is sealed in them the seals are seen.

        Raises:
            StruckBookError: One is not.
        """
        for name, book in self._books.items():
            if seal_of(book) != self._seals[name]:
                raise _struck(name)

    def commit(self, *changes: Change) -> None:
        """Make changes durable, all or none, then apply them.

        Raises:
            StruckBookError: What the changes may follow from is not what it was.
            OSError: The disk failed; nothing is applied, and nothing of it will come back.
            UncertainStoreError: The disk failed, and neither could the record be taken back; nothing is applied, but
                after a reboot it may turn out to be durable. The next commit tries again to take it back.
        """
        self.make_certain()
        if self._loaded_key_set not in (None, self.key_set):
            changes = (KeySetLoaded(self._loaded_key_set), *changes)
        commit = Commit(changes)
        self.glance()
        try:
            self._journal.append(commit.encode())
        except UncertainStoreError as error:
            self._is_suspect = True
            try:
                self._compact()
            except OSError:
                raise error from None
            raise OSError(error.errno, error.strerror) from None
        except OSError:
            self._is_suspect = True
            raise
        self._apply(commit)
        length_octets = self._journal.length_octets
        if length_octets > COMPACTION_OCTETS_MIN and length_octets > 2 * self._compacted_octets:
            try:
                self._compact()
            except OSError:  # What was committed is durable all the same; the next commit tries again and reports.
                self._is_suspect = True

    def make_certain(self) -> None:
        """Make durable what is believed, if the disk has given cause to doubt that it is.

        Raises:
            OSError: The disk failed again.
        """
        if self._is_suspect:
            self._compact()

    def answers_to(self, identity: Identity) -> tuple[Answer, ...] | None:
        """Give the reports a telecommand was answered with, or None if it never was.

        Raises:
            StruckBookError: They may not be what they were.
        """
        return self._commands.executed.get(identity)

    def request_begun(self, identity: Identity) -> bytes | None:
        """Give the request id of a telecommand that began to act and was never answered, else None.

        Raises:
            StruckBookError: It may not be what it was.
        """
        return self._commands.begun.get(identity)

    @property
    def key_set(self) -> str | None:
        """The key set that receipts are of, or None if there was never any."""
        return self._keys.key_set

    def load_key_set(self, set_id: str) -> tuple[Receipt, ...]:
        """Say that receipts are of another key set from now on; the next commit carries it.

        Returns:
            The last anti-replay window of each SPI of that set.
        """
        self._loaded_key_set = set_id
        return self._keys.receipts(set_id)

    def _apply(self, commit: Commit) -> None:
        self._take(commit)
        for name in {self._name_of[type(change)] for change in commit.changes}:
            self._seals[name] = seal_of(self._books[name])

    def _take(self, commit: Commit) -> None:
        for change in commit.changes:
            self._books[self._name_of[type(change)]].apply(change)

    def _compact(self) -> None:
        self.verify()
        self._journal.replace(commit.encode() for commit in self._snapshot())
        self._compacted_octets = self._journal.length_octets
        self._is_suspect = False

    def _snapshot(self) -> Iterator[Commit]:
        """Say the whole state in as few changes as there are things in it."""
        for book in self._books.values():
            for changes in book.snapshot():
                yield Commit(changes)


def _struck(name: str) -> StruckBookError:
    return StruckBookError(f"expected the book of {name} as its last change left it, found it changed in memory")
