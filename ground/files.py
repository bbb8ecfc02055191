"""The files of a station: its CFDP entity, the frames that carry what it says, and what is told of it.

PDUs leave one a frame, as BD frames on their own virtual channel, so that neither COP-1 nor a command ever waits for
them; they are asked for when the line is free and no command wants it. With keys nothing leaves unless it is protected.
Timers count contact only. It never reads a clock; its files and its journal are its owner's.

Source: CCSDS 727.0-B-5 (CFDP), 133.0-B-2 (packet), 232.0-B-4 (frame), 355.0-B-2 (SDLS).
"""

from collections import OrderedDict, deque
from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from ccsds.cfdp import events as cfdp
from ccsds.cfdp.codes import ConditionCode, DeliveryCode, FileStatus, PromptResponse
from ccsds.cfdp.contact_clock import ContactClock
from ccsds.cfdp.entity import Entity
from ccsds.cfdp.events import Role, TransactionId
from ccsds.cfdp.filestore import NAME_OCTETS_MAX, FileStore
from ccsds.cfdp.memory_store import MemoryStore
from ccsds.cfdp.receiver_table import ReceiverState
from ccsds.cfdp.records import Journal, PutRequest
from ccsds.cfdp.transfer import Transfer
from ccsds.deadline import earliest
from ccsds.errors import MisuseError
from ccsds.packet import SEQUENCE_COUNT_MAX, PacketType, SpacePacket
from ccsds.sdls.association import Link
from ccsds.sdls.security import Security
from ccsds.tc_frame import OVERHEAD_OCTETS, TcFrame, TcFrameKind
from ground.events import (
    StationEvent,
    one_line,
)
from ground.transfer_events import (
    FilesHeld,
    PduRefused,
    TransferAnswered,
    TransferDirection,
    TransferFailed,
    TransferFinished,
    TransferProgressed,
    TransferResumed,
    TransferStarted,
    TransferSuspended,
)
from ground.transfer_options import TransferOptions, describe_response
from mission.channels import SPACECRAFT_ID, Apid
from mission.channels import Uplink as Channel
from mission.files import ground_mib
from mission.profiles import LinkProfile

NS_PER_S = 1_000_000_000

DEFAULT_OPTIONS = TransferOptions()
"""As the MIB says."""

# How far a transfer is, is told so often: a person's eye wants no more, and an archive less.
PROGRESS_INTERVAL_NS = NS_PER_S

# Transfers of which that is told at once, those that waited longest first; a display shows no more.
PROGRESS_TOLD_MAX = 32

# Events wait here for the station, which takes them after each call.
EVENTS_PENDING_MAX = 8_192


# PDUs too long for any frame that are left out in the search for one that is not; the line is asked again soon.
LEFT_OUT_MAX = 16


class TransferAction(Enum):
    """What an operator does with a transfer that is under way."""

    SUSPEND = "suspend"
    RESUME = "resume"
    CANCEL = "cancel"
    PROMPT = "prompt"
    """Ask the spacecraft, which receives, how far it is."""
    PROMPT_NAK = "prompt-nak"
    """Ask it what it misses."""


@dataclass(frozen=True, kw_only=True)
class FilesHome:
    """Where files are, and what is remembered of transfers: all of it belongs to the station's owner."""

    store: FileStore = field(default_factory=MemoryStore)
    journal: Journal | None = None
    """None: nothing of a transfer outlives the station."""
    records: Iterable[bytes] = ()
    """What the journal holds from before, in order."""


@dataclass(slots=True)
class _Known:
    """What is known of one transfer, from its start to its end."""

    direction: TransferDirection
    source_name: str = ""
    destination_name: str = ""
    size_octets: int | None = None
    fault: str = ""
    """The detail of the last one."""
    told: tuple[Any, ...] = ()
    """How far it was said to be."""


