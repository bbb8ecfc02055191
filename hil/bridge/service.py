"""A bridge in service: two ports, the emulated link between them, until somebody ends it.

For a board on one port and a ground station on the other, whoever made them: nothing here knows what the octets mean.
A port that vanishes is told and waited for. What went onto each line is written down, if there is a folder for it.
"""

import contextlib
import select
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import BinaryIO, Self

import msgspec

from ccsds.errors import MisuseError
from hil.bridge.bridge import Bridge
from hil.channel.line import Line, LineCounts
from hil.link.lines import cable_pulls, make_lines
from hil.rig.plug import Plug
from hil.run.evidence import Evidence
from hil.scenario.link import LinkTable
from hil.scenario.scenario import load_scenario
from hil.streams import Streams
from mission.profiles import find_profile

NS_PER_S = 1_000_000_000

# The display is fresh to the eye at this, and nothing else needs a turn by time.
TURN_NS_MAX = 200_000_000

# Rates are of the latest second or so.
RATE_NS = NS_PER_S


def bridge_link(scenario: str | None, profile: str | None, impairments: Mapping[str, float]) -> LinkTable:
    """Give what the link of a bridge does.

    Args:
        scenario: Whose ``[link]`` table it is, by name or path; None is a plain link.
        profile: Its profile, if it is another one.
        impairments: Keys of `hil.scenario.link.DirectionTable` and their values, for both directions.

    Raises:
        MisuseError: There is no such scenario or profile, or a value makes no sense.
    """
    link = LinkTable(profile="serial") if scenario is None else load_scenario(scenario).link
    if profile is not None:
        link = msgspec.structs.replace(link, profile=find_profile(profile).name)
    up, down = (msgspec.structs.replace(table, **impairments) for table in (link.up, link.down))
    return msgspec.structs.replace(link, up=up, down=down)


class BridgeService:
    """A bridge, from opening its ports on; a context manager.

    Args:
        board_url: Where the spacecraft is.
        ground_url: Where the station is.
        link: What the link does: profile, impairments, dropouts and cable pulls at times.
        seed: Of every random choice.
        folder: For captures and the event log; None keeps none.
        tell: Called with the time in s and the text of whatever happens.

    Raises:
        MisuseError: A URL is wrong, both are the same port, or the link wants what needs virtual time.
    """

    def __init__(
        self,
        board_url: str,
        ground_url: str,
        link: LinkTable,
        seed: int,
        folder: Path | None,
        tell: Callable[[float, str], None],
    ) -> None:
        if board_url == ground_url and board_url != "pty:":
            raise MisuseError(f"expected two ports, found {board_url} twice")
        if link.passes or any(dropout.before is not None for dropout in link.dropouts):
            raise MisuseError("link: expected no passes and no dropouts before a step, which a bridge knows nothing of")
        self.up, self.down = make_lines(link, find_profile(link.profile), Streams(seed))
        self.board, self.ground = Plug(board_url), Plug(ground_url)
        self.now_ns = 0
        self.events = 0
        """How often a port came or went, or a line altered something and told it."""
        self._tell = tell
        self._stack = contextlib.ExitStack()
        self._captures: dict[Line, BinaryIO] = {}
        self._log: Evidence | None = None
        self._marks = {line: [(0, line.counts)] for line in (self.up, self.down)}
        if folder is not None:
            for line, name in ((self.up, "uplink.bin"), (self.down, "downlink.bin")):
                self._captures[line] = self._stack.enter_context((folder / name).open("wb"))
            self._log = Evidence(folder / "events.jsonl")
            self._stack.callback(self._log.close)
        for dropout in link.dropouts:
            line = self.up if dropout.direction == "up" else self.down
            line.drop(round((dropout.at_s or 0.0) * NS_PER_S), round(dropout.duration_s * NS_PER_S))
        self._bridge = Bridge(
            self.ground, self.board, self.up, self.down, pulls=cable_pulls(link), on_sent=self._note_sent
        )
        self._stack.callback(self._bridge.close)
        self._started_ns = time.monotonic_ns()
        for plug in (self.board, self.ground):
            plug.advance(0)

    def run(self, is_over: Callable[[], bool], look: Callable[[], None]) -> None:
        """Carry octets.

        Args:
            is_over: Asked after each turn.
            look: Called after each turn, for a display.
        """
        while not is_over():
            self.now_ns = time.monotonic_ns() - self._started_ns
            self._bridge.turn(self.now_ns)
            self._take_events()
            self._note_rates()
            look()
            now_ns = time.monotonic_ns() - self._started_ns
            deadline_ns = self._bridge.next_deadline(now_ns)
            wait_ns = TURN_NS_MAX if deadline_ns is None else min(max(deadline_ns - now_ns, 0), TURN_NS_MAX)
            reading, writing = self._bridge.descriptors(now_ns)
            select.select(reading, writing, [], wait_ns / NS_PER_S)

    def rate_bps(self, line: Line) -> float:
        """Give the rate at which octets are sent onto a line, over about the latest second."""
        (then_ns, then), (now_ns, now) = self._marks[line][0], (self.now_ns, line.counts)
        if now_ns <= then_ns:
            return 0.0
        bits = (now.octets_sent - then.octets_sent) * line.config.bits_per_octet
        return bits * NS_PER_S / (now_ns - then_ns)

    def counts(self) -> dict[str, LineCounts]:
        """Give what the lines have done."""
        return {"up": self.up.counts, "down": self.down.counts}

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *exception: object) -> None:
        self._bridge.finish()
        self._take_events()
        self._stack.close()

    def _note_sent(self, line: Line, octets: bytes) -> None:
        if line in self._captures:
            self._captures[line].write(octets)

    def _take_events(self) -> None:
        for source, event in self._bridge.take_events():
            self.events += 1
            if self._log is not None:
                parts = msgspec.structs.asdict(event)
                told = {**parts, "type": type(event).__name__, "time_ns": self.now_ns, "text": str(event)}
                self._log.note(source, told)
            self._tell(self.now_ns / NS_PER_S, str(event))

    def _note_rates(self) -> None:
        for line, marks in self._marks.items():
            if self.now_ns - marks[-1][0] >= RATE_NS // 4:
                marks.append((self.now_ns, line.counts))
            while len(marks) > 1 and self.now_ns - marks[0][0] > RATE_NS:
                marks.pop(0)
