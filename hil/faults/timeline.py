"""The faults of a scenario on one timeline with the link: what brings each about, and the hand that strikes.

A fault comes at a time, with a pass, at a step of a job, at an event or a named instant, or by chance. It strikes once;
one by chance strikes as often as is drawn. What it strikes is drawn from the campaign's seed, by the fault's number.
One that waits for something waits no longer than its ``until_s``.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from hil.arrivals import draw_arrivals
from hil.faults.end_faults import (
    cut_power,
    damage_checkpoint,
    drift_clock,
    flip_books,
    flip_store,
    jump_clock,
    pull_cable,
    reset_spacecraft,
    trouble_disk,
)
from hil.faults.hands import NS_PER_S, RESTART_NS, Hands
from hil.faults.worker_faults import strike_worker
from hil.scenario.faults import DOWN_S, WORKER_FAULTS, FaultTable
from hil.streams import Streams

NS_PER_HOUR = 3_600 * NS_PER_S


class FaultTimeline:
    """What goes wrong in a run, and when.

    Args:
        faults: Of the scenario.
        hands: What they strike.
        streams: Of the seed.
        passes_ns: When each pass begins.
        end_ns: When the mission ends, and chance with it.
    """

    def __init__(
        self, faults: Sequence[FaultTable], hands: Hands, streams: Streams, passes_ns: Sequence[int], end_ns: int
    ) -> None:
        self._hands = hands
        self._streams = streams
        self._counts: Counter[str] = Counter()
        self._strikes: Counter[int] = Counter()
        # Faults that wait for an event; a fault at a step waits for the next worker if there is none.
        self._at_event: list[tuple[int, FaultTable]] = []
        self._at_step: list[tuple[int, FaultTable]] = []
        # How long the spacecraft is off once a cut in the middle of a disk operation has come.
        self._off_s = DOWN_S
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

    def observe(self, source: str, event: Mapping[str, Any]) -> None:
        """Take an event of a run, in plain form."""
        if source != "spacecraft":
            return
        if event["type"] == "Announced":
            self.instant(event["name"])
        elif event["type"] == "Reported" and event["name"] == "job_progress":
            self._reach(event["values"]["step"])

    def instant(self, name: str) -> None:
        """Take note that something named has come: an event on board, or an instant of `hil.faults.instants`."""
        self._counts[name] += 1
        for number, fault in tuple(self._at_event):
            if fault.event == name and self._counts[name] == (fault.count or 1):
                self._at_event.remove((number, fault))
                self._at(self._hands.now_ns() + _ns(fault.offset_s or 0.0), number, fault)

    def settle(self) -> None:
        """Take note of what ended the flight software in what it did; to be called after each turn.

        That is a power cut in the middle of a disk operation, or what it found in its memory.
        """
        spacecraft = self._hands.spacecraft
        forgot, failure = spacecraft.take_cut(), spacecraft.take_failure()
        if forgot:
            self._hands.tell(f"the {spacecraft.name} loses its power for {self._off_s:g} s: {forgot}")
            self._hands.later(_ns(self._off_s), lambda: self._hands.start(spacecraft))
        elif failure:
            self._hands.tell(f"an exception ends the flight software: {failure}")
            self._hands.later(RESTART_NS, lambda: self._hands.start(spacecraft))

    def _at(self, time_ns: int, number: int, fault: FaultTable) -> None:
        self._hands.agenda.add(time_ns, lambda: self._strike(number, fault, f"at {time_ns / NS_PER_S:g} s"))

    def _reach(self, step: int) -> None:
        for number, fault in tuple(self._at_step):
            if step < (fault.job_step or 0):
                continue
            if fault.kind in WORKER_FAULTS and not self._hands.spacecraft.worker.is_alive:
                continue  # It comes to the next worker.
            self._at_step.remove((number, fault))
            self._strike(number, fault, f"after step {step}")

    def _strike(self, number: int, fault: FaultTable, after: str) -> None:
        hands = self._hands
        if fault.until_s is not None and hands.now_ns() > _ns(fault.until_s):
            return
        if fault.kind in WORKER_FAULTS and not (hands.spacecraft.is_on and hands.spacecraft.worker.is_alive):
            self._at_step.append((number, fault))  # It comes to the next worker, once it works.
            return
        chance = self._streams.block(f"faults/{number}", self._strikes[number])
        self._strikes[number] += 1
        match fault.kind:
            case "reboot_spacecraft" if fault.disk_operation is not None:
                self._off_s = fault.down_s or DOWN_S
                if hands.spacecraft.is_on:
                    disk = hands.spacecraft.disk
                    disk.cut_at(disk.operations + fault.disk_operation)
                    if fault.until_s is not None:
                        hands.agenda.add(_ns(fault.until_s), disk.spare)
            case "reboot_spacecraft":
                cut_power(hands, hands.spacecraft, fault.down_s or DOWN_S)
            case "reboot_station":
                cut_power(hands, hands.station, fault.down_s or DOWN_S)
            case "reset_spacecraft":
                reset_spacecraft(hands)
            case "fill_disk" | "wear_disk":
                trouble_disk(hands, fault)
            case "flip_store":
                flip_store(hands, fault, chance)
            case "flip_books":
                flip_books(hands, fault, chance)
            case "truncate_checkpoint" | "corrupt_checkpoint":
                damage_checkpoint(hands, fault, chance)
            case "jump_clock":
                jump_clock(hands, fault.jump_s or 0.0)
            case "drift_clock":
                drift_clock(hands, fault.drift_ppm or 0.0)
            case "pull_cable":
                pull_cable(hands, fault.down_s or DOWN_S)
            case _:
                strike_worker(hands, fault, chance, after)


def _arrivals(fault: FaultTable, chance: np.random.Generator, end_ns: int) -> list[int]:
    """Draw when a fault by chance comes."""
    until_ns = end_ns if fault.until_s is None else min(end_ns, _ns(fault.until_s))
    return draw_arrivals(chance, NS_PER_HOUR / (fault.per_hour or 1.0), _ns(fault.from_s or 0.0), until_ns)


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
