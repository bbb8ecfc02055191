"""The way up: telecommand packets -> COP-1 -> TC frames -> CLTUs, pulled one by one when the transmitter is free.

It keeps the commands that wait and holds COP-1's AD service up by itself: each failure is given out, and the service
is begun anew from where the next CLCW says FARM-1 is. It knows nothing of what the packets say. Source: CCSDS
231.0-B-4 (CLTU), 232.0-B-4 (frames), 232.1-B-2 (COP-1).
"""

from collections import Counter, OrderedDict
from dataclasses import dataclass
from enum import Enum

from ccsds.clcw import Clcw
from ccsds.cltu import cltu_encode
from ccsds.cop1 import fop
from ccsds.cop1.fop import Directive, Fop, FopConfig, FopState, Service
from ccsds.errors import MisuseError
from ccsds.tc_frame import OVERHEAD_OCTETS, TcFrame, TcFrameKind
from ground.events import CopAlert, CopInitialised
from mission.channels import SPACECRAFT_ID
from mission.channels import Uplink as Channel
from mission.profiles import LinkProfile

NS_PER_S = 1_000_000_000

# While the spacecraft's receiver is deaf each try costs a few frames, hence pauses that double; this bounds them, and
# with them how long its return can go unnoticed.
RESTART_PAUSE_NS_MAX = 30 * NS_PER_S


