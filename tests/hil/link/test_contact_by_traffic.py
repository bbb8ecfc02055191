"""Contact where no modem tells of it: found by keep-alives, lost by silence, in virtual time and over a pty."""

import asyncio
import contextlib
import json
from dataclasses import replace

import pytest

from ccsds.cltu import cltu_encode
from ccsds.packet import PACKET_OCTETS_MIN, idle_packet
from ccsds.tc_frame import TcFrame, TcFrameKind
from flight.disk import RealDisk
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from ground.events import LinkChanged
from ground.files import FilesHome
from ground.station import Station
from ground.station_config import StationConfig
from ground.transfer_events import (
    TransferFailed,
    TransferFinished,
    TransferSuspended,
)
from hil.disk.simulated_disk import SimulatedDisk
from hil.run.run import prepare_folder
from hil.scenario.scenario import parse_scenario
from hil.streams import Streams
from hil.tabletop.operator import IdleWorker
from hil.world import World
from mission.beacon import decode_beacon
from mission.channels import SPACECRAFT_ID, Uplink
from mission.profiles import Contact, find_profile
from ports.drive import drive
from ports.port import open_port

NS_PER_S = 1_000_000_000
HOUR_S = 3600
PATIENCE_S = 60

SILENCE_S = 11 * HOUR_S
FIRST_S, LAST_S = 20, 20 + 40 + SILENCE_S

SCENARIO = f"""
name = "silence"
duration_s = {LAST_S + 400}
[spacecraft]
corpora = []
files = [{{ name = "down.bin", octets = 40000 }}]
[station]
files = [{{ name = "up.bin", octets = 40000 }}]
[link]
profile = "uhf"
contact = "traffic"
up = {{ delay_s = 0.01 }}
down = {{ delay_s = 0.01 }}
passes = [{{ at_s = {FIRST_S}, duration_s = 40 }}, {{ at_s = {LAST_S}, duration_s = 400 }}]
[[procedure]]
command = "file.send"
arguments = {{ name = "down.bin" }}
[[procedure]]
put_file = "up.bin"
[[procedure]]
wait_for_file = "down.bin"
[[procedure]]
wait_s = 120
"""


@pytest.fixture(scope="module")
def silence(tmp_path_factory):
    """Two files, begun in one pass and cut by eleven hours in which not one octet arrives."""
    folder = tmp_path_factory.mktemp("silence") / "run"
    prepare_folder(folder, force=False)
    world = World(parse_scenario(SCENARIO, "silence"), 1, folder, {}, lambda source, event: None)
    sent = []

    def send(data, now_ns, send=world.down.send):
        sent.append((now_ns / NS_PER_S, bytes(data)))
        send(data, now_ns)

    world.down.send = send
    evidence = world.run()
    logged = [json.loads(line) for line in (folder / "events.jsonl").read_text().splitlines()]
    return world, evidence, logged, sent


def test_files_go_on_after_eleven_hours_of_silence_and_nothing_was_given_up(silence):
    world, evidence, logged, _ = silence
    assert world.procedure.failures == []
    for name in ("down.bin", "up.bin"):
        there, here = evidence.files[name]
        assert there is not None
        assert there == here, name
    told = [each["type"] for each in logged if each["type"].startswith("Transfer")]
    assert told.count("TransferFinished") == 2
    assert not {"TransferFailed", "TransferSuspended"} & set(told)
    # They were on their way when the signal went, and ended when it was back.
    assert all(each["time_ns"] > LAST_S * NS_PER_S for each in logged if each["type"] == "TransferFinished")
    assert not [each for each in logged if each.get("name") in ("transfer_failed", "transfer_ended")]


