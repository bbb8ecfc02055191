"""One of the two programs as a process: started, looked after, killed and started again, with its words in a log."""

import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import psutil

from ccsds.errors import StarloopError

# A program that is asked to stop closes its archive within moments; a loaded machine may need longer.
STOP_WAIT_S_MAX = 10.0

# The last words of a program that ended are shown up to this.
LOG_OCTETS_SHOWN_MAX = 2_000

WORKER_MODULE = "flight.jobs.worker"


class ProgramEndedError(StarloopError):
    """The flight or the ground program ended while the scenario ran."""


class Program:
    """A program of this package.

    Args:
        name: ``flight`` or ``ground``.
        arguments: What it is called with.
        log: Where its words go; later starts add to it.
    """

    def __init__(self, name: str, arguments: Sequence[str], log: Path) -> None:
        self.name = name
        self._arguments = list(arguments)
        self._log = log
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def is_on(self) -> bool:
        """Whether it was started, and not killed since."""
        return self._process is not None

    def launch(self) -> None:
        """Start it."""
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", self.name, *self._arguments],
                stdout=log,
                stderr=log,
                stdin=subprocess.DEVNULL,
                env=os.environ,
            )

    def exit_status(self) -> int | None:
        """Give the status with which it ended by itself; None if it runs, or is off."""
        return None if self._process is None else self._process.poll()

    def ended(self) -> ProgramEndedError:
        """Give the error that tells how it ended, with its last words."""
        words = self._log.read_text(errors="replace")[-LOG_OCTETS_SHOWN_MAX:]
        return ProgramEndedError(f"{self.name} ended with exit status {self.exit_status()}: {words.strip()}")

    def workers(self) -> list[psutil.Process]:
        """Give the processes that do its job."""
        if self._process is None:
            return []
        children = psutil.Process(self._process.pid).children()
        return [child for child in children if WORKER_MODULE in child.cmdline()]

    def kill(self) -> None:
        """End it and its workers at once, as a power cut does."""
        if self._process is None:
            return
        workers = self.workers() if self._process.poll() is None else []
        self._process.kill()
        for worker in workers:
            worker.send_signal(signal.SIGKILL)
        self._process.wait()
        self._process = None

    def stop(self) -> None:
        """Have it end in order; kill it if it does not."""
        if self._process is None:
            return
        self._process.terminate()
        try:
            self._process.wait(STOP_WAIT_S_MAX)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        self._process = None