class CopState(Enum):
    """Where the AD service is."""

    DOWN = "down"
    INITIALISING = "initialising"
    UP = "up"


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
    """

    def __init__(self, profile: LinkProfile) -> None:
        self._profile = profile
        self._fop = Fop(
            FopConfig(
                spacecraft_id=SPACECRAFT_ID,
                virtual_channel=Channel.COMMANDS,
                t1_initial_ns=profile.t1_initial_ns,
                transmission_limit=profile.transmission_limit,
            )
        )
        # At most one entry a command, and the tracker bounds those.
        self._waiting: OrderedDict[int, tuple[bytes, Service]] = OrderedDict()
        self._is_up = False
        self._has_begun = False
        self._alerts_in_a_row = 0
        self._begin_ns = 0
        self._items: list[Item] = []
        self.counters: Counter[str] = Counter(frames_sent=0, octets_sent=0, retransmissions=0, cop_alerts=0)

    @property
    def state(self) -> CopState:
        """Where the AD service is."""
        if self._fop.state is FopState.INITIAL:
            return CopState.DOWN
        is_initialising = self._fop.state in (FopState.INITIALISING_WITHOUT_BC, FopState.INITIALISING_WITH_BC)
        return CopState.INITIALISING if is_initialising else CopState.UP

    def check(self, packet: bytes) -> None:
        """Refuse a packet that no frame of this link can carry.

        Raises:
            MisuseError: It is too long.
        """
        room_octets = self._profile.tc_frame_octets_max - OVERHEAD_OCTETS
        if len(packet) > room_octets:
            raise MisuseError(f"expected a telecommand of at most {room_octets} octets, found {len(packet)}")

    def put(self, command_id: int, packet: bytes, service: Service) -> None:
        """Queue a command's packet; one that waits already keeps its place."""
        self._waiting.setdefault(command_id, (packet, service))

    def drop(self, command_id: int) -> bool:
        """Take a command out of the queue; False if it was not there, perhaps since COP-1 has it."""
        return self._waiting.pop(command_id, None) is not None

    def receive(self, clcw: Clcw, now_ns: int) -> None:
        """Take in a CLCW, and begin the AD service from it if it is down."""
        if clcw.virtual_channel != Channel.COMMANDS:
            return
        if self._is_up and self._fop.state is FopState.INITIAL and now_ns >= self._begin_ns:
            self._fop.directive(Directive.SET_VS, now_ns, clcw.report_value)
            # Only a control command takes FARM-1's flags away; without flags, this very CLCW is the check.
            is_flagged = clcw.lockout or clcw.retransmit or clcw.wait
            check = Directive.INITIATE_WITH_UNLOCK if is_flagged else Directive.INITIATE_WITH_CLCW_CHECK
            self._fop.directive(check, now_ns)
        self._fop.receive(clcw, now_ns)
        self._follow(now_ns)

    def contact(self, up: bool, now_ns: int) -> None:
        """Note whether the spacecraft is heard; COP-1 stands still while it is not."""
        self._is_up = up
        self._fop.contact(up, now_ns)

    def advance(self, now_ns: int) -> None:
        """Do what is due."""
        self._fop.advance(now_ns)
        self._follow(now_ns)

    def next_deadline(self) -> int | None:
        """Give when something is due."""
        return self._fop.next_deadline()

    def transmit(self, now_ns: int) -> bytes | None:
        """Give the next CLTU, if there is one."""
        frame = self._next_frame(now_ns)
        self._follow(now_ns)
        if frame is None:
            return None
        cltu = cltu_encode(frame.encode(), randomize=self._profile.tc_randomized)
        self.counters["frames_sent"] += 1
        self.counters["octets_sent"] += len(cltu)
        return cltu

    def take(self) -> list[Item]:
        """Give what came out since the last call."""
        items, self._items = self._items, []
        return items

    def _next_frame(self, now_ns: int) -> TcFrame | None:
        expedited_id = next((each for each, (_, service) in self._waiting.items() if service is Service.BD), None)
        if expedited_id is not None and not self._is_up:
            # COP-1 stands still, but a frame that bypasses it can be sent blind, to wake a silent spacecraft.
            packet, _ = self._waiting.pop(expedited_id)
            self._items.append(Released(expedited_id))
            return TcFrame(TcFrameKind.BD, SPACECRAFT_ID, Channel.COMMANDS, 0, packet)
        if expedited_id is not None:
            self._hand_over(expedited_id, now_ns)
        elif self.state is CopState.UP and self._fop.waiting_count == 0:
            sequenced_id = next((each for each, (_, service) in self._waiting.items() if service is Service.AD), None)
            if sequenced_id is not None:
                self._hand_over(sequenced_id, now_ns)
        return self._fop.transmit(now_ns)

    def _hand_over(self, command_id: int, now_ns: int) -> None:
        packet, service = self._waiting.pop(command_id)
        self._fop.transfer(packet, service, command_id, now_ns)

    def _follow(self, now_ns: int) -> None:
        """Turn what COP-1 says into what the station understands."""
        for event in self._fop.take_events():
            match event:
                case fop.Transmitted():
                    self._items.append(Released(event.tag))
                    self.counters["retransmissions"] += event.transmission > 1
                case fop.Acknowledged():
                    self._alerts_in_a_row = 0
                    self._items.append(Acknowledged(event.tag))
                case fop.Rejected():
                    self._items.append(Undelivered(event.tag, event.reason))
                case fop.Initialised():
                    self._has_begun = True
                    self._items.append(CopInitialised(time_ns=now_ns))
                case fop.Alert():
                    self._take_alert(event, now_ns)

    def _take_alert(self, alert: fop.Alert, now_ns: int) -> None:
        self.counters["cop_alerts"] += 1
        self._items.append(CopAlert(time_ns=now_ns, reason=alert.reason.value))
        pause_ns = self._profile.t1_initial_ns << min(self._alerts_in_a_row, 16) if self._alerts_in_a_row else 0
        self._begin_ns = now_ns + min(pause_ns, RESTART_PAUSE_NS_MAX)
        self._alerts_in_a_row += 1
        given_up = alert.tags
        if not self._has_begun:
            # The service could not even begin: that was a try of each command that waits for it.
            given_up = tuple(each for each, (_, service) in self._waiting.items() if service is Service.AD)
        self._has_begun = False
        for command_id in given_up:
            self._waiting.pop(command_id, None)
            self._items.append(Undelivered(command_id, f"COP-1: {alert.reason.value}"))
