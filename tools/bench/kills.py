"""Kills -9 of the worker or of the process that looks after it, at random instants, until the job has ended.

The board is a process of its own (``python -m tools.bench.kills FOLDER CORPUS``): ledger, engine and the real worker
process, which is the flight program less its link and services. It grants steps one by one and writes down each reply,
so that what a kill cost is counted: the steps that were done after the checkpoint which the next worker went on from.
Of the step that was under way when the kill came nothing is known; it is not counted.
"""

import contextlib
import itertools
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Any

from flight.books.jobs import JobSubmitted
from flight.disk import RealDisk
from flight.jobs.corpus import CorpusFile, CorpusSources, find_corpus
from flight.jobs.engine import Engine, EngineConfig
from flight.jobs.messages import Saved, Saving, Started, Stepped
from flight.jobs.process import WorkerProcess
from flight.jobs.recipe import load_recipe
from flight.jobs.reference import run_reference
from flight.jobs.supervision import SupervisionConfig
from flight.ledger import Ledger
from flight.reporter import Reporter
from mission.definition import DICTIONARY
from mission.jobs import ENDED_STATES
from tools.bench.row import Row

KILLS = 200
KILLS_IN_A_RUN = 5
CHECKPOINT_INTERVAL = 50
SEED = 5

# From when the worker has opened the job until the kill, uniformly: some hundred steps and several checkpoints.
KILL_WITHIN_S = 1.0
# A share of the kills comes while a worker starts, which takes about so long.
_STARTING_SHARE = 0.2
_START_WITHIN_S = 2.0

_OVERRIDES = (
    f"training.steps = 1000\ntraining.evaluation_interval = 1000\ntraining.checkpoint_interval = {CHECKPOINT_INTERVAL}"
)
_LOG = "replies.jsonl"
_REPLY_WAIT_S = 120.0
_POLL_S = 0.01


def run() -> list[Row]:
    """Measure a few."""
    return _measure(KILLS_IN_A_RUN)


def campaign() -> list[Row]:
    """Measure all."""
    return _measure(KILLS)


def _measure(kills: int) -> list[Row]:
    chance = random.Random(kills)
    with tempfile.TemporaryDirectory() as directory:
        corpus_path = Path(directory) / "text.txt"
        corpus_path.write_text("".join(f"line {number}: {number * 7919 % 1009}\n" for number in range(2_000)))
        expected = run_reference(load_recipe("tiny").override(_OVERRIDES), corpus_of(corpus_path), SEED)
        done: list[Kill] = []
        differing = jobs = 0
        while len(done) < kills:
            jobs += 1
            folder = Path(directory) / f"{jobs}"
            digest, struck = strike(folder, corpus_path, chance, kills - len(done))
            differing += digest != expected.weights_sha256
            done += struck
    boards = sum(kill.is_of_board for kill in done)
    places = Counter(kill.place for kill in done)
    where = ", ".join(f"{places[place]} {place.value}" for place in Place if places[place])
    name = f"{len(done)} kills -9 ({boards} of the board, else of the worker; {where}), {jobs} jobs"
    most = max(kill.lost_steps for kill in done)
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


class Place(Enum):
    """What a kill fell into."""

    STARTING = "while a worker started"
    WRITING = "inside checkpoint writing"
    WORKING = "in other work"


@dataclass
class Kill:
    """One kill, and what it cost."""

    is_of_board: bool
    place: Place
    lost_steps: int = 0


def strike(folder: Path, corpus: Path, chance: random.Random, kills_max: int) -> tuple[str, list[Kill]]:
    """Run one job to its end, killing as long as kills are left.

    Returns:
        The digest of its weights, and the kills.
    """
    folder.mkdir()
    log = folder / _LOG
    log.touch()
    kills: list[tuple[int, Kill]] = []
    read = 0
    board = _board(folder, corpus)
    try:
        while len(kills) < kills_max:
            if chance.random() < _STARTING_SHARE:
                time.sleep(chance.uniform(0, _START_WITHIN_S))
            elif _wait_started(log, read, board):
                time.sleep(chance.uniform(0, KILL_WITHIN_S))
            if board.poll() is not None:
                break
            victim = board.pid if chance.random() < 0.5 else _worker_of(board.pid)
            if victim is None:
                continue
            with contextlib.suppress(ProcessLookupError):
                os.kill(victim, signal.SIGKILL)
            if victim == board.pid:
                board.wait()
            entries = _entries(log)
            kills.append((len(entries), Kill(victim == board.pid, _place(entries[read:]))))
            read = len(entries)
            if victim == board.pid:
                board = _board(folder, corpus)
        board.wait(_REPLY_WAIT_S)
    finally:
        board.kill()
        board.wait()
    _count_lost(kills, _entries(log))
    job = Ledger(RealDisk(folder)).jobs[1]
    digest = job.finished.weights_sha256.hex() if job.finished is not None else f"{job.state.name}: {job.reason}"
    return digest, [kill for _, kill in kills]


