"""Files across passes, through the whole of both ends in virtual time: how full the contact time is of useful octets.

A file goes down (and, in two more rows, up) in short passes with gaps of 90 minutes to 11 hours. 2 % of all frames are
lost in bursts, both ends have keys, and each of them loses its power once in the middle. What framing leaves is the
rate of the line times a segment of the file over the octets that its frame has on the line: sync marker, Reed-Solomon,
headers, CLCW, FECF, link security, packet and CFDP header are all overhead. Contact time counts from the first
acquisition of signal to the file whole and verified, the command that asks for it included; without the time in which
an end was off, and without one light round trip a pass.

    python -m tools.bench.passes
"""

import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from ccsds.sdls.association import Suite
from hil.scenario.faults import FaultTable
from hil.scenario.link import DirectionTable, LinkTable, PassTable
from hil.scenario.procedure import StepTable
from hil.scenario.scenario import Scenario
from hil.scenario.spacecraft import FileTable, SpacecraftTable, StationTable
from hil.streams import Streams
from hil.world import World
from mission.files import downlink_useful_octets_s, uplink_useful_octets_s
from mission.profiles import find_profile
from tools.bench.row import Row, plain

GROUP = "link"
NS_PER_S = 1_000_000_000
KIB, MIB = 1 << 10, 1 << 20

SEED = 727
DELAY_S = 0.05
FRAME_LOSS = 0.02
BURST_FRAMES = 4.0
GAP_S = (90 * 60.0, 11 * 3600.0)
FILL_MIN = 0.95
# Four times what the longest case needs: a file that is not there by then never comes.
PASSES = 40


@dataclass(frozen=True, kw_only=True)
class Case:
    """One file over one profile."""

    profile: str
    octets: int
    pass_s: float
    down_s: float
    """How long an end is off."""
    spacecraft_cut: float
    """When it loses its power, in passes: 1.5 is the middle of the second."""
    station_cut: float
    goes_up: bool = False


CASES = (
    Case(profile="uhf", octets=2 * MIB, pass_s=420, down_s=30, spacecraft_cut=2.5, station_cut=3.4),
    Case(profile="sband", octets=200 * MIB, pass_s=420, down_s=30, spacecraft_cut=1.5, station_cut=2.4),
    Case(profile="xband", octets=256 * MIB, pass_s=12, down_s=2, spacecraft_cut=1.5, station_cut=2.4),
    Case(profile="uhf", octets=200 * KIB, pass_s=120, down_s=10, spacecraft_cut=0.5, station_cut=1.4, goes_up=True),
    Case(profile="sband", octets=4 * MIB, pass_s=420, down_s=30, spacecraft_cut=0.5, station_cut=1.2, goes_up=True),
)


@dataclass(frozen=True, kw_only=True)
class Crossing:
    """How a file crossed."""

    is_equal: bool
    contact_s: float
    """Needed, without the time in which an end was off."""
    passes: int
    frame_loss: float
    """Of the frames in the file's direction, both ends being on: measured going down, as configured going up."""
    fill: float
    """Useful octets over what framing leaves of the contact time, each pass's first round trip taken off."""


def cross(case: Case, seed: int = SEED) -> Crossing:
    """Let a file cross."""
    starts_s = _starts(case, seed)
    arrived_s: list[float] = []

    def watch(source: str, event: Mapping[str, Any]) -> None:
        # Whole and verified at the receiver: the station's own word, or the one of the spacecraft.
        is_there = event["type"] == "TransferFinished" if not case.goes_up else event.get("name") == "file_stored"
        if is_there and source == ("spacecraft" if case.goes_up else "station"):
            arrived_s.append(event["time_ns"] / NS_PER_S)

    with tempfile.TemporaryDirectory() as folder:
        world = World(scenario_of(case, starts_s), seed, Path(folder), {}, watch)
        evidence = world.run()
    sent, found = evidence.files["file.bin"]
    end_s = arrived_s[0] if arrived_s else starts_s[-1] + case.pass_s
    contact_s = sum(max(0.0, min(end_s - start_s, case.pass_s)) for start_s in starts_s) - 2 * case.down_s
    passes = sum(start_s < end_s for start_s in starts_s)
    sender = "station" if case.goes_up else "spacecraft"
    frames = evidence.counts[f"{sender}.FrameSent"]
    heard = evidence.counts["station.FrameReceived"]
    loss = FRAME_LOSS if case.goes_up else 1 - heard / frames
    useful_s = case.octets / useful_octets_s(case)
    return Crossing(
        is_equal=bool(arrived_s) and sent == found,
        contact_s=contact_s,
        passes=passes,
        frame_loss=loss,
        fill=useful_s / (contact_s - passes * 2 * DELAY_S),
    )


