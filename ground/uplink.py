"""The way up: telecommand packets -> SDLS -> COP-1 -> TC frames -> CLTUs, pulled one by one when the line is free.

By profile a packet that is longer than a frame is cut into segments, which go up one after the other. It keeps the
commands that wait and holds COP-1's AD service up by itself (`ground.cop_keeper`): each failure is given out. Commands
go up in the order of their numbers, also those that are sent again. It knows nothing of what the packets say. With
keys, AD and BD frames are protected before COP-1 numbers them; its control commands travel clear. Frames of other
channels leave only when no command and nothing of COP-1 wants the line: a command waits for one of them at most, and,
where the profile wants them, for a keep-alive (`ground.keep_alive`).
Source: CCSDS 231.0-B-4 (CLTU), 232.0-B-4 (frames), 232.1-B-2 (COP-1), 355.0-B-2 (SDLS).
"""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Any

from ccsds.clcw import Clcw
from ccsds.cltu import cltu_encode
from ccsds.cop1 import fop
from ccsds.cop1.fop import Directive, Fop, FopConfig, FopState, Service
from ccsds.deadline import earliest
from ccsds.errors import MisuseError
from ccsds.packet import PACKET_OCTETS_MAX
from ccsds.sdls.association import Link
from ccsds.sdls.security import Security
from ccsds.tc_frame import OVERHEAD_OCTETS, TcFrame, TcFrameKind
from ccsds.tc_segment import SEGMENT_HEADER_OCTETS, cut_packet
from ground.cop_keeper import WAIT_NS_MAX, CopKeeper, recovery_bound_ns
from ground.events import CopAlert, CopInitialised
from ground.keep_alive import KeepAlive
from mission.channels import SPACECRAFT_ID
from mission.channels import Uplink as Channel
from mission.profiles import LinkProfile

NS_PER_S = 1_000_000_000

# The segments of a packet are protected at once. A command that bypasses them meanwhile is that many counters ahead of
# the last of them; at 256 the anti-replay window would shut them out. What is longer is a file.
SEGMENTS_MAX = 128


class CopState(Enum):
    """Where the AD service is."""

    DOWN = "down"
    INITIALISING = "initialising"
    UP = "up"
    SUSPENDED = "suspended"


@dataclass(frozen=True, slots=True)
class Released:
    """The transmitter pulled a frame of a command."""

    command_id: int


@dataclass(frozen=True, slots=True)
class Acknowledged:
    """COP-1 acknowledged a command's frame."""

    command_id: int


@dataclass(frozen=True, slots=True)
class Undelivered:
    """COP-1 gave a command's frame up, or could not begin."""

    command_id: int
    reason: str


Item = Released | Acknowledged | Undelivered | CopAlert | CopInitialised
"""What comes out."""


