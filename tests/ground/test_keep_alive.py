"""The keep-alive: what it is, when it leaves, and what it never keeps waiting."""

from dataclasses import replace

import pytest

from ccsds.cltu import CltuDeframer
from ccsds.cop1.fop import Service
from ccsds.errors import MisuseError
from ccsds.packet import IDLE_APID, SpacePacket
from ccsds.tc_frame import TcFrame, TcFrameKind
from ground.station import Station
from ground.station_config import StationConfig
from mission.channels import Uplink
from mission.profiles import PROFILES, Contact

NS_PER_S = 1_000_000_000

SERIAL = PROFILES["serial"]


def station_of(profile=SERIAL):
    return Station(StationConfig(profile=profile, source_id=7))


def frames_of(octets):
    deframer = CltuDeframer(randomized=False)
    deframer.receive(octets)
    # Fill follows the frame; its own header says where it ends.
    return [TcFrame.decode(each) for each in deframer.take()]


def sent_until(station, end_ns):
    """Let time go on from deadline to deadline; give when each frame left, and the frame."""
    sent, now_ns = [], 0
    while now_ns < end_ns:
        station.advance(now_ns)
        while (octets := station.transmit(now_ns)) is not None:
            sent += [(now_ns, frame) for frame in frames_of(octets)]
        deadline_ns = station.next_deadline()
        if deadline_ns is None:
            break
        assert deadline_ns > now_ns
        now_ns = deadline_ns
    return sent


def test_it_leaves_each_second_into_silence_as_a_bd_frame_with_an_idle_packet():
    station = station_of()
    station.contact(True, 0)
    sent = sent_until(station, 10 * NS_PER_S)
    assert [at_ns for at_ns, _ in sent] == [second * NS_PER_S for second in range(10)]
    for _, frame in sent:
        assert (frame.kind, frame.virtual_channel) == (TcFrameKind.BD, Uplink.FILES)
        assert SpacePacket.decode(frame.data).apid == IDLE_APID


@pytest.mark.parametrize("name", sorted(PROFILES))
def test_only_profiles_without_a_modem_want_it(name):
    station = station_of(PROFILES[name])
    station.contact(True, 0)
    assert bool(sent_until(station, 3 * NS_PER_S)) is (PROFILES[name].contact is Contact.TRAFFIC)


def test_without_a_line_there_is_none_and_it_begins_anew_with_the_line():
    station = station_of()
    assert sent_until(station, 3 * NS_PER_S) == []
    station.contact(True, 0)
    assert len(sent_until(station, NS_PER_S)) == 1
    station.contact(False, NS_PER_S)
    assert station.next_deadline() is None
    station.contact(True, 5 * NS_PER_S)
    assert station.transmit(5 * NS_PER_S) is not None


def test_a_command_that_bypasses_the_sequence_is_one_too():
    station = station_of()
    station.contact(True, 0)
    assert len(sent_until(station, NS_PER_S)) == 1
    station.telecommand(17, 1, service=Service.BD, now_ns=NS_PER_S // 2)
    assert station.transmit(NS_PER_S // 2) is not None
    station.advance(NS_PER_S)
    assert station.transmit(NS_PER_S) is None
    station.advance(3 * NS_PER_S // 2)
    assert station.transmit(3 * NS_PER_S // 2) is not None


def test_a_line_that_is_busy_when_it_falls_due_leaves_no_deadline_in_the_past():
    station = station_of()
    station.contact(True, 0)
    assert station.transmit(0) is not None
    station.advance(NS_PER_S)
    # It waits for the transmitter now, which is asked when the line is free.
    assert station.next_deadline() > NS_PER_S
    assert station.transmit(NS_PER_S + 5) is not None


def test_a_profile_whose_silence_is_no_longer_than_its_keep_alive_is_refused():
    with pytest.raises(MisuseError, match="expected silence_ns above keep_alive_ns"):
        replace(SERIAL, silence_ns=SERIAL.keep_alive_ns)
