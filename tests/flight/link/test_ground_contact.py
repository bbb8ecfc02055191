"""Contact on board: what a driver says, and where the profile has it, what authentic traffic says."""

import contextlib
from dataclasses import replace

import msgspec
import pytest

from ccsds.cltu import cltu_encode
from ccsds.packet import PACKET_OCTETS_MIN, idle_packet
from ccsds.sdls.key_file import End
from ccsds.sdls.security import Security
from ccsds.tc_frame import UNLOCK, TcFrame, TcFrameKind
from flight.disk import RealDisk
from flight.link.ground_contact import GroundContact
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from hil.ends.keys import lay_keys
from hil.streams import Streams
from hil.tabletop.operator import IdleWorker
from mission.channels import SPACECRAFT_ID, Uplink
from mission.profiles import Contact, find_profile
from ports.key_directory import opened_keys

NS_PER_S = 1_000_000_000
TRAFFIC = find_profile("serial")
SILENCE_NS = TRAFFIC.silence_ns


def test_with_a_modem_it_is_what_the_driver_says_whatever_is_heard():
    contact = GroundContact(replace(TRAFFIC, contact=Contact.MODEM))
    contact.hear(0)
    assert not contact.is_up
    contact.line(True)
    assert contact.is_up
    contact.advance(10 * SILENCE_NS)
    assert contact.is_up
    assert contact.next_deadline() is None
    contact.line(False)
    assert not contact.is_up


def test_by_traffic_it_begins_with_a_frame_and_ends_with_silence_or_with_the_line():
    contact = GroundContact(TRAFFIC)
    contact.line(True)
    assert not contact.is_up
    contact.hear(5)
    assert contact.is_up
    assert contact.next_deadline() == 5 + SILENCE_NS
    contact.hear(7)
    contact.advance(6 + SILENCE_NS)
    assert contact.is_up
    contact.advance(7 + SILENCE_NS)
    assert not contact.is_up
    contact.hear(8 + SILENCE_NS)
    contact.line(False)
    contact.line(True)
    assert not contact.is_up


@pytest.fixture
def spacecraft(tmp_path):
    craft = Spacecraft(SpacecraftConfig(profile=TRAFFIC, tai_offset_ns=10**18), RealDisk(tmp_path), IdleWorker(), {}, 0)
    craft.contact(True, 0)
    return craft


def keep_alive(channel=Uplink.FILES):
    frame = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, channel, 0, idle_packet(PACKET_OCTETS_MIN))
    return cltu_encode(frame.encode())


def test_a_spacecraft_says_nothing_before_it_hears_a_frame_and_nothing_after_the_silence(spacecraft):
    spacecraft.advance(1)
    assert spacecraft.transmit(1) is None
    spacecraft.receive(keep_alive(), NS_PER_S)
    assert spacecraft.transmit(NS_PER_S) is not None
    end_ns = NS_PER_S + SILENCE_NS
    assert spacecraft.next_deadline() <= end_ns
    spacecraft.advance(end_ns - 1)
    assert spacecraft.transmit(end_ns - 1) is not None
    spacecraft.advance(end_ns)
    assert spacecraft.transmit(end_ns) is None


@pytest.mark.parametrize("channel", list(Uplink))
def test_a_keep_alive_is_no_packet_of_anybody_and_is_not_refused(spacecraft, channel):
    spacecraft.take_events()
    spacecraft.receive(keep_alive(channel), 1)
    assert [event for event in spacecraft.take_events() if type(event).__name__ == "Rejected"] == []


@pytest.mark.parametrize(
    "octets",
    [
        b"\x55" * 64,
        cltu_encode(TcFrame(TcFrameKind.BD, SPACECRAFT_ID ^ 1, 1, 0, idle_packet(7)).encode()),
        cltu_encode(TcFrame(TcFrameKind.AD, SPACECRAFT_ID, 0, 200, idle_packet(7)).encode()),
    ],
    ids=["noise", "another spacecraft", "out of the window"],
)
def test_what_is_not_a_frame_that_is_let_through_brings_no_contact(spacecraft, octets):
    spacecraft.receive(octets, 1)
    assert spacecraft.transmit(1) is None


def test_with_keys_only_what_is_authentic_and_new_brings_contact(tmp_path):
    paths = lay_keys(tmp_path, Streams(3))
    with contextlib.ExitStack() as stack:
        ground = Security(stack.enter_context(opened_keys(paths[End.GROUND], End.GROUND)))
        keys = stack.enter_context(opened_keys(paths[End.SPACECRAFT], End.SPACECRAFT))
        config = SpacecraftConfig(profile=TRAFFIC, tai_offset_ns=10**18)
        craft = Spacecraft(config, RealDisk(tmp_path / "store"), IdleWorker(), {}, 0, keys)
        craft.contact(True, 0)
        clear = TcFrame(TcFrameKind.BD, SPACECRAFT_ID, Uplink.FILES, 0, idle_packet(PACKET_OCTETS_MIN))
        good = ground.sender.protect_tc(clear)
        forged = msgspec.structs.replace(good, data=good.data[:-1] + bytes([good.data[-1] ^ 1]))
        # FARM-1 follows the control command, but anybody can send it.
        unlock = TcFrame(TcFrameKind.BC, SPACECRAFT_ID, Uplink.COMMANDS, 0, UNLOCK)
        for frame in (clear, forged, unlock):
            craft.receive(cltu_encode(frame.encode()), 1)
            assert craft.transmit(1) is None
        craft.receive(cltu_encode(good.encode()), 2)
        assert craft.transmit(2) is not None
        craft.advance(2 + SILENCE_NS)
        craft.receive(cltu_encode(good.encode()), 3 + SILENCE_NS)
        assert craft.transmit(3 + SILENCE_NS) is None
