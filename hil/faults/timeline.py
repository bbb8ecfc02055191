"""The faults of a scenario in virtual time, on one timeline with the link: the hand that strikes.

What brings each about is told by `hil.faults.triggers`. A fault strikes once; one by chance as often as is drawn. What
it strikes is drawn from the campaign's seed, by the fault's number.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Any

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
from hil.faults.triggers import Triggers
from hil.faults.worker_faults import strike_worker
from hil.scenario.faults import DOWN_S, WORKER_FAULTS, FaultTable
from hil.streams import Streams


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
        self._strikes: Counter[int] = Counter()
        # How long the spacecraft is off once a cut in the middle of a disk operation has come.
        self._off_s = DOWN_S
        self._triggers = Triggers(faults, hands.agenda, hands.now_ns, self._strike, streams, passes_ns, end_ns)

    def observe(self, source: str, event: Mapping[str, Any]) -> None:
        """Take an event of a run, in plain form."""
        if source != "spacecraft":
            return
        if event["type"] == "Announced":
            self.instant(event["name"])
        elif event["type"] == "Reported" and event["name"] == "job_progress":
            self._triggers.reach(event["values"]["step"])

    def instant(self, name: str) -> None:
        """See `hil.faults.triggers.Triggers.instant`."""
        self._triggers.instant(name)

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

    def _strike(self, number: int, fault: FaultTable, after: str) -> bool:
        hands = self._hands
        if fault.kind in WORKER_FAULTS and not (hands.spacecraft.is_on and hands.spacecraft.worker.is_alive):
            return False
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
        return True


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