class Uplink:
    """The sending half of a station.

    Args:
        profile: How the link is run.
        security: The keys of this end, or None on a bench: then frames travel clear.
        next_other_frame: Gives frames of other channels, for a line that no command wants.
    """

    def __init__(
        self,
        profile: LinkProfile,
        security: Security | None = None,
        next_other_frame: Callable[[int], TcFrame | None] = lambda now_ns: None,
    ) -> None:
        self._profile = profile
        self._next_other_frame = next_other_frame
        self._security = security
        if security is not None:
            security.require_segment_header(Channel.COMMANDS, 0 if profile.tc_map is None else SEGMENT_HEADER_OCTETS)
        self._fop = Fop(
            FopConfig(
                spacecraft_id=SPACECRAFT_ID,
                virtual_channel=Channel.COMMANDS,
                t1_initial_ns=profile.t1_initial_ns,
                transmission_limit=profile.transmission_limit,
                window=profile.farm_window // 2,
                positive_window=profile.farm_window // 2,
            )
        )
        self._keeper = CopKeeper(self._fop, profile)
        self._keep_alive = KeepAlive(profile, security)
        # At most one entry a command, and the tracker bounds those.
        self._waiting: dict[int, tuple[bytes, Service]] = {}
        self._in_hand: dict[int, tuple[bytes, Service]] = {}
        # Of each service the data fields of the command that is being handed to COP-1, which go up one after the other.
        self._cut: dict[Service, tuple[int, deque[bytes]]] = {}
        # How many frames of a command COP-1 has still to acknowledge.
        self._unacknowledged: Counter[int] = Counter()
        self._is_up = False
        self._has_begun = False
        self._clcw: tuple[int, Clcw] | None = None
        self._items: list[Item] = []
        self.counters: Counter[str] = Counter(frames_sent=0, octets_sent=0, retransmissions=0, cop_alerts=0)

    @property
    def state(self) -> CopState:
        """Where the AD service is."""
        if self._fop.state is FopState.INITIAL:
            return CopState.DOWN if self._fop.suspended_state is None else CopState.SUSPENDED
        is_initialising = self._fop.state in (FopState.INITIALISING_WITHOUT_BC, FopState.INITIALISING_WITH_BC)
        return CopState.INITIALISING if is_initialising else CopState.UP

    def check(self, packet: bytes) -> None:
        """Refuse a packet that no frame of this link can carry.

        Raises:
            MisuseError: It is too long, or no key sends.
        """
        room_octets = self._room_octets
        if self._profile.tc_map is not None:
            room_octets = min(PACKET_OCTETS_MAX, SEGMENTS_MAX * room_octets)
        if self._security is not None and not self._security.sends(Link.TC, Channel.COMMANDS):
            raise MisuseError(
                "expected a key that sends commands, found none: activate one that was never used, "
                "such as the spare (ground keys list)"
            )
        if len(packet) > room_octets:
            raise MisuseError(f"expected a telecommand of at most {room_octets} octets, found {len(packet)}")

    @property
    def _room_octets(self) -> int:
        """What of a packet fits into one frame."""
        room_octets = self._profile.tc_frame_octets_max - OVERHEAD_OCTETS
        if self._security is not None:
            room_octets -= self._security.overhead_octets(Link.TC, Channel.COMMANDS)
        return room_octets if self._profile.tc_map is None else room_octets - SEGMENT_HEADER_OCTETS

    def put(self, command_id: int, packet: bytes, service: Service) -> None:
        """Queue a command's packet, unless it waits already."""
        self._waiting.setdefault(command_id, (packet, service))

    def drop(self, command_id: int) -> bool:
        """Take a command out of the queue; False if it was not there, perhaps since COP-1 has it."""
        return self._waiting.pop(command_id, None) is not None

    def receive(self, clcw: Clcw, now_ns: int) -> None:
        """Take in a CLCW, and begin the AD service from it if it is down."""
        if clcw.virtual_channel != Channel.COMMANDS:
            return
        self._clcw = (now_ns, clcw)
        self._keeper.before_clcw(clcw, now_ns)
        self._fop.receive(clcw, now_ns)
        self._follow(now_ns)

    def line(self, up: bool, now_ns: int) -> None:
        """Note whether there is a line to the spacecraft, heard or not."""
        self._keep_alive.line(up, now_ns)

    def contact(self, up: bool, now_ns: int) -> None:
        """Note whether the spacecraft is heard; COP-1 stands still while it is not."""
        self._is_up = up
        self._fop.contact(up, now_ns)
        self._keeper.contact(up, now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._keep_alive.advance(now_ns)
        self._fop.advance(now_ns)
        self._follow(now_ns)
        if self._keeper.advance(now_ns):
            self._follow(now_ns, f"FARM-1 said wait for {WAIT_NS_MAX // NS_PER_S} s")

    def next_deadline(self) -> int | None:
        """Give when something is due."""
        deadlines = (self._fop.next_deadline(), self._keeper.next_deadline(), self._keep_alive.next_deadline())
        return earliest(deadlines)

    def direct(self, directive: Directive, now_ns: int, value: int | None = None) -> None:
        """Follow an operator's directive to FOP-1.

        Raises:
            MisuseError: FOP-1 rejects it, or its value is missing, out of range, or not wanted.
        """
        self._keeper.direct(directive, now_ns, value)
        rejections = self._follow(now_ns)
        if rejections:
            raise MisuseError(
                f"{directive.value}: expected a state that follows it, found {self._fop_state()}; "
                "the service is initiated or set only when it is down, and resumed only when it is suspended"
            )

    def status(self) -> dict[str, Any]:
        """Give what FOP-1 is set to and where it is, and what FARM-1 last said, in plain values."""
        config = self._fop.config
        now = {
            "state": self._fop_state(),
            "service": self.state.name,
            "held": self._keeper.is_held,
            "vs": self._fop.next_sequence,
            "nnr": self._fop.expected_acknowledgement,
            "on_their_way": self._fop.waiting_count,
            "queued": len(self._waiting),
            "window": config.window,
            "window_max": config.positive_window,
            "t1_s": config.t1_initial_ns / NS_PER_S,
            "transmission_limit": config.transmission_limit,
            "timeout_type": config.timeout_type,
            "recovery_bound_s": recovery_bound_ns(self._profile) / NS_PER_S,
        }
        if self._clcw is None:
            return {**now, "clcw": None}
        time_ns, clcw = self._clcw
        flags = {
            name: getattr(clcw, name) for name in ("lockout", "wait", "retransmit", "no_rf_available", "no_bit_lock")
        }
        said = {"time_ns": time_ns, "nr": clcw.report_value, "farm_b_counter": clcw.farm_b_counter, **flags}
        return {**now, "clcw": said}

    def transmit(self, now_ns: int) -> bytes | None:
        """Give the next CLTU, if there is one."""
        # First of all: commands that FARM-1 is closed to must not keep contact from being found.
        frame = self._keep_alive.next_frame(now_ns)
        if frame is None:
            frame = self._next_frame(now_ns)
            self._follow(now_ns)
        if frame is None:
            frame = self._next_other_frame(now_ns)
        if frame is None:
            return None
        self._keep_alive.sent(frame, now_ns)
        cltu = cltu_encode(frame.encode(), randomize=self._profile.tc_randomized)
        self.counters["frames_sent"] += 1
        self.counters["octets_sent"] += len(cltu)
        return cltu

    def take(self) -> list[Item]:
        """Give what came out since the last call."""
        items, self._items = self._items, []
        return items

    def _next_frame(self, now_ns: int) -> TcFrame | None:
        if not self._is_up:
            # COP-1 stands still, but a frame that bypasses it can be sent blind, to wake a silent spacecraft.
            following = self._next_field(Service.BD)
            if following is None:
                return None
            command_id, data = following
            self._in_hand.pop(command_id, None)
            if Service.BD not in self._cut:
                self._items.append(Released(command_id))
            return TcFrame(TcFrameKind.BD, SPACECRAFT_ID, Channel.COMMANDS, 0, data)
        for service in Service:
            if self._fop.is_ready(service):
                following = self._next_field(service)
                if following is not None:
                    command_id, data = following
                    self._fop.transfer(data, service, command_id, now_ns)
        return self._fop.transmit(now_ns)

    def _next_field(self, service: Service) -> tuple[int, bytes] | None:
        """Give the next data field of a service and its command: what is left of one that was begun goes first."""
        if service not in self._cut:
            command_id = self._next_command(service)
            if command_id is None:
                return None
            packet, _ = entry = self._waiting.pop(command_id)
            fields = self._protect(command_id, packet, service)
            if fields is None:
                return None
            # What is kept is the packet: if it comes back, it is protected anew.
            self._in_hand[command_id] = entry
            self._cut[service] = (command_id, deque(fields))
            if service is Service.AD:
                self._unacknowledged[command_id] += len(fields)
        command_id, left = self._cut[service]
        data = left.popleft()
        if not left:
            del self._cut[service]
        return command_id, data

    def _protect(self, command_id: int, packet: bytes, service: Service) -> list[bytes] | None:
        """Give the data fields of a command's frames, or None if they cannot be protected.

        All are protected at once, so that their counters follow each other: by that the spacecraft joins them.
        """
        fields = [packet]
        if self._profile.tc_map is not None:
            fields = [each.encode() for each in cut_packet(packet, self._profile.tc_map, self._room_octets)]
        if self._security is None:
            return fields
        kind = TcFrameKind.BD if service is Service.BD else TcFrameKind.AD
        clear = [TcFrame(kind, SPACECRAFT_ID, Channel.COMMANDS, 0, field) for field in fields]
        try:
            return [self._security.sender.protect_tc(frame).data for frame in clear]
        except (OSError, MisuseError) as error:
            self._items.append(Undelivered(command_id, f"SDLS: {error}"))
            return None

    def _next_command(self, service: Service) -> int | None:
        """Give the oldest command that waits for a service: one that is sent again keeps its place in the order."""
        return min((each for each, (_, its_service) in self._waiting.items() if its_service is service), default=None)

    def _fop_state(self) -> str:
        state = self._fop.state
        return f"S{state.value} {state.name}" + (" suspended" if self._fop.suspended_state is not None else "")

    def _follow(self, now_ns: int, reason: str = "") -> list[fop.DirectiveRejected]:
        """Turn what COP-1 says into what the station understands, and give the directives that it rejected."""
        rejections = []
        for event in self._fop.take_events():
            match event:
                case fop.Transmitted():
                    self._in_hand.pop(event.tag, None)
                    if event.service is Service.AD or not self._is_cut(event.tag):
                        # Of a BD command only the last frame counts: what comes of it is waited for from then on.
                        self._items.append(Released(event.tag))
                    self.counters["retransmissions"] += event.transmission > 1
                    if event.service is Service.AD:
                        self._keeper.sent(now_ns)
                case fop.CommandTransmitted():
                    self._keeper.sent(now_ns)
                case fop.Acknowledged():
                    self._keeper.acknowledged()
                    self._unacknowledged[event.tag] -= 1
                    if self._unacknowledged[event.tag] <= 0:
                        del self._unacknowledged[event.tag]
                        self._items.append(Acknowledged(event.tag))
                case fop.Rejected():
                    self._forget(event.tag)
                    self._items.append(Undelivered(event.tag, event.reason))
                case fop.Initialised():
                    self._has_begun = True
                    self._items.append(CopInitialised(time_ns=now_ns))
                case fop.Confirmed(directive=Directive.RESUME):
                    self._items.append(CopInitialised(time_ns=now_ns))
                case fop.Suspended():
                    self._items.append(CopAlert(time_ns=now_ns, reason=f"{event}; resume, initiate or terminate it"))
                case fop.Alert():
                    self._take_alert(event, now_ns, reason or event.reason.value)
                case fop.DirectiveRejected():
                    rejections.append(event)
        return rejections

    def _take_alert(self, alert: fop.Alert, now_ns: int, reason: str) -> None:
        self.counters["cop_alerts"] += 1
        self._items.append(CopAlert(time_ns=now_ns, reason=reason))
        self._keeper.alert(alert.reason, now_ns)
        # A command has a tag for each of its frames, and none if those that were handed over are acknowledged.
        begun = (self._cut[Service.AD][0],) if Service.AD in self._cut else ()
        given_up = list(dict.fromkeys((*alert.tags, *begun)))
        if not self._has_begun and not self._keeper.is_held:
            # The service could not even begin: that was a try of each command that waits for it.
            given_up += [each for each, (_, service) in self._waiting.items() if service is Service.AD]
        self._has_begun = False
        for command_id in given_up:
            entry = self._in_hand.get(command_id)
            self._forget(command_id)
            if entry is not None:
                # It never left, so that was no try.
                self._waiting[command_id] = entry
                continue
            self._waiting.pop(command_id, None)
            self._items.append(Undelivered(command_id, f"COP-1: {reason}"))

    def _is_cut(self, command_id: int) -> bool:
        """Tell whether frames of a command have still to be handed to COP-1."""
        return any(cut_id == command_id for cut_id, _ in self._cut.values())

    def _forget(self, command_id: int) -> None:
        """Drop what is left of a command that COP-1 gave up."""
        self._in_hand.pop(command_id, None)
        self._unacknowledged.pop(command_id, None)
        self._cut = {service: (cut_id, left) for service, (cut_id, left) in self._cut.items() if cut_id != command_id}
