"""The latest word of each job, as the ground hears it: what was played back comes late, and goes by its on-board time.

What comes live is newer than all that was heard before, also where the clock on board was set back in between.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flight.jobs.life_cycle import TABLE
from mission.jobs import ENDED_STATES

ENDED = frozenset(state.name for state in ENDED_STATES)
"""The words after which nothing is done for a job any more, unless it is resumed."""

_FINAL = ENDED - {state.name for state, _ in TABLE}
"""Those that nothing can follow: not even one that was told to go on."""


@dataclass(frozen=True)
class _Word:
    state: str | None
    """None if what was heard until then is over."""
    tai_ns: int


class LatestWord:
    """The state of each job that was heard of."""

    def __init__(self) -> None:
        self._words: dict[int, _Word] = {}
        self._live_ns = 0

    def state(self, job_id: int) -> str | None:
        """Give the latest state of a job, None if nothing was heard."""
        word = self._words.get(job_id)
        return None if word is None else word.state

    def note_live(self, event: Mapping[str, Any]) -> None:
        """Take note of the on-board time of an event of the station, whatever it is about; `forget` goes by it."""
        if event.get("tai_ns") is not None and event["stored"] is None:
            self._live_ns = event["tai_ns"]

    def hear(self, job_id: int, state: str, event: Mapping[str, Any]) -> bool:
        """Take the state of a job from an event or a report.

        Args:
            job_id: Whose.
            state: Its name in `mission.jobs.JobState`.
            event: In plain form, with ``tai_ns`` and ``stored``.

        Returns:
            Whether it is news; False if it was played back and is older than what was heard, or cannot follow it.
        """
        word = self._words.get(job_id)
        if word is not None and event["stored"] is not None:
            # The clock on board may have been set back since what is played back.
            if word.state in _FINAL and state != word.state:
                return False
            # Of two words of one instant, the end is the later.
            is_first = word.state is None or (word.state in ENDED and state not in ENDED)
            if event["tai_ns"] < word.tai_ns or (is_first and event["tai_ns"] == word.tai_ns):
                return False
        self._words[job_id] = _Word(state, event["tai_ns"])
        return True

    def forget(self, job_id: int) -> None:
        """Take note that what was heard of a job until now is over, as it was told to go on.

        What is played back from before is not heard again.
        """
        word = self._words.get(job_id)
        self._words[job_id] = _Word(None, max(self._live_ns, 0 if word is None else word.tai_ns))
