"""A release: a telecommand that the spacecraft gives itself, from a schedule, a procedure or a reaction.

It takes the same way as one from the uplink (`flight.router.Router.release`), but is known by the place that it has in
the book of who releases it: what that book is told when it begins and when it ends is durable in the very records in
which its effect is. So it acts once, however often the spacecraft reboots, and leaves the memory of the commands of the
ground to the commands of the ground.
"""

from collections.abc import Callable
from dataclasses import dataclass

from flight.commit import Change
from mission.schedule import Fate


@dataclass(frozen=True, slots=True)
class Release:
    """One telecommand to be released."""

    packet: bytes
    """The whole telecommand, with its CRC."""
    begun: Change
    """What is durable before it acts, unless its whole effect is a change of the store."""
    ended: Callable[[Fate], Change]
    """What is durable in one record with its effect."""
    has_begun: bool = False
    """A reset, or a failure of the store, fell into its execution."""
