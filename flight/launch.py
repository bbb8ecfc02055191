"""The launcher: ``python -m flight.launch --store DIR ...`` starts the flight software of the slot that is in use.

It counts a trial before the software on trial gets to run, goes back to the last good one when it was tried in vain or
is damaged, and then *becomes* the flight software (exec), so that a supervisor and its watchdog see one process. All
its arguments are those of `flight`. It must never need to change, and uses nothing that a slot could replace.
"""

import json
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path

from ccsds.errors import MisuseError
from flight.disk import RealDisk
from flight.survival.slots import Begun, SlotStore
from mission.slots import Slot, SlotKind

SLOT_VARIABLE = "STARLOOP_SOFTWARE_SLOT"
"""Environment variable by which the flight software is told what was chosen."""

BAD_INPUT_STATUS = 2


def main() -> None:
    """Choose, and become what was chosen."""
    store = _store_of(sys.argv[1:])
    try:
        disk = RealDisk(store)
        disk.lock()
        begun = SlotStore(disk).begin_anyway(SlotKind.SOFTWARE)
    except MisuseError as error:  # Another program runs on it, or it is no store: `flight` would say the same.
        sys.stderr.write(f"flight.launch: {error}\n")
        sys.exit(BAD_INPUT_STATUS)
    except Exception as error:  # Whatever is wrong with the store, somebody must hear commands.
        begun = Begun(Slot.BUILT_IN, reason=f"the slots could not be used: {error}")
    environment = dict(os.environ)
    if begun.slot is not Slot.BUILT_IN:
        software = Path(store).absolute() / SlotStore.path(SlotKind.SOFTWARE, begun.slot)
        inherited = environment.get("PYTHONPATH")
        environment["PYTHONPATH"] = f"{software}{os.pathsep}{inherited}" if inherited else str(software)
    environment[SLOT_VARIABLE] = json.dumps(asdict(begun))
    os.execve(sys.executable, [sys.executable, "-P", "-m", "flight", *sys.argv[1:]], environment)


def told(environment: Mapping[str, str]) -> Begun | None:
    """Give what the launcher chose; None if this program was started without it."""
    text = environment.get(SLOT_VARIABLE)
    if text is None:
        return None
    values = json.loads(text)
    return Begun(Slot(values["slot"]), values["is_trial"], Slot(values["left"]), values["reason"])


def _store_of(arguments: list[str]) -> str:
    for index, argument in enumerate(arguments):
        if argument == "--store" and index + 1 < len(arguments):
            return arguments[index + 1]
        if argument.startswith("--store="):
            return argument.partition("=")[2]
    sys.stderr.write("flight.launch: expected --store DIR among the arguments of flight, found none\n")
    sys.exit(BAD_INPUT_STATUS)


if __name__ == "__main__":
    main()
