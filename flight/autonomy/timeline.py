"""The timeline: releases the activities of the schedule when they are due, each once, and tells of those it skips.

An activity leaves the schedule in the very record in which its effect is durable. One that does more than change the
store is noted as begun before it acts: after a reset it is done again or reported as unknown, as its command declares.
What was due and cannot be released is skipped in one record for many, before anything that is due after it.

Source: ECSS-E-ST-70-41C 6.11.
"""

from collections.abc import Callable
from itertools import takewhile

from ccsds.deadline import earliest
from flight.autonomy.causes import Causes
from flight.autonomy.passes import Passes
from flight.autonomy.release import Release
from flight.books.schedule import ActivitiesSkipped, Activity, ActivityBegun, ActivityEnded, AnchorPassed
from flight.ledger import Ledger
from flight.reporter import Reporter, clip_reason
from mission.schedule import TOLD_ACTIVITIES_MAX, Fate, Late
from mission.words.core import STORE_FAILED
from mission.words.schedule import ACTIVITIES_SKIPPED_EVENT, ACTIVITY_FAILED, ANCHOR_PASSED

# What is released within this of its time is on time: a write to a slow store, or a worker that starts, may hold the
# flight software up for as long. Anything later is a reset or a jump of the clock.
ON_TIME_NS = 5_000_000_000
# How long the timeline waits after the store has failed: a full store is not emptied faster.
STORE_RETRY_NS = 10_000_000_000
# Activities dealt with before the link is served again; the rest follows at once.
RELEASES_AT_ONCE_MAX = 16


class Timeline:
    """The schedule at work.

    Args:
        ledger: The schedule.
        reporter: Where it says what it did.
        causes: The chain of causes at hand.
        tai_of: Gives on-board TAI for ``now_ns``.
        release: Takes a telecommand through acceptance and execution; see `flight.router.Router.release`.
        now_ns: When it starts.
    """

    def __init__(
        self,
        ledger: Ledger,
        reporter: Reporter,
        causes: Causes,
        tai_of: Callable[[int], int],
        release: Callable[[Release, int], Fate],
        now_ns: int,
    ) -> None:
        self._ledger = ledger
        self._book = ledger.schedule
        self._reporter = reporter
        self._causes = causes
        self._tai_of = tai_of
        self._release = release
        self._passes = Passes(now_ns)
        self._held_until_ns = now_ns
        self._now_ns = now_ns

    def contact(self, is_up: bool, now_ns: int) -> None:
        """Take note that the link is there, or is gone."""
        self._passes.contact(is_up, now_ns)
        try:
            self._watch_passes(now_ns)
        except OSError as error:
            self._wait_for_store(error, now_ns)

    def advance(self, now_ns: int) -> None:
        """Release what is due."""
        self._now_ns = now_ns
        if now_ns < self._held_until_ns:
            return
        try:
            self._watch_passes(now_ns)
            for _ in range(RELEASES_AT_ONCE_MAX):
                if not self._deal_with_next(now_ns):
                    return
        except OSError as error:
            self._wait_for_store(error, now_ns)

    def next_deadline(self) -> int | None:
        """Give the time at which something is due next."""
        deadlines = [self._passes.next_deadline(self._book.is_in_pass)]
        first = self._book.agenda.first()
        if self._book.begun is not None:
            deadlines.append(self._held_until_ns)
        if first is not None:
            deadlines.append(self._now_ns + first[0] - self._tai_of(self._now_ns))
        due_ns = earliest(deadlines)
        return None if due_ns is None else max(due_ns, self._held_until_ns)

    def _wait_for_store(self, error: OSError, now_ns: int) -> None:
        """Wait a while if the store fails; the activities are where they were."""
        self._held_until_ns = now_ns + STORE_RETRY_NS
        self._reporter.event(STORE_FAILED, reason=clip_reason(str(error)))

    def _watch_passes(self, now_ns: int) -> None:
        turn = self._passes.turn(self._book.is_in_pass, now_ns)
        if turn is None:
            return
        anchor, at_ns = turn
        waiting = self._book.waiting_for(anchor)
        at_tai_ns = self._tai_of(at_ns)
        self._ledger.commit(AnchorPassed(anchor, at_tai_ns, self._tai_of(now_ns)))
        if waiting:
            self._reporter.event(ANCHOR_PASSED, anchor=anchor, time=at_tai_ns, count=len(waiting))

    def _deal_with_next(self, now_ns: int) -> bool:
        """Release one activity, or skip those that come next; tell whether there was any."""
        if self._book.begun is not None:
            activity = self._book.activities[self._book.begun]
            self._release_one(activity, True, now_ns)
            return True
        tai_ns = self._tai_of(now_ns)
        first = self._book.agenda.first()
        if first is None or first[0] > tai_ns:
            return False
        activity = self._book.activities[first[1]]
        fate = self._skipped(activity, tai_ns)
        if fate is None:
            self._release_one(activity, False, now_ns)
        else:
            self._skip(fate, tai_ns)
        return True

    def _release_one(self, activity: Activity, has_begun: bool, now_ns: int) -> None:
        tai_ns = self._tai_of(now_ns)
        # One cause, however many there were: what puts itself there anew, each time it is due, may go on for ever.
        with self._causes.at(int(activity.has_cause)):
            fate = self._release(
                Release(
                    packet=activity.packet,
                    begun=ActivityBegun(activity.key),
                    ended=lambda fate: ActivityEnded(activity.key, fate, tai_ns),
                    has_begun=has_begun,
                ),
                now_ns,
            )
        if fate is not Fate.EXECUTED:
            self._reporter.event(ACTIVITY_FAILED, request=activity.key, fate=fate)

    def _skip(self, fate: Fate, tai_ns: int) -> None:
        """Skip the activities that come next and share a fate."""
        keys = self._book.agenda.due(tai_ns, TOLD_ACTIVITIES_MAX)
        shares = (self._skipped(self._book.activities[key], tai_ns) is fate for key in keys)
        # Those after one that is to be released keep their place behind it.
        skipped = tuple(key for key, _ in takewhile(lambda pair: pair[1], zip(keys, shares, strict=True)))
        self._ledger.commit(ActivitiesSkipped(skipped, fate, tai_ns))
        self._reporter.event(ACTIVITIES_SKIPPED_EVENT, count=len(skipped), fate=fate, requests=list(skipped))

    def _skipped(self, activity: Activity, tai_ns: int) -> Fate | None:
        """Give why an activity that is due is not to be released, or None if it is."""
        book = self._book
        is_group_off = activity.group and not book.groups.get(activity.group, False)
        if not book.is_enabled or activity.sub_schedule in book.disabled_sub_schedules or is_group_off:
            return Fate.SKIPPED_DISABLED
        assert activity.due_tai_ns is not None  # It is on the agenda.
        limit_ns = max(ON_TIME_NS, activity.limit_ns) if activity.late is Late.RUN else ON_TIME_NS
        return Fate.SKIPPED_LATE if tai_ns - activity.due_tai_ns > limit_ns else None
