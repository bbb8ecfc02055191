"""A file on its way in, from its Metadata to its name: what is known of it, whether it is whole, how it ends.

It never sends, and never decides when; `ccsds.cfdp.receiver` does.

Source: CCSDS 727.0-B-5 4.6.1.2.
"""

from collections.abc import Callable
from typing import NamedTuple

from ccsds.cfdp.admission import Fault, checksum_type_of, faults_of, refusal_of_sent
from ccsds.cfdp.codes import ChecksumType, ConditionCode, DeliveryCode, FileStatus
from ccsds.cfdp.delivery import Progress, deliver, fitted
from ccsds.cfdp.directives import Eof, Finished, Metadata
from ccsds.cfdp.events import Rejection, Role, TransactionFinished, TransactionId
from ccsds.cfdp.filestore import has_file, refusal_of, sync_names
from ccsds.cfdp.host import Host
from ccsds.cfdp.mib import RemoteConfig
from ccsds.cfdp.missing import Known
from ccsds.cfdp.part_file import PartFile, Taken
from ccsds.cfdp.receiver_table import ReceiverState
from ccsds.cfdp.records import ReceiverRecord, ReceiverStage
from ccsds.cfdp.transfer import Transfer

PART_SUFFIX = ".part"
"""Of the name under which a file waits until it is whole."""

INCOMPLETE_SUFFIX = ".incomplete"
"""Of the name under which what came of a file that was given up is kept, if the MIB says so."""

# A whole file up to this is read back from the store before it counts, at one go: within 0.1 s, so that nothing else
# waits. On the fastest uplink it is a quarter of an hour, in which what lies there already can be struck.
READ_BACK_OCTETS_MAX = 32 << 20


class Refusal(NamedTuple):
    """Why a segment was not taken."""

    rejection: Rejection
    detail: str
    condition: ConditionCode


