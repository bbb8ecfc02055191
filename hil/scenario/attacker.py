"""Who else is on the air: an attacker with a transmitter and no keys."""

from typing import Annotated

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from hil.link.attacker import Attack
from hil.scenario.table import Probability, Seconds, Table

# One attack each ten milliseconds fills the fastest uplink.
PER_MINUTE_MAX = 6_000.0


class AttackerTable(Table, frozen=True, kw_only=True):
    """An attacker. It hears everything that is sent, and the spacecraft hears it also where no station does."""

    per_minute: Annotated[float, Meta(gt=0, le=PER_MINUTE_MAX)] = 10.0
    """How often it sends in the mean, a Poisson process."""
    from_s: Seconds = 0.0
    until_s: Seconds | None = None
    """When it ends; at the end, if it is not said."""
    attacks: list[Attack] = msgspec.field(default_factory=lambda: list(Attack))
    """What it sends, each as often as another."""
    alters: Probability = 0.0
    """The share of what arrives, in either direction, of which it changes bits or the CLCW."""


def check_attacker(attacker: AttackerTable | None, duration_s: float) -> None:
    """Refuse an attacker that is well-formed but makes no sense.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    if attacker is None:
        return
    if not attacker.attacks:
        raise MisuseError(f"attacker.attacks: expected one or more of {', '.join(Attack)}, found none")
    until_s = duration_s if attacker.until_s is None else attacker.until_s
    if until_s > duration_s:
        raise MisuseError(f"attacker.until_s: expected at most duration_s = {duration_s:g}, found {until_s:g}")
    if attacker.from_s >= until_s:
        raise MisuseError(f"attacker.from_s: expected below {until_s:g}, found {attacker.from_s:g}")
