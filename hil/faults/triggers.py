"""What brings the faults of a scenario about, under either clock: a time, a pass, a step, an event, an instant, chance.

Each is handed to whoever strikes once it is due. One that waits for something waits no longer than its ``until_s``; one
of a worker that finds none comes to the next, once that works.
"""

from collections import Counter
from collections.abc import Callable, Sequence

import numpy as np

from hil.agenda import Agenda
from hil.arrivals import draw_arrivals
from hil.scenario.faults import FaultTable
from hil.streams import Streams

NS_PER_S = 1_000_000_000
NS_PER_HOUR = 3_600 * NS_PER_S

Strike = Callable[[int, FaultTable, str], bool]
"""Lets a fault happen, given its number and what it comes after; tells whether there was something to strike."""


class Triggers:
    """The faults of a run that are still to come.

    Args:
        faults: Of the scenario.
        agenda: Of the run.
        now_ns: Gives mission time.
        strike: Who strikes.
        streams: Of the seed.
        passes_ns: When each pass begins.
        end_ns: When the mission ends, and chance with it.
    """

    def __init__(
        self,
        faults: Sequence[FaultTable],
        agenda: Agenda,
        now_ns: Callable[[], int],
        strike: Strike,
        streams: Streams,
        passes_ns: Sequence[int],
        end_ns: int,
    ) -> None:
        self._agenda = agenda
        self._now_ns = now_ns
        self._do = strike
        self._counts: Counter[str] = Counter()
        # Faults that wait for an event; a fault at a step waits for the next worker if there is none.
        self._at_event: list[tuple[int, FaultTable]] = []
        self._at_step: list[tuple[int, FaultTable]] = []
        for number, fault in enumerate(faults):
            if fault.at_s is not None:
                self._at(_ns(fault.at_s), number, fault)
            elif fault.pass_number is not None:
                if fault.pass_number <= len(passes_ns):
                    self._at(passes_ns[fault.pass_number - 1] + _ns(fault.offset_s or 0.0), number, fault)
            elif fault.per_hour is not None:
                for time_ns in _arrivals(fault, streams.block("faults/arrivals", number), end_ns):
                    self._at(time_ns, number, fault)
            elif fault.event is not None:
                self._at_event.append((number, fault))
            else:
                self._at_step.append((number, fault))

    def instant(self, name: str) -> None:
        """Take note that something named has come: an event on board, or an instant of `hil.faults.instants`."""
        self._counts[name] += 1
        for number, fault in tuple(self._at_event):
            if fault.event == name and self._counts[name] == (fault.count or 1):
                self._at_event.remove((number, fault))
                self._at(self._now_ns() + _ns(fault.offset_s or 0.0), number, fault)

    def reach(self, step: int) -> None:
        """Take note of a step of a job that was told of."""
        for number, fault in tuple(self._at_step):
            if step >= (fault.job_step or 0):
                self._at_step.remove((number, fault))
                self._strike(number, fault, f"after step {step}")

    def _at(self, time_ns: int, number: int, fault: FaultTable) -> None:
        self._agenda.add(time_ns, lambda: self._strike(number, fault, f"at {time_ns / NS_PER_S:g} s"))

    def _strike(self, number: int, fault: FaultTable, after: str) -> None:
        if fault.until_s is not None and self._now_ns() > _ns(fault.until_s):
            return
        if not self._do(number, fault, after):
            self._at_step.append((number, fault))  # It comes to the next worker, once it works.


def _arrivals(fault: FaultTable, chance: np.random.Generator, end_ns: int) -> list[int]:
    """Draw when a fault by chance comes."""
    until_ns = end_ns if fault.until_s is None else min(end_ns, _ns(fault.until_s))
    return draw_arrivals(chance, NS_PER_HOUR / (fault.per_hour or 1.0), _ns(fault.from_s or 0.0), until_ns)


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
