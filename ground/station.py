"""The station: the ground's end of the link as one sans-IO core, the twin of the spacecraft's.

It is given octets, calls and ``now_ns``, and gives octets, events and its next deadline. It never reads a clock, opens
a port, or keeps anything on a disk: whoever drives it records its events before letting it transmit (`ground.serve`
does), so that a sequence count is durable before it is used.

Contact, for COP-1 and for all timers, is when the driver has contact and the spacecraft is heard: at an unplugged
cable nothing times out. With keys only authentic frames are heard, so that nobody else can hold contact up.
"""

from collections import deque
from collections.abc import Iterable, Mapping
from typing import Any

from msgspec.structs import replace

from ccsds.cfdp.events import TransactionId
from ccsds.clcw import Clcw
from ccsds.cop1.fop import Directive, Service
from ccsds.deadline import earliest
from ccsds.errors import MisuseError
from ccsds.packet import SEQUENCE_COUNT_MAX
from ccsds.pus.telecommand import REQUEST_ID_OCTETS, RequestId, Telecommand
from ccsds.pus.verification import VerificationStage
from ccsds.sdls.security import Security
from ground.beacon import BeaconListener
from ground.conversations import ConversationBook
from ground.downlink import Downlink, FilePdu, Heard, Item, LiveCount, PlayedBack, Verified
from ground.events import (
    FINAL,
    BeaconHeard,
    CommandIssued,
    CopAlert,
    CopInitialised,
    EventReported,
    HousekeepingReceived,
    LinkChanged,
    LinkState,
    ReportReceived,
    Stage,
    StationEvent,
    StoreNoted,
)
from ground.files import DEFAULT_OPTIONS, Files, FilesHome, TransferAction
from ground.onboard_time import OnboardTime
from ground.picture import Picture
from ground.station_config import StationConfig
from ground.storage import CONFIRM, StoreBook
from ground.tracker import Action, Tracker
from ground.transfer_options import TransferOptions
from ground.uplink import Acknowledged, Released, Undelivered, Uplink
from mission.channels import Apid
from mission.definition import DICTIONARY
from mission.dictionary import Dictionary

NS_PER_S = 1_000_000_000

HOUSEKEEPING_SERVICE = 3

# Events wait here for the driver, which takes them after each call; a driver that does not loses the oldest.
EVENTS_PENDING_MAX = 65_536


