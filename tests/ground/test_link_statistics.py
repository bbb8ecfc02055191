"""The statistics of the downlink: each loss is counted once, on the channel it fell on."""

from ccsds.packet import SEQUENCE_COUNT_MAX
from ccsds.sync import TmEncoder
from ccsds.tm_frame import TmFrame
from ground.downlink import Downlink
from ground.events import FrameRejected, FramesMissed, PacketsMissed
from ground.link_statistics import APPLICATIONS_MAX, LinkStatistics
from mission.channels import SPACECRAFT_ID
from mission.definition import DICTIONARY
from mission.profiles import find_profile

PROFILE = find_profile("serial")


def counts_of(statistics, channel=0):
    return {name: count for name, count in statistics.snapshot()[str(channel)].items() if count}


def test_packets_are_missed_by_the_count_of_their_application_on_their_channel():
    statistics = LinkStatistics()
    for channel, apid, count, missed in (
        (0, 1, 7, 0),
        (0, 1, 8, 0),
        (0, 2, 100, 0),
        (2, 1, 500, 0),
        (0, 1, 12, 3),
        (0, 2, 101, 0),
        (0, 1, 13, 0),
    ):
        assert statistics.packet(channel, apid, count) == missed
    assert counts_of(statistics) == {"packets": 6, "packet_gaps": 1, "packets_missed": 3}
    assert counts_of(statistics, 2) == {"packets": 1}


def test_sequence_counts_go_round_and_a_new_beginning_is_no_loss():
    statistics = LinkStatistics()
    assert [statistics.packet(0, 1, count) for count in (SEQUENCE_COUNT_MAX, 0, 1)] == [0, 0, 0]
    assert [statistics.packet(0, 1, count) for count in (5_000, 0, 1)] == [4_998, 0, 0]
    assert counts_of(statistics)["sequences_set_back"] == 1


def test_no_more_applications_are_followed_than_a_mission_has():
    statistics = LinkStatistics()
    for apid in range(2 * APPLICATIONS_MAX):
        statistics.packet(0, apid, 0)
    assert [statistics.packet(0, apid, 9) for apid in (0, 2 * APPLICATIONS_MAX - 1)] == [8, 0]
    assert len(statistics._next_sequence) == APPLICATIONS_MAX


class TestDownlink:
    """The statistics as frames come down."""

    def line(self, vc_count, channel=0, damage=0):
        """A frame of one idle packet, with some of its octets wrong."""
        data = bytes([0x07, 0xFF, 0xC0, 0x00]) + (PROFILE.tm_data_octets - 7).to_bytes(2, "big")
        data += bytes(PROFILE.tm_data_octets - len(data))
        frame = TmFrame(SPACECRAFT_ID, channel, vc_count, vc_count, 0, data, bytes.fromhex("01000005"))
        octets = bytearray(TmEncoder(PROFILE.tm_coding).encode(frame.encode()))
        for place in range(damage):
            octets[4 + place] ^= 0xFF
        return bytes(octets)

    def test_gaps_repetitions_and_corrections_are_counted_on_their_channel(self):
        downlink = Downlink(PROFILE, DICTIONARY)
        for octets in (
            self.line(250),
            self.line(251),
            self.line(251),  # Once more.
            self.line(3, damage=5),  # Seven frames later, with five symbols to correct.
            self.line(4),
            self.line(9, channel=1),
        ):
            downlink.receive(octets, 0)
        items = downlink.take()
        assert counts_of(downlink.statistics) == {
            "frames": 5,
            "frames_missed": 7,
            "gaps": 1,
            "duplicates": 1,
            "symbols_corrected": 5,
        }
        assert counts_of(downlink.statistics, 1) == {"frames": 1}
        assert [item.count for item in items if isinstance(item, FramesMissed)] == [7]
        assert [item.reason for item in items if isinstance(item, FrameRejected)] == [
            "expected another frame, found the last one of its channel once more"
        ]
        assert not [item for item in items if isinstance(item, PacketsMissed)]
