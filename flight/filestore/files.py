"""The files of the spacecraft: its CFDP entity, the packets that carry what it says, and its journal.

It decides nothing; commands of ST[23] and the far end do. What it remembers of transfers is in a journal of its own,
beside the ledger. A journal that is damaged, or a store that fails, costs transfers, never the boot: what cannot be
read is dropped and told, and an entity that cannot start is tried again.

Source: CCSDS 727.0-B-5 (CFDP), 133.0-B-2 (packet).
"""

from collections.abc import Iterable

from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import Role
from ccsds.cfdp.filestore import refusal_of
from ccsds.cfdp.records import (
    ClosedRecord,
    ReceiverRecord,
    SenderRecord,
    SequenceRecord,
    decode_record,
    encode_record,
)
from ccsds.deadline import earliest
from ccsds.errors import MalformedError, MisuseError
from ccsds.packet import HEADER_OCTETS, SEQUENCE_COUNT_MAX, PacketType, SpacePacket
from ccsds.sdls.association import Link
from ccsds.sdls.security import Security
from flight.disk import Disk
from flight.filestore.file_log import FileLog
from flight.filestore.folder import Folder
from flight.filestore.shelf import Shelf
from flight.journal import Journal
from flight.parameters import Source
from flight.reporter import Reporter, clip_reason
from mission.channels import Apid, Downlink
from mission.files import FILES_DIRECTORY, spacecraft_mib
from mission.profiles import LinkProfile
from mission.words.core import STORE_FAILED
from mission.words.files import TRANSFERS_FORGOTTEN

JOURNAL_PATH = "cfdp.journal"

# Room in the store that files never take: the ledger and the journal of transfers are rewritten at a few MiB each, and
# the rest is for checkpoints to be finished.
RESERVE_OCTETS = 16 << 20

# An entity that could not start is tried again so often.
RETRY_NS = 10_000_000_000

# After damage, sequence numbers go on at this times the boots before this one, where nothing has been yet unless one
# boot began so many transfers: a number that came twice would be taken for a transfer that is over.
SEQUENCES_PER_BOOT = 1 << 16


