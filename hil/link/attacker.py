"""An attacker with a transmitter and without keys: it hears what is sent, says it again, and makes up what it likes.

It sends BC frames (Unlock, Set V(R)), AD and BD frames with what was heard before or with telecommands of its own, and
TM frames with CLCWs of its choice; it changes the CLCW, which no MAC covers, and bits of what passes by. COP-1 stands
outside security, so that this costs time; with keys nothing of it may act.
"""

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import msgspec
import numpy as np

from ccsds.clcw import Clcw
from ccsds.cltu import CltuDeframer, cltu_encode
from ccsds.errors import MalformedError
from ccsds.pus.telecommand import Telecommand
from ccsds.sync import TmDeframer, TmEncoder
from ccsds.tc_frame import UNLOCK, TcFrame, TcFrameKind, set_vr
from ccsds.tm_frame import ONLY_IDLE, TmFrame
from hil.faults.flip import Spread, draw_flip
from mission.channels import SPACECRAFT_ID, Apid, Downlink, Uplink
from mission.definition import DICTIONARY
from mission.profiles import LinkProfile

# Bursts that it keeps of each direction: minutes of an uplink, and more than any window of COP-1 or of anti-replay.
HEARD_MAX = 512

# No station has it: what was executed for it was forged. The draw of source identifiers begins at 1.
SOURCE_ID = 0

_COUNTS = 256


class Attack(StrEnum):
    """What it does."""

    REPLAY = "replay"
    """It sends again what the station has sent, as it was."""
    AD = "forge_ad"
    """It sends what was heard as an AD frame, with a number near the one that is expected."""
    BD = "forge_bd"
    """It sends what was heard, or a telecommand of its own, as a BD frame."""
    BC = "forge_bc"
    """It sends Unlock, or Set V(R)."""
    CLCW = "forge_clcw"
    """It sends a TM frame with a CLCW of its choice."""


@dataclass(frozen=True, kw_only=True)
class Forged:
    """Octets that an attacker sends."""

    is_up: bool
    octets: bytes
    text: str