class Arrival:
    """A file on its way in.

    Args:
        host: The entity, whose store it goes to.
        remote: Where it comes from.
        record: The transaction, new or from the journal.
    """

    def __init__(self, host: Host, remote: RemoteConfig, record: ReceiverRecord) -> None:
        self.metadata = record.metadata
        self.eof = record.eof
        self.finished = record.finished
        """What became of it, None while that is open."""
        self._host = host
        self._remote = remote
        self._header = record.header
        self._kept_name = ""
        self._progress = Progress(record.stage, list(record.responses), record.intent)
        path = f"{host.mib.part_directory}/{record.header.source}-{record.header.sequence}{PART_SUFFIX}"
        kind = None if record.metadata is None else checksum_type_of(record.metadata.checksum_type)
        is_receiving = record.stage is ReceiverStage.RECEIVING
        self.is_part_lost = is_receiving and bool(record.runs) and not has_file(host.store, path)
        """Whether the journal tells of a part file that is gone: that it is has to be saved before another is begun."""
        self.part = PartFile(host.store, host.room, path, () if self.is_part_lost else record.runs, kind)
        if is_receiving:
            if not record.runs and record.eof is None:
                # What was not told to the journal is not known to be in it.
                self.part.discard()
            if record.metadata is not None:
                self.part.promise(record.metadata.size_octets)

    @property
    def is_receiving(self) -> bool:
        """Whether it is neither delivered nor about to be."""
        return self._progress.stage is ReceiverStage.RECEIVING

    @property
    def wants_closure(self) -> bool:
        """Whether its sender asks for Finished in class 1."""
        return self.metadata is not None and self.metadata.closure_requested

    @property
    def name(self) -> str:
        """What it is to be called here, empty if that is not known, or if there is no file."""
        return self.metadata.destination_name if self.metadata else ""

    def size(self) -> int | None:
        """Give its size, None if it is not known."""
        if self.eof is not None:
            return self.eof.size_octets
        return self.metadata.size_octets or None if self.metadata is not None else None

    def size_max(self) -> int:
        """Give how large it can be."""
        size = self.size()
        return self._remote.file_octets_max if size is None else min(size, self._remote.file_octets_max)

    def known(self) -> Known:
        """Give what decides what is asked for."""
        return Known(self.part.received, self.size(), self.metadata is not None, self.eof is not None)

    def record(self, is_suspended: bool) -> ReceiverRecord:
        """Give what the journal must know; only what was synced may be told."""
        return ReceiverRecord(
            header=self._header,
            metadata=self.metadata,
            eof=self.eof,
            runs=() if self._is_dropped else self.part.runs(),
            stage=self._progress.stage,
            responses=tuple(self._progress.responses),
            intent=self._progress.intent,
            finished=self.finished,
            is_suspended=is_suspended,
        )

    def accept(self, metadata: Metadata) -> list[Fault]:
        """Learn which file it is; give what is wrong with that."""
        self.metadata = metadata
        self.part.close()
        self.part.sum_by(checksum_type_of(metadata.checksum_type))
        return faults_of(metadata, self._host, self._remote, self.part)

    def take(self, offset: int, data: bytes) -> Taken | Refusal:
        """Take a segment, or give why it is not taken."""
        octets_max = self.size_max()
        if not data or offset + len(data) > octets_max:
            detail = f"expected octets below {octets_max}, found {len(data)} at {offset}"
            return Refusal(Rejection.BEYOND_FILE, detail, ConditionCode.FILE_SIZE_ERROR)
        taken = self.part.take(offset, data, octets_max)
        match taken:
            case Taken.CONTRADICTION:
                detail = f"expected the octets at {offset} to be as they came before, found others"
                return Refusal(Rejection.CONTRADICTION, detail, ConditionCode.FILE_CHECKSUM_FAILURE)
            case Taken.NO_ROOM:
                detail = f"expected room for {len(data)} octets at {offset}, found none"
                return Refusal(Rejection.NO_ROOM, detail, ConditionCode.FILESTORE_REJECTION)
            case Taken.NEW | Taken.DUPLICATE:
                return taken

    def end_at(self, eof: Eof) -> Fault | None:
        """Learn where it ends; give what is wrong with that."""
        self.eof = eof
        self.part.close()
        if self.part.end <= eof.size_octets <= self._remote.file_octets_max:
            return None
        detail = f"expected EOF at {self.part.end} or later, found it at {eof.size_octets}"
        return Fault(ConditionCode.FILE_SIZE_ERROR, detail)

    def is_whole(self) -> bool:
        """Tell whether all of it came, and Metadata and EOF too."""
        return self.metadata is not None and self.eof is not None and self.part.received.has(0, self.eof.size_octets)

    def verify(self) -> Fault | None:
        """Make a whole file durable; give what is wrong with it."""
        if self.metadata is None or self.eof is None:
            return None
        is_summed = checksum_type_of(self.metadata.checksum_type) is not ChecksumType.NULL
        if is_summed and self.part.checksum() != self.eof.checksum:
            detail = f"expected checksum {self.eof.checksum:08x}, found {self.part.checksum():08x}"
            return Fault(ConditionCode.FILE_CHECKSUM_FAILURE, detail)
        if self.name:
            refusal = refusal_of_sent(self._host, self.name)  # It may have been put since the Metadata came.
            if refusal:
                return Fault(ConditionCode.FILESTORE_REJECTION, refusal)
            self.part.sync()
            stored = self._host.store.size(self.part.path)
            if stored != self.eof.size_octets:
                detail = f"expected {self.eof.size_octets} octets in the store, found {stored}"
                return Fault(ConditionCode.FILE_SIZE_ERROR, detail)
        return None

    def is_spoilt(self) -> bool:
        """Tell whether a whole file does not lie in the store as it came; a long one is not looked at."""
        if self.metadata is None or self.eof is None or not self.name or self.eof.size_octets > READ_BACK_OCTETS_MAX:
            return False
        kind = checksum_type_of(self.metadata.checksum_type)
        return kind is not ChecksumType.NULL and self.part.stored_checksum(kind) != self.eof.checksum

    def begin_anew(self, save: Callable[[], None]) -> None:
        """Forget what came of the file, so that it can come again.

        Args:
            save: Tells the journal that nothing is there, before it is removed.
        """
        assert self.metadata is not None
        self.part.forget()
        save()
        self.part.discard()
        self.part.promise(self.metadata.size_octets)

    def deliver(self, save: Callable[[], None]) -> None:
        """Bring it under its name, and do the filestore requests that came with it.

        Args:
            save: Tells the journal how far that is.
        """
        if self.metadata is None:
            return
        if not self.name:
            self.part.discard()
        host = self._host
        finished = deliver(host, self.part.path, self.metadata, self._progress, save)
        self.finished = fitted(finished, self._header, self._remote.pdu_octets_max)
        self._end()

    def is_under_its_name(self) -> bool:
        """Tell whether its delivery went so far that it cannot be undone."""
        match self._progress.stage:
            case ReceiverStage.RENAMING:
                return not has_file(self._host.store, self.part.path)
            case stage:
                return stage is not ReceiverStage.RECEIVING

    def give_up(self, condition: ConditionCode, location: int | None) -> None:
        """Decide to drop it, or keep what came of it if the MIB says so, under a name that says what it is."""
        self.part.close()
        status = FileStatus.REJECTED if condition is ConditionCode.FILESTORE_REJECTION else FileStatus.DISCARDED
        if status is FileStatus.DISCARDED and self._keeps_incomplete():
            kept_name = self.name + INCOMPLETE_SUFFIX
            self.part.sync()
            self._host.store.rename(self.part.path, kept_name)
            sync_names(self._host.store, self.part.path, kept_name)
            self._kept_name = kept_name
            status = FileStatus.RETAINED
        self.finished = Finished(condition, DeliveryCode.INCOMPLETE, status, (), location)
        self._end()

    def drop(self, condition: ConditionCode) -> None:
        """Decide to drop it, whatever the MIB says."""
        self.part.close()
        self.finished = Finished(condition, DeliveryCode.INCOMPLETE, FileStatus.DISCARDED)
        self._end()

    def clear(self) -> None:
        """Remove what came of a file that was given up; before that, the journal must know that it was."""
        if self._is_dropped:
            self.part.discard()

    def snapshot(self, transaction: TransactionId, state: ReceiverState, is_suspended: bool) -> Transfer:
        """Give how far it is."""
        return Transfer(
            transaction=transaction,
            role=Role.RECEIVER,
            far_end=self._remote.entity,
            source_name=self.metadata.source_name if self.metadata else "",
            destination_name=self.name,
            # EOF of a file that was given up tells how far the sender came, not how large it is.
            size_octets=(self.metadata.size_octets if self.metadata else 0) or self.size(),
            done_octets=self.part.octets,
            state=state,
            condition=self.finished.condition if self.finished else ConditionCode.NO_ERROR,
            is_suspended=is_suspended,
        )

    def report(self, transaction: TransactionId) -> TransactionFinished:
        """Give what its owner is told when it is over."""
        condition = self.finished.condition if self.finished else ConditionCode.NO_ERROR
        return TransactionFinished(
            transaction,
            Role.RECEIVER,
            condition,
            self.finished.delivery if self.finished else DeliveryCode.INCOMPLETE,
            self.finished.file_status if self.finished else FileStatus.UNREPORTED,
            self._kept_name or self.name,
            self.eof.size_octets if self.eof else self.part.end,
            tuple(self._progress.responses),
        )

    @property
    def _is_dropped(self) -> bool:
        """Whether it was given up, and nothing of it is kept."""
        return self.finished is not None and self.finished.file_status in (FileStatus.DISCARDED, FileStatus.REJECTED)

    def _keeps_incomplete(self) -> bool:
        """Tell whether what came is to be kept, and may be."""
        if not self._remote.keeps_incomplete or not self.name or not self.part.end:
            return False
        kept_name, store = self.name + INCOMPLETE_SUFFIX, self._host.store
        if refusal_of(store, kept_name, self._host.mib.part_directory) or refusal_of_sent(self._host, kept_name):
            return False
        return not store.is_directory(kept_name)

    def _end(self) -> None:
        self.part.release()
        self._progress.stage = ReceiverStage.FINISHED
