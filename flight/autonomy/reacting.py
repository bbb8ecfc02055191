"""Reacting: an event that has a reaction is answered with its telecommand, and no reaction feeds on itself.

A reaction that comes at the end of a chain of reactions, or too often within a minute, is suppressed, disabled and told
(`mission.monitoring.REACTION_DEPTH_MAX`, the parameter ``reaction_rate``). What has happened and was not yet answered
when power goes is lost, as the event itself is; a telecommand that had begun is not.

Source: ECSS-E-ST-70-41C 6.19.
"""

from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from flight.autonomy.causes import Causes
from flight.autonomy.release import Release
from flight.autonomy.timeline import STORE_RETRY_NS
from flight.books.reactions import Key, ReactionBegun, ReactionEnded, ReactionsSwitched
from flight.ledger import Ledger
from flight.parameters import ParameterPool
from flight.reporter import Reporter, clip_reason
from mission.dictionary import EventDefinition
from mission.monitoring import REACTION_DEPTH_MAX
from mission.schedule import Fate
from mission.words.core import STORE_FAILED
from mission.words.reactions import REACTION_FAILED, REACTION_RATE, REACTION_SUPPRESSED, Bound

NS_PER_MINUTE = 60_000_000_000
# Events that wait to be answered: every reaction at once, twice.
WAITING_MAX = 256
# Reactions dealt with before the link is served again; the rest follows at once.
REACTIONS_AT_ONCE_MAX = 16


class Reacting:
    """The reactions at work.

    Args:
        ledger: What they are.
        reporter: Where events come from, and where it says what it did.
        pool: Where its settings are.
        causes: The chain of causes at hand.
        release: See `flight.router.Router.release`.
    """

    def __init__(
        self,
        ledger: Ledger,
        reporter: Reporter,
        pool: ParameterPool,
        causes: Causes,
        release: Callable[[Release, int], Fate],
    ) -> None:
        self._ledger = ledger
        self._book = ledger.reactions
        self._reporter = reporter
        self._causes = causes
        self._release = release
        self._rate: int = REACTION_RATE.default
        # What is to be answered: the reaction, and how long the chain is that led to the event.
        self._waiting: deque[tuple[Key, int]] = deque()
        # By reaction, when it was released last, as often as is allowed in a minute.
        self._released_ns: dict[Key, deque[int]] = {}
        self._held_until_ns = 0
        self.suppressed_count = 0
        pool.bind(REACTION_RATE, self._rate, self._set_rate)
        reporter.listen(self._happened)

    def advance(self, now_ns: int) -> None:
        """Answer what has happened."""
        if now_ns < self._held_until_ns:
            return
        try:
            if self._book.begun is not None:
                self._release_one(self._book.begun, True, 0, now_ns)
            for _ in range(REACTIONS_AT_ONCE_MAX):
                if not self._waiting:
                    return
                key, depth = self._waiting.popleft()
                try:
                    self._answer(key, depth, now_ns)
                except OSError:
                    if self._book.begun is None:  # Else it is known by that, and must not be answered twice.
                        self._waiting.appendleft((key, depth))
                    raise
        except OSError as error:
            self._wait_for_store(error, now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which something is due next."""
        return self._held_until_ns if self._waiting or self._book.begun is not None else None

    def _happened(self, definition: EventDefinition, values: Mapping[str, Any]) -> None:
        about = next(iter(values.values()), 0)
        numbers = {0, about} if isinstance(about, int) else {0}
        for number in sorted(numbers):
            key = (definition.id, number)
            if key not in self._book.enabled or not self._book.is_enabled:
                continue
            if len(self._waiting) == WAITING_MAX:
                self.suppressed_count += 1
            else:
                self._waiting.append((key, self._causes.depth))

    def _answer(self, key: Key, depth: int, now_ns: int) -> None:
        if key not in self._book.enabled or not self._book.is_enabled:  # Disabled since.
            return
        bound = self._exceeded(key, depth, now_ns)
        if bound is None:
            self._release_one(key, False, depth, now_ns)
            return
        self._ledger.commit(ReactionsSwitched((key,), False))
        self.suppressed_count += 1
        with self._causes.at(depth):
            self._reporter.event(REACTION_SUPPRESSED, event=key[0], about=key[1], bound=bound)

    def _exceeded(self, key: Key, depth: int, now_ns: int) -> Bound | None:
        if depth >= REACTION_DEPTH_MAX:
            return Bound.DEPTH
        released_ns = self._released_ns.get(key, ())
        recent = sum(1 for at_ns in released_ns if at_ns > now_ns - NS_PER_MINUTE)
        return Bound.RATE if recent >= self._rate else None

    def _release_one(self, key: Key, has_begun: bool, depth: int, now_ns: int) -> None:
        with self._causes.at(depth + 1):
            fate = self._release(
                Release(
                    packet=self._book.reactions[key].packet,
                    begun=ReactionBegun(key),
                    ended=lambda fate: ReactionEnded(key, fate),
                    has_begun=has_begun,
                ),
                now_ns,
            )
            self._note_released(key, now_ns)
            if fate is not Fate.EXECUTED:
                self._reporter.event(REACTION_FAILED, event=key[0], about=key[1], fate=fate)

    def _note_released(self, key: Key, now_ns: int) -> None:
        """Keep when a reaction was released last, and let go of what is past or of one that is no more."""
        self._released_ns.setdefault(key, deque()).append(now_ns)
        for each, released_ns in tuple(self._released_ns.items()):
            while released_ns and (len(released_ns) > self._rate or released_ns[0] <= now_ns - NS_PER_MINUTE):
                released_ns.popleft()
            if not released_ns or each not in self._book.reactions:
                del self._released_ns[each]

    def _set_rate(self, rate: int, now_ns: int) -> None:
        self._rate = rate

    def _wait_for_store(self, error: OSError, now_ns: int) -> None:
        """Wait a while if the store fails; what has happened still waits to be answered."""
        self._held_until_ns = now_ns + STORE_RETRY_NS
        self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))