class Files:
    """The files of one spacecraft, begun out of contact.

    Args:
        profile: How the link is run.
        security: The keys of this end, or None on a bench.
        disk: The store of the spacecraft.
        reporter: Where events go.
    """

    def __init__(self, profile: LinkProfile, security: Security | None, disk: Disk, reporter: Reporter) -> None:
        overhead_octets = security.overhead_octets(Link.TM, Downlink.FILES) if security else 0
        self._mib = spacecraft_mib(profile, overhead_octets)
        self.ground_entity = profile.ground_entity
        """Where files go down to."""
        self._disk = disk
        self._reporter = reporter
        self.folder = Shelf(Folder(disk, FILES_DIRECTORY, RESERVE_OCTETS), disk)
        """The store of files, with the models that jobs left."""
        self._log = FileLog(self._mib, reporter)
        self._entity: Entity | None = None
        self._retry_ns: int | None = None
        self._first_sequence = 0
        self._is_up = False
        self._sequence_count = 0
        self._pdus_sent = self._octets_sent = 0
        self._pdus_received = self._octets_received = 0

    @property
    def entity(self) -> Entity:
        """The CFDP entity; call `follow` after use.

        Raises:
            MisuseError: It could not start yet.
        """
        if self._entity is None:
            raise MisuseError("expected a store that transfers can be remembered in, found one that fails")
        return self._entity

    @property
    def part_directory(self) -> str:
        """Where files wait in the store that are not whole; nobody may name it."""
        return self._mib.part_directory

    def boot(self, boot_count: int, now_ns: int) -> None:
        """Go on where the last boot stopped."""
        self._first_sequence = (boot_count - 1) * SEQUENCES_PER_BOOT
        self._start(now_ns)

    def receive(self, packets: Iterable[bytes], now_ns: int) -> None:
        """Take packets with a PDU each. What is wrong with one is counted and told, never raised."""
        for packet in packets:
            self._pdus_received += 1
            self._octets_received += len(packet) - HEADER_OCTETS
            if self._entity is not None:
                self._entity.receive(packet[HEADER_OCTETS:], now_ns)
        self.follow(now_ns)

    @property
    def is_empty(self) -> bool:
        """See `flight.link.downlink_channel.PacketSource`."""
        return self._entity is None or not self._entity.wants_to_transmit

    def next_packet(self, now_ns: int) -> bytes | None:
        """Give the PDU that is most urgent now in its packet; see `flight.link.downlink_channel.PacketSource`."""
        pdu = self._entity.transmit(now_ns) if self._entity is not None else None
        self.follow(now_ns)
        if pdu is None:
            return None
        self._pdus_sent += 1
        self._octets_sent += len(pdu)
        packet = SpacePacket(
            packet_type=PacketType.TELEMETRY,
            apid=Apid.CFDP,
            sequence_count=self._sequence_count,
            data=pdu,
            has_secondary_header=False,
        )
        self._sequence_count = (self._sequence_count + 1) % (SEQUENCE_COUNT_MAX + 1)
        return packet.encode()

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        if self._retry_ns is not None and now_ns >= self._retry_ns:
            self._start(now_ns)
        if self._entity is not None:
            self._entity.advance(now_ns)
        self.follow(now_ns)

    def next_deadline(self) -> int | None:
        """Give when something is due."""
        deadlines = [self._retry_ns, self._log.next_deadline()]
        if self._entity is not None:
            deadlines.append(self._entity.next_deadline())
        return earliest(deadlines)

    def contact(self, up: bool, now_ns: int) -> None:
        """Note whether the ground is in contact; every transfer stands still while it is not."""
        self._is_up = up
        if self._entity is not None:
            self._entity.contact(up, now_ns)
        self.follow(now_ns)

    def follow(self, now_ns: int) -> None:
        """Tell of what the entity says."""
        events = self._entity.take_events() if self._entity is not None else []
        transfers = self._entity.transfers if self._entity is not None and events else []
        self._log.follow(events, transfers, now_ns)

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of files have their values from."""
        return {
            "transfers_sending": lambda _: self._count(Role.SENDER),
            "transfers_receiving": lambda _: self._count(Role.RECEIVER),
            "pdus_sent": lambda _: self._pdus_sent,
            "pdus_received": lambda _: self._pdus_received,
            "pdu_octets_sent": lambda _: self._octets_sent,
            "pdu_octets_received": lambda _: self._octets_received,
            "files_free_octets": lambda _: self._free_octets(),
            **self._log.sources(),
        }

    def _count(self, role: Role) -> int:
        return sum(each is role for _, each in self._entity.running) if self._entity is not None else 0

    def _free_octets(self) -> int:
        try:
            return self.folder.free_octets()
        except OSError:  # A store that cannot tell has no room.
            return 0

    def _start(self, now_ns: int) -> None:
        """Begin the entity with what the journal holds, or say why not and try again later."""
        self._retry_ns = None
        try:
            self._entity = self._recover(now_ns)
        except OSError as error:
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
            self._retry_ns = now_ns + RETRY_NS
            return
        self._entity.contact(self._is_up, now_ns)
        self.follow(now_ns)

    def _recover(self, now_ns: int) -> Entity:
        journal = Journal(self._disk, JOURNAL_PATH)
        recovery = journal.recover()
        if recovery.sync_error is not None:
            raise recovery.sync_error
        records = [record for record in recovery.records if self._knows(record)]
        foreign_count = len(recovery.records) - len(records)
        if recovery.damaged_octets or foreign_count:
            # A torn tail must not stand before the next record, nor what means nothing come back at every boot.
            records.append(encode_record(SequenceRecord(next_sequence=self._first_sequence)))
            journal.replace(records)
            self._tell_forgotten(recovery.damaged_octets, foreign_count, "what was whole is kept")
        try:
            return Entity(self._mib, self.folder, journal, records, now_ns)
        except OSError:
            raise
        except Exception as error:
            # Nobody foresaw a whole record that no entity can go on from. It must cost transfers, not the boot.
            self._tell_forgotten(0, len(records), f"{type(error).__name__}: {error}")
            records = [encode_record(SequenceRecord(next_sequence=self._first_sequence))]
            journal.replace(records)
            return Entity(self._mib, self.folder, journal, records, now_ns)

    def _knows(self, data: bytes) -> bool:
        """Tell whether a record is one of CFDP, of a far end that there is, and of a file that may be named."""
        try:
            record = decode_record(data)
        except MalformedError:
            return False
        match record:
            case SenderRecord(header=header, request=request):
                name = request.source_name
                is_plain = not name or refusal_of(self.folder, name, self.part_directory) is None
                return is_plain and self._mib.remote(header.destination) is not None
            case ReceiverRecord(header=header):
                return self._mib.remote(header.source) is not None
            case ClosedRecord() | SequenceRecord():
                return True

    def _tell_forgotten(self, octets: int, records: int, reason: str) -> None:
        self._reporter.event(TRANSFERS_FORGOTTEN, octets=octets, records=records, reason=clip_reason(reason))