class Station:
    """One ground station.

    Args:
        config: What it is.
        dictionary: The words of the mission.
        security: The keys of this end, or None on a bench: then every frame is believed.
        files: Where its files are, and what is remembered of transfers; None keeps both in memory.
        stores: What was last noted of the packet stores on board.
        conversations: Those that were heard of before.

    Raises:
        MisuseError: The journal of the transfers holds what is no record of one.
        OSError: The store of the files failed.
    """

    def __init__(
        self,
        config: StationConfig,
        dictionary: Dictionary = DICTIONARY,
        *,
        security: Security | None = None,
        files: FilesHome | None = None,
        stores: Iterable[StoreNoted] = (),
        conversations: ConversationBook | None = None,
    ) -> None:
        self.config = config
        self._dictionary = dictionary
        self._security = security
        self._downlink = Downlink(config.profile, dictionary, security)
        self._files = Files(config.profile, security, files or FilesHome())
        self._uplink = Uplink(config.profile, security, self._files.next_frame)
        self._tracker = Tracker(config.tracker)
        self.onboard_time = OnboardTime(config.profile)
        """What is known of on-board time; whoever drives the station tells it UTC, and the light time if it can."""
        self._picture = Picture(dictionary, conversations)
        self._stores = StoreBook(stores)
        self._next_sequence_count = config.next_sequence_count
        self._next_command_id = config.next_command_id
        self._packets: dict[int, tuple[bytes, Service]] = {}
        self._events: deque[StationEvent] = deque(maxlen=EVENTS_PENDING_MAX)
        self._beacons = BeaconListener()
        self._driver_has_contact = False
        self._link = LinkState.DOWN
        self._last_frame_ns = 0
        self._line_free_ns = 0
        # Commands that define structures on board, until they end.
        self._defining: dict[int, tuple[str, dict[str, Any]]] = {}
        self._now_ns = 0

    def command(
        self, name: str, arguments: Mapping[str, Any] | None = None, *, service: Service = Service.AD, now_ns: int
    ) -> int:
        """Queue a command of the dictionary.

        Args:
            name: Its name.
            arguments: Its arguments by name; those left out take their defaults.
            service: AD for sequence-controlled, or BD, which bypasses the sequence.
            now_ns: Now.

        Returns:
            The number that the command goes by.

        Raises:
            MisuseError: The dictionary has no such command, it does not take these arguments, or too many wait.
        """
        declared = self._dictionary.command(name)
        complete = declared.arguments.complete(arguments or {})
        data = declared.arguments.encode(complete)
        return self._issue(name, complete, declared.service, declared.subtype, data, Apid.CORE, service, now_ns)

    def _confirm_stores(self, now_ns: int) -> None:
        """Tell the spacecraft what is here of its stores, if that is due."""
        due = self._stores.next_confirmation(now_ns)
        self._events.extend(self._stores.take_events())
        if due is None:
            return
        declared = self._dictionary.command(CONFIRM)
        complete = declared.arguments.complete(due)
        data = declared.arguments.encode(complete)
        try:
            command_id = self._issue(
                CONFIRM, complete, declared.service, declared.subtype, data, Apid.CORE, Service.AD, now_ns, True
            )
        except MisuseError:  # Too many commands wait; the next summary asks again.
            return
        self._stores.confirming(command_id)

    def telecommand(
        self,
        service_type: int,
        subtype: int,
        data: bytes = b"",
        *,
        apid: int = Apid.CORE,
        service: Service = Service.AD,
        now_ns: int,
    ) -> int:
        """Queue a telecommand that the dictionary need not hold, to see what the spacecraft says to it.

        Args:
            service_type: PUS service type.
            subtype: PUS message subtype.
            data: Application data, sent as it is.
            apid: Of the application on board.
            service: AD or BD.
            now_ns: Now.

        Returns:
            The number that the command goes by.

        Raises:
            MisuseError: A number does not fit its field, the packet does not fit a frame, or too many wait.
        """
        name = f"[{service_type},{subtype}]"
        return self._issue(name, {"data": bytes(data)}, service_type, subtype, bytes(data), apid, service, now_ns)

    def withdraw(self, command_id: int, reason: str, now_ns: int) -> bool:
        """Take back a command that has not been released; False if it is too late for that."""
        is_withdrawn = self._uplink.drop(command_id) and self._tracker.withdraw(command_id, reason, now_ns)
        self._follow_tracker(now_ns)
        return is_withdrawn

    def recall_stores(self, noted: Iterable[StoreNoted]) -> None:
        """Know no more of the packet stores on board than what was noted: what came since was not kept.

        Args:
            noted: What was last noted of each, and is durable.
        """
        self._stores.recall(noted)

    def direct_cop1(self, directive: Directive, value: int | None = None, *, now_ns: int) -> None:
        """Follow an operator's directive to FOP-1.

        Args:
            directive: Which.
            value: For those that take one; T1 is in nanoseconds.
            now_ns: Now.

        Raises:
            MisuseError: FOP-1 rejects it, or its value is missing, out of range, or not wanted.
        """
        self._begin(now_ns)
        try:
            self._uplink.direct(directive, now_ns, value)
        finally:
            self._follow_uplink(now_ns)

    def put_file(
        self,
        source_name: str,
        destination_name: str,
        options: TransferOptions = DEFAULT_OPTIONS,
        *,
        now_ns: int,
    ) -> TransactionId:
        """Begin to send a file of the station's store; see `ground.files.Files.put`.

        Raises:
            MisuseError: There is no such file, a name is none, too many files are on their way, or the journal failed.
        """
        self._begin(now_ns)
        try:
            return self._files.put(source_name, destination_name, options, now_ns=now_ns)
        finally:
            self._follow_files()

    def act_on_transfer(self, action: TransferAction, transaction: TransactionId, now_ns: int) -> None:
        """Suspend, resume, cancel or ask about a transfer; see `ground.files.Files.act`.

        Raises:
            MisuseError: It is not under way, or the journal failed.
        """
        self._begin(now_ns)
        try:
            self._files.act(action, transaction, now_ns)
        finally:
            self._follow_files()

    def transfers(self) -> list[dict[str, Any]]:
        """Give how far each file is that is on its way, in plain values."""
        return self._files.transfers()

    def receive(self, data: bytes, now_ns: int) -> None:
        """Take in octets of the line, whatever they are."""
        self._begin(now_ns)
        self._events.extend(BeaconHeard(time_ns=now_ns, text=text) for text in self._beacons.receive(data))
        self._downlink.receive(data, now_ns)
        for item in self._downlink.take():
            self._take(item, now_ns)
        self._confirm_stores(now_ns)

    def _take(self, item: Item, now_ns: int) -> None:
        match item:
            case LiveCount():
                self._stores.live(item.count, item.crc)
            case PlayedBack():
                if self._stores.played_back(item.at.store, item.at.sequence):
                    for each in item.items:
                        self._take(each, now_ns)
            case Heard():
                self._hear(now_ns)
            case Clcw():
                self._uplink.receive(item, now_ns)
                self._follow_uplink(now_ns)
            case Verified():
                # A report about another station's telecommand, which may have the same sequence count, is not ours.
                if item.destination_id == self.config.source_id:
                    if item.report.stage is VerificationStage.ACCEPTED:
                        self.onboard_time.accepted(item.report.request_id.sequence_count, item.tai_ns)
                    self._tracker.verify(item.report, now_ns)
                    self._follow_tracker(now_ns)
            case FilePdu():
                self._files.receive(item.octets, now_ns)
                self._follow_files()
            case _:
                if isinstance(item, ReportReceived | HousekeepingReceived | EventReported):
                    item = replace(item, generated_ns=self.onboard_time.generated_ns(item.tai_ns))
                self._events.append(item)
                self._learn(item, now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._begin(now_ns)
        silence_ns = self.config.profile.silence_ns
        if self._link is LinkState.UP and now_ns >= self._last_frame_ns + silence_ns:
            self._set_link(LinkState.DOWN, now_ns)
        self._uplink.advance(now_ns)
        self._follow_uplink(now_ns)
        self._tracker.advance(now_ns)
        self._follow_tracker(now_ns)
        self._files.advance(now_ns)
        self._follow_files()

    def next_deadline(self) -> int | None:
        """Give when something is due next."""
        deadlines = [self._uplink.next_deadline(), self._tracker.next_deadline(), self._files.next_deadline()]
        if self._link is LinkState.UP:
            deadlines.append(self._last_frame_ns + self.config.profile.silence_ns)
        return earliest(deadlines)

    def transmit(self, now_ns: int) -> bytes | None:
        """Give the next CLTU, if there is one; to be called when the transmitter is free."""
        self._begin(now_ns)
        if not self._driver_has_contact:
            return None
        octets = self._uplink.transmit(now_ns)
        profile = self.config.profile
        duration_ns = len(octets or b"") * profile.bits_per_octet * NS_PER_S // profile.uplink_rate_bps
        self._line_free_ns = now_ns + duration_ns
        self._follow_uplink(now_ns)
        self._follow_files()
        return octets

    def contact(self, up: bool, now_ns: int) -> None:
        """Note whether there is a line to the spacecraft at all."""
        self._begin(now_ns)
        self._driver_has_contact = up
        self._uplink.line(up, now_ns)
        if not up:
            self._set_link(LinkState.DOWN, now_ns)

    def take_events(self) -> list[StationEvent]:
        """Give what happened since the last call."""
        events = list(self._events)
        self._events.clear()
        return events

    def snapshot(self) -> dict[str, Any]:
        """Give all that is known, in plain values, for programs."""
        return {
            "time_ns": self._now_ns,
            "profile": self.config.profile.name,
            "source_id": self.config.source_id,
            "next_sequence_count": self._next_sequence_count,
            "contact": self._driver_has_contact,
            "link": self._link.name,
            "cop": self._uplink.state.name,
            "cop1": self._uplink.status(),
            "security": None if self._security is None else self._security.counts,
            "counters": {**self._downlink.counters, **self._uplink.counters},
            "channels": self._downlink.statistics.snapshot(),
            "onboard_time": self.onboard_time.snapshot(self._now_ns),
            **self._picture.snapshot(),
            "commands": self._tracker.snapshot(),
            "files": self._files.snapshot(),
            "stores": self._stores.snapshot(),
        }

    def _issue(
        self,
        name: str,
        arguments: dict[str, Any],
        service_type: int,
        subtype: int,
        data: bytes,
        apid: int,
        service: Service,
        now_ns: int,
        is_automatic: bool = False,
    ) -> int:
        self._begin(now_ns)
        packet = Telecommand(
            apid=apid,
            sequence_count=self._next_sequence_count,
            service=service_type,
            subtype=subtype,
            source_id=self.config.source_id,
            data=data,
        )
        octets = packet.encode()
        self._uplink.check(octets)
        command_id = self._next_command_id
        self._tracker.add(
            command_id=command_id,
            name=name,
            apid=apid,
            sequence_count=packet.sequence_count,
            service=service,
            now_ns=now_ns,
        )
        self._next_command_id += 1
        self._next_sequence_count = (self._next_sequence_count + 1) % (SEQUENCE_COUNT_MAX + 1)
        self._packets[command_id] = (octets, service)
        if service_type == HOUSEKEEPING_SERVICE:
            self._defining[command_id] = (name, arguments)
        self._uplink.put(command_id, octets, service)
        issued = CommandIssued(
            time_ns=now_ns,
            command_id=command_id,
            name=name,
            arguments=arguments,
            service=service,
            source_id=self.config.source_id,
            sequence_count=packet.sequence_count,
            octets=octets,
            is_automatic=is_automatic,
        )
        self._events.append(issued)
        self._picture.learn(issued, now_ns)
        self._follow_tracker(now_ns)
        return command_id

    def _begin(self, now_ns: int) -> None:
        self._now_ns = max(self._now_ns, now_ns)

    def _hear(self, now_ns: int) -> None:
        """Note that the spacecraft was heard."""
        self._last_frame_ns = now_ns
        if self._driver_has_contact:
            self._set_link(LinkState.UP, now_ns)

    def _set_link(self, state: LinkState, now_ns: int) -> None:
        if state is self._link:
            return
        self._link = state
        self._events.append(LinkChanged(time_ns=now_ns, state=state))
        is_up = state is LinkState.UP
        self._tracker.contact(is_up, now_ns)
        self._follow_tracker(now_ns)
        self._uplink.contact(is_up, now_ns)
        self._follow_uplink(now_ns)
        self._files.contact(is_up, now_ns)
        self._follow_files()

    def _learn(self, event: StationEvent, now_ns: int) -> None:
        """Take what a report says into the station's own picture."""
        self._events.extend(self._picture.learn(event, now_ns))
        match event:
            case EventReported():
                self._events.extend(self.onboard_time.event(event, now_ns))
            case ReportReceived():
                self._events.extend(self.onboard_time.report(event, now_ns))
                self._learn_stores(event, now_ns)

    def _learn_stores(self, event: ReportReceived, now_ns: int) -> None:
        match event.name:
            case "storage_summary":
                self._stores.summarised(event.values, now_ns)
            case "storage_live":
                self._stores.placed(event.values)
            case "storage_missing":
                self._stores.missing(event.values, now_ns)
        self._events.extend(self._stores.take_events())

    def _follow_uplink(self, now_ns: int) -> None:
        """Tell the tracker what became of the frames, and the tracker's wishes to the uplink."""
        for item in self._uplink.take():
            match item:
                case Released():
                    self._tracker.transmitted(item.command_id, now_ns)
                    if item.command_id in self._packets:
                        octets, _ = self._packets[item.command_id]
                        request = RequestId.decode(octets[:REQUEST_ID_OCTETS])
                        self.onboard_time.released(request.sequence_count, self._line_free_ns)
                case Acknowledged():
                    self._tracker.acknowledged(item.command_id, now_ns)
                case Undelivered():
                    self._tracker.undelivered(item.command_id, item.reason, now_ns)
                case CopAlert() | CopInitialised():
                    self._events.append(item)
            self._follow_tracker(now_ns)

    def _follow_files(self) -> None:
        self._events.extend(self._files.take_events())

    def _follow_tracker(self, now_ns: int) -> None:
        for event in self._tracker.take_events():
            self._events.append(event)
            if event.stage in FINAL and event.command_id in self._defining:
                name, arguments = self._defining.pop(event.command_id)
                if event.stage is Stage.COMPLETED:
                    self._downlink.structures.learn_command(name, arguments)
        for order in self._tracker.take_orders():
            match order.action:
                case Action.RESEND:
                    self._uplink.put(order.command_id, *self._packets[order.command_id])
                case Action.WATCH:
                    self._uplink.drop(order.command_id)
                case Action.FINISH:
                    self._uplink.drop(order.command_id)
                    self._packets.pop(order.command_id, None)
                    self._stores.ended(order.command_id)
