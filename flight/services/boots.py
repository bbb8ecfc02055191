"""Mission service [132] boots: why the flight software started, what it died of, and its end by command.

Each start is judged by what the life before it left behind (`judge`). It leads into SAFE, where what may have brought
the resets about is not done, if it is one of too many unasked ones: in a row after lives shorter than
`BootPolicy.short_ns`, or within `BootPolicy.window_ns`. Both are measured by uptime, so no clock is asked. What is
counted is in the journal and in the mark (`flight.survival.boot_mark`), which a full store does not stop; a start that
nobody asked for and that neither of them has durably leads to SAFE too, since nobody will know how many there were.
"""

import contextlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from ccsds.deadline import earliest
from flight.autonomy.causes import Causes
from flight.books.boots import BootBook, Booted, Crashed, Lived, Stopped
from flight.disk import Disk
from flight.ledger import Ledger
from flight.parameters import Source
from flight.reporter import Reporter, clip_reason
from flight.services.service import Outcome
from flight.survival.boot_mark import RESETS_KEPT_MAX, BootMark, BootMarks
from mission.boots import ASKED_FOR, EXCEPTION_OCTETS_MAX, ResetReason
from mission.dictionary import Command
from mission.words.boots import RESET, RESETTING
from mission.words.core import STORE_FAILED

NS_PER_S = 1_000_000_000

# The answers to the command that asks for a reset leave within this, if the link is there at all; they are in the
# journal for the case that they do not.
RESET_DELAY_NS = 2 * NS_PER_S

# Uptime is marked this often: 144 small writes a day, and a life is taken for shorter by at most this.
MARK_PERIOD_NS = 600 * NS_PER_S


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
    window_resets_max: int = 10
    """Unasked resets within the window that lead to SAFE, however long the lives between them."""
    window_ns: int = 86_400 * NS_PER_S
    """The window, of uptime."""


def judge(before: BootMark, start: Start) -> ResetReason:
    """Say why the flight software started, from what the life before left behind."""
    if before.boot_count == 0:
        return ResetReason.FIRST
    if before.ended is not None:
        return before.ended
    if start.was_bitten:
        return ResetReason.WATCHDOG
    if start.computer != before.computer:
        return ResetReason.POWER
    return ResetReason.UNKNOWN


def recall(book: BootBook, mark: BootMark | None) -> BootMark:
    """Give what is known of the life before, from the journal and the mark: either may have missed something."""
    mark = mark or BootMark()
    if mark.boot_count > book.count:
        return mark
    resets, ended = book.latest.resets, book.ended
    if mark.boot_count == book.count:
        resets, ended = min(resets, mark.resets), mark.ended or ended
    return msgspec.structs.replace(
        mark, boot_count=book.count, computer=book.latest.computer, resets=resets, ended=ended
    )


def note_crash(disk: Disk, text: str, reason: ResetReason = ResetReason.CRASHED) -> None:
    """Keep the exception that ends this life.

    Args:
        disk: The store.
        text: The exception and where it came from.
        reason: What the next start is told of it.

    Raises:
        OSError: The store failed.
    """
    marks, boot_count = BootMarks(disk), 0
    if marks.latest is not None:
        boot_count = marks.latest.boot_count
        with contextlib.suppress(OSError):  # What matters more is told below.
            marks.keep(msgspec.structs.replace(marks.latest, ended=reason))
    ledger = Ledger(disk)
    last = text.encode(errors="replace")[-EXCEPTION_OCTETS_MAX:].decode(errors="ignore")
    ledger.commit(Crashed(max(boot_count, ledger.boot_count), last, reason))


