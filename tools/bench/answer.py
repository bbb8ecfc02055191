"""How soon a command is answered while a job trains on all cores, and what the flight process takes when it is idle.

The flight program runs for real on a pseudo-terminal, which has no rate; this program is the ground's end of it. A time
is from the last octet of a command written to the report of its completion taken out of the frames, so it holds the
journal's sync, which the answer waits for, and both programs' turns on processors that the worker fills.

    python -m tools.bench.answer
"""

import os
import random
import select
import signal
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import psutil

from ccsds.cltu import cltu_encode
from ccsds.pus.telecommand import Telecommand
from ccsds.pus.verification import VerificationStage
from ccsds.tc_frame import TcFrame, TcFrameKind
from ground.downlink import Downlink, Item, Verified
from ground.events import ReportReceived
from ground.keep_alive import KeepAlive
from mission.channels import SPACECRAFT_ID, Apid
from mission.definition import DICTIONARY
from mission.profiles import find_profile
from ports.port import open_port
from tools.bench.row import Row, plain

GROUP = "autonomy"
COMMANDS = 300
IDLE_S = 20.0
# Between two commands at most, drawn evenly: not in step with anything on board.
SPACING_S_MAX = 0.3
ANSWER_S_MAX = 10.0
START_S_MAX = 120.0
SOURCE_ID = 77


class Bench:
    """A flight program and the ground's end of its line.

    Args:
        folder: For its store.
        threads: Of the job.
    """

    def __init__(self, folder: Path, threads: int) -> None:
        self._threads = threads
        self._port = open_port(f"pty:{folder / 'board'}")
        self._log = (folder / "flight.log").open("wb")
        self.process = psutil.Popen(
            [
                *(sys.executable, "-m", "flight", "--link", f"serial:{folder / 'board'}", "--insecure"),
                *("--store", str(folder / "store"), "--corpus", "tinyshakespeare"),
            ],
            stdout=self._log,
            stderr=subprocess.STDOUT,
            env=os.environ,
        )
        self._ground = Downlink(find_profile("serial"), DICTIONARY)
        # Without it the spacecraft would take the silence between two commands for a loss of contact.
        self._keep_alive = KeepAlive(find_profile("serial"), None)
        self._sequence_count = 0

    def close(self) -> None:
        """End the program."""
        self.process.send_signal(signal.SIGTERM)
        self.process.wait()
        self._port.close()
        self._log.close()

    def command(self, name: str, **arguments: Any) -> float:
        """Send a command, and give how many seconds its completion took.

        Raises:
            TimeoutError: It was not completed.
        """
        declared = DICTIONARY.command(name)
        self._sequence_count += 1
        data = declared.arguments.encode(declared.arguments.complete(arguments))
        packet = Telecommand(
            Apid.CORE, self._sequence_count, declared.service, declared.subtype, SOURCE_ID, data=data
        ).encode()
        self._send(TcFrame(TcFrameKind.BD, SPACECRAFT_ID, 0, 0, packet))
        start_s = time.perf_counter()
        while time.perf_counter() - start_s < ANSWER_S_MAX:
            for item in self.hear(0.01):
                if isinstance(item, Verified) and item.report.request_id.sequence_count == self._sequence_count:
                    if item.report.stage is VerificationStage.COMPLETED:
                        return time.perf_counter() - start_s
                    if item.report.failure_code is not None:
                        raise TimeoutError(f"{name} failed: {item.report}")
        raise TimeoutError(f"expected {name} to be completed within {ANSWER_S_MAX:g} s, found no answer")

    def _send(self, frame: TcFrame) -> None:
        self._keep_alive.sent(frame, time.monotonic_ns())
        octets = cltu_encode(frame.encode())
        while octets:
            octets = octets[self._port.write(octets) :]

    def hear(self, wait_s: float) -> list[Item]:
        """Take what comes down within a time, or at once if something does."""
        now_ns = time.monotonic_ns()
        self._keep_alive.line(self._port.is_up, now_ns)
        frame = self._keep_alive.next_frame(now_ns)
        if frame is not None:
            self._send(frame)
        descriptor = self._port.fileno()
        if descriptor is None:
            time.sleep(wait_s)
        else:
            select.select([descriptor], [], [], wait_s)
        self._ground.receive(self._port.read(), time.monotonic_ns())
        return list(self._ground.take())

    def connect(self) -> None:
        """Wait until the spacecraft answers."""
        deadline_s = time.perf_counter() + START_S_MAX
        while not self._port.is_up and time.perf_counter() < deadline_s:
            time.sleep(0.05)
        self.listen(2.0)
        self.command("test.connection")

    def listen(self, duration_s: float) -> list[Item]:
        """Take all that comes down for a time."""
        items: list[Item] = []
        end_s = time.perf_counter() + duration_s
        while (left_s := end_s - time.perf_counter()) > 0:
            items += self.hear(min(left_s, 0.5))
        return items

    def train(self) -> None:
        """Begin a job on all cores, and wait until it makes steps."""
        overrides = (
            f"execution.threads = {self._threads}\ntraining.steps = 100000\ntraining.evaluation_interval = 100000"
        )
        self.command("job.submit", job_id=1, recipe="nanogpt", corpus="tinyshakespeare", overrides=overrides)
        for _ in range(int(START_S_MAX)):
            for item in self.listen(1.0):
                if isinstance(item, ReportReceived) and item.name == "job_progress" and item.values["step"] > 10:
                    return
        raise TimeoutError("expected a job that makes steps, found none")


def run() -> list[Row]:
    """Measure, and give the rows."""
    cores = psutil.cpu_count() or 1
    chance = random.Random(1)
    with tempfile.TemporaryDirectory(prefix="answer-") as folder:
        bench = Bench(Path(folder), cores)
        try:
            bench.connect()
            before = bench.process.cpu_times()
            bench.listen(IDLE_S)
            after = bench.process.cpu_times()
            idle = (after.user + after.system - before.user - before.system) / IDLE_S
            bench.train()
            times_s = []
            for _ in range(COMMANDS):
                bench.listen(chance.uniform(0, SPACING_S_MAX))
                times_s.append(bench.command("test.connection"))
            rss_mb = bench.process.memory_info().rss / 1e6
            has_torch = "libtorch" in Path(f"/proc/{bench.process.pid}/maps").read_text()
        finally:
            bench.close()
    median_ms, p99_ms = 1e3 * statistics.median(times_s), 1e3 * sorted(times_s)[int(0.99 * len(times_s))]
    what = f"answer to a command over a pty while a job trains on all {cores} cores, {COMMANDS} commands"
    return [
        Row(group=GROUP, name=f"{what}: median", value=round(median_ms, 1), unit="ms"),
        Row(
            group=GROUP,
            name="the same: 99th percentile",
            value=round(p99_ms, 1),
            unit="ms",
            target="< 100 ms",
            ok=p99_ms < 100,
        ),
        Row(group=GROUP, name="the same: longest", value=round(1e3 * max(times_s), 1), unit="ms"),
        Row(
            group=GROUP,
            name=f"flight process, idle in contact for {IDLE_S:g} s: share of a core",
            value=round(100 * idle, 2),
            unit="%",
            target="< 5 %",
            ok=idle < 0.05,
        ),
        Row(
            group=GROUP,
            name="flight process, job at work: resident memory, no torch in it",
            value=round(rss_mb, 1),
            unit="MB",
            target="< 150 MB",
            ok=rss_mb < 150 and not has_torch,
        ),
    ]


if __name__ == "__main__":
    for row in run():
        print(plain(row), flush=True)
