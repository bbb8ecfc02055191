"""How fast an archive of a year takes telemetry in, and how fast it answers; and what is left of it when it is killed.

The year is ten million reports: `core` every 5 s, `governor` every 10 s and `survival` every 58 s, as a station decodes
them, in batches as a flood of playback brings them. A point query is the report, or the number, that stood at a random
time; a window is a random hundredth of the year, of one number. Beside it stands the plainest layout that could do the
same: a row for each number, ordered by name and time.

    python -m tools.bench.archive [REPORTS]
"""

import random
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np

from ground.archive.archive import BATCH_ROWS_MAX, Archive
from ground.archive.columns import numbers_of
from ground.archive.history import History
from ground.events import HousekeepingReceived
from mission.definition import DICTIONARY
from mission.field_types import Enumerated, Float, Int, UInt
from mission.housekeeping import StructureKind
from tools.bench.archive_load import kill_again_and_again
from tools.bench.row import Row, plain

GROUP = "station"
REPORTS = 10_000_000
NS_PER_S = 1_000_000_000
T0_NS = 2_173_000_000 * NS_PER_S
YEAR_NS = 31_557_600 * NS_PER_S

INGEST_TARGET = 50_000
POINT_TARGET_MS = 50
YEAR_TARGET_MS = 200
KILLS = 50

_PERIODS_S = {"core": 5, "governor": 10, "survival": 58}
_PEER_REPORTS = 100_000
_QUERIES = 1_000
_WINDOWS = 200
_YEARS = 30
_PLOTTED = ("core.uptime", "core.frames_sent", "governor.battery_charge", "governor.bus_load", "survival.silence")


