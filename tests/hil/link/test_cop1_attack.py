"""COP-1 between the real spacecraft and the real station while either end reboots and an attacker forges frames.

The attacker (`hil.link.attacker`) has a transmitter and no key: it sends BC frames (Unlock, Set V(R)) up, what was
heard before as it was and as AD frames with numbers of its choice, and TM frames with CLCWs of its choice down. With
keys at both ends nobody believes those frames, so it also catches telemetry on the way and changes its CLCW, which no
MAC covers. It makes up no commands: without keys they would be executed. What it does may cost time.
After it stops commanding is there again within `recovery_bound_ns`, and nothing acted twice.
"""

import contextlib
import random
from collections import Counter, deque
from dataclasses import replace

import numpy as np
import pytest

from ccsds.clcw import Clcw
from ccsds.sdls.key_file import End
from ccsds.sdls.security import Security
from ccsds.tc_frame import UNLOCK, TcFrameKind, set_vr
from flight.books.commands import Executed
from flight.commit import Commit
from flight.disk import RealDisk
from flight.journal import Journal
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from ground.cop_keeper import recovery_bound_ns
from ground.events import CommandIssued, CommandStaged, CopAlert, CopInitialised, Stage
from ground.station import Station
from ground.station_config import StationConfig
from ground.uplink import CopState
from hil.ends.keys import lay_keys
from hil.link.attacker import Attack, Attacker, Forged
from hil.streams import Streams
from mission.profiles import Contact, find_profile
from ports.key_directory import opened_keys

NS_PER_S = 1_000_000_000
MS = 1_000_000
STEP_NS = 50 * MS
DELAY_NS = 100 * MS
ATTACKS = (Attack.REPLAY, Attack.AD, Attack.BC, Attack.CLCW)
PROFILE = replace(find_profile("serial"), contact=Contact.MODEM)


class Worker:
    """No job runs here."""

    def launch(self):
        pass

    def send(self, request):
        pass

    def memory_octets(self):
        return 0

    def kill(self):
        pass


