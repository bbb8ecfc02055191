"""The worker as a child process, seen from the flight process: the `Worker` port of the engine. It imports no torch.

One end of a socket pair becomes the child's standard input; requests and replies go over it. The child's standard
error is kept, as far as its end, to tell why it died.
"""

import contextlib
import os
import select
import signal
import socket
import subprocess
import sys
import time
from collections import deque
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec
import psutil

import flight
from ccsds.errors import MalformedError, MisuseError
from flight.jobs.messages import MessageStream, encode, reply_stream

# The last lines of a traceback: what went wrong and where.
STDERR_TAIL_OCTETS_MAX = 4 << 10

# A child that closed its channel is ending by itself; one that is not gone by then never will be.
EXIT_WAIT_S = 5.0

_RECEIVE_OCTETS = 64 << 10


class WorkerProcess:
    """One child at a time, started as often as needed.

    Args:
        store: Directory of the spacecraft's store.
        module: What the child runs.
        stream: Makes what its replies are read with.
    """

    def __init__(
        self,
        store: Path,
        module: str = "flight.jobs.worker",
        stream: Callable[[], MessageStream[Any]] = reply_stream,
    ) -> None:
        self._store = store
        self._module = module
        self._process: subprocess.Popen[bytes] | None = None
        self._channel: socket.socket | None = None
        self._stderr: int | None = None
        self._readiness: select.epoll | None = None
        self._make_stream = stream
        self._stream: MessageStream[Any] | None = None
        self._replies: deque[Any] = deque()
        self._stderr_tail = b""
        self._death: str | None = None

    def launch(self) -> None:
        """Start a child; one that was there before is killed.

        Raises:
            OSError: The system cannot start another process.
        """
        self.kill()
        ours, theirs = socket.socketpair()
        with theirs:
            try:
                # -P and PYTHONPATH: the child runs the same code as this process, whatever directory it stands in. It
                # gets a session of its own, so that Ctrl-C in a terminal comes to the flight process alone.
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-m", self._module, "--store", str(self._store)],
                    stdin=theirs.fileno(),
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.PIPE,
                    env=os.environ | {"PYTHONPATH": _python_path()},
                    start_new_session=True,
                )
            except OSError:
                ours.close()
                raise
        if self._process.stderr is None:
            raise MisuseError("worker: expected a pipe from its standard error, found none")
        self._channel = ours
        self._stderr = self._process.stderr.fileno()
        os.set_blocking(self._stderr, False)
        self._stream = self._make_stream()
        self._readiness = select.epoll()
        self._readiness.register(ours.fileno(), select.EPOLLIN)
        self._readiness.register(self._stderr, select.EPOLLIN)

    def send(self, request: msgspec.Struct) -> None:
        """Give the child a request. If it is dead, nothing happens: `died` tells.

        Raises:
            MisuseError: No child was launched.
        """
        if self._death is not None:
            return
        if self._channel is None:
            raise MisuseError("worker: expected a launched child, found none")
        with contextlib.suppress(ConnectionError):
            self._channel.sendall(encode(request))

    def fileno(self) -> int:
        """Give a descriptor that is readable when `read_replies` has something to do: a reply, a death, or an outcry.

        Raises:
            MisuseError: No child was launched.
        """
        if self._readiness is None:
            raise MisuseError("worker: expected a launched child, found none")
        return self._readiness.fileno()

    def read_replies(self) -> list[Any]:
        """Give the replies that are there, without waiting; `died` is up to date afterwards."""
        self._drain()
        replies = list(self._replies)
        self._replies.clear()
        return replies

    def wait_reply(self, timeout_s: float) -> Any:
        """Wait for the next reply.

        Returns:
            None if the child died, which `died` tells, or if the time is over.
        """
        deadline_s = time.monotonic() + timeout_s
        self._drain()
        while not self._replies and self._death is None and self._readiness is not None:
            left_s = deadline_s - time.monotonic()
            if left_s <= 0:
                return None
            self._readiness.poll(left_s)
            self._drain()
        return self._replies.popleft() if self._replies else None

    def kill(self) -> None:
        """End the child at once, with all that it had not made durable; nothing more is heard of it, or of its end."""
        if self._process is None:
            return
        self._end(self._process, wait_s=0.0)
        if self._readiness is not None:
            self._readiness.close()
        self._process = self._readiness = self._death = None
        self._replies.clear()

    def memory_octets(self) -> int:
        """Give what the child and its children hold in memory now, 0 if there is none."""
        if self._process is None:
            return 0
        total_octets = 0
        with contextlib.suppress(psutil.Error):
            child = psutil.Process(self._process.pid)
            for each in (child, *child.children(recursive=True)):
                with contextlib.suppress(psutil.Error):  # It ended meanwhile.
                    total_octets += each.memory_info().rss
        return total_octets

    @property
    def died(self) -> str | None:
        """Why the child ended by itself; None if it did not, as far as `read_replies` or `wait_reply` have seen."""
        return self._death

    @property
    def pid(self) -> int | None:
        """Process id of the child, also of one that died, until `kill` or `launch`; None if there is none."""
        return self._process.pid if self._process is not None else None

    def __enter__(self) -> "WorkerProcess":
        return self

    def __exit__(self, *_: object) -> None:
        self.kill()

    def _drain(self) -> None:
        """Take in what came from the child, and find out whether it is gone."""
        if self._process is None or self._channel is None or self._stream is None:
            return
        self._drain_stderr()
        while True:
            try:
                data = self._channel.recv(_RECEIVE_OCTETS, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except ConnectionError:
                data = b""
            if not data:
                self._death = self._end(self._process, EXIT_WAIT_S)
                return
            try:
                self._replies.extend(self._stream.receive(data))
            except MalformedError as error:
                self._death = f"{error}; {self._end(self._process, wait_s=0.0)}"
                return

    def _drain_stderr(self) -> None:
        if self._stderr is None:
            return
        with contextlib.suppress(BlockingIOError):
            while data := os.read(self._stderr, _RECEIVE_OCTETS):
                self._stderr_tail = (self._stderr_tail + data)[-STDERR_TAIL_OCTETS_MAX:]
            if self._readiness is not None:  # Its end: an epoll would call for it again and again.
                self._readiness.unregister(self._stderr)
            self._stderr = None

    def _await_silence(self) -> None:
        """Wait until all that the child started is gone too: whoever lives has its standard error open."""
        deadline_s = time.monotonic() + EXIT_WAIT_S
        poll = select.poll()
        self._drain_stderr()
        while self._stderr is not None and (left_s := deadline_s - time.monotonic()) > 0:
            poll.register(self._stderr, select.POLLIN)
            poll.poll(left_s * 1e3)
            self._drain_stderr()

    def _end(self, process: subprocess.Popen[bytes], wait_s: float) -> str:
        """Let the child end, or end it; give why it did. What `fileno` gave stays open until `kill`, and silent."""
        if wait_s:
            with contextlib.suppress(subprocess.TimeoutExpired):
                process.wait(wait_s)
        process.kill()
        process.wait()
        self._await_silence()
        tail = self._stderr_tail.decode(errors="replace").strip()
        reason = _ending(process.returncode) + (f": {tail}" if tail else "")
        for each in (self._channel, process.stderr):
            if each is not None:
                each.close()
        self._channel = self._stderr = self._stream = None
        self._stderr_tail = b""
        return reason


def _ending(return_code: int) -> str:
    if return_code >= 0:
        return f"worker ended with exit status {return_code}"
    try:
        return f"worker killed by {signal.Signals(-return_code).name}"
    except ValueError:
        return f"worker killed by signal {-return_code}"


def _python_path() -> str:
    ours = str(Path(next(iter(flight.__path__))).parent)
    inherited = os.environ.get("PYTHONPATH")
    return f"{ours}{os.pathsep}{inherited}" if inherited else ours
