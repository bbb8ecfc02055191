"""COP-1 under attack: the real spacecraft and the real station, while either end reboots and an attacker forges frames.

The attacker (`hil.link.attacker`) has a transmitter and no key: it sends BC frames (Unlock, Set V(R)) up, what was
heard before as it was and as AD frames with numbers of its choice, and TM frames with CLCWs of its choice down. With
keys at both ends nobody believes those frames, so it also catches telemetry on the way and changes its CLCW, which no
MAC covers. It makes up no commands: without keys they would be executed. What it does may cost time.
After it stops commanding must be there again within `recovery_bound_ns`, and nothing may have acted twice.
"""

import contextlib
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import msgspec
import numpy as np

from ccsds.clcw import Clcw
from ccsds.sdls.key_file import End
from ccsds.sdls.key_store import KeyStore
from ccsds.sdls.security import Security
from flight.books.commands import Executed
from flight.commit import Commit
from flight.disk import RealDisk
from flight.journal import Journal
from flight.ledger import JOURNAL_PATH
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from ground.cop_keeper import recovery_bound_ns
from ground.events import CommandIssued, CommandStaged, Stage
from ground.station import Station
from ground.station_config import StationConfig
from ground.uplink import CopState
from hil.ends.keys import lay_keys
from hil.link.attacker import Attack, Attacker, Forged
from hil.streams import Streams
from hil.tabletop.operator import NS_PER_S, IdleWorker
from mission.profiles import Contact, find_profile
from ports.key_directory import opened_keys

STEP_NS = 50_000_000
PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)
BOUND_S = recovery_bound_ns(PROFILE) / NS_PER_S
"""Within so much commanding is there again after an attack."""

_DELAY_NS = 100_000_000
_ATTACKS = (Attack.REPLAY, Attack.AD, Attack.BC, Attack.CLCW)
_SOURCE_ID = 77
# How long a command may take once commanding is there again.
_COMMAND_S_MAX = 10.0


class Chance(Protocol):
    """Where what befalls the two is drawn from, such as a `random.Random` of the seed."""

    def random(self) -> float:
        """Give a number from 0 to 1."""
        ...

    def uniform(self, low: float, high: float, /) -> float:
        """Give a number between two."""
        ...

    def randrange(self, start: int, stop: int | None = None, /) -> int:
        """Give a whole number from one to below another, or below the only one that is said."""
        ...