class Sky:
    """Both ends, a delay each way, and an attacker who hears, says and changes what it likes."""

    def __init__(self, folder, seed: int, security: str = "none"):
        self.folder = folder / "store"
        self.keys = lay_keys(folder, Streams(seed)) if security == "keys" else {}
        self.held = {end: contextlib.ExitStack() for end in End}
        self.chance = random.Random(seed)
        self.now_ns = 0
        self.boots = 0
        self.next_identity = (0, 1)
        self.up: deque[tuple[int, bytes]] = deque()
        self.down: deque[tuple[int, bytes]] = deque()
        self.attacker = Attacker(PROFILE, ATTACKS)
        self.draws = np.random.default_rng(seed)
        self.events = []
        self.is_attacked = False
        self.is_lossy = False
        self.boot_spacecraft()
        self.boot_station()

    def boot_spacecraft(self) -> None:
        self.boots += 1
        config = SpacecraftConfig(profile=PROFILE, tai_offset_ns=10**18)
        self.spacecraft = Spacecraft(config, RealDisk(self.folder), Worker(), {}, keys=self.open(End.SPACECRAFT))
        self.spacecraft.contact(True, self.now_ns)

    def boot_station(self) -> None:
        count, command_id = self.next_identity
        store = self.open(End.GROUND)
        self.station = Station(
            StationConfig(
                profile=PROFILE, source_id=77, next_sequence_count=count, next_command_id=command_id, tries_max=20
            ),
            security=None if store is None else Security(store),
        )
        self.station.contact(True, self.now_ns)

    def open(self, end: End):
        """Give the keys of an end that starts, as a process that starts finds them."""
        self.held[end].close()
        return self.held[end].enter_context(opened_keys(self.keys[end], end)) if self.keys else None

    def command(self) -> int:
        return self.station.command("test.connection", now_ns=self.now_ns)

    def run(self, seconds: float, until=lambda: False) -> float:
        """Give how long it took, in seconds."""
        begin_ns = self.now_ns
        while self.now_ns < begin_ns + seconds * NS_PER_S and not until():
            self.now_ns += STEP_NS
            self.step()
        return (self.now_ns - begin_ns) / NS_PER_S

    def step(self) -> None:
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
        if octets is None:
            return
        self.attacker.hear(is_up, octets)
        if not (self.is_lossy and self.chance.random() < 0.3):
            (self.up if is_up else self.down).append((self.now_ns + DELAY_NS, octets))

    def attack(self) -> None:
        if self.down and self.chance.random() < 0.2:
            self.change_clcw((self.cop1()["nnr"] + self.chance.randrange(-2, 6)) % 256)
            return
        forged = self.attacker.attack(self.draws)
        if forged is not None:
            self.send(forged)

    def send(self, forged: Forged) -> None:
        (self.up if forged.is_up else self.down).append((self.now_ns + DELAY_NS, forged.octets))

    def forge_down(self, report_value: int, flags: dict[str, bool]) -> None:
        self.send(self.attacker.forge_down(report_value, flags, self.chance.randrange(256)))

    def change_clcw(self, report_value: int, **flags: bool) -> None:
        """Change the CLCW of the frame that is first on its way down; the rest of it stays authentic."""
        due_ns, octets = self.down.popleft()
        self.down.appendleft((due_ns, self.attacker.change_clcw(octets, report_value, **flags)))

    def cop1(self) -> dict:
        return self.station.snapshot()["cop1"]

    def is_in_step(self) -> bool:
        """Whether the service is up and the station's picture is FARM-1's."""
        clcw = Clcw.decode(self.spacecraft._uplink.clcw())
        cop1 = self.cop1()
        is_equal = (clcw.report_value - cop1["nnr"]) % 256 <= (cop1["vs"] - cop1["nnr"]) % 256
        return cop1["service"] == CopState.UP.name and is_equal and not clcw.lockout

    def stage(self, command_id: int) -> Stage | None:
        stages = [e.stage for e in self.events if isinstance(e, CommandStaged) and e.command_id == command_id]
        return stages[-1] if stages else None

    def of(self, kind: type) -> list:
        return [event for event in self.events if isinstance(event, kind)]

    def executed(self) -> Counter:
        """How often each telecommand was executed, by the journal."""
        records = Journal(RealDisk(self.folder), "journal").recover().records
        changes = [change for record in records for change in Commit.decode(record).changes]
        return Counter(
            (each.identity.source_id, each.identity.sequence_count) for each in changes if isinstance(each, Executed)
        )

    def expect_recovery(self) -> float:
        """Run for twice the bound, then have a command complete; give after how long both were in step for good."""
        bound_s = recovery_bound_ns(PROFILE) / NS_PER_S
        begin_ns = self.now_ns
        took_s = 0.0
        while self.now_ns < begin_ns + 2 * bound_s * NS_PER_S:
            self.run(STEP_NS / NS_PER_S)
            if not self.is_in_step():
                took_s = (self.now_ns - begin_ns) / NS_PER_S
        assert took_s <= bound_s
        command_id = self.command()
        self.run(10, lambda: self.stage(command_id) is Stage.COMPLETED)
        assert self.stage(command_id) is Stage.COMPLETED
        assert set(self.executed().values()) == {1}
        return took_s


@pytest.fixture
def make_sky(tmp_path):
    with contextlib.ExitStack() as held:

        def make(seed: int, security: str) -> Sky:
            sky = Sky(tmp_path, seed, security)
            for each in sky.held.values():
                held.enter_context(each)
            sky.run(2)
            assert sky.is_in_step()
            return sky

        yield make


@pytest.fixture(params=["none", "keys"])
def sky(make_sky, request):
    return make_sky(0, request.param)


@pytest.mark.parametrize("count", [1, 5, 250, 255])
def test_after_a_reboot_of_the_spacecraft_the_pair_is_in_step_again(sky, count):
    # With 250 and 255 commands before, FARM-1's new V(R) = 0 falls inside the window of those on their way.
    for _ in range(count):
        command_id = sky.command()
        sky.run(10, lambda command_id=command_id: sky.stage(command_id) is Stage.COMPLETED)
    for _ in range(10):
        sky.command()
    sky.run(0.15)
    sky.boot_spacecraft()
    sky.expect_recovery()
    given = [event for event in sky.of(CommandIssued) if not event.is_automatic]
    assert len(given) == count + 11
    assert all(sky.stage(event.command_id) is Stage.COMPLETED for event in given)
    executed = sky.executed()
    assert all(executed[event.source_id, event.sequence_count] == 1 for event in given)


