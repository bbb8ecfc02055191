"""Time reports of ST[09]: at the commanded rate, of the frame that they name, and never a frame too many for them."""

from itertools import pairwise

import pytest

from ccsds.pus.time_report import TimeReport
from ccsds.tm_frame import TmFrame
from ccsds.tm_packets import PacketAssembler
from mission.channels import Downlink
from mission.time import TimeStatus

SECOND = 1_000_000_000
TAI_NS = 10**18


class Ear:
    """Hears frames, and takes the time reports out of them."""

    def __init__(self, table, make_telecommand):
        self.table = table
        self.make = make_telecommand
        self.sequence = 0
        self.sent_ns = {}
        self.reports = []
        self.channels = []
        self.packets = PacketAssembler()
        table.spacecraft.contact(True, 0)

    def send(self, service, subtype, data=b"", now_ns=0):
        self.sequence += 1
        self.table.send(self.make(service, subtype, data, sequence=self.sequence), now_ns)

    def hear(self, now_ns):
        """Pull frames until there is none; give how many there were."""
        count = 0
        while (octets := self.table.spacecraft.transmit(now_ns)) is not None:
            count += 1
            assert count < 100  # Reports that ask for frames of their own never end.
            self.table.deframer.receive(octets)
            for frame_octets, _ in self.table.deframer.take():
                self.take(frame_octets, now_ns)
        return count

    def take(self, octets, now_ns):
        frame = TmFrame.decode(octets)
        self.channels.append(frame.virtual_channel)
        if frame.virtual_channel != Downlink.LIVE:
            return
        for packet in self.packets.receive(frame.data, frame.first_header_pointer, frame.vc_count):
            if packet[:2] == b"\x00\x00":
                self.reports.append(TimeReport.decode(packet))
        self.sent_ns[frame.vc_count] = now_ns


@pytest.fixture
def ear(table, make_telecommand):
    return Ear(table, make_telecommand)


def test_there_are_none_until_they_are_asked_for_and_none_after_they_are_stopped(ear):
    for now_s in range(5):
        ear.hear(now_s * SECOND)
    assert ear.reports == []
    ear.send(9, 1, b"\x00", 5 * SECOND)
    for now_s in range(5, 10):
        ear.hear(now_s * SECOND)
    assert len(ear.reports) == 4
    ear.send(9, 130, b"", 10 * SECOND)
    ear.hear(10 * SECOND)
    count = len(ear.reports)
    for now_s in range(11, 15):
        ear.hear(now_s * SECOND)
    assert len(ear.reports) == count


def test_a_report_tells_the_time_at_which_the_frame_that_it_names_began_to_leave(ear):
    ear.send(9, 1, b"\x00")
    for tenth in range(50):
        ear.hear(tenth * SECOND // 10)
    assert len(ear.reports) > 3
    for report in ear.reports:
        # In ticks of 60 ns.
        assert 0 <= TAI_NS + ear.sent_ns[report.frame_count] - report.tai_ns < 60
        assert (report.rate_exponent, report.status) == (0, TimeStatus.UNSYNCHRONISED)


@pytest.mark.parametrize("exponent", [0, 1, 3])
def test_every_nth_frame_of_a_busy_link_is_reported_in_the_next_one(ear, exponent):
    ear.send(9, 1, bytes([exponent]))
    for now_ms in range(400):
        ear.send(17, 1, b"", now_ms * 1_000_000)
        ear.hear(now_ms * 1_000_000)
    counts = [report.frame_count for report in ear.reports]
    assert all(count % (1 << exponent) == 0 for count in counts)
    assert len(counts) > 390 >> exponent
    steps = {(after - before) % 256 for before, after in pairwise(counts)}
    assert steps == {1 << exponent}


def test_on_a_quiet_link_the_highest_rate_costs_no_more_frames_than_the_keep_alive(ear):
    ear.send(9, 1, b"\x00")
    ear.hear(0)
    frames = sum(ear.hear(now_ms * 10_000_000) for now_ms in range(1, 1001))
    assert frames == 10
    assert ear.channels[-10:] == [Downlink.LIVE] * 10


def test_the_rate_survives_a_reboot(ear, make_table, make_telecommand, tmp_path):
    ear.send(9, 1, b"\x00")
    again = Ear(make_table(tmp_path), make_telecommand)
    for now_s in range(4):
        again.hear(now_s * SECOND)
    assert len(again.reports) == 3


@pytest.mark.parametrize("data", [b"\x09", b"", b"\x00\x00"])
def test_a_rate_that_is_none_is_refused(table, make_telecommand, data):
    table.spacecraft.contact(True, 0)
    table.hear()
    table.send(make_telecommand(9, 1, data))
    assert [each[:2] for each in table.hear()] == [(1, 2)]
    assert table.spacecraft._ledger.time_report_exponent is None
