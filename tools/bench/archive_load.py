"""An archive under load that is killed again and again: what it acknowledged must be there, once, and open clean.

The process under load records batches of telemetry, some of them floods, a part of it out of order, and commands
between them; it prints what is committed and what is durable. Whoever kills it then reads the archive.

    python -m tools.bench.archive_load PATH    # the process under load, until killed
"""

import random
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

import numpy as np

from ccsds.cop1.fop import Service
from ground.archive.archive import Archive
from ground.archive.history import History
from ground.archive.reports import TIME_MAX_NS
from ground.events import CommandIssued, HousekeepingReceived, StationEvent
from mission.housekeeping import StructureKind

NS_PER_S = 1_000_000_000
T0_NS = 2_173_000_000 * NS_PER_S
_SMALL, _FLOOD = 300, 5_000


@dataclass(kw_only=True)
class Verdict:
    """What was found after the kills."""

    kills: int = 0
    reports: int = 0
    """Acknowledged, all lives together."""
    commands: int = 0
    faults: list[str] = field(default_factory=list)


def numbered(number: int, tai_ns: int) -> StationEvent:
    """Give a report that says its number."""
    return HousekeepingReceived(
        time_ns=0,
        tai_ns=tai_ns,
        virtual_channel=0,
        kind=StructureKind.HOUSEKEEPING,
        structure=1,
        name="load",
        values={"n": number, "level": number % 97 / 7, "state": number % 3},
        identity=number.to_bytes(8, "big"),
        packet=number.to_bytes(8, "big") * 6,
    )


def kill_again_and_again(path: Path, kills: int, wait: Callable[[int], None]) -> Verdict:
    """Kill the process under load, and look at what is left, so many times.

    Args:
        path: Of the archive.
        kills: How many times.
        wait: Called with the number of the kill once the process has acknowledged something; it is killed after that.
    """
    verdict = Verdict()
    for kill in range(kills):
        with subprocess.Popen(
            [sys.executable, "-m", "tools.bench.archive_load", str(path)], stdout=subprocess.PIPE, text=True
        ) as process:
            assert process.stdout is not None
            lines = [process.stdout.readline()]
            wait(kill)
            process.send_signal(signal.SIGKILL)
            lines += [line for line in process.stdout if line.endswith("\n")]
        for line in lines:
            kind, number = line.split()
            if kind == "reports":
                verdict.reports = max(verdict.reports, int(number))
            else:
                verdict.commands = max(verdict.commands, int(number))
        verdict.kills += 1
        verdict.faults += [f"kill {kill + 1}: {fault}" for fault in _faults(path, verdict)]
    return verdict


def _faults(path: Path, verdict: Verdict) -> list[str]:
    history = History.open(path)
    try:
        numbers = np.sort(history.samples.between("load.n", 0, TIME_MAX_NS).numbers)
        commands = history.commands(1)
    finally:
        history.close()
    connection = sqlite3.connect(path)
    try:
        (integrity,) = connection.execute("PRAGMA integrity_check").fetchone()
    finally:
        connection.close()
    faults = []
    if len(numbers) < verdict.reports:
        faults.append(f"expected {verdict.reports} reports that were acknowledged, found {len(numbers)}")
    if not np.array_equal(numbers, np.arange(len(numbers))):
        faults.append("expected each report once, found another count of some")
    if verdict.commands and (not commands or commands[0].command_id < verdict.commands):
        faults.append(f"expected command {verdict.commands}, which was acknowledged, found {commands[:1]}")
    if integrity != "ok":
        faults.append(f"expected a sound file, found {integrity}")
    return faults


def _load(path: Path) -> None:
    """Load an archive until killed."""
    chance = random.Random(path.stat().st_size if path.exists() else 0)
    archive = Archive.open(path, draw_source_id=lambda: chance.randrange(1, 1 << 16), unix_ns=0)
    history = History.open(path)
    first = len(history.samples.between("load.n", 0, TIME_MAX_NS).numbers)
    history.close()
    commands = count(archive.identity.next_command_id)
    while True:
        size = chance.choice((_SMALL, _SMALL, _SMALL, _FLOOD))
        order = list(range(first, first + size))
        if chance.random() < 0.5:
            chance.shuffle(order)
        archive.record([numbered(number, T0_NS + number * NS_PER_S) for number in order], 0)
        archive.commit()
        first += size
        print("reports", first, flush=True)
        command_id = next(commands)
        archive.record(
            [
                CommandIssued(
                    time_ns=0,
                    command_id=command_id,
                    name="load",
                    arguments={},
                    service=Service.AD,
                    source_id=archive.identity.source_id,
                    sequence_count=command_id % (1 << 14),
                    octets=b"load",
                )
            ],
            0,
        )
        print("command", command_id, flush=True)


if __name__ == "__main__":
    _load(Path(sys.argv[1]))
