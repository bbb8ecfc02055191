"""Kills -9 of the flight program or of its worker, at random instants, until the jobs have ended.

The whole flight program (``python -m flight``) runs on a TCP port with its store and its worker process; a station
(``ground serve``) commands it over that port, starts each job, and hears what becomes of it. What a kill cost is what
was done, as far as it was told, beyond the step that the next worker went on from: progress is told each tenth of a
second. The steps that nobody was told of are not counted; at that rate they are few.

A share of the kills comes while worker and program start, and a share when something of a checkpoint has just been
written. After some resets in a row the spacecraft is in SAFE, where no job runs, and is commanded back to COMPUTE.

``python -m tools.bench.kills COUNT SECONDS`` strikes so often, or for so long.
"""

import contextlib
import math
import os
import random
import select
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections import Counter, deque
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from ccsds.errors import StarloopError
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, CorpusSources, find_corpus
from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from flight.ledger import Ledger
from ground.client import Client, NoStationError
from tools.bench.row import Row

KILLS = 200
KILLS_IN_A_RUN = 3
CHECKPOINT_INTERVAL = 20
SEED = 5

# From when the worker has opened the job until the kill, uniformly: some dozen steps and a checkpoint or two.
KILL_WITHIN_S = 1.5
# A share of the kills comes while program and worker start, which takes about so long.
_STARTING_SHARE = 0.15
_START_WITHIN_S = 3.0
# A share is aimed at a checkpoint: so soon after one of its files was last seen to change.
_AIMED_SHARE = 0.3
_WRITE_WITHIN_S = 0.03
# Waiting for a checkpoint to aim at is given up after this: the job may be near its end.
_AIM_WAIT_S = 5.0

# A batch that makes a step some ten milliseconds long, so that a tenth of a second is not many of them.
_OVERRIDES = f"training.batch = 48\ntraining.checkpoint_interval = {CHECKPOINT_INTERVAL}"
STEPS = 600
# As many losses in a row as the kills may bring about, and progress as often as it can be told.
_SETTINGS = {"worker_restarts_max": 100, "job_progress_period": 100}
_JOB = 1
_ENDED = ("DONE", "FAILED", "CANCELLED")
_WAIT_S = 300.0
_POLL_S = 0.002


def run() -> list[Row]:
    """Measure a few."""
    return measure(KILLS_IN_A_RUN)


def campaign() -> list[Row]:
    """Measure all."""
    return measure(KILLS)


class Place(Enum):
    """What a kill fell into."""

    STARTING = "while a worker started"
    WRITING = "inside checkpoint writing"
    WORKING = "in other work"


@dataclass
class Kill:
    """One kill, and what it cost."""

    is_of_program: bool
    place: Place
    told_step: int
    """The last step that was told of before the next worker went on."""
    lost_steps: int = 0


def measure(kills: int, seconds: float = math.inf, steps: int = STEPS) -> list[Row]:
    """Kill so often.

    Args:
        kills: How often.
        seconds: For so long at most.
        steps: Of a job.
    """
    chance = random.Random(kills)
    overrides = f"{_OVERRIDES}\ntraining.steps = {steps}\ntraining.evaluation_interval = {steps}"
    until_s = time.monotonic() + seconds
    with tempfile.TemporaryDirectory(prefix="bench-") as directory:
        corpus_path = Path(directory) / "text.txt"
        corpus_path.write_text("".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(2_000)))
        expected = run_reference(load_recipe("tiny").override(overrides), corpus_of(corpus_path), SEED)
        done: list[Kill] = []
        ends: list[str] = []
        while len(done) < kills and time.monotonic() < until_s:
            folder = Path(directory) / f"{len(ends)}"
            folder.mkdir()
            with _Flight(folder, corpus_path) as flight:
                strikes = _Strikes(flight, chance, overrides)
                strikes.strike(kills - len(done), until_s)
            done += strikes.kills
            ends.append(end_of(folder))
    return _rows(done, Counter(end == expected.weights_sha256 for end in ends)[False], len(ends))