def run(reports: int = REPORTS) -> list[Row]:
    """Measure, and give the rows."""
    with tempfile.TemporaryDirectory(prefix="archive-") as folder:
        path = Path(folder) / "archive.sqlite"
        ingest_s, cpu_s, count = _ingest(path, reports)
        peer_s, peer_octets = _peer(Path(folder) / "peer.sqlite")
        size = path.stat().st_size
        rows = [
            Row(
                group=GROUP,
                name=f"archive: bulk ingest of {count / 1e6:.1f} million reports",
                value=count / ingest_s,
                unit="packets/s",
                peer="SQLite, a row a number",
                peer_value=_PEER_REPORTS / peer_s,
                ratio=(count / ingest_s) / (_PEER_REPORTS / peer_s),
                target=f">= {INGEST_TARGET:,}",
                ok=count / ingest_s >= INGEST_TARGET,
            ),
            Row(group=GROUP, name="archive: the same, a second of one core", value=count / cpu_s, unit="packets/s"),
            Row(
                group=GROUP,
                name="archive: size, packets of 64 octets included in ours alone",
                value=size / count,
                unit="octets/packet",
                peer="SQLite, a row a number",
                peer_value=peer_octets / _PEER_REPORTS,
                ratio=(size / count) / (peer_octets / _PEER_REPORTS),
            ),
            *_answers(path, T0_NS + count * YEAR_NS // _in_a_year()),
        ]
    return rows + _kills()


def _in_a_year() -> int:
    return sum(YEAR_NS // NS_PER_S // period_s for period_s in _PERIODS_S.values())


def _batches(reports: int) -> Iterator[list[HousekeepingReceived]]:
    """Give reports in order of their time, in batches."""
    chance = np.random.default_rng(8)
    structures = {each.name: each for each in DICTIONARY.structures.values() if each.name in _PERIODS_S}
    due = {name: 0 for name in _PERIODS_S}
    batch: list[HousekeepingReceived] = []
    pools: dict[str, list[list[float]]] = {}
    for number in range(reports):
        if not batch:
            pools = {name: chance.normal(20, 5, (BATCH_ROWS_MAX, 24)).round(3).tolist() for name in _PERIODS_S}
        name = min(due, key=due.__getitem__)
        at_s, structure = due[name], structures[name]
        due[name] += _PERIODS_S[name]
        drawn = pools[name][len(batch)]
        values = {}
        for index, parameter in enumerate(structure.parameters):
            match parameter.shape.type:
                case Float():
                    values[parameter.name] = drawn[index]
                case Enumerated(members):
                    values[parameter.name] = next(iter(members))
                case UInt() | Int():
                    values[parameter.name] = at_s // (index + 1)
                case _:
                    values[parameter.name] = b"octets"
        batch.append(
            HousekeepingReceived(
                time_ns=at_s * NS_PER_S,
                tai_ns=T0_NS + at_s * NS_PER_S,
                virtual_channel=0,
                kind=StructureKind.HOUSEKEEPING,
                structure=structure.id,
                name=name,
                values=values,
                identity=number.to_bytes(8, "big"),
                generated_ns=at_s * NS_PER_S,
                packet=number.to_bytes(8, "big") * 8,
            )
        )
        if len(batch) == BATCH_ROWS_MAX:
            yield batch
            batch = []
    if batch:
        yield batch


def _ingest(path: Path, reports: int) -> tuple[float, float, int]:
    archive = Archive.open(path, draw_source_id=lambda: 5, unix_ns=0)
    wall_s = cpu_s = 0.0
    count = 0
    for batch in _batches(reports):
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        archive.record(batch, batch[-1].tai_ns)
        wall_s += time.perf_counter() - began_s
        cpu_s += time.process_time() - began_cpu_s
        count += len(batch)
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    archive.close()
    return wall_s + time.perf_counter() - began_s, cpu_s + time.process_time() - began_cpu_s, count


def _peer(path: Path) -> tuple[float, int]:
    """Put a row for each number, as the plainest layout does."""
    connection = sqlite3.connect(path, isolation_level=None)
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = NORMAL")
    connection.execute(
        "CREATE TABLE samples (name TEXT, tai_ns INTEGER, value REAL, PRIMARY KEY (name, tai_ns)) WITHOUT ROWID"
    )
    wall_s = 0.0
    for batch in _batches(_PEER_REPORTS):
        began_s = time.perf_counter()
        connection.execute("BEGIN")
        connection.executemany(
            "INSERT INTO samples VALUES (?,?,?)",
            ((name, each.tai_ns, value) for each in batch for name, value in numbers_of(each.values).items()),
        )
        connection.execute("COMMIT")
        wall_s += time.perf_counter() - began_s
    connection.close()
    return wall_s, path.stat().st_size


def _answers(path: Path, end_ns: int) -> list[Row]:
    chance = random.Random(8)
    history = History.open(path)
    span_ns = end_ns - T0_NS
    numbers = sorted(name for name in history.samples.names() if "digest" not in name)

    def point() -> None:
        found = history.reports.latest(
            1, T0_NS + chance.randrange(60 * NS_PER_S, span_ns), chance.choice(tuple(_PERIODS_S))
        )
        if len(found) != 1:
            raise RuntimeError(f"expected one report, found {len(found)}")

    def number() -> None:
        at_ns = T0_NS + chance.randrange(60 * NS_PER_S, span_ns)
        found = history.samples.at(chance.choice(numbers), at_ns)
        if found is None or not at_ns - 120 * NS_PER_S < found[0] <= at_ns:
            raise RuntimeError(f"expected a number of that minute, found {found}")

    def window() -> None:
        start_ns = T0_NS + chance.randrange(span_ns - span_ns // 100)
        history.samples.plot(chance.choice(_PLOTTED), start_ns, start_ns + span_ns // 100)

    def year() -> None:
        name = _PLOTTED[chance.randrange(len(_PLOTTED))]
        found = history.samples.plot(name, T0_NS, end_ns)
        if int(found.count.sum()) < span_ns // (60 * NS_PER_S):
            raise RuntimeError(f"expected a year of samples, found {found.count.sum()}")

    try:
        rows = [
            *_asked("archive: the report that stood at a random time", point, _QUERIES, POINT_TARGET_MS),
            *_asked("archive: the number that stood at a random time", number, _QUERIES, POINT_TARGET_MS),
            *_asked("archive: a number over a random hundredth of a year", window, _WINDOWS, POINT_TARGET_MS),
            *_asked("archive: a plot of a year, 1,000 points", year, _YEARS, YEAR_TARGET_MS),
        ]
    finally:
        history.close()
    return rows


def _asked(name: str, ask: Callable[[], None], times: int, target_ms: float) -> list[Row]:
    """Ask so many times; how long one waited is judged, and what the process itself took stands beside it."""
    waited_ms, taken_ms = [], []
    for _ in range(times):
        began_s, began_cpu_s = time.perf_counter(), time.process_time()
        ask()
        waited_ms.append((time.perf_counter() - began_s) * 1e3)
        taken_ms.append((time.process_time() - began_cpu_s) * 1e3)
    value, taken = (statistics.quantiles(each, n=100)[98] for each in (waited_ms, taken_ms))
    return [
        Row(group=GROUP, name=f"{name}, p99", value=value, unit="ms", target=f"< {target_ms}", ok=value < target_ms),
        Row(group=GROUP, name=f"{name}, p99 of process time", value=taken, unit="ms"),
    ]


def _kills() -> list[Row]:
    chance = random.Random(50)
    with tempfile.TemporaryDirectory(prefix="archive-") as folder:
        verdict = kill_again_and_again(
            Path(folder) / "archive.sqlite", KILLS, wait=lambda kill: time.sleep(chance.random() / 2)
        )
    for fault in verdict.faults:
        print(fault)
    return [
        Row(
            group=GROUP,
            name=f"archive: faults after {verdict.kills} kills under load, {verdict.reports:,} reports acknowledged",
            value=len(verdict.faults),
            unit="faults",
            target="0",
            ok=not verdict.faults and verdict.kills == KILLS,
        )
    ]


if __name__ == "__main__":
    for row in run(int(sys.argv[1]) if len(sys.argv) > 1 else REPORTS):
        print(plain(row), flush=True)
