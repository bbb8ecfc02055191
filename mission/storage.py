"""What both ends agree on about stored telemetry: the stores, what goes into which, and bounds. Data only."""

from enum import IntEnum

from mission.dictionary import Severity


class StoreId(IntEnum):
    """A packet store on board. The lower the number, the sooner it is played back."""

    EVENTS = 1
    """What happened: event reports, answers to telecommands, reports that were asked for, how jobs ended."""
    HOUSEKEEPING = 2
    """How things were: housekeeping reports, and what else is said again and again while nobody listens."""


class Gone(IntEnum):
    """Why a stored packet is not on board any more, or never was."""

    OVERWRITTEN = 1
    """The store was full, and the ground had not confirmed it."""
    LOST = 2
    """A reset came before it was durable, the store was damaged, or it was deleted; or its number was never given."""


STORE_OF_SERVICE = {3: StoreId.HOUSEKEEPING}
"""By service type, where its reports go; those of all others go to `StoreId.EVENTS`."""

STORE_OF_REPORT = {
    "job_progress": StoreId.HOUSEKEEPING,
    "job_sample": StoreId.HOUSEKEEPING,
    "check_transitions": StoreId.HOUSEKEEPING,
}
"""By name, reports that come by themselves as long as something goes on: none of them may overwrite an event."""

UNSTORED_SERVICES = frozenset({15})
"""What tells of the stores is not stored: it would tell of itself for ever."""

UNSTORED_ANSWERS = frozenset({"storage.confirm", "storage.confirm_time"})
"""Commands whose verification is not stored: it would have to be confirmed in its turn."""

URGENT_SEVERITY_MIN = Severity.MEDIUM
"""Events from here on do not wait for their batch."""

# A command goes in one frame with its overheads; eight octets a gap.
GAPS_MAX = 64
# A report of these fits into one frame of the slowest profile: nine octets a row.
LIVE_ROWS_MAX = 18
MISSING_ROWS_MAX = 16
# The greatest number of packets in one piece of playback, by the width of its count; a frame is full long before.
CONTENT_ROWS_MAX = 255
# A time-range or sequence-range retrieval is an operator's question; more at once would be a second downlink plan.
RETRIEVALS_MAX = 8


def store_of(service: int, name: str) -> StoreId | None:
    """Give the store that a report belongs to, or None if it is not stored.

    Args:
        service: Its service type.
        name: What it is, or the command that it answers.
    """
    if service in UNSTORED_SERVICES or name in UNSTORED_ANSWERS:
        return None
    return STORE_OF_REPORT.get(name) or STORE_OF_SERVICE.get(service, StoreId.EVENTS)