def _place(entries: list[dict[str, Any]]) -> Place:
    """Tell what a kill fell into by what was said since the one before."""
    kinds = [entry["type"] for entry in entries]
    if "Started" not in kinds:
        return Place.STARTING
    of_checkpoints = [kind for kind in kinds if kind in ("Saving", "Saved")]
    return Place.WRITING if of_checkpoints and of_checkpoints[-1] == "Saving" else Place.WORKING


def _count_lost(kills: list[tuple[int, Kill]], entries: list[dict[str, Any]]) -> None:
    """Tell what each kill cost: the steps of the worker it ended beyond the step that the next one went on from."""
    begins = [number for number, entry in enumerate(entries) if entry["type"] == "Started"]
    for begin, end in itertools.pairwise(begins):
        # What the worker had said and nobody had read yet is written down after the kill.
        done = max(entry["step"] for entry in entries[begin:end])
        ended_by = next(kill for read, kill in kills if read > begin)
        ended_by.lost_steps = done - entries[end]["step"]


def corpus_of(path: Path) -> CorpusFile:
    """Give a text file as a corpus."""
    return find_corpus(str(path), CorpusSources(cache_directory=path.parent))


def main(folder: Path, corpus_path: Path) -> None:
    """Be the board, until the job has ended."""
    disk = RealDisk(folder)
    ledger = Ledger(disk)
    reporter = Reporter(DICTIONARY)
    supervision = SupervisionConfig(backoff_ns=1, restarts_max=KILLS)
    with WorkerProcess(folder) as worker, (folder / _LOG).open("a") as log:
        engine = Engine(
            EngineConfig(grant_steps_max=1, supervision=supervision),
            ledger,
            worker,
            reporter,
            {"text": corpus_of(corpus_path)},
            disk,
        )
        engine.boot(time.monotonic_ns())
        ledger.commit(*engine.queue.submit(JobSubmitted(1, "tiny", "text", SEED, 0, _OVERRIDES)))
        while ledger.jobs[1].state not in ENDED_STATES:
            engine.advance(time.monotonic_ns())
            reply = worker.wait_reply(_REPLY_WAIT_S) if worker.pid else None
            if reply is None:
                engine.lost(worker.died or "no answer", time.monotonic_ns())
                continue
            if isinstance(reply, Started | Stepped | Saving | Saved):
                log.write(json.dumps({"type": type(reply).__name__, "step": reply.step}) + "\n")
                log.flush()
            engine.reply(reply, time.monotonic_ns())
            reporter.take()


def _board(folder: Path, corpus: Path) -> subprocess.Popen[bytes]:
    return subprocess.Popen([sys.executable, "-m", "tools.bench.kills", str(folder), str(corpus)])


def _worker_of(board: int) -> int | None:
    with contextlib.suppress(OSError):
        children = Path(f"/proc/{board}/task/{board}/children").read_text().split()
        return int(children[0]) if children else None
    return None


def _entries(log: Path) -> list[dict[str, Any]]:
    """Give what was written down; a last line that a kill cut off does not count."""
    return [json.loads(line) for line in log.read_text().splitlines(keepends=True) if line.endswith("}\n")]


def _wait_started(log: Path, read: int, board: subprocess.Popen[bytes]) -> bool:
    """Wait until a worker has opened the job; tell whether one has before the job was at its end."""
    while True:
        has_ended = board.poll() is not None
        if any(entry["type"] == "Started" for entry in _entries(log)[read:]):
            return True
        if has_ended:
            return False
        time.sleep(_POLL_S)


if __name__ == "__main__":
    main(Path(sys.argv[1]), Path(sys.argv[2]))