def scenario_of(case: Case, starts_s: list[float]) -> Scenario:
    """Give the scenario of a case whose passes begin at these times."""
    direction = DirectionTable(delay_s=DELAY_S, frame_loss=FRAME_LOSS, frame_loss_burst=BURST_FRAMES)
    files = [FileTable(name="file.bin", octets=case.octets)]
    begin = StepTable(put_file="file.bin") if case.goes_up else StepTable(command="file.send", arguments=_FILE)

    def time_of(cut: float) -> float:
        return starts_s[int(cut)] + cut % 1 * case.pass_s

    return Scenario(
        name="passes",
        duration_s=starts_s[-1] + case.pass_s,
        spacecraft=SpacecraftTable(corpora=[], files=[] if case.goes_up else files),
        station=StationTable(files=files if case.goes_up else []),
        link=LinkTable(
            profile=case.profile,
            up=direction,
            down=direction,
            passes=[PassTable(at_s=start_s, duration_s=case.pass_s) for start_s in starts_s],
        ),
        faults=[
            FaultTable(kind="reboot_spacecraft", at_s=time_of(case.spacecraft_cut), down_s=case.down_s),
            FaultTable(kind="reboot_station", at_s=time_of(case.station_cut), down_s=case.down_s),
        ],
        procedure=[begin, StepTable(wait_for_file="file.bin")],
    )


def useful_octets_s(case: Case) -> float:
    """Give what framing leaves of a second on the line, in octets of the file."""
    profile = find_profile(case.profile)
    security_octets = Suite.AES_256_GCM.overhead_octets
    useful = uplink_useful_octets_s if case.goes_up else downlink_useful_octets_s
    return useful(profile, security_octets)


def run() -> list[Row]:
    """Measure, and give the rows."""
    return [_row(case) for case in CASES]


def _row(case: Case) -> Row:
    crossing = cross(case)
    octets = f"{case.octets // MIB} MiB" if case.octets >= MIB else f"{case.octets // KIB} KiB"
    way = "up" if case.goes_up else "down"
    found = "equal" if crossing.is_equal else "NOT EQUAL"
    least = FILL_MIN * (1 - crossing.frame_loss)
    return Row(
        group=GROUP,
        name=(
            f"file of {octets} {way} over {case.profile}, {crossing.passes} passes of {case.pass_s:g} s, "
            f"both ends rebooted, {crossing.frame_loss:.1%} lost{' (as set)' if case.goes_up else ''}: {found}, "
            "share of contact filled"
        ),
        value=round(crossing.fill, 4),
        unit="",
        target=f">= {least:.4f}" if not case.goes_up else "equal",
        ok=crossing.is_equal and (case.goes_up or crossing.fill >= least),
    )


def _starts(case: Case, seed: int) -> list[float]:
    """Draw when the passes begin."""
    gaps = Streams(seed).block("passes", 0).uniform(*GAP_S, PASSES)
    starts_s, time_s = [], 10.0
    for gap_s in gaps.tolist():
        starts_s.append(time_s)
        time_s += case.pass_s + gap_s
    return starts_s


_FILE = {"name": "file.bin"}


if __name__ == "__main__":
    for row in run():
        print(plain(row), flush=True)
