"""A training job under the flight program beside the same loop run bare, and the memory of the flight program.

The flight program runs for real on a pseudo-terminal, with its worker process, telemetry each second and a checkpoint
every hundred steps, or as `tools.bench.minutely` asks. The rate is taken between two progress reports, by their
on-board time, so that start-up counts for neither side; the bare loop times its steps alone. Evaluation and sampling
count for neither.
"""

import contextlib
import json
import os
import select
import signal
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import click

from flight.jobs.recipe import load_recipe
from ground.client import Client, NoStationError
from ports.port import open_port
from tools.bench.row import Row

STEPS = 500
PAIRS = 3
CORPUS = "tinyshakespeare"
START_WAIT_S = 120.0
_TARGET = 0.95
_FLIGHT_MB_MAX = 150


def run() -> list[Row]:
    """Measure."""
    rates, bare_rates, peaks, has_torch = [], [], [], False
    for _ in range(PAIRS):
        bare, rate, peak_mb, torch_loaded = pair()
        bare_rates.append(bare)
        rates.append(rate)
        peaks.append(peak_mb)
        has_torch |= torch_loaded
    ratio = statistics.median(rate / bare for rate, bare in zip(rates, bare_rates, strict=True))
    return [
        Row(
            group="first_light",
            name=f"training under flight supervision, nanogpt, {STEPS} steps, 1 thread",
            value=statistics.median(rates),
            unit="tokens/s",
            peer="the same loop bare",
            peer_value=statistics.median(bare_rates),
            ratio=ratio,
            target=f"ratio >= {_TARGET}",
            ok=ratio >= _TARGET,
        ),
        Row(
            group="first_light",
            name="peak memory of the flight process, without the worker",
            value=max(peaks),
            unit="MB",
            target=f"< {_FLIGHT_MB_MAX} MB, no torch in it",
            ok=max(peaks) < _FLIGHT_MB_MAX and not has_torch,
        ),
    ]


def pair(steps: int = STEPS, more: str = "") -> tuple[float, float, float, bool]:
    """Measure the bare loop, then the supervised one.

    Args:
        steps: Of the job.
        more: Further overrides of the recipe, for both.

    Returns:
        Tokens a second bare and supervised, the flight process's peak memory in MB, and whether torch is in it.
    """
    overrides = f"training.steps = {steps}\ntraining.evaluation_interval = {steps}\n{more}"
    return _bare_tokens_per_s(overrides), *_supervised(overrides)


def _bare_tokens_per_s(overrides: str) -> float:
    command = [sys.executable, "-m", "flight.jobs.reference", "nanogpt", "--corpus", CORPUS, "--json"]
    output = subprocess.run([*command, "--override", overrides], check=True, capture_output=True).stdout
    return json.loads(output)["tokens_per_s"]


def _supervised(overrides: str) -> tuple[float, float, bool]:
    """Give tokens a second, the flight process's peak memory in MB, and whether torch is mapped into it."""
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))
        # The harness holds both inner sides and carries octets across, as a cable does.
        board, station = (open_port(f"pty:{folder / name}") for name in ("board", "station"))
        stack.callback(board.close)
        stack.callback(station.close)
        flight = _start(
            stack, folder, "flight", "--link", f"serial:{folder / 'board'}", "--store", str(folder / "store"),
            "--corpus", CORPUS, "--insecure",
        )  # fmt: skip
        _start(
            stack, folder, "ground", "serve", "--web", "none", "--link", f"serial:{folder / 'station'}",
            "--socket", str(folder / "s"), "--archive", str(folder / "a.sqlite"), "--insecure",
        )  # fmt: skip
        client = stack.enter_context(_connect(folder / "s", board, station))
        arguments = {"job_id": 1, "recipe": "nanogpt", "corpus": CORPUS, "overrides": overrides}
        client.send("job.submit", arguments)
        progress = _watch(client, board, station)
        peak_mb = _status_of(flight.pid, "VmHWM") / 1024
        has_torch = "libtorch" in Path(f"/proc/{flight.pid}/maps").read_text()
    tokens_per_step = load_recipe("nanogpt").training.batch * load_recipe("nanogpt").model.context
    (first_ns, first_step), (last_ns, last_step) = progress[0], progress[-1]
    return (last_step - first_step) * tokens_per_step / ((last_ns - first_ns) / 1e9), peak_mb, has_torch


def _watch(client: Client, board: Any, station: Any) -> list[tuple[int, int]]:
    """Carry octets until the job has ended; give (on-board time, step) of each progress report of the training."""
    progress: list[tuple[int, int]] = []
    while True:
        _carry(board, station)
        for event in client.read_events():
            match event:
                # One with a validation loss came after the evaluation, which counts for neither side.
                case {
                    "type": "ReportReceived",
                    "name": "job_progress",
                    "values": {"step": step, "validation_loss": None},
                }:
                    if step and (not progress or step > progress[-1][1]):
                        progress.append((event["tai_ns"], step))
                case {"type": "ReportReceived", "name": "job_report", "values": {"state": "DONE" | "FAILED"}}:
                    return progress


def _carry(board: Any, station: Any) -> None:
    for source, sink in ((board, station), (station, board)):
        octets = source.read()
        while octets and sink.is_up:
            octets = octets[sink.write(octets) :]
    descriptors = [each for each in (board.fileno(), station.fileno()) if each is not None]
    select.select(descriptors, [], [], 0.02)


def _connect(path: Path, board: Any, station: Any) -> Client:
    for _ in range(int(START_WAIT_S / 0.02)):
        try:
            return Client.connect(path)
        except NoStationError:
            _carry(board, station)
    raise click.ClickException(f"expected a station within {START_WAIT_S:g} s, found none")


def _start(stack: contextlib.ExitStack, folder: Path, program: str, *arguments: str) -> subprocess.Popen[bytes]:
    log = stack.enter_context((folder / f"{program}.log").open("wb"))
    process = subprocess.Popen([sys.executable, "-m", program, *arguments], stdout=log, stderr=log, env=os.environ)

    def stop() -> None:
        process.send_signal(signal.SIGTERM)
        process.wait()

    stack.callback(stop)
    return process


def _status_of(pid: int, field: str) -> int:
    """Give a figure of the kernel's status of a process, in kB."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return int(next(line for line in lines if line.startswith(f"{field}:")).split()[1])