def _rows(done: list[Kill], differing: int, jobs: int) -> list[Row]:
    programs = sum(kill.is_of_program for kill in done)
    places = Counter(kill.place for kill in done)
    where = ", ".join(f"{places[place]} {place.value}" for place in Place if places[place])
    name = f"{len(done)} kills -9 ({programs} of `flight`, else of its worker; {where}), {jobs} jobs"
    most = max((kill.lost_steps for kill in done), default=0)
    beyond = sum(kill.lost_steps > CHECKPOINT_INTERVAL for kill in done)
    return [
        Row(
            group="exact",
            name=f"{name}: jobs with other weights",
            value=differing,
            unit="jobs",
            target="0",
            ok=not differing,
        ),
        Row(
            group="exact",
            name=f"the same: most steps lost at once, an interval being {CHECKPOINT_INTERVAL} ({beyond} lost more)",
            value=most,
            unit="steps",
            target=f"<= {CHECKPOINT_INTERVAL}",
            ok=most <= CHECKPOINT_INTERVAL,
        ),
    ]


def end_of(folder: Path) -> str:
    """Give the digest of the weights that a job ended with, from the store of a program that is gone."""
    job = Ledger(RealDisk(folder / "store")).jobs[_JOB]
    return job.finished.weights_sha256.hex() if job.finished is not None else f"{job.state.name}: {job.reason}"


def corpus_of(path: Path) -> CorpusFile:
    """Give a text file as a corpus."""
    return find_corpus(str(path), CorpusSources(cache_directory=path.parent))


class _Flight:
    """The flight program and a station that hears it, each a process; the program can be killed and started again.

    Args:
        folder: Where both keep what they have.
        corpus: What the job trains on.
    """

    def __init__(self, folder: Path, corpus: Path) -> None:
        self._folder = folder
        self._corpus = corpus
        self._port = _free_port()
        self._stack = contextlib.ExitStack()
        self._events: deque[dict[str, Any]] = deque()

    def __enter__(self) -> "_Flight":
        try:
            self.start()
            link = f"tcp:127.0.0.1:{self._port}"
            folder = self._folder
            self._open(
                "ground", "serve", "--link", link, "--socket", f"{folder / 's'}", "--archive", f"{folder / 'a'}",
                "--insecure",
            )  # fmt: skip
            self.client = self._stack.enter_context(_connect(folder / "s"))
            self.client.subscribe()
        except BaseException:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self.end(signal.SIGTERM)
        self._stack.close()

    def start(self) -> None:
        """Start the program, anew if need be."""
        log = self._stack.enter_context((self._folder / "flight.log").open("ab"))
        link = f"tcp-listen:127.0.0.1:{self._port}"
        store, corpus = f"{self._folder / 'store'}", f"{self._corpus}"
        command = ["flight", "--link", link, "--store", store, "--corpus", corpus, "--insecure"]
        self._program = subprocess.Popen([sys.executable, "-m", *command], stdout=log, stderr=log)

    def end(self, how: signal.Signals) -> None:
        """End the program."""
        with contextlib.suppress(ProcessLookupError):
            self._program.send_signal(how)
        self._program.wait()

    @property
    def pid(self) -> int:
        """Of the program."""
        return self._program.pid

    @property
    def worker(self) -> int | None:
        """Process id of the program's worker, if it has one."""
        with contextlib.suppress(OSError):
            children = Path(f"/proc/{self.pid}/task/{self.pid}/children").read_text().split()
            return int(children[0]) if children else None
        return None

    @property
    def checkpoint_mark(self) -> tuple[tuple[str, int, int], ...]:
        """What is seen from outside of the job's files: names, lengths and times of writing."""
        found: list[tuple[str, int, int]] = []
        with contextlib.suppress(OSError):
            for entry in os.scandir(self._folder / "store" / "jobs" / f"{_JOB}"):
                status = entry.stat()
                found.append((entry.name, status.st_size, status.st_mtime_ns))
        return tuple(sorted(found))

    def events(self, wait_s: float) -> list[dict[str, Any]]:
        """Give what the station told within a time, as soon as there is something."""
        select.select([self.client.fileno()], [], [], wait_s)
        return list(self.client.read_events())

    def _open(self, module: str, *arguments: str) -> None:
        log = self._stack.enter_context((self._folder / f"{module}.log").open("wb"))
        process = subprocess.Popen([sys.executable, "-m", module, *arguments], stdout=log, stderr=log)

        def stop() -> None:
            process.terminate()
            process.wait()

        self._stack.callback(stop)


