"""Writes the documents that are made from the state machines' tables: ``python -m tools.diagrams``.

``docs/cop1.md`` has FARM-1 and FOP-1 cell by cell, ``docs/state_machines.md`` the others. A test holds the committed
documents equal to what this makes, so that no table and no drawing can drift apart.
"""

from collections.abc import Iterable, Mapping
from enum import IntEnum
from pathlib import Path
from typing import Any

from ccsds.cop1 import farm
from ccsds.cop1 import fop_table as fop
from flight.governor import allowance
from flight.inference import model_slots
from flight.jobs import life_cycle
from flight.survival import mode, slots
from ground import tracker
from ground.alarms import life_cycle as alarm
from ground.cop_keeper import NS_PER_S, RESTART_PAUSE_NS_MAX, WAIT_NS_MAX, recovery_bound_ns
from mission.profiles import PROFILES

DOCS = Path(__file__).parent.parent / "docs"

_MADE = "<!-- Made by python -m tools.diagrams; change the tables, not this file. -->"


_COP1 = """\
# COP-1

CCSDS 232.1-B-2. FARM-1 is on board (`ccsds/cop1/farm.py`), FOP-1 at the ground (`ccsds/cop1/fop.py`). AD frames
arrive once and in order, BD frames pass whatever state COP-1 is in, and BC frames command FARM-1 itself.

**An acknowledgement means ST[01], never COP-1.** N(R) says that a frame is on board. N(S) and N(R) are outside what
SDLS authenticates on the way up, so forged frames and CLCWs can move these numbers. They cost time; they never make
a command act, and never make one act twice.

## Coming up again

`ground/cop_keeper.py` brings the AD service up from where a CLCW says FARM-1 is, with Unlock if the CLCW has a flag
set. After an alert it waits until what was on its way has landed (T1 since the last transmission), and after alerts
in a row for pauses that double, up to {pause_s:g} s. Each alert and each new beginning is an event. From the end of a
disturbance (a reboot of either end, a long loss of signal, forged Unlock, Set V(R) and CLCWs, in any number) the
service is up again within this much contact time, if frames arrive:

| profile | T1 | W | K at most | limit | up again within |
|---|---|---|---|---|---|
{bounds}

A FARM-1 that does not stop saying wait is given {wait_s:g} s more. A command that was falsely acknowledged meanwhile
is sent again when its ST[01] report is overdue, with the very same octets.

An operator looks and steps in with `ground cop1 status | initiate [--no-check | --unlock | --set-vr N] | terminate |
resume | set-vs N | window K | t1 SECONDS | limit N | timeout-type N`. After `terminate` or `set-vs` the keeper leaves
the service down until it is initiated.

## FARM-1

{farm_drawing}

{farm_table}

## FOP-1

The drawing has only what changes the state; the table has every cell. An empty cell cannot be.

{fop_drawing}

{fop_table}
"""


def cop1() -> str:
    """Give docs/cop1.md."""
    bounds = (
        f"| {each.name} | {each.t1_initial_ns / NS_PER_S:.2f} s | {each.farm_window} | {each.farm_window // 2} "
        f"| {each.transmission_limit} | {recovery_bound_ns(each) / NS_PER_S:.1f} s |"
        for each in PROFILES.values()
    )
    farm_cells = {cell: _farm_cell(*known) for cell, known in farm.TABLE.items()}
    fop_cells = {cell: _fop_cell(*known) for cell, known in fop.TABLE.items()}
    text = _COP1.format(
        pause_s=RESTART_PAUSE_NS_MAX / NS_PER_S,
        wait_s=WAIT_NS_MAX / NS_PER_S,
        bounds="\n".join(bounds),
        farm_drawing=_drawing(((*cell, known[1]) for cell, known in farm.TABLE.items()), farm.FarmState.OPEN),
        farm_table=_grid(farm.FarmState, farm.FarmEvent, farm_cells),
        fop_drawing=_drawing(((*cell, known[1]) for cell, known in fop.TABLE.items()), fop.FopState.INITIAL),
        fop_table=_grid(fop.FopState, fop.Stimulus, fop_cells),
    )
    return f"{_MADE}\n\n{text}"


def state_machines() -> str:
    """Give docs/state_machines.md."""
    return "\n".join(
        [
            _MADE,
            "",
            "# State machines",
            "",
            "COP-1 is in [cop1.md](cop1.md).",
            "",
            "## The life cycle of a job (`flight/jobs/life_cycle.py`)",
            "",
            "```mermaid",
            life_cycle.diagram(),
            "```",
            "",
            "## The modes of the spacecraft (`flight/survival/mode.py`)",
            "",
            "```mermaid",
            mode.diagram(),
            "```",
            "",
            "## What power and heat let jobs do (`flight/governor/allowance.py`)",
            "",
            "```mermaid",
            allowance.diagram(),
            "```",
            "",
            "## The slots of a kind (`flight/survival/slots.py`)",
            "",
            "```mermaid",
            slots.diagram(),
            "```",
            "",
            "## The slots of models (`flight/inference/model_slots.py`)",
            "",
            "```mermaid",
            model_slots.diagram(),
            "```",
            "",
            "## The stages of a command (`ground/tracker.py`)",
            "",
            "```mermaid",
            tracker.diagram(),
            "```",
            "",
            "## The life of an alarm (`ground/alarms/life_cycle.py`)",
            "",
            "```mermaid",
            alarm.diagram(),
            "```",
            "",
        ]
    )


DOCUMENTS = {"cop1.md": cop1, "state_machines.md": state_machines}
"""What is written, by file name."""


def main() -> None:
    """Write the documents."""
    for name, make in DOCUMENTS.items():
        (DOCS / name).write_text(make(), encoding="utf-8")


def _drawing(transitions: Iterable[tuple[IntEnum, IntEnum, IntEnum]], first: IntEnum) -> str:
    """Draw (state, event, next state), one arrow for all events that lead from a state to another."""
    edges: dict[tuple[str, str], list[str]] = {}
    for state, event, after in transitions:
        if after is not state:
            edges.setdefault((state.name, after.name), []).append(f"E{event.value}")
    lines = [f"    {before} --> {after}: {', '.join(events)}" for (before, after), events in edges.items()]
    return "\n".join(["```mermaid", "stateDiagram-v2", f"    [*] --> {first.name}", *lines, "```"])


def _grid(states: type[IntEnum], events: type[IntEnum], cells: Mapping[Any, str]) -> str:
    """Give (state, event) -> text as a table with a row an event."""
    rows = [
        f"| E{event.value} {_words(event.name)} | {' | '.join(cells.get((state, event), '') for state in states)} |"
        for event in events
    ]
    head = " | ".join(f"S{state.value} {_words(state.name)}" for state in states)
    return "\n".join([f"| event | {head} |", "|---" * (len(states) + 1) + "|", *rows])


def _farm_cell(effect: farm.Effect, after: farm.FarmState) -> str:
    words = ", ".join(_words(each.name or "") for each in effect) or "ignore"
    return f"{words} (S{after.value})"


def _fop_cell(actions: tuple[fop.Action, ...], after: fop.FopState) -> str:
    return f"{', '.join(each.value for each in actions) or 'ignore'} (S{after.value})"


def _words(name: str) -> str:
    return name.lower().replace("_", " ")


if __name__ == "__main__":
    main()
