"""What goes wrong in a drawn mission, and what brings it about: a time, a step, an event, a pass, a place on the orbit.

Whatever could end a life on board waits no longer than until the mission becomes quiet.
"""

from collections.abc import Callable
from typing import Any

import numpy as np

from hil.almanac import NS_PER_S, Almanac
from hil.faults.instants import ORBIT_INSTANTS
from hil.soak.chance import pick

FAULTS_MAX = 6
# Beside these, where there is an orbit, as many that are bound to it.
ORBIT_FAULTS_MAX = 3
# Of the missions this share has bits that flip in the memory of the flight software, so many at most.
MEMORY_SHARE, MEMORY_FAULTS_MAX = 0.4, 3
# Workers that are lost in a row without a checkpoint are a reason to give a job up after five.
WORKER_FAULTS_MAX = 3
# How long after the instant an orbit's fault comes at most.
OFFSET_S_MAX = 60.0

_WORKER_KINDS = ("kill_worker", "hang_worker", "slow_worker", "starve_worker", "flip")
_OF_CHECKPOINTS = ("truncate_checkpoint", "corrupt_checkpoint")
_OTHER_KINDS = (
    "reboot_spacecraft",
    "reboot_spacecraft",
    "reboot_station",
    "reset_spacecraft",
    "flip_store",
    "fill_disk",
    "wear_disk",
    *_OF_CHECKPOINTS,
    "jump_clock",
    "drift_clock",
    "pull_cable",
)
# What can end a life of the flight software, whether at once or by a store that takes nothing; after too many it is in
# SAFE, and only a command leads out.
# `flip_books` is one too, and drawn apart.
_ENDING_KINDS = ("reboot_spacecraft", "reset_spacecraft", "fill_disk", "wear_disk", "flip_store")
_EVENTS = ("checkpoint_begun", "checkpoint_saved", "job_changed", "booted", "aos", "los")

Fault = dict[str, Any]
"""One table of `hil.scenario.faults`."""


def draw_faults(
    chance: np.random.Generator, quiet_s: float, job_steps: int, passes: list[dict[str, float]]
) -> list[Fault]:
    """Draw what comes at a time, a step, an event or a listed pass.

    Args:
        chance: Where it is drawn from.
        quiet_s: When the mission becomes quiet.
        job_steps: How many a job has; 0 if there is none.
        passes: The mission's, if they are listed.
    """
    faults: list[Fault] = []
    for _ in range(int(chance.integers(FAULTS_MAX + 1))):
        _draw(chance, faults, quiet_s, job_steps, lambda: _trigger(chance, quiet_s, job_steps, passes))
    return faults


def add_orbit_faults(
    chance: np.random.Generator, faults: list[Fault], quiet_s: float, job_steps: int, almanac: Almanac
) -> None:
    """Draw what comes with a pass or at an instant of the orbit, and add it.

    Args:
        chance: Where it is drawn from.
        faults: Those drawn before.
        quiet_s: When the mission becomes quiet.
        job_steps: How many a job has; 0 if there is none.
        almanac: What comes until `quiet_s`.
    """
    passes = list(enumerate(almanac.times_ns["aos"], start=1))
    instants = [
        (name, count, time_ns)
        for name in ORBIT_INSTANTS
        for count, time_ns in enumerate(almanac.times_ns[name], start=1)
    ]

    def trigger() -> dict[str, Any]:
        if passes and chance.random() < 0.4:
            number, time_ns = pick(chance, tuple(passes))
            where: dict[str, Any] = {"pass_number": number}
        else:
            name, count, time_ns = pick(chance, tuple(instants))
            where = {"event": name, "count": count}
        offset_s = min(OFFSET_S_MAX, quiet_s - time_ns / NS_PER_S) * float(chance.random())
        return {**where, "offset_s": round(offset_s, 3)}

    for _ in range(int(chance.integers(ORBIT_FAULTS_MAX + 1))):
        _draw(chance, faults, quiet_s, job_steps, trigger)


def add_memory_faults(chance: np.random.Generator, faults: list[Fault], quiet_s: float) -> None:
    """Draw when a bit flips in the memory of the flight software, and add it.

    Args:
        chance: Where it is drawn from.
        faults: Those drawn before.
        quiet_s: When the mission becomes quiet.
    """
    if chance.random() < MEMORY_SHARE:
        for _ in range(int(chance.integers(1, MEMORY_FAULTS_MAX + 1))):
            faults.append({"kind": "flip_books", "at_s": round(quiet_s * float(chance.random()), 3)})


def _draw(
    chance: np.random.Generator,
    faults: list[Fault],
    quiet_s: float,
    job_steps: int,
    draw_trigger: Callable[[], dict[str, Any]],
) -> None:
    of_worker = sum(fault["kind"] in _WORKER_KINDS for fault in faults)
    if job_steps and of_worker < WORKER_FAULTS_MAX and chance.random() < 0.4:
        kind = str(pick(chance, _WORKER_KINDS))
    else:
        kind = str(pick(chance, _OTHER_KINDS))
    options, trigger = _options(chance, kind), draw_trigger()
    waits = {"event", "job_step"} & set(trigger) or "disk_operation" in options
    until = {"until_s": quiet_s} if kind in _ENDING_KINDS and waits else {}
    faults.append({"kind": kind, **options, **trigger, **until})
    if kind in _OF_CHECKPOINTS and of_worker < WORKER_FAULTS_MAX:
        # Nobody reads a checkpoint but the next worker.
        faults.append({"kind": "kill_worker", **trigger})


def _options(chance: np.random.Generator, kind: str) -> dict[str, Any]:
    match kind:
        case "slow_worker":
            return {"factor": 3.0}
        case "reboot_spacecraft":
            down_s = float(chance.integers(2, 60))
            in_operation = chance.random() < 0.6
            return {"down_s": down_s} | ({"disk_operation": int(chance.integers(1, 40))} if in_operation else {})
        case "reboot_station" | "fill_disk" | "wear_disk":
            return {"down_s": float(chance.integers(2, 60))}
        case "pull_cable":
            return {"down_s": float(chance.integers(1, 20))}
        case "jump_clock":
            return {"jump_s": float(pick(chance, (-86_400, -30, -1, 1, 30, 3_600)))}
        case "drift_clock":
            return {"drift_ppm": float(pick(chance, (-100, -10, 10, 100)))}
    return {}


def _trigger(
    chance: np.random.Generator, quiet_s: float, job_steps: int, passes: list[dict[str, float]]
) -> dict[str, Any]:
    at_s = round(quiet_s * float(chance.random()), 3)
    match int(chance.integers(5)):
        case 0 if job_steps:
            return {"job_step": int(chance.integers(job_steps))}
        case 1:
            event, count = str(pick(chance, _EVENTS)), int(chance.integers(1, 4))
            return {"event": event, "count": count, "offset_s": round(float(chance.uniform(0, 2)), 3)}
        case 2 if len(passes) > 1:
            number = int(chance.integers(1, len(passes)))
            offset_s = passes[number - 1]["duration_s"] * float(chance.random())
            return {"pass_number": number, "offset_s": round(offset_s, 3)}
    return {"at_s": at_s}
