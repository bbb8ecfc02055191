"""Both ends: a clock on board that drifts and is set meanwhile, and light time that changes over the pass."""

import heapq

import numpy as np
import pytest

from ccsds.time import tai_ns_from_unix
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, Origin
from flight.spacecraft import Spacecraft
from flight.spacecraft_config import SpacecraftConfig
from ground.events import EventReported, HousekeepingReceived, ReportReceived, SegmentCause, TimeSegmentBegan
from ground.station import Station
from ground.station_config import StationConfig
from mission.profiles import find_profile

SECOND = 1_000_000_000
PROFILE = find_profile("sband")
UNIX_NS = 1_750_000_000 * SECOND
STEP_NS = 10_000_000


class Worker:
    """A worker that never gets anywhere."""

    def launch(self):
        pass

    def send(self, request):
        pass

    def memory_octets(self):
        return 0

    def kill(self):
        pass


class Pass:
    """A pass: both ends at one true time, and a sky between them that takes its time."""

    def __init__(self, folder, drift_ppm=20.0, jitter_ns=200_000, tells_light_time=True, loss=0.0):
        corpus = CorpusFile(name="text", path=folder, sha256="cd" * 32, length_octets=9, origin=Origin.PATH, notice="")
        self.drift_ppm = drift_ppm
        self.jitter_ns = jitter_ns
        self.tells_light_time = tells_light_time
        self.loss = loss
        self.random = np.random.default_rng(1)
        config = SpacecraftConfig(profile=PROFILE, tai_offset_ns=tai_ns_from_unix(UNIX_NS) + 3 * SECOND)
        self.spacecraft = Spacecraft(config, RealDisk(folder), Worker(), {"text": corpus})
        self.station = Station(StationConfig(profile=PROFILE, source_id=9))
        self.station.onboard_time.set_utc(UNIX_NS, 0)
        self.spacecraft.contact(True, 0)
        self.station.contact(True, 0)
        self.now_ns = 0
        self.free_ns = {"up": 0, "down": 0}
        self.line = []
        self.count = 0
        self.events = []

    def light_ns(self):
        """From 8 ms at the horizon to 2 ms overhead, and back, in ten minutes."""
        return round(2e6 + 6e6 * abs(self.now_ns / SECOND - 300) / 300)

    def board_ns(self):
        return self.now_ns + round(self.now_ns * self.drift_ppm / 1e6)

    def run(self, until_s):
        while self.now_ns < until_s * SECOND:
            self.now_ns += STEP_NS
            if self.tells_light_time:
                self.station.onboard_time.set_light_time(self.light_ns())
            while self.line and self.line[0][0] <= self.now_ns:
                at_ns, _, way, octets = heapq.heappop(self.line)
                if way == "up":
                    self.spacecraft.receive(octets, at_ns + round(at_ns * self.drift_ppm / 1e6))
                else:
                    self.station.receive(octets, at_ns)
            self.spacecraft.advance(self.board_ns())
            self.station.advance(self.now_ns)
            for way, end, rate in (
                ("up", self.station, PROFILE.uplink_rate_bps),
                ("down", self.spacecraft, PROFILE.downlink_rate_bps),
            ):
                while self.free_ns[way] <= self.now_ns:
                    octets = end.transmit(self.now_ns if way == "up" else self.board_ns())
                    if octets is None:
                        break
                    duration_ns = len(octets) * PROFILE.bits_per_octet * SECOND // rate
                    self.free_ns[way] = self.now_ns + duration_ns
                    late_ns = round(abs(self.random.normal(0, self.jitter_ns))) if way == "down" else 0
                    if way == "down" and self.random.random() < self.loss:
                        continue
                    self.count += 1
                    arrival_ns = self.now_ns + duration_ns + self.light_ns() + late_ns
                    heapq.heappush(self.line, (arrival_ns, self.count, way, octets))
            self.events += self.station.take_events()

    def send(self, name, **arguments):
        self.station.command(name, arguments, now_ns=self.now_ns)

    def error_ns(self):
        """How wrong the ground is about on-board time now."""
        truth_ns = self.spacecraft._clock.tai_ns(self.board_ns())
        return self.station.onboard_time.tai_at(self.now_ns) - truth_ns

    def snapshot(self):
        return self.station.onboard_time.snapshot(self.now_ns)

    def causes(self):
        return [event.cause for event in self.events if isinstance(event, TimeSegmentBegan)]


def test_over_a_pass_the_ground_finds_drift_and_offset_and_follows_a_clock_that_is_set(tmp_path):
    sky = Pass(tmp_path)
    assert sky.snapshot()["offset_ns"] is None
    sky.run(2)
    sky.send("time.report_rate", exponent=0)
    sky.run(120)
    assert abs(sky.snapshot()["drift_ppm"] - 20) < 2
    assert abs(sky.error_ns()) < 400_000
    assert abs(sky.snapshot()["offset_ns"] - 3 * SECOND) < 5_000_000
    sky.send("time.adjust", offset=-3 * SECOND, uncertainty=5)
    sky.run(125)
    assert sky.causes() == [SegmentCause.FIRST, SegmentCause.ANNOUNCED]
    assert abs(sky.error_ns()) < 1_000_000
    sky.run(240)
    assert abs(sky.snapshot()["offset_ns"]) < 10_000_000
    assert abs(sky.snapshot()["drift_ppm"] - 20) < 2
    assert abs(sky.error_ns()) < 400_000
    assert sky.causes() == [SegmentCause.FIRST, SegmentCause.ANNOUNCED]


def test_everything_from_on_board_is_stamped_with_the_stations_time_too(tmp_path):
    sky = Pass(tmp_path)
    sky.run(2)
    sky.send("time.report_rate", exponent=0)
    sky.run(60)
    sky.events.clear()
    sky.send("housekeeping.enable", structures=[1])
    sky.run(70)
    told = [each for each in sky.events if isinstance(each, ReportReceived | HousekeepingReceived | EventReported)]
    assert len(told) > 5
    for each in told:
        age_ns = each.time_ns - each.generated_ns
        # Made at most a turn and a frame before it came; the light takes 8 ms at most.
        assert 0 < age_ns < SECOND + 50_000_000


@pytest.mark.parametrize("tells_light_time", [True, False])
def test_where_nobody_tells_the_light_time_commands_do(tmp_path, tells_light_time):
    sky = Pass(tmp_path, jitter_ns=50_000, tells_light_time=tells_light_time)
    sky.run(2)
    sky.send("time.report_rate", exponent=0)
    for at_s in range(20, 60, 5):
        sky.run(at_s)
        sky.send("test.connection")
    sky.run(60)
    found = sky.snapshot()
    assert found["light_source"] == ("given" if tells_light_time else "commands")
    # The light time moves on by a fifth of a millisecond while the slope is found.
    assert abs(found["light_ns"] - sky.light_ns()) < 500_000
    assert abs(sky.error_ns()) < 1_000_000


def test_a_report_of_a_frame_that_was_lost_is_not_taken_for_one_of_another(tmp_path):
    sky = Pass(tmp_path, loss=0.3)
    sky.run(2)
    sky.send("time.report_rate", exponent=0)
    sky.run(200)
    reports = [each for each in sky.events if isinstance(each, ReportReceived) and each.name == "time_report"]
    unknown = [each for each in reports if each.values["frame_time_ns"] is None]
    assert len(reports) > 100
    assert len(unknown) > 10
    assert sky.snapshot()["outliers"] == 0
    assert abs(sky.error_ns()) < 500_000
