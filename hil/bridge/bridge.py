"""A bridge: two ports with an emulated line each way between them, in real time.

It has no clock and waits for nothing: whoever drives it calls `Bridge.turn` with the time when one of its descriptors
is ready or its deadline is over. A port is read only when its line is about to fall idle, so that what a sender puts
out faster than the line carries it waits at the sender, as on a real line.
"""

from collections.abc import Callable, Sequence
from typing import Any

import msgspec

from ccsds.deadline import earliest
from hil.channel.dropouts import Dropout
from hil.channel.line import Line
from hil.rig.plug import Plug
from ports.drive import POLL_NS

NS_PER_S = 1_000_000_000

# A port is read this long before its line falls idle, which hides the latency of the loop that drives the bridge.
READ_AHEAD_NS = NS_PER_S // 50

# While octets are on a line, those that have arrived are handed over this often, not only once all sent together have:
# a UART's receiver hands over some at a time as well, when its buffer is half full or after a character or four.
HAND_OVER_NS = NS_PER_S // 500

# What arrived and is not yet taken: seconds of a UART, as the buffers of an operating system hold them.
WAITING_OCTETS_MAX = 1 << 16

# Octets that nobody took are told at most this often for each direction.
REPORT_NS = 10 * NS_PER_S


class OctetsDiscarded(msgspec.Struct, frozen=True, tag=True):
    """Octets arrived at a port that did not take them in time; the oldest were thrown away."""

    line: str
    count: int

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"{self.line}: {self.count} octets arrived where nobody took them"


class Bridge:
    """The two ports and the two lines.

    Args:
        ground: The end at which the station is.
        board: The end at which the spacecraft is.
        up: The line from the ground to the board.
        down: The line from the board to the ground.
        pulls: Spans of time in which the cable is pulled, by which the ports vanish. The lines are to know them too.
        on_sent: Called with a line and the octets that went onto it.
    """

    def __init__(
        self,
        ground: Plug,
        board: Plug,
        up: Line,
        down: Line,
        *,
        pulls: Sequence[Dropout] = (),
        on_sent: Callable[[Line, bytes], None] | None = None,
    ) -> None:
        self.up = up
        self.down = down
        self._plugs = (ground, board)
        self._ways = (_Way(ground, up, board, on_sent), _Way(board, down, ground, on_sent))
        self._pulls = sorted(pulls, key=lambda pull: pull.start_ns)
        self._pulled: Dropout | None = None

    def turn(self, now_ns: int) -> None:
        """Do all there is to do now.

        Raises:
            PortLostError: A port that was handed over open is lost.
        """
        self._follow_pulls(now_ns)
        for plug in self._plugs:
            plug.advance(now_ns)
        for way in self._ways:
            way.turn(now_ns)

    def next_deadline(self, now_ns: int) -> int | None:
        """When there is something to do that no descriptor tells."""
        times = [each.next_deadline() for each in self._plugs]
        times += [way.next_deadline(now_ns) for way in self._ways]
        if self._pulled is not None:
            times.append(self._pulled.end_ns)
        elif self._pulls:
            times.append(self._pulls[0].start_ns)
        return earliest(times)

    def descriptors(self, now_ns: int) -> tuple[list[int], list[int]]:
        """Give the descriptors to wait on: those to become readable, and those to become writable."""
        reading = [way.source.fileno() for way in self._ways if way.is_read(now_ns)]
        writing = [way.sink.fileno() for way in self._ways if way.waiting and way.sink.is_up]
        return [each for each in reading if each is not None], [each for each in writing if each is not None]

    def take_events(self) -> list[tuple[str, Any]]:
        """Take what happened, each with its source: ``link.up``, ``link.down`` or ``port``."""
        events = [("port", event) for plug in self._plugs for event in plug.take_events()]
        return events + [(f"link.{way.line.config.name}", event) for way in self._ways for event in way.take_events()]

    def finish(self) -> None:
        """Make ready to be told also what was still being added up; for the end of a run."""
        for way in self._ways:
            way.finish()

    def close(self) -> None:
        """Let go of the ports that were opened here."""
        for plug in self._plugs:
            plug.close()

    def _follow_pulls(self, now_ns: int) -> None:
        if self._pulled is not None and now_ns >= self._pulled.end_ns:
            self._pulled = None
            if not (self._pulls and self._pulls[0].start_ns <= now_ns):
                for plug in self._plugs:
                    plug.replug(now_ns)
        while self._pulls and self._pulls[0].start_ns <= now_ns:
            pull = self._pulls.pop(0)
            if pull.end_ns > now_ns and (self._pulled is None or pull.end_ns > self._pulled.end_ns):
                self._pulled = pull
                for plug in self._plugs:
                    plug.pull()


class _Way:
    """One direction: from the port of its source over its line to the port of its sink."""

    def __init__(self, source: Plug, line: Line, sink: Plug, on_sent: Callable[[Line, bytes], None] | None) -> None:
        self.source = source
        self.line = line
        self.sink = sink
        self.waiting = b""
        self._on_sent = on_sent
        self._turned_ns = 0
        self._discarded = 0
        self._told_ns = -REPORT_NS
        self._events: list[Any] = []

    def turn(self, now_ns: int) -> None:
        self._turned_ns = now_ns
        if self.is_read(now_ns):
            octets = self.source.read(now_ns)
            if octets:
                self.line.send(octets, now_ns)
                if self._on_sent is not None:
                    self._on_sent(self.line, octets)
        # A program that has not opened its port yet, or reads slowly, finds what came for it a little later.
        waiting = self.waiting + self.line.receive(now_ns)
        self._discarded += max(len(waiting) - WAITING_OCTETS_MAX, 0)
        waiting = waiting[-WAITING_OCTETS_MAX:]
        self.waiting = waiting[self.sink.write(waiting, now_ns) :]
        if self._discarded and now_ns - self._told_ns >= REPORT_NS:
            self._told_ns = now_ns
            self._tell_discarded()

    def is_read(self, now_ns: int) -> bool:
        """Tell whether the line will soon have room for more."""
        return self.source.is_open and self.line.free_at_ns - now_ns <= READ_AHEAD_NS

    def next_deadline(self, now_ns: int) -> int | None:
        times: list[int] = []
        deadline_ns = self.line.next_deadline()
        if deadline_ns is not None:
            times.append(min(deadline_ns, self._turned_ns + HAND_OVER_NS))
        if self.source.is_open:
            if not self.is_read(now_ns):
                times.append(self.line.free_at_ns - READ_AHEAD_NS)
            elif self.source.fileno() is None:
                times.append(self._turned_ns + POLL_NS)
        return min(times, default=None)

    def take_events(self) -> list[Any]:
        events, self._events = self._events, []
        return events + self.line.take_events()

    def finish(self) -> None:
        self.line.finish()
        self._tell_discarded()

    def _tell_discarded(self) -> None:
        if self._discarded:
            self._events.append(OctetsDiscarded(self.line.config.name, self._discarded))
        self._discarded = 0