class BootService:
    """Judges the start, reports it, and brings about the next.

    Args:
        policy: When resets are too many.
        ledger: Where boots are kept.
        marks: Where they are counted besides.
        reporter: Where reports go.
        causes: The chain of causes at hand.
        start: What the program knows of this start.
        now_ns: When the flight software started.
    """

    number = 132

    def __init__(
        self,
        policy: BootPolicy,
        ledger: Ledger,
        marks: BootMarks,
        reporter: Reporter,
        causes: Causes,
        start: Start,
        now_ns: int,
    ) -> None:
        self._policy = policy
        self._ledger = ledger
        self._marks = marks
        self._started_ns = now_ns
        self._mark_ns = now_ns + MARK_PERIOD_NS
        self._reporter = reporter
        self._causes = causes
        # When this life is no short one any more; None once that is durable.
        self._lived_ns: int | None = now_ns + policy.short_ns
        self._reset_ns: int | None = None
        self._reset_reason = ResetReason.COMMANDED
        before = recall(ledger.boots, marks.latest)
        reason = judge(before, start)
        self._is_unasked = reason not in ASKED_FOR
        resets_at_s = (*before.resets_at_s, before.uptime_s) if self._is_unasked else before.resets_at_s
        self.entry = Booted(before.boot_count + 1, reason, before.resets + self._is_unasked, start.computer)
        """What is durable of this start."""
        self._mark = BootMark(
            boot_count=self.entry.boot_count,
            computer=start.computer,
            resets=self.entry.resets,
            uptime_s=before.uptime_s,
            resets_at_s=resets_at_s[-RESETS_KEPT_MAX:],
        )
        self._uptime_before_s = before.uptime_s
        self._is_marked = False

    def mark(self) -> None:
        """Count this start; to be done before anything else is."""
        self._is_marked = self._keep(self._mark)

    def boot(self) -> None:
        """Say so if nobody asked for this start."""
        if self._is_unasked:
            self._reporter.event(
                RESET, boot_count=self.entry.boot_count, reason=self.entry.reason, resets=self.entry.resets
            )

    @property
    def has_reset_too_often(self) -> bool:
        """Whether this start is one of too many; to be asked once it was tried to make it durable."""
        is_kept = self._is_marked or self._ledger.boots.latest is self.entry
        if not is_kept and self.entry.reason is ResetReason.FIRST:  # By what it can tell, so will the next one be.
            return True
        if not self._is_unasked:
            return False
        window_s = self._policy.window_ns // NS_PER_S
        recent = sum(1 for at_s in self._mark.resets_at_s if at_s > self._uptime_before_s - window_s)
        return self.entry.resets >= self._policy.resets_max or recent >= self._policy.window_resets_max or not is_kept

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        if command.name == "spacecraft.reset":
            return Outcome(afterwards=lambda now_ns: self.ask(ResetReason.COMMANDED, now_ns))
        exceptions = self._ledger.boots.exceptions
        report = {
            "boot_count": self.entry.boot_count,
            "reason": self.entry.reason,
            "resets": self._mark.resets,
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
        if reason is ResetReason.COMMANDED and self._causes.depth:
            reason = ResetReason.RELEASED
        self._reporter.event(RESETTING, reason=reason)
        self._reset_reason = reason
        self._reset_ns = now_ns + RESET_DELAY_NS

    def advance(self, now_ns: int) -> ResetReason | None:
        """Write down that this life is no short one; give the reason of a reset that is due."""
        if self._lived_ns is not None and now_ns >= self._lived_ns:
            is_marked = self._keep(msgspec.structs.replace(self._aged(now_ns), resets=0, ended=None))
            self._lived_ns = None if self._write(Lived()) and is_marked else now_ns + self._policy.short_ns
        if now_ns >= self._mark_ns:
            self._mark_ns = now_ns + MARK_PERIOD_NS
            self._keep(self._aged(now_ns))
        if self._reset_ns is None or now_ns < self._reset_ns:
            return None
        self._reset_ns = None
        self.end(self._reset_reason)
        return self._reset_reason

    def next_deadline(self) -> int | None:
        """Give the time at which `advance` has something to do."""
        deadlines = (self._lived_ns, self._mark_ns, self._reset_ns)
        return earliest(deadlines)

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of boots have their values from."""
        return {
            "boot_count": lambda _: self.entry.boot_count,
            "reset_reason": lambda _: self.entry.reason,
            "resets_in_a_row": lambda _: self._mark.resets,
        }

    def end(self, reason: ResetReason) -> None:
        """Write down why this life ends. A store that fails keeps nobody from ending."""
        self._keep(msgspec.structs.replace(self._mark, ended=None if reason is ResetReason.UNKNOWN else reason))
        self._write(Stopped(reason))

    def _aged(self, now_ns: int) -> BootMark:
        uptime_s = self._uptime_before_s + (now_ns - self._started_ns) // NS_PER_S
        return msgspec.structs.replace(self._mark, uptime_s=uptime_s)

    def _keep(self, mark: BootMark) -> bool:
        self._mark = mark
        try:
            self._marks.keep(mark)
        except OSError as error:
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
            return False
        return True

    def _write(self, change: Lived | Stopped) -> bool:
        # The start itself goes first, if the store did not take it then.
        is_entered = self._ledger.boot_count >= self.entry.boot_count
        try:
            self._ledger.commit(*(() if is_entered else (self.entry,)), change)
        except OSError as error:
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
            return False
        return True
