"""The shortest plan that still breaks what a mission has broken: faults, commands and impairments are taken away.

Delta debugging (Zeller and Hildebrandt, "Simplifying and Isolating Failure-Inducing Input", 2002): parts of the plan
are left out, halves first, then ever smaller ones, as long as what is left still fails in the same way. A step that
waits goes with the one that gave it a reason.
"""

from collections.abc import Callable, Sequence

import msgspec

from ccsds.errors import MisuseError
from hil.scenario.link import DirectionTable
from hil.scenario.procedure import StepTable
from hil.scenario.scenario import Scenario, parse_scenario
from hil.scenario.toml import dump

# Missions flown for one shrinking: a minute or two.
FLIGHTS_MAX = 80

Piece = tuple[str, int]
"""What can be left out: the kind of it, and its number there."""


def shrink(scenario: Scenario, breaks: Callable[[Scenario], bool], flights_max: int | None = None) -> Scenario:
    """Leave out of a scenario what its failure does not need.

    Args:
        scenario: One that fails.
        breaks: Flies a scenario, and tells whether it fails in the same way.
        flights_max: How often it may be asked; `FLIGHTS_MAX`, if it is not said.

    Returns:
        A scenario that fails, of which nothing more can be left out as far as was tried.
    """
    kept = pieces_of(scenario)
    left = FLIGHTS_MAX if flights_max is None else flights_max
    parts = 2
    while kept and left > 0:
        size = -(-len(kept) // parts)
        for start in range(0, len(kept), size):
            fewer = kept[:start] + kept[start + size :]
            smaller = without(scenario, set(pieces_of(scenario)) - set(fewer))
            if smaller is None or left <= 0:
                continue
            left -= 1
            if breaks(smaller):
                kept, parts = fewer, max(parts - 1, 2)
                break
        else:
            if size <= 1:
                break
            parts = min(parts * 2, len(kept))
    return without(scenario, set(pieces_of(scenario)) - set(kept)) or scenario


def pieces_of(scenario: Scenario) -> list[Piece]:
    """Give all that can be left out, in a fixed order."""
    pieces: list[Piece] = [("attacker", 0)] if scenario.attacker is not None else []
    pieces += [("fault", number) for number in range(len(scenario.faults))]
    pieces += [("dropout", number) for number in range(len(scenario.link.dropouts))]
    pieces += [(name, 0) for name in ("up", "down") if getattr(scenario.link, name) != DirectionTable()]
    # The last pass is the one in which the mission is quiet.
    pieces += [("pass", number) for number in range(len(scenario.link.passes) - 1)]
    return pieces + [("step", number) for number in range(len(scenario.procedure))]


def without(scenario: Scenario, left_out: set[Piece]) -> Scenario | None:
    """Give a scenario without some of its pieces, and what is idle without them; None if that makes no sense."""
    replace = msgspec.structs.replace
    link = replace(
        scenario.link,
        dropouts=_but(scenario.link.dropouts, "dropout", left_out),
        passes=_but(scenario.link.passes, "pass", left_out),
        **{name: DirectionTable() for name in ("up", "down") if (name, 0) in left_out},
    )
    smaller = replace(
        scenario,
        attacker=None if ("attacker", 0) in left_out else scenario.attacker,
        faults=_but(scenario.faults, "fault", left_out),
        procedure=_with_reason(_but(scenario.procedure, "step", left_out)),
        link=link,
    )
    try:
        return parse_scenario(dump(smaller), scenario.name)
    except MisuseError:
        return None


def _with_reason(steps: list[StepTable]) -> list[StepTable]:
    """Leave out the steps that wait for a job or a file that nobody has asked for before."""
    jobs: set[int] = set()
    files: set[str] = set()
    kept = []
    for step in steps:
        if step.command == "job.submit":
            jobs.add(step.arguments["job_id"])
        elif step.command == "file.send":
            files.add(step.arguments.get("destination") or step.arguments["name"])
        elif step.put_file is not None:
            files.add(step.put_file)
        is_idle = step.wait_for_job is not None and step.wait_for_job not in jobs
        is_idle |= step.wait_for_file is not None and step.wait_for_file not in files
        if not is_idle:
            kept.append(step)
    return kept


def _but(items: Sequence, kind: str, left_out: set[Piece]) -> list:
    return [item for number, item in enumerate(items) if (kind, number) not in left_out]
