"""How it is known that a packing ended which was asked for: by what the spacecraft tells, and when that was made.

The same model may have been packed under the same name before, and the end of that may be heard only now.
"""

from collections.abc import Mapping
from typing import Any

from mission.words.packing import PACKING_ENDS, PACKING_FAILED, PACKING_FORGOTTEN

FAILURES = frozenset({PACKING_FAILED.name, PACKING_FORGOTTEN.name})
"""Events that tell of an end with nothing made."""

# How far the station may be wrong about when something was made on board, on a line through an operating system.
CORRELATION_NS_MAX = 100_000_000


def is_end_of_packing(event: Mapping[str, Any], name: str, destination: str, asked_ns: int) -> bool:
    """Tell whether an event is the end of a packing, or unpacking, that was asked for.

    Args:
        event: Of the station, in plain values, that came after it was asked for.
        name: Of the file that was to be packed.
        destination: Of what was to come of it.
        asked_ns: When it was asked for, by the station's clock.
    """
    if event["type"] != "EventReported":
        return False
    made_ns = event["generated_ns"]
    if made_ns is not None and made_ns < asked_ns - CORRELATION_NS_MAX:
        return False
    if event["name"] == PACKING_FORGOTTEN.name:
        return True  # It has no name to go by; there is one packing at a time.
    values = event["values"]
    return event["name"] in PACKING_ENDS and (values["name"], values["destination"]) == (name, destination)
