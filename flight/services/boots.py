"""Mission service [132] boots: why the flight software started, what it died of, and its end by command.

Each start is judged by what the life before it left behind (`judge`). Lives that end unasked before they are
`BootPolicy.short_ns` long are counted in a row; at `resets_max` of them the spacecraft starts into SAFE, where what
may have brought them about is not done. Lives are measured by uptime, so no clock is asked.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flight.books.boots import BootBook, Booted, Crashed, Lived, Stopped
from flight.ledger import Ledger
from flight.parameters import Source
from flight.reporter import Reporter, clip_reason
from flight.services.service import Outcome
from mission.boots import ASKED_FOR, EXCEPTION_OCTETS_MAX, ResetReason
from mission.dictionary import Command
from mission.words.boots import RESET, RESETTING
from mission.words.core import STORE_FAILED

NS_PER_S = 1_000_000_000

# The answers to the command that asks for a reset leave within this, if the link is there at all; they are in the
# journal for the case that they do not.
RESET_DELAY_NS = 2 * NS_PER_S


@dataclass(frozen=True, kw_only=True)
class Start:
    """What the program knows of its own start, that no store can tell."""

    computer: str = ""
    """What names this run of the computer, empty where nothing does."""
    was_bitten: bool = False
    """Whether the hardware says that its watchdog brought this start about."""


@dataclass(frozen=True, kw_only=True)
class BootPolicy:
    """When resets are too many."""

    resets_max: int = 3
    """Unasked resets in a row, after short lives, that lead to SAFE."""
    short_ns: int = 600 * NS_PER_S
    """A life that ends before this was short."""


def judge(book: BootBook, start: Start) -> ResetReason:
    """Say why the flight software started, from what the life before left behind."""
    if book.count == 0:
        return ResetReason.FIRST
    if book.ended is not None:
        return book.ended
    if start.was_bitten:
        return ResetReason.WATCHDOG
    if start.computer != book.latest.computer:
        return ResetReason.POWER
    return ResetReason.UNKNOWN


def note_crash(ledger: Ledger, text: str) -> None:
    """Keep the exception that ends this life.

    Raises:
        OSError: The store failed.
    """
    last = text.encode(errors="replace")[-EXCEPTION_OCTETS_MAX:].decode(errors="ignore")
    ledger.commit(Crashed(ledger.boot_count, last))


class BootService:
    """Judges the start, reports it, and brings about the next.

    Args:
        policy: When resets are too many.
        ledger: Where boots are kept.
        reporter: Where reports go.
        start: What the program knows of this start.
        now_ns: When the flight software started.
    """

    number = 132

    def __init__(self, policy: BootPolicy, ledger: Ledger, reporter: Reporter, start: Start, now_ns: int) -> None:
        self._policy = policy
        self._ledger = ledger
        self._reporter = reporter
        # When this life is no short one any more; None once that is durable.
        self._lived_ns: int | None = now_ns + policy.short_ns
        self._reset_ns: int | None = None
        self._reset_reason = ResetReason.COMMANDED
        before = ledger.boots.latest
        reason = judge(ledger.boots, start)
        resets = before.resets + (reason not in ASKED_FOR)
        self.entry = Booted(before.boot_count + 1, reason, resets, start.computer)
        """What is durable of this start."""
        self.has_reset_too_often = reason not in ASKED_FOR and resets >= policy.resets_max
        """Whether this start is one of too many in a row."""

    def boot(self) -> None:
        """Say so if nobody asked for this start."""
        if self.entry.reason not in ASKED_FOR:
            self._reporter.event(
                RESET, boot_count=self.entry.boot_count, reason=self.entry.reason, resets=self.entry.resets
            )

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        if command.name == "spacecraft.reset":
            return Outcome(afterwards=lambda now_ns: self.ask(ResetReason.COMMANDED, now_ns))
        exceptions = self._ledger.boots.exceptions
        report = {
            "boot_count": self.entry.boot_count,
            "reason": self.entry.reason,
            "resets": self._ledger.boots.latest.resets,
            "exceptions": len(exceptions),
        }
        return Outcome(
            answers=(
                self._reporter.encode("boot_report", report),
                *(
                    self._reporter.encode("exception_report", {"boot_count": each.boot_count, "text": each.text})
                    for each in exceptions
                ),
            )
        )

    def ask(self, reason: ResetReason, now_ns: int) -> None:
        """Ask for a reset, once what is to be said about it has had the time to leave."""
        self._reporter.event(RESETTING, reason=reason)
        self._reset_reason = reason
        self._reset_ns = now_ns + RESET_DELAY_NS

    def advance(self, now_ns: int) -> ResetReason | None:
        """Write down that this life is no short one; give the reason of a reset that is due."""
        if self._lived_ns is not None and now_ns >= self._lived_ns:
            self._lived_ns = None if self._write(Lived()) else now_ns + self._policy.short_ns
        if self._reset_ns is None or now_ns < self._reset_ns:
            return None
        self._reset_ns = None
        self.end(self._reset_reason)
        return self._reset_reason

    def next_deadline(self) -> int | None:
        """Give the time at which `advance` has something to do."""
        return min((each for each in (self._lived_ns, self._reset_ns) if each is not None), default=None)

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of boots have their values from."""
        return {
            "reset_reason": lambda _: self.entry.reason,
            "resets_in_a_row": lambda _: self._ledger.boots.latest.resets,
        }

    def end(self, reason: ResetReason) -> None:
        """Write down why this life ends. A store that fails keeps nobody from ending."""
        self._write(Stopped(reason))

    def _write(self, change: Lived | Stopped) -> bool:
        try:
            self._ledger.commit(change)
        except OSError as error:
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
            return False
        return True
