"""Mission service [134] safeguards: what stands between a command and its execution, whoever sent it.

A hazardous command must be armed, once for each time; a message type can be inhibited; some commands are not accepted
in every mode; and in SAFE the schedule, procedures and reactions give only what is declared for it, so that what led
there does not go on, and nothing but the ground leads out. And someone must be there: if no command that somebody gave
is accepted for too long, the spacecraft goes to SAFE. What a station gives by itself is no sign of anybody.

An arm is kept in memory alone, so that a reset disarms. Silence is counted in the time that the flight software runs,
marked now and then, and each start counts as much as may have gone unmarked: over resets it is never taken for shorter.
"""

from collections.abc import Mapping
from typing import Any

from ccsds.errors import MisuseError
from flight.acceptance import RefusedError
from flight.books.safeguards import CommandInhibited, CommandReleased, SilenceLimitSet, SilenceMarked
from flight.ledger import Ledger
from flight.parameters import Source
from flight.reporter import Reporter, clip_reason
from flight.services.mode import ModeService
from flight.services.service import Outcome
from flight.survival.mode import Trigger
from mission.dictionary import Command, Hazard
from mission.failures import FailureCode
from mission.modes import Mode
from mission.safeguards import INHIBITS_MAX, SILENCE_LIMIT_S_DEFAULT
from mission.words.core import STORE_FAILED
from mission.words.safeguards import ARM_LAPSED

NS_PER_S = 1_000_000_000

# Silence is marked this often: 144 small records a day, and at most this much too early over a reset.
MARK_PERIOD_NS = 600 * NS_PER_S

# Message types that are armed at once; an operator arms one command, then sends it.
ARMED_MAX = 8