def test_meanwhile_the_spacecraft_sends_its_beacon_and_nothing_else(silence):
    *_, sent = silence
    lonely = [data for second, data in sent if FIRST_S + 40 + 3 < second < LAST_S]
    # One each five minutes.
    assert len(lonely) in (SILENCE_S // 300 - 1, SILENCE_S // 300)
    assert all("NOMINAL" in decode_beacon(data.strip()) for data in lonely)


def test_contact_is_found_within_two_seconds_of_the_signal_and_lost_within_three_and_a_bit(silence):
    *_, logged, sent = silence
    frames = [second for second, data in sent if len(data) > 200]
    found = [min(second for second in frames if second >= start_s) for start_s in (FIRST_S, LAST_S)]
    assert all(0 <= at_s - start_s < 2 for at_s, start_s in zip(found, (FIRST_S, LAST_S), strict=True))
    last_s = max(second for second in frames if second < LAST_S)
    assert 0 <= last_s - (FIRST_S + 40) <= 3.1
    links = [each["state"] for each in logged if each["type"] == "LinkChanged"]
    assert links == ["UP", "DOWN", "UP"]


def test_no_replayed_keep_alive_holds_contact_up_nor_does_another_key(tmp_path):
    # Without keys a copy of a keep-alive is as good as the first: what the keys are for.
    text = (
        SCENARIO.replace("[[procedure]]\nwait_s = 120\n", "")
        .replace(f"duration_s = {LAST_S + 400}", "duration_s = 600")
        .replace(f", {{ at_s = {LAST_S}, duration_s = 400 }}]", "]")
    )
    for keys, finds in (("keys", False), ("none", True)):
        folder = tmp_path / keys
        prepare_folder(folder, force=False)
        world = World(
            parse_scenario(text.replace("[link]\n", f'[link]\nsecurity = "{keys}"\n'), "replay"),
            1,
            folder,
            {},
            lambda source, event: None,
        )
        heard, frames = [], []

        def send_up(data, now_ns, send=world.up.send, world=world, heard=heard):
            send(data, now_ns)
            if 25 * NS_PER_S < now_ns < 55 * NS_PER_S:
                heard.append(data)
            elif now_ns > 100 * NS_PER_S and heard:
                # The line carries nothing of the station's by now: somebody near the spacecraft says it again.
                world.spacecraft.receive(heard.pop(), now_ns)

        def send_down(data, now_ns, send=world.down.send, frames=frames):
            send(data, now_ns)
            if now_ns > 100 * NS_PER_S and len(data) > 200:
                frames.append(now_ns)

        world.up.send, world.down.send = send_up, send_down
        world.run()
        assert bool(frames) is finds, keys


@pytest.mark.parametrize("contact", ["modem", "traffic"])
def test_contact_that_comes_while_a_beacon_is_on_the_line_waits_for_its_end(tmp_path, contact):
    text = f"""
name = "beacon"
duration_s = 320
[spacecraft]
corpora = []
[link]
profile = "uhf"
contact = "{contact}"
security = "none"
passes = [{{ at_s = 300.01, duration_s = 15 }}]
[[procedure]]
wait_s = 319
"""
    prepare_folder(tmp_path / "run", force=False)
    world = World(parse_scenario(text, "beacon"), 1, tmp_path / "run", {}, lambda source, event: None)
    sent = []

    def send(data, now_ns, send=world.down.send):
        if now_ns >= 300 * NS_PER_S:
            sent.append((now_ns, len(data)))
        send(data, now_ns)

    world.down.send = send
    if contact == "traffic":
        # A keep-alive comes a hundredth of a second after the beacon began.
        frame = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, Uplink.FILES, 0, idle_packet(PACKET_OCTETS_MIN))
        hear = cltu_encode(frame.encode())
        world._agenda.add(300 * NS_PER_S + NS_PER_S // 100, lambda: world.spacecraft.receive(hear, world.now_ns))
    world.run()
    (beacon_ns, beacon_octets), (frame_ns, frame_octets), *_ = sent
    assert beacon_octets < 200 < frame_octets
    assert frame_ns == beacon_ns + beacon_octets * 8 * NS_PER_S // 9600


class Mutable:
    """Two pseudo-terminals and what carries octets between them, until it is muted."""

    def __init__(self, folder):
        self._ports = [open_port(f"pty:{folder / name}") for name in ("board", "station")]
        self.is_muted = False
        self.lost = b""
        """What the board said into the silence."""
        self._waiting = {0: b"", 1: b""}

    async def run(self):
        while True:
            for source, sink in ((0, 1), (1, 0)):
                octets = self._ports[source].read()
                if self.is_muted:
                    self.lost += octets if source == 0 else b""
                    octets = b""
                waiting = self._waiting[sink] + octets
                self._waiting[sink] = waiting[self._ports[sink].write(waiting) :] if waiting else b""
            await asyncio.sleep(0.001)

    def close(self):
        for port in self._ports:
            port.close()


def test_over_a_pty_a_muted_line_ends_contact_at_both_ends_and_the_file_goes_on_after_it(tmp_path):
    # The same as shipped, ten times faster: what is checked is what happens, not when.
    profile = replace(
        find_profile("serial"),
        uplink_rate_bps=2_000_000,
        downlink_rate_bps=2_000_000,
        keep_alive_ns=NS_PER_S // 10,
        silence_ns=NS_PER_S // 2,
        beacon_ns=NS_PER_S,
    )
    assert profile.contact is Contact.TRAFFIC
    content = bytes(range(256)) * 2048
    (tmp_path / "store" / "files").mkdir(parents=True)
    (tmp_path / "store" / "files" / "down.bin").write_bytes(content)
    (tmp_path / "ground").mkdir()

    async def fly():
        line = Mutable(tmp_path)
        config = SpacecraftConfig(profile=profile, tai_offset_ns=10**18)
        clock = asyncio.get_running_loop().time
        spacecraft = Spacecraft(config, RealDisk(tmp_path / "store"), IdleWorker(), {}, round(clock() * NS_PER_S))
        store = SimulatedDisk(tmp_path / "ground", Streams(1))
        station = Station(StationConfig(profile=profile, source_id=7), files=FilesHome(store=store))
        told = []
        wakes = [asyncio.Event(), asyncio.Event()]
        changed = asyncio.Event()

        def hear(events):
            told.extend(events)
            changed.set()

        drives = [
            drive(
                core,
                f"serial:{tmp_path / name}",
                rate_bps=2_000_000,
                bits_per_octet=10,
                on_events=on_events,
                wake=wake,
                clock=lambda: round(clock() * NS_PER_S),
            )
            for core, name, on_events, wake in (
                (spacecraft, "board", lambda events: None, wakes[0]),
                (station, "station", hear, wakes[1]),
            )
        ]
        tasks = [asyncio.create_task(each) for each in (line.run(), *drives)]

        async def until(is_true):
            async with asyncio.timeout(PATIENCE_S):
                while not is_true():
                    for task in tasks:
                        assert not task.done(), task
                    changed.clear()
                    with contextlib.suppress(TimeoutError):
                        await asyncio.wait_for(changed.wait(), 0.05)

        try:
            await until(lambda: [each.state.name for each in told if isinstance(each, LinkChanged)] == ["UP"])
            station.command("file.send", {"name": "down.bin"}, now_ns=round(clock() * NS_PER_S))
            wakes[1].set()
            await until(lambda: any(each["done_octets"] > 50_000 for each in station.transfers()))
            line.is_muted = True
            await until(lambda: line.lost.count(b"NOMINAL") >= 2)
            # The last frames, then silence but for the beacon: it is out of contact.
            said = line.lost[line.lost.index(b"NOMINAL") :]
            assert len(said) < 300
            assert [each.state.name for each in told if isinstance(each, LinkChanged)] == ["UP", "DOWN"]
            assert not [each for each in told if isinstance(each, TransferFinished)]
            line.is_muted = False
            await until(lambda: any(isinstance(each, TransferFinished) for each in told))
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            line.close()
        assert not [each for each in told if isinstance(each, TransferFailed | TransferSuspended)]
        assert store.read("down.bin") == content

    asyncio.run(fly())
