"""What all browsers share: the picture of the station that is kept for them, and the powers that they ask for.

It does nothing that the API does not: whatever is asked for goes through `ground.server.operations`, and what is shown
comes from what the station says and from its archive.
"""

import contextlib
import sqlite3
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from ccsds.errors import MisuseError
from ground.alarms.life_cycle import AlarmState
from ground.archive.history import History
from ground.console import clock
from ground.console.feed import Feed
from ground.events import StationEvent
from ground.pass_plan import PassPlan
from ground.server.operations import Operations
from ground.server.subscriptions import Subscription

# The state of a station is put together once for all browsers that look at it in so short a time.
STATE_AGE_NS_MAX = 150_000_000


@dataclass
class Console:
    """What all browsers share."""

    operations: Operations
    archive_path: Path
    plan: PassPlan = field(default_factory=PassPlan)
    feed: Feed = field(default_factory=Feed)
    _heard: Subscription | None = None
    _state: tuple[int, dict[str, Any]] | None = None

    def restore(self) -> None:
        """Take in what the archive holds; what cannot be read is not shown."""
        with contextlib.suppress(MisuseError, sqlite3.Error):
            with contextlib.closing(History.open(self.archive_path)) as history:
                self.feed.restore(history)

    def follow(self) -> None:
        """Take in what the station has said since the last call; the first one begins to listen."""
        if self._heard is None or self._heard.is_dropped:
            self._heard = self.operations.subscriptions.open(kinds=every_kind())
        told = self._heard.take()
        if told:
            self.feed.take([each.event for each in told], clock.unix_ns(), clock.now_ns())

    def state(self) -> dict[str, Any]:
        """Give all that is known at the moment, in plain values."""
        now_ns = clock.now_ns()
        if self._state is None or now_ns - self._state[0] > STATE_AGE_NS_MAX:
            known = self.operations.state()
            # Of jobs that were heard of before the station was started anew, the archive tells.
            known["jobs"] = {**self.feed.jobs.snapshot(), **known["jobs"]}
            self._state = (now_ns, known)
        return self._state[1]

    def alarms(self) -> list[dict[str, Any]]:
        """Give the alarms that stand and are not put away, the worst first."""
        return [each for each in self.state()["alarms"] if each["state"] != AlarmState.SHELVED.name]


def every_kind() -> list[str]:
    """Give the name of every type of event that a station has, raw frames too."""
    found, kinds = [], [StationEvent]
    while kinds:
        kind = kinds.pop()
        found.append(kind.__name__)
        kinds += kind.__subclasses__()
    return found