class SafeguardService:
    """Lets commands through, or not, and counts silence.

    Args:
        ledger: Where inhibits and silence are kept.
        reporter: Where reports go.
        mode: What keeps the mode.
        now_ns: When the flight software started.
    """

    number = 134

    def __init__(self, ledger: Ledger, reporter: Reporter, mode: ModeService, now_ns: int) -> None:
        self._mode = mode
        self._ledger = ledger
        self._reporter = reporter
        # Message types to when they lapse, in the order in which they were armed.
        self._armed: dict[tuple[int, int], int] = {}
        silent_s = ledger.safeguards.silent_s + (MARK_PERIOD_NS // NS_PER_S if ledger.boot_count else 0)
        self.entry = SilenceMarked(silent_s)
        """What is durable of it with this start."""
        self._heard_ns = now_ns - silent_s * NS_PER_S
        self._mark_ns = now_ns + MARK_PERIOD_NS

    def check(self, command: Command, now_ns: int, *, is_release: bool) -> None:
        """Let a command through that is well-formed. An arm is used up by it.

        Args:
            command: It.
            now_ns: Now.
            is_release: Whether the spacecraft gives it to itself.

        Raises:
            RefusedError: It is not let through, and why.
        """
        kind = (command.service, command.subtype)
        inhibited = self._ledger.safeguards.inhibited
        if kind in inhibited or (command.service, 0) in inhibited:
            raise RefusedError(FailureCode.INHIBITED, f"{command.name} is inhibited: expected command.release before")
        mode = self._mode.mode
        if mode not in command.modes:
            expected = " or ".join(each.name for each in sorted(command.modes))
            raise RefusedError(FailureCode.WRONG_MODE, f"{command.name}: expected mode {expected}, found {mode.name}")
        if is_release and mode is Mode.SAFE and not command.in_safe:
            raise RefusedError(FailureCode.WRONG_MODE, f"{command.name}: expected the ground to give it in SAFE")
        if command.hazard is Hazard.NONE:
            return
        lapses_ns = self._armed.pop(kind, None)
        if lapses_ns is None or now_ns >= lapses_ns:
            text = f"{command.name} {command.hazard.value}: expected command.arm service={kind[0]} subtype={kind[1]}"
            raise RefusedError(FailureCode.NOT_ARMED, f"{text} before")

    def execute(self, command: Command, arguments: Mapping[str, Any], now_ns: int) -> Outcome:
        """See `flight.services.service.Service`."""
        match command.name:
            case "command.arm":
                kind = (arguments["service"], arguments["subtype"])
                return Outcome(afterwards=lambda now_ns: self._arm(kind, now_ns + arguments["hold_s"] * NS_PER_S))
            case "command.inhibit":
                return self._inhibit(CommandInhibited(**arguments))
            case "command.release":
                return self._release(CommandReleased(**arguments))
            case "command.limit_silence":
                return Outcome(changes=(SilenceLimitSet(arguments["seconds"]),))
            case _:
                rows = [{"service": each[0], "subtype": each[1]} for each in self._ledger.safeguards.inhibited]
                return Outcome(answers=(self._reporter.encode("inhibit_report", {"inhibits": rows}),))

    def advance(self, now_ns: int) -> None:
        """Let arms lapse, mark the silence, and go to SAFE if it has lasted too long."""
        for kind, lapses_ns in tuple(self._armed.items()):
            if now_ns >= lapses_ns:
                del self._armed[kind]
                self._reporter.event(ARM_LAPSED, service=kind[0], subtype=kind[1])
        if now_ns >= self._mark_ns:
            self._mark_ns = now_ns + MARK_PERIOD_NS
            self._mark(now_ns)
        over_ns = self._silence_over_ns
        if over_ns is not None and now_ns >= over_ns:
            self._mode.fall(Trigger.SILENCE, now_ns)

    def next_deadline(self) -> int:
        """Give the time at which `advance` has something to do."""
        due_ns = min(self._mark_ns, *self._armed.values()) if self._armed else self._mark_ns
        over_ns = self._silence_over_ns
        if over_ns is not None and over_ns < due_ns and self._mode.mode is not Mode.SAFE:
            return over_ns
        return due_ns

    def heard(self, now_ns: int) -> tuple[SilenceMarked, ...]:
        """Take note that a command came and was accepted; give what must become durable with it."""
        self._heard_ns = now_ns
        return (SilenceMarked(0),) if self._ledger.safeguards.silent_s else ()

    def silent_s(self, now_ns: int) -> int:
        """Give for how long no command has come."""
        return (now_ns - self._heard_ns) // NS_PER_S

    @property
    def silence_limit_s(self) -> int:
        """How long no command may come, 0 for ever."""
        limit_s = self._ledger.safeguards.silence_limit_s
        return SILENCE_LIMIT_S_DEFAULT if limit_s is None else limit_s

    @property
    def _silence_over_ns(self) -> int | None:
        limit_s = self.silence_limit_s
        return self._heard_ns + limit_s * NS_PER_S if limit_s else None

    def _mark(self, now_ns: int) -> None:
        """Make durable for how long no command has come; what is shorter, the next start assumes anyway."""
        silent_s = self.silent_s(now_ns)
        if silent_s * NS_PER_S < MARK_PERIOD_NS:
            return
        try:
            self._ledger.commit(SilenceMarked(silent_s))
        except OSError as error:
            self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))

    def _arm(self, kind: tuple[int, int], lapses_ns: int) -> None:
        self._armed.pop(kind, None)
        self._armed[kind] = lapses_ns
        while len(self._armed) > ARMED_MAX:
            del self._armed[next(iter(self._armed))]

    def _inhibit(self, change: CommandInhibited) -> Outcome:
        if change.service == self.number:
            raise MisuseError(f"expected another service than {self.number}: what releases must not be inhibited")
        inhibited = self._ledger.safeguards.inhibited
        if (change.service, change.subtype) not in inhibited and len(inhibited) >= INHIBITS_MAX:
            raise MisuseError(f"expected fewer than {INHIBITS_MAX} inhibits, found {len(inhibited)}")
        return Outcome(changes=(change,))

    def _release(self, change: CommandReleased) -> Outcome:
        if (change.service, change.subtype) not in self._ledger.safeguards.inhibited:
            raise MisuseError(f"expected [{change.service},{change.subtype}] to be inhibited, found it is not")
        return Outcome(changes=(change,))

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of the safeguards have their values from."""
        return {
            "silence": self.silent_s,
            "silence_limit": lambda _: self.silence_limit_s,
            "inhibits": lambda _: len(self._ledger.safeguards.inhibited),
        }