class Files:
    """The files of one station, begun out of contact.

    Args:
        profile: How the link is run.
        security: The keys of this end, or None on a bench.
        home: Where the files are.

    Raises:
        MisuseError: The journal holds what is no record of CFDP.
        OSError: The store failed.
    """

    def __init__(self, profile: LinkProfile, security: Security | None, home: FilesHome) -> None:
        overhead_octets = security.overhead_octets(Link.TC, Channel.FILES) if security else 0
        self._security = security
        self._spacecraft_entity = profile.spacecraft_entity
        self._packet_octets_max = profile.tc_frame_octets_max - OVERHEAD_OCTETS - overhead_octets
        self._entity = Entity(ground_mib(profile, overhead_octets), home.store, home.journal, home.records)
        self._clock = ContactClock()
        # By transaction; those told of longest ago come first.
        self._known: OrderedDict[TransactionId, _Known] = OrderedDict()
        for transfer in self._entity.transfers:
            self._known[transfer.transaction] = _Known(_direction(transfer.role))
            self._learn(transfer)
        self._next_progress_ns: int | None = None
        self._sequence_count = 0
        # A packet that could not be protected, kept for the next try; and why, once it was told.
        self._held: bytes | None = None
        self._held_reason = ""
        self._events: deque[StationEvent] = deque(maxlen=EVENTS_PENDING_MAX)

    def put(
        self,
        source_name: str,
        destination_name: str,
        options: TransferOptions = DEFAULT_OPTIONS,
        *,
        now_ns: int,
    ) -> TransactionId:
        """Begin to send a file; it is in the journal when this returns.

        Args:
            source_name: In the store.
            destination_name: On board.
            options: What else is said of it.
            now_ns: Now.

        Raises:
            MisuseError: There is no such file, a name is none, too many files are on their way, or the journal failed.
        """
        name_octets = len(destination_name.encode())
        if name_octets > NAME_OCTETS_MAX:
            raise MisuseError(
                f"put: expected a destination name of at most {NAME_OCTETS_MAX} octets, found {name_octets}"
            )
        request = PutRequest(
            destination=self._spacecraft_entity,
            source_name=source_name,
            destination_name=destination_name,
            mode=options.mode,
            closure_requested=options.closure,
            checksum_type=options.checksum,
            priority=options.priority,
            options=options.requests,
        )
        try:
            transaction = self._entity.put(request, now_ns)
        except OSError as error:
            raise MisuseError(f"put: expected a disk that takes the journal, found: {error}") from None
        transfer = next(each for each in self._entity.transfers if each.transaction == transaction)
        self._known[transaction] = _Known(TransferDirection.UP)
        self._learn(transfer)
        self._follow(now_ns)
        return transaction

    def act(self, action: TransferAction, transaction: TransactionId, now_ns: int) -> None:
        """Suspend or resume a transfer at this end, cancel it at both, or ask the other end about it.

        Raises:
            MisuseError: It is not under way, or the journal failed.
        """
        try:
            match action:
                case TransferAction.SUSPEND:
                    self._entity.suspend(transaction)
                case TransferAction.RESUME:
                    self._entity.resume(transaction, now_ns)
                case TransferAction.CANCEL:
                    self._entity.cancel(transaction, now_ns)
                case TransferAction.PROMPT:
                    self._entity.prompt(transaction, PromptResponse.KEEP_ALIVE)
                case TransferAction.PROMPT_NAK:
                    self._entity.prompt(transaction, PromptResponse.NAK)
        except OSError as error:
            raise MisuseError(f"{action.value}: expected a disk that takes the journal, found: {error}") from None
        finally:
            self._follow(now_ns)

    def receive(self, pdu: bytes, now_ns: int) -> None:
        """Take one PDU of the spacecraft's."""
        self._entity.receive(pdu, now_ns)
        self._touch(now_ns)
        self._follow(now_ns)

    def next_frame(self, now_ns: int) -> TcFrame | None:
        """Give the frame of the PDU that is most urgent now, None if there is none, or none may leave."""
        if self._held is None and not self._entity.wants_to_transmit:
            return None
        if not self._clock.is_up or not self._may_send(now_ns):
            return None
        packet = self._held
        for _ in range(LEFT_OUT_MAX):
            packet = packet or self._next_packet(now_ns)
            if packet is None or len(packet) <= self._packet_octets_max:
                break
            # It would wait for ever, and all others behind it.
            self._leave_out(packet, now_ns)
            packet = None
        if packet is None:
            return None
        frame = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, Channel.FILES, 0, packet)
        if self._security is not None:
            try:
                frame = self._security.sender.protect_tc(frame)
            except (OSError, MisuseError) as error:
                self._held = packet
                self._hold(str(error), now_ns)
                return None
        self._held, self._held_reason = None, ""
        return frame

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._entity.advance(now_ns)
        self._follow(now_ns)
        if self._next_progress_ns is not None and now_ns >= self._next_progress_ns:
            self._next_progress_ns = None
            self._tell_progress(now_ns)

    def next_deadline(self) -> int | None:
        """Give when something is due."""
        deadlines = (self._entity.next_deadline(), self._next_progress_ns)
        return earliest(deadlines)

    def contact(self, up: bool, now_ns: int) -> None:
        """Note whether the spacecraft is heard; every transfer stands still while it is not."""
        self._clock.contact(up, now_ns)
        self._entity.contact(up, now_ns)
        self._touch(now_ns)
        self._follow(now_ns)

    def take_events(self) -> list[StationEvent]:
        """Give what happened since the last call."""
        events = list(self._events)
        self._events.clear()
        return events

    def transfers(self) -> list[dict[str, Any]]:
        """Give how far each transfer is that is not over at this end, in plain values."""
        return [_plain(each) for each in self._entity.transfers if each.state is not ReceiverState.FINISHING]

    def snapshot(self) -> dict[str, Any]:
        """Give all transfers that are under way, and what was refused, in plain values."""
        return {
            "entity": self._entity.mib.entity,
            "transfers": self.transfers(),
            "held": self._held_reason,
            "refused": {rejection.name: count for rejection, count in self._entity.rejections.items()},
        }

    def _next_packet(self, now_ns: int) -> bytes | None:
        pdu = self._entity.transmit(now_ns)
        self._follow(now_ns)
        if pdu is None:
            return None
        self._touch(now_ns)
        packet = SpacePacket(
            packet_type=PacketType.TELECOMMAND,
            apid=Apid.CFDP,
            sequence_count=self._sequence_count,
            data=pdu,
            has_secondary_header=False,
        )
        self._sequence_count = (self._sequence_count + 1) % (SEQUENCE_COUNT_MAX + 1)
        return packet.encode()

    def _leave_out(self, packet: bytes, now_ns: int) -> None:
        reason = f"expected a packet of at most {self._packet_octets_max} octets for a frame, found {len(packet)}"
        self._events.append(PduRefused(time_ns=now_ns, transaction="", reason=f"it is not sent: {reason}"))

    def _may_send(self, now_ns: int) -> bool:
        """Tell whether a key sends; without one no PDU is made, or each would count as lost on the way."""
        if self._security is None or self._security.sends(Link.TC, Channel.FILES):
            return True
        self._hold(f"no key sends on TC channel {Channel.FILES}: activate one (ground keys list)", now_ns)
        return False

    def _hold(self, reason: str, now_ns: int) -> None:
        if reason != self._held_reason:
            self._held_reason = reason
            self._events.append(FilesHeld(time_ns=now_ns, reason=reason))

    def _touch(self, now_ns: int) -> None:
        """Note that a transfer may have moved."""
        if self._next_progress_ns is None and self._known:
            self._next_progress_ns = now_ns + PROGRESS_INTERVAL_NS

    def _follow(self, now_ns: int) -> None:
        """Turn what the entity says into what the station says."""
        for event in self._entity.take_events():
            match event:
                case cfdp.TransactionStarted():
                    known = self._find(event.transaction, event.role)
                    self._events.append(TransferStarted(time_ns=now_ns, **_identity(event.transaction, known)))
                case cfdp.MetadataReceived():
                    known = self._find(event.transaction, Role.RECEIVER)
                    known.source_name, known.destination_name = event.source_name, event.destination_name
                    known.size_octets = event.size_octets or known.size_octets
                    self._tell_progress(now_ns, event.transaction)
                case cfdp.FaultRaised():
                    known = self._find(event.transaction, event.role)
                    known.fault = one_line(f"{_word(event.condition)} at the {event.role.value}: {event.detail}")
                case cfdp.TransactionSuspended():
                    known = self._find(event.transaction, event.role)
                    self._events.append(
                        TransferSuspended(
                            time_ns=now_ns, text=_word(event.condition), **_identity(event.transaction, known)
                        )
                    )
                case cfdp.TransactionResumed():
                    known = self._find(event.transaction, event.role)
                    self._events.append(TransferResumed(time_ns=now_ns, **_identity(event.transaction, known)))
                case cfdp.ProgressReported():
                    known = self._find(event.transaction, Role.SENDER)
                    self._events.append(
                        TransferAnswered(
                            time_ns=now_ns,
                            received_octets=event.progress_octets,
                            **_identity(event.transaction, known),
                        )
                    )
                case cfdp.TransactionFinished():
                    self._finish(event, now_ns)
                case cfdp.PduRejected():
                    self._events.append(
                        PduRefused(
                            time_ns=now_ns,
                            transaction=str(event.transaction) if event.transaction else "",
                            reason=one_line(f"{event.rejection.value}: {event.detail}"),
                        )
                    )

    def _finish(self, event: cfdp.TransactionFinished, now_ns: int) -> None:
        known = self._find(event.transaction, event.role)
        self._known.pop(event.transaction, None)
        if known.size_octets is None:
            known.size_octets = event.size_octets
        identity = _identity(event.transaction, known)
        requests = tuple(one_line(describe_response(each)) for each in event.responses)
        is_whole = event.delivery is DeliveryCode.COMPLETE and event.file_status in (
            FileStatus.RETAINED,
            FileStatus.UNREPORTED,
        )
        if is_whole:
            self._events.append(
                TransferFinished(time_ns=now_ns, file_status=event.file_status, requests=requests, **identity)
            )
            return
        text = known.fault or _word(event.condition)
        self._events.append(
            TransferFailed(time_ns=now_ns, condition=event.condition, text=text, requests=requests, **identity)
        )

    def _tell_progress(self, now_ns: int, only: TransactionId | None = None) -> None:
        """Tell how far those transfers are that have moved, or the one that is asked for."""
        transfers = {each.transaction: each for each in self._entity.transfers}
        told = 0
        for transaction in [only] if only is not None else list(self._known):
            transfer, known = transfers.get(transaction), self._known.get(transaction)
            if transfer is None or known is None or transfer.state is ReceiverState.FINISHING:
                continue
            self._learn(transfer)
            now = (transfer.done_octets, transfer.state, transfer.size_octets, transfer.destination_name)
            if now == known.told:
                continue
            if told == PROGRESS_TOLD_MAX:
                self._touch(now_ns)
                return
            told += 1
            known.told = now
            self._known.move_to_end(transaction)
            self._events.append(
                TransferProgressed(
                    time_ns=now_ns,
                    done_octets=transfer.done_octets,
                    state=transfer.state.value,
                    contact_ns=self._clock.count(now_ns),
                    **_identity(transaction, known),
                )
            )

    def _learn(self, transfer: Transfer) -> None:
        """Take what an entity knows of a transfer by now."""
        known = self._known[transfer.transaction]
        known.source_name, known.destination_name = transfer.source_name, transfer.destination_name
        known.size_octets = transfer.size_octets

    def _find(self, transaction: TransactionId, role: Role) -> _Known:
        return self._known.setdefault(transaction, _Known(_direction(role)))