class AttackedSky:
    """Both ends, a delay each way, and an attacker who hears, says and changes what it likes.

    Args:
        folder: Where the store and the keys lie.
        seed: Of the keys, and of what the attacker does.
        chance: For when it does so, and for losses and reboots.
        security: ``keys`` at both ends, or ``none``.
    """

    def __init__(self, folder: Path, seed: int, chance: Chance, security: str = "none") -> None:
        self.folder = folder / "store"
        self.keys = lay_keys(folder, Streams(seed)) if security == "keys" else {}
        self.held = {end: contextlib.ExitStack() for end in End}
        self.chance = chance
        self.now_ns = 0
        self.boots = 0
        self.next_identity = (0, 1)
        self.up: deque[tuple[int, bytes]] = deque()
        self.down: deque[tuple[int, bytes]] = deque()
        self.attacker = Attacker(PROFILE, _ATTACKS)
        self.draws = np.random.default_rng(seed)
        self.events: list[msgspec.Struct] = []
        self.is_attacked = False
        self.is_lossy = False
        self.boot_spacecraft()
        self.boot_station()

    def boot_spacecraft(self) -> None:
        """Let the spacecraft begin anew, on what is on its disk."""
        self.boots += 1
        config = SpacecraftConfig(profile=PROFILE, tai_offset_ns=10**18)
        self.spacecraft = Spacecraft(config, RealDisk(self.folder), IdleWorker(), {}, keys=self.open(End.SPACECRAFT))
        self.spacecraft.contact(True, self.now_ns)

    def boot_station(self) -> None:
        """Let the station begin anew, with the numbers that it would give next."""
        count, command_id = self.next_identity
        store = self.open(End.GROUND)
        self.station = Station(
            StationConfig(
                profile=PROFILE,
                source_id=_SOURCE_ID,
                next_sequence_count=count,
                next_command_id=command_id,
                tries_max=20,
            ),
            security=None if store is None else Security(store),
        )
        self.station.contact(True, self.now_ns)

    def open(self, end: End) -> KeyStore | None:
        """Give the keys of an end that starts, as a process that starts finds them."""
        self.held[end].close()
        return self.held[end].enter_context(opened_keys(self.keys[end], end)) if self.keys else None

    def command(self) -> int:
        """Give a command, and its number."""
        return self.station.command("test.connection", now_ns=self.now_ns)

    def run(self, seconds: float, until: Callable[[], bool] = lambda: False) -> float:
        """Let time go on; give how long it took, in seconds."""
        begin_ns = self.now_ns
        while self.now_ns < begin_ns + seconds * NS_PER_S and not until():
            self.now_ns += STEP_NS
            self.step()
        return (self.now_ns - begin_ns) / NS_PER_S

    def step(self) -> None:
        """Do what is due now."""
        if self.is_attacked and self.chance.random() < 0.5:
            self.attack()
        for core in (self.station, self.spacecraft):
            core.advance(self.now_ns)
        self.pass_on(self.station.transmit(self.now_ns), is_up=True)
        self.pass_on(self.spacecraft.transmit(self.now_ns), is_up=False)
        while self.up and self.up[0][0] <= self.now_ns:
            self.spacecraft.receive(self.up.popleft()[1], self.now_ns)
        while self.down and self.down[0][0] <= self.now_ns:
            self.station.receive(self.down.popleft()[1], self.now_ns)
        self.spacecraft.take_events()
        for event in self.station.take_events():
            self.events.append(event)
            if isinstance(event, CommandIssued):
                self.next_identity = (event.sequence_count + 1, event.command_id + 1)

    def pass_on(self, octets: bytes | None, *, is_up: bool) -> None:
        """Send what an end transmits on its way, unless it is lost."""
        if octets is None:
            return
        self.attacker.hear(is_up, octets)
        if not (self.is_lossy and self.chance.random() < 0.3):
            (self.up if is_up else self.down).append((self.now_ns + _DELAY_NS, octets))

    def attack(self) -> None:
        """Let the attacker do something."""
        if self.down and self.chance.random() < 0.2:
            self.change_clcw((self.cop1()["nnr"] + self.chance.randrange(-2, 6)) % 256)
            return
        forged = self.attacker.attack(self.draws)
        if forged is not None:
            self.send(forged)

    def send(self, forged: Forged) -> None:
        """Send what is forged on its way."""
        (self.up if forged.is_up else self.down).append((self.now_ns + _DELAY_NS, forged.octets))

    def forge_down(self, report_value: int, flags: dict[str, bool]) -> None:
        """Send a CLCW of the attacker's choice down."""
        self.send(self.attacker.forge_down(report_value, flags, self.chance.randrange(256)))

    def change_clcw(self, report_value: int, **flags: bool) -> None:
        """Change the CLCW of the frame that is first on its way down; the rest of it stays authentic."""
        due_ns, octets = self.down.popleft()
        self.down.appendleft((due_ns, self.attacker.change_clcw(octets, report_value, **flags)))

    def cop1(self) -> dict[str, Any]:
        """Give what the station shows of COP-1."""
        return self.station.snapshot()["cop1"]

    def is_in_step(self) -> bool:
        """Whether the service is up and the station's picture is FARM-1's."""
        clcw = Clcw.decode(self.spacecraft._uplink.clcw())
        cop1 = self.cop1()
        is_equal = (clcw.report_value - cop1["nnr"]) % 256 <= (cop1["vs"] - cop1["nnr"]) % 256
        return cop1["service"] == CopState.UP.name and is_equal and not clcw.lockout

    def stage(self, command_id: int) -> Stage | None:
        """Give how far a command is."""
        stages = [e.stage for e in self.events if isinstance(e, CommandStaged) and e.command_id == command_id]
        return stages[-1] if stages else None

    def of(self, kind: type[Any]) -> list[Any]:
        """Give the station's events of a kind."""
        return [event for event in self.events if isinstance(event, kind)]

    def executed(self) -> Counter:
        """How often each telecommand was executed, by the journal."""
        records = Journal(RealDisk(self.folder), JOURNAL_PATH).recover().records
        changes = [change for record in records for change in Commit.decode(record).changes]
        return Counter(
            (each.identity.source_id, each.identity.sequence_count) for each in changes if isinstance(each, Executed)
        )

    def flood(self) -> None:
        """Give commands while forgeries, losses and reboots come, and then let all of that end."""
        self.is_attacked = self.is_lossy = True
        for _ in range(12):
            for _ in range(self.chance.randrange(4)):
                self.command()
            self.run(self.chance.uniform(0.5, 5))
            match self.chance.randrange(5):
                case 0:
                    self.boot_spacecraft()
                case 1:
                    self.boot_station()
        self.is_attacked = self.is_lossy = False

    def recover(self) -> float:
        """Let twice the bound pass; give after how long both ends were in step for good, in seconds."""
        begin_ns, took_s = self.now_ns, 0.0
        while self.now_ns < begin_ns + 2 * BOUND_S * NS_PER_S:
            self.run(STEP_NS / NS_PER_S)
            if not self.is_in_step():
                took_s = (self.now_ns - begin_ns) / NS_PER_S
        return took_s

    def faults(self) -> list[str]:
        """Give a command once all is quiet, and say in a line each what did not come out as it must."""
        faults: list[str] = []
        command_id = self.command()
        self.run(_COMMAND_S_MAX, lambda: self.stage(command_id) is Stage.COMPLETED)
        if self.stage(command_id) is not Stage.COMPLETED:
            faults.append(f"expected a command to complete, found it {self.stage(command_id)}")
        executed = self.executed()
        faults += [f"telecommand {each} was executed {count} times" for each, count in executed.items() if count > 1]
        issued = {event.command_id: event.sequence_count for event in self.of(CommandIssued)}
        for number, sequence_count in issued.items():
            if self.stage(number) is Stage.COMPLETED and not executed[_SOURCE_ID, sequence_count]:
                faults.append(f"command {number} completed, and was not executed")
        return faults

    def close(self) -> None:
        """Let go of the keys."""
        for each in self.held.values():
            each.close()