class _Strikes:
    """The kills of one job, and what is heard of it meanwhile.

    Args:
        flight: The program that has the job.
        chance: Of all choices.
        overrides: Of the job's recipe.
    """

    def __init__(self, flight: _Flight, chance: random.Random, overrides: str) -> None:
        self._flight = flight
        self._overrides = overrides
        self._chance = chance
        self.kills: list[Kill] = []
        self._told_step = 0
        self._is_at_work = False
        self._has_ended = False

    def strike(self, kills_max: int, until_s: float) -> None:
        """Have the job done to its end, killing as long as kills are left."""
        self._command("parameter.set", {"values": _SETTINGS})
        arguments = {"job_id": _JOB, "recipe": "tiny", "corpus": "text", "seed": SEED, "overrides": self._overrides}
        self._command("job.submit", arguments)
        while len(self.kills) < kills_max and time.monotonic() < until_s:
            place = self._await_instant()
            if self._has_ended:
                return
            self._kill(place)
        self._listen(lambda: self._has_ended, _WAIT_S)

    def _command(self, name: str, arguments: dict[str, Any]) -> None:
        client = self._flight.client
        end = client.wait(client.send(name, arguments), _WAIT_S)
        if end["stage"] != "COMPLETED":
            raise StarloopError(f"{name}: expected it to be done, found it {end['stage']}: {end['line']}")

    def _await_instant(self) -> Place:
        """Let time go by until the next kill; tell what it falls into."""
        if self._chance.random() < _STARTING_SHARE:
            self._listen_for(self._chance.uniform(0, _START_WITHIN_S))
            return Place.WORKING if self._is_at_work else Place.STARTING
        self._listen(lambda: self._is_at_work or self._has_ended, _WAIT_S)
        if self._chance.random() < _AIMED_SHARE:
            before, until_s = self._flight.checkpoint_mark, time.monotonic() + _AIM_WAIT_S
            while self._flight.checkpoint_mark == before and time.monotonic() < until_s:
                time.sleep(_POLL_S)
            time.sleep(self._chance.uniform(0, _WRITE_WITHIN_S))
            is_written = self._flight.checkpoint_mark != before
            self._listen_for(0.0)
            return Place.WRITING if is_written else Place.WORKING
        self._listen_for(self._chance.uniform(0, KILL_WITHIN_S))
        return Place.WORKING

    def _kill(self, place: Place) -> None:
        worker = self._flight.worker
        is_of_program = worker is None or self._chance.random() < 0.5
        self._is_at_work = False
        self.kills.append(Kill(is_of_program, place, self._told_step))
        if not is_of_program and worker is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker, signal.SIGKILL)
            return
        self._flight.end(signal.SIGKILL)
        self._flight.start()
        # Where it has come to SAFE by now this lets the job go on; elsewhere it changes nothing.
        self._flight.client.send("mode.enter", {"mode": "COMPUTE"})

    def _listen_for(self, seconds: float) -> None:
        self._listen(lambda: False, seconds)

    def _listen(self, enough: Any, seconds: float) -> None:
        until_s = time.monotonic() + seconds
        while not enough() and (left_s := until_s - time.monotonic()) > 0:
            for event in self._flight.events(left_s):
                self._hear(event)
        for event in self._flight.events(0.0):
            self._hear(event)

    def _hear(self, event: dict[str, Any]) -> None:
        match event:
            case {"type": "ReportReceived", "stored": None, "name": "job_progress", "values": {"step": step}}:
                self._is_at_work = True
                self._told_step = max(self._told_step, step)
            case {"type": "EventReported", "stored": None, "name": "worker_lost", "values": {"step": step}}:
                self._told_step = max(self._told_step, step)
            case {"type": "EventReported", "stored": None, "name": "job_resumed", "values": {"step": step}}:
                self._is_at_work = True
                self._count_lost(step)
            case {"type": "EventReported", "name": "job_changed", "values": {"after": after}} if after in _ENDED:
                self._has_ended = True

    def _count_lost(self, step: int) -> None:
        """Take note of where a worker went on: what was told beyond it is what the kill before it cost."""
        if self.kills:
            self.kills[-1].lost_steps = max(self._told_step - step, 0)
        self._told_step = step


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def _connect(path: Path) -> Client:
    until_s = time.monotonic() + _WAIT_S
    while True:
        try:
            return Client.connect(path)
        except NoStationError:
            if time.monotonic() > until_s:
                raise
            time.sleep(_POLL_S)


if __name__ == "__main__":
    for row in measure(int(sys.argv[1]), float(sys.argv[2])):
        print(f"{row.name}: {row.value:g} {row.unit}, {'ok' if row.ok else 'missed'}")