def parse_transaction(text: str) -> TransactionId:
    """Read a transfer's name, such as ``42-7``: the entity that sends, and its number there.

    Raises:
        MisuseError: It is none.
    """
    source, dash, sequence = text.partition("-")
    if not dash or not all(part.isascii() and part.isdecimal() for part in (source, sequence)):
        raise MisuseError(f"expected a transfer as ENTITY-NUMBER, such as 1-7 (ground transfers), found {text!r}")
    return TransactionId(int(source), int(sequence))


def _direction(role: Role) -> TransferDirection:
    return TransferDirection.UP if role is Role.SENDER else TransferDirection.DOWN


def _identity(transaction: TransactionId, known: _Known) -> dict[str, Any]:
    return {
        "transaction": str(transaction),
        "direction": known.direction,
        "source_name": known.source_name,
        "destination_name": known.destination_name,
        "size_octets": known.size_octets,
    }


def _plain(transfer: Transfer) -> dict[str, Any]:
    return {
        "transaction": str(transfer.transaction),
        "direction": _direction(transfer.role).name,
        "source_name": transfer.source_name,
        "destination_name": transfer.destination_name,
        "size_octets": transfer.size_octets,
        "done_octets": transfer.done_octets,
        "state": transfer.state.value,
        "condition": transfer.condition.name,
        "is_suspended": transfer.is_suspended,
    }


def _word(condition: ConditionCode) -> str:
    """Give a condition as a person says it."""
    return condition.name.lower().replace("_", " ")