class Attacker:
    """One attacker.

    Args:
        profile: Of the link that it has listened to.
        attacks: What it does, each as likely as another.
    """

    def __init__(self, profile: LinkProfile, attacks: Sequence[Attack] = tuple(Attack)) -> None:
        self._profile = profile
        self._attacks = tuple(attacks)
        self._heard_up: deque[bytes] = deque(maxlen=HEARD_MAX)
        self._heard_down: deque[bytes] = deque(maxlen=1)

    def hear(self, is_up: bool, octets: bytes) -> None:
        """Listen to what one end sends."""
        (self._heard_up if is_up else self._heard_down).append(octets)

    def attack(self, chance: np.random.Generator) -> Forged | None:
        """Give what it sends next; None if it has heard nothing to do that with."""
        attack = self._attacks[int(chance.integers(len(self._attacks)))]
        near = (self.expected_number() + int(chance.integers(-3, 4))) % _COUNTS
        match attack:
            case Attack.BC:
                data = (UNLOCK, set_vr(near), set_vr(int(chance.integers(_COUNTS))))[int(chance.integers(3))]
                return self.forge_up(TcFrameKind.BC, 0, data)
            case Attack.CLCW:
                flags = {name: bool(chance.random() < 0.3) for name in ("lockout", "wait", "retransmit")}
                report_value = near if chance.random() < 0.5 else int(chance.integers(_COUNTS))
                return self.forge_down(report_value, flags, int(chance.integers(_COUNTS)))
            case Attack.BD if chance.random() < 0.5:
                return self.forge_up(TcFrameKind.BD, 0, self._telecommand(chance))
        if not self._heard_up:
            return None
        octets = self._heard_up[int(chance.integers(len(self._heard_up)))]
        if attack is Attack.REPLAY:
            return Forged(is_up=True, octets=octets, text=f"replays {len(octets)} octets of the uplink")
        frame = self._frame_of(octets)
        if frame is None:
            return None
        if attack is Attack.AD:
            return self.forge_up(TcFrameKind.AD, near, frame.data)
        return self.forge_up(TcFrameKind.BD, 0, frame.data)

    def forge_up(self, kind: TcFrameKind, sequence: int, data: bytes) -> Forged:
        """Make a TC frame of commands."""
        frame = TcFrame(kind, SPACECRAFT_ID, Uplink.COMMANDS, sequence, data).encode()
        octets = cltu_encode(frame, randomize=self._profile.tc_randomized)
        return Forged(is_up=True, octets=octets, text=f"forges a {kind.name} frame, number {sequence}")

    def forge_down(self, report_value: int, flags: dict[str, bool], count: int) -> Forged:
        """Make a TM frame that says nothing but a CLCW."""
        clcw = Clcw(virtual_channel=Uplink.COMMANDS, report_value=report_value, **flags).encode()
        data = bytes(self._profile.tm_data_octets)
        frame = TmFrame(SPACECRAFT_ID, Downlink.IDLE, 0, count, ONLY_IDLE, data, clcw).encode()
        octets = TmEncoder(self._profile.tm_coding).encode(frame)
        return Forged(is_up=False, octets=octets, text=f"forges a CLCW that expects {report_value}")

    def alter(self, is_up: bool, octets: bytes, chance: np.random.Generator) -> bytes:
        """Change what passes by: the CLCW of a frame on its way down, or some bits."""
        if not is_up and chance.random() < 0.5:
            report_value = (self.expected_number() + int(chance.integers(-2, 6))) % _COUNTS
            return self.change_clcw(octets, report_value)
        changed = bytearray(octets)
        draw_flip(chance, Spread.LINE, len(changed)).strike(memoryview(changed))
        return bytes(changed)

    def change_clcw(self, octets: bytes, report_value: int, **flags: bool) -> bytes:
        """Change the CLCW of a frame on its way down; the rest of it stays authentic. What is no frame stays."""
        frame = self._tm_frame_of(octets)
        if frame is None:
            return octets
        clcw = Clcw(virtual_channel=Uplink.COMMANDS, report_value=report_value, **flags).encode()
        return TmEncoder(self._profile.tm_coding).encode(msgspec.structs.replace(frame, ocf=clcw).encode())

    def expected_number(self) -> int:
        """Give the number of the AD frame that the spacecraft expects, by the last CLCW that was heard."""
        frame = self._tm_frame_of(self._heard_down[0]) if self._heard_down else None
        if frame is None or frame.ocf is None:
            return 0
        try:
            return Clcw.decode(frame.ocf).report_value
        except MalformedError:
            return 0

    def _telecommand(self, chance: np.random.Generator) -> bytes:
        """Make a telecommand that would be executed if anybody believed it."""
        choices = (("spacecraft.reset", {}), ("mode.enter", {"mode": "SAFE"}), ("test.connection", {}))
        name, arguments = choices[int(chance.integers(len(choices)))]
        declared = DICTIONARY.command(name)
        data = declared.arguments.encode(arguments)
        count = int(chance.integers(1 << 14))
        return Telecommand(Apid.CORE, count, declared.service, declared.subtype, SOURCE_ID, data=data).encode()

    def _frame_of(self, octets: bytes) -> TcFrame | None:
        deframer = CltuDeframer(randomized=self._profile.tc_randomized)
        deframer.receive(octets)
        for candidate in deframer.take():
            try:
                return TcFrame.decode(candidate)
            except MalformedError:
                continue
        return None

    def _tm_frame_of(self, octets: bytes) -> TmFrame | None:
        deframer = TmDeframer(self._profile.tm_coding)
        deframer.receive(octets)
        for found in deframer.take():
            try:
                return TmFrame.decode(found.frame)
            except MalformedError:
                continue
        return None