def test_a_reboot_with_nothing_on_its_way_is_an_alert_and_a_new_beginning(sky):
    command_id = sky.command()
    sky.run(5, lambda: sky.stage(command_id) is Stage.COMPLETED)
    sky.events.clear()
    sky.boot_spacecraft()
    sky.run(5)
    assert [type(event) for event in sky.events if isinstance(event, CopAlert | CopInitialised)] == [
        CopAlert,
        CopInitialised,
    ]
    sky.expect_recovery()


def test_after_a_reboot_of_the_station_the_pair_is_in_step_again(sky):
    for _ in range(5):
        sky.command()
    sky.run(0.15)
    sky.boot_station()
    sky.expect_recovery()


def test_a_long_loss_of_signal_costs_no_try_and_the_same_frames_go_on(sky):
    numbers = [sky.command() for _ in range(5)]
    sky.run(0.1)
    sky.up.clear()
    sky.station.contact(False, sky.now_ns)
    sky.down.clear()
    sky.now_ns += 11 * 3600 * NS_PER_S
    sky.station.contact(True, sky.now_ns)
    sky.expect_recovery()
    assert all(sky.stage(number) is Stage.COMPLETED for number in numbers)
    assert sky.of(CopAlert) == []


@pytest.mark.parametrize("kind", [UNLOCK, set_vr(0), set_vr(1), set_vr(16), set_vr(200)], ids=bytes.hex)
def test_one_forged_control_command_while_commands_are_on_their_way(sky, kind):
    numbers = [sky.command() for _ in range(10)]
    sky.run(0.15)
    sky.send(sky.attacker.forge_up(TcFrameKind.BC, 0, kind))
    sky.expect_recovery()
    sky.run(30)
    assert [sky.stage(number) for number in numbers] == [Stage.COMPLETED] * 10


@pytest.mark.parametrize("report_value", [0, 3, 9, 10, 11, 255])
@pytest.mark.parametrize("flags", [{}, {"lockout": True}, {"retransmit": True}, {"retransmit": True, "wait": True}])
def test_one_forged_clcw_while_commands_are_on_their_way(sky, report_value, flags):
    numbers = [sky.command() for _ in range(10)]
    sky.run(0.5)
    if sky.keys:
        sky.run(5, lambda: bool(sky.down))
        sky.change_clcw(report_value, **flags)
    else:
        sky.forge_down(report_value, flags)
    sky.expect_recovery()
    sky.run(30)
    assert [sky.stage(number) for number in numbers] == [Stage.COMPLETED] * 10


def test_with_keys_an_invented_clcw_changes_nothing(make_sky):
    sky = make_sky(0, "keys")
    numbers = [sky.command() for _ in range(10)]
    while sky.stage(numbers[-1]) is not Stage.COMPLETED:
        sky.forge_down(sky.chance.randrange(256), {"lockout": True})
        sky.run(STEP_NS / NS_PER_S)
        assert sky.now_ns < 10 * NS_PER_S
    assert sky.of(CopAlert) == []


@pytest.mark.parametrize("security", ["none", "keys"])
@pytest.mark.parametrize("seed", range(12))
def test_after_a_flood_of_forgeries_losses_and_reboots_commanding_is_there_within_the_bound(make_sky, seed, security):
    sky = make_sky(seed, security)
    sky.is_attacked = sky.is_lossy = True
    for _ in range(12):
        for _ in range(sky.chance.randrange(4)):
            sky.command()
        sky.run(sky.chance.uniform(0.5, 5))
        match sky.chance.randrange(5):
            case 0:
                sky.boot_spacecraft()
            case 1:
                sky.boot_station()
    assert len(sky.of(CopAlert)) > 3
    sky.is_attacked = sky.is_lossy = False
    sky.expect_recovery()
    # All that was asked for acted once or not at all, and what completed did act.
    executed = sky.executed()
    issued = {event.command_id: event.sequence_count for event in sky.of(CommandIssued)}
    for command_id, sequence_count in issued.items():
        if sky.stage(command_id) is Stage.COMPLETED:
            assert executed[77, sequence_count] == 1


def test_the_bound_grows_with_the_link(sky):
    slower = replace(PROFILE, round_trip_ns=10 * PROFILE.round_trip_ns)
    assert recovery_bound_ns(slower) > recovery_bound_ns(PROFILE) > PROFILE.t1_initial_ns
