"""What befalls the two ends of a scenario and the cable between them: power, software, clock, disk."""

import numpy as np

from ccsds.errors import StarloopError
from hil.ends.end import End
from hil.faults.flip import Spread
from hil.faults.hands import NS_PER_S, RESTART_NS, Hands
from hil.scenario.faults import DOWN_S, FaultTable


class StruckSoftwareError(StarloopError):
    """The flight software came upon something that nobody foresaw, since a particle struck it."""


def cut_power(hands: Hands, end: End, down_s: float) -> None:
    """Let an end lose its power, and start it again later."""
    if not end.is_on:
        return
    hands.collect()
    hands.tell(f"the {end.name} loses its power for {down_s:g} s: {end.cut_power()}")
    hands.later(round(down_s * NS_PER_S), lambda: hands.start(end))


def reset_spacecraft(hands: Hands) -> None:
    """Let an exception end the flight software; what it had written stays, and its supervisor starts it anew."""
    if not hands.spacecraft.is_on:
        return
    hands.collect()
    try:
        raise StruckSoftwareError("expected sense, found none: a particle struck the flight software")
    except StruckSoftwareError as error:
        hands.tell("an exception ends the flight software")
        hands.spacecraft.crash(error)
    hands.later(RESTART_NS, lambda: hands.start(hands.spacecraft))


def trouble_disk(hands: Hands, fault: FaultTable) -> None:
    """Let the spacecraft's disk be full, or wear it out, for a while."""
    disk, down_s = hands.spacecraft.disk, fault.down_s or DOWN_S
    name, what = ("is_full", "is full") if fault.kind == "fill_disk" else ("is_worn", "makes nothing durable")
    hands.tell(f"the disk of the spacecraft {what} for {down_s:g} s")
    setattr(disk, name, True)
    hands.later(round(down_s * NS_PER_S), lambda: setattr(disk, name, False))


def flip_store(hands: Hands, fault: FaultTable, chance: np.random.Generator) -> None:
    """Flip bits of a file of the spacecraft's store, where it lies."""
    struck = hands.spacecraft.disk.flip(chance, fault.spread or _draw_spread(chance), fault.path or "")
    if struck is None:
        hands.tell(f"bits of the store flip: nothing lies at {fault.path!r}")
    else:
        hands.tell(f"bits of the store flip: {struck[0]}, {struck[1]}")


def flip_books(hands: Hands, fault: FaultTable, chance: np.random.Generator) -> None:
    """Flip a bit of what the flight software knows, in its memory."""
    if hands.spacecraft.is_on:
        hands.tell(f"a bit of the flight software's memory flips: {hands.spacecraft.strike_memory(chance, fault.book)}")


def damage_checkpoint(hands: Hands, fault: FaultTable, chance: np.random.Generator) -> None:
    """Cut or flip the checkpoint that counts, where it lies."""
    from flight.jobs.checkpoint import slot_paths  # It brings torch along, which few runs want.
    from hil.faults.stored import draw_stored_strike, strike_stored

    spacecraft = hands.spacecraft
    job_id = fault.job_id or (spacecraft.running_job if spacecraft.is_on else 0)
    slot = spacecraft.checkpoint_slot(job_id) if spacecraft.is_on else None
    if not spacecraft.is_on:  # Or no longer, as it came upon a strike of its memory.
        hands.tell(f"{fault.kind}: no flight software runs, by which a checkpoint counts")
        return
    if slot is None:
        hands.tell(f"{fault.kind}: job {job_id} has no checkpoint" if job_id else f"{fault.kind}: no job runs")
        return
    if fault.kind == "truncate_checkpoint":
        tensors_path, _ = slot_paths(job_id, slot)
        left_octets = int(chance.integers(spacecraft.disk.size(tensors_path)))
        with spacecraft.disk.locate(tensors_path).open("r+b") as content:
            content.truncate(left_octets)
        hands.tell(f"{tensors_path} is cut to {left_octets} octets")
    else:
        strike = draw_stored_strike(chance, spacecraft.disk, job_id, slot, fault.spread or _draw_spread(chance))
        strike_stored(spacecraft.disk.root, strike)
        hands.tell(f"the checkpoint of job {job_id} is struck: {strike}")


def jump_clock(hands: Hands, jump_s: float) -> None:
    """Put the on-board clock forward or back, without anybody on board being told."""
    if hands.spacecraft.is_on:
        hands.tell(f"the on-board clock jumps by {jump_s:+g} s")
        hands.spacecraft.jump_clock(round(jump_s * NS_PER_S))


def drift_clock(hands: Hands, drift_ppm: float) -> None:
    """Let the clock of the spacecraft's computer run fast or slow from now on."""
    hands.tell(f"the clock of the spacecraft runs {drift_ppm:+g} ppm fast")
    hands.spacecraft.drift(drift_ppm, hands.now_ns())


def pull_cable(hands: Hands, down_s: float) -> None:
    """Let nothing arrive in either direction for a while, what is on its way included."""
    hands.tell(f"the cable is out for {down_s:g} s")
    for line in (hands.up, hands.down):
        line.drop(hands.now_ns(), round(down_s * NS_PER_S))


def _draw_spread(chance: np.random.Generator) -> Spread:
    return list(Spread)[int(chance.integers(len(Spread)))]
