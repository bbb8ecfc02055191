"""Procedures that a station runs for somebody: each a process of its own, at the station's socket like any program.

A procedure that hangs, breaks or eats memory takes nothing of the station with it. It has the powers of who started it
and no others: it comes in with a session that the station lends for it.
"""

import asyncio
import contextlib
import os
import signal
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Protocol

import msgspec

from ccsds.errors import MisuseError
from ground.access.principal import Principal, Role
from ground.client.procedure import TOKEN_VARIABLE, procedures_in

# Procedures at once: each is a Python process.
RUNNING_MAX = 8

# Runs that are remembered, and lines of each; the report of a run by hand has more.
RUNS_MAX = 100
LINES_MAX = 2_000

# A line of a transcript.
LINE_OCTETS_MAX = 1 << 20

# How long one that is stopped gets to end by itself.
STOP_WAIT_S = 5.0


class Lender(Protocol):
    """Who lends sessions."""

    def lend(self, principal: Principal) -> str:
        """Begin a session for a program that the station starts."""
        ...

    def take_back(self, token: str) -> None:
        """End it."""
        ...


@dataclass(kw_only=True)
class Run:
    """One run of a procedure."""

    run_id: int
    name: str
    started_by: str
    arguments: dict[str, str]
    verdict: str = "RUNNING"
    reason: str = ""
    lines: list[dict[str, Any]] = field(default_factory=list)


class Procedures:
    """The procedures of one station.

    Args:
        directory: Where they are; None for none.
        socket_path: Where the station serves.
        lender: Lends sessions.
        note_action: Keeps what somebody does.
    """

    def __init__(
        self,
        directory: Path | None,
        socket_path: Path,
        lender: Lender,
        note_action: Callable[[Principal, str, Mapping[str, Any]], None],
    ) -> None:
        self._directory = directory
        self._socket_path = socket_path
        self._lender = lender
        self._note_action = note_action
        self._runs: dict[int, Run] = {}
        self._tasks: dict[int, asyncio.Task[None]] = {}
        self._processes: dict[int, asyncio.subprocess.Process] = {}
        self._next_id = 1

    def names(self) -> list[str]:
        """Give the procedures that can be run."""
        return [] if self._directory is None else [path.name for path in procedures_in(self._directory)]

    def all(self) -> list[dict[str, Any]]:
        """Give the runs that are remembered, newest first, with their transcripts."""
        return [asdict(each) for each in reversed(self._runs.values())]

    def start(self, by: Principal, name: str, arguments: Mapping[str, str]) -> int:
        """Start a procedure and give the number of its run.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: There is none of that name, or too many run.
        """
        by.require(Role.COMMANDER, "procedure")
        if name not in self.names() or self._directory is None:
            raise MisuseError(f"expected a procedure ({', '.join(self.names()) or 'none'}), found {name!r}")
        if len(self._tasks) >= RUNNING_MAX:
            raise MisuseError(f"expected fewer than {RUNNING_MAX} procedures at once, found as many")
        self._note_action(by, "run procedure", {"name": name, "arguments": arguments})
        run = Run(run_id=self._next_id, name=name, started_by=by.name, arguments=dict(arguments))
        self._next_id += 1
        self._runs[run.run_id] = run
        for old in [each for each in self._runs if each not in self._tasks and each != run.run_id][:-RUNS_MAX]:
            del self._runs[old]
        task = asyncio.create_task(self._follow(run, self._directory / name, by))
        self._tasks[run.run_id] = task
        task.add_done_callback(lambda _: self._tasks.pop(run.run_id, None))
        return run.run_id

    def stop(self, by: Principal, run_id: int) -> None:
        """Interrupt a procedure.

        Raises:
            DeniedError: Who asks may not.
            MisuseError: It does not run.
        """
        by.require(Role.COMMANDER, "procedure")
        process = self._processes.get(run_id)
        if process is None or self._runs[run_id].verdict != "RUNNING":
            raise MisuseError(f"expected the number of a procedure that runs, found {run_id}")
        self._note_action(by, "stop procedure", {"run_id": run_id})
        process.send_signal(signal.SIGINT)

    async def end(self) -> None:
        """Interrupt all of them, and see them end."""
        for process in self._processes.values():
            with contextlib.suppress(ProcessLookupError):
                process.send_signal(signal.SIGINT)
        tasks = list(self._tasks.values())
        if tasks:
            _, left = await asyncio.wait(tasks, timeout=STOP_WAIT_S)
            for process in self._processes.values():
                process.kill()
            if left:
                await asyncio.wait(left)

    async def _follow(self, run: Run, path: Path, by: Principal) -> None:
        token = self._lender.lend(by)
        given = [f"{name}={value}" for name, value in run.arguments.items()]
        try:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", "ground", "run", "--json", "--socket", str(self._socket_path), str(path), *given,
                stdin=asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                limit=LINE_OCTETS_MAX,
                env={**os.environ, TOKEN_VARIABLE: token},
            )  # fmt: skip
            self._processes[run.run_id] = process
            assert process.stdout is not None and process.stderr is not None
            complaints = asyncio.create_task(process.stderr.read())
            with contextlib.suppress(ValueError):  # A line beyond the bound: what comes after is not read.
                async for line in process.stdout:
                    self._note(run, line)
            status = await process.wait()
            said = (await complaints).decode(errors="replace").strip()
            if run.verdict == "RUNNING":
                run.verdict = "FAILED"
                run.reason = said.splitlines()[-1] if said else f"it ended with exit status {status}"
        except OSError as error:
            run.verdict, run.reason = "FAILED", f"expected a process for it, found: {error}"
        finally:
            self._processes.pop(run.run_id, None)
            self._lender.take_back(token)

    def _note(self, run: Run, line: bytes) -> None:
        """Take in a line of a transcript, or the verdict at its end; what the procedure itself printed is said."""
        try:
            told = msgspec.json.decode(line)
        except msgspec.MsgspecError:
            told = None
        if isinstance(told, dict) and "verdict" in told:
            run.verdict, run.reason = str(told["verdict"]), str(told.get("reason", ""))
            return
        if not isinstance(told, dict) or "kind" not in told:
            told = {"elapsed_s": None, "kind": "printed", "text": line.decode(errors="replace").rstrip()}
        run.lines.append(told)
        del run.lines[:-LINES_MAX]
