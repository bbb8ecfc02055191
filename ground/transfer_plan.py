"""How long a file takes over each link profile: seconds of contact, passes, and days, as framing leaves of each."""

import math
from collections.abc import Iterable

import msgspec

from ccsds.sdls.association import Suite
from mission.files import downlink_useful_octets_s, uplink_useful_octets_s
from mission.profiles import LinkProfile


class TransferPlan(msgspec.Struct, frozen=True, kw_only=True):
    """What one file takes over one profile, one way."""

    profile: str
    direction: str
    """``up`` or ``down``."""
    useful_octets_s: float
    """Octets of the file in a second of contact, protected by AES-256-GCM, nothing lost and nothing else sent."""
    contact_s: float
    octets_a_pass: int
    passes: int
    days: float
    """At so many passes a day."""


def plan_transfer(
    octets: int, profiles: Iterable[LinkProfile], *, pass_s: float, passes_a_day: float, share: float
) -> list[TransferPlan]:
    """Reckon what a file takes.

    Args:
        octets: Its length.
        profiles: Over which links.
        pass_s: How long a pass is, in seconds.
        passes_a_day: How many there are.
        share: Of the contact that the file gets, above 0 up to 1: the rest is for loss, telemetry and other files.
    """
    security_octets = Suite.AES_256_GCM.overhead_octets
    plans = []
    for profile in profiles:
        for direction, useful in (("up", uplink_useful_octets_s), ("down", downlink_useful_octets_s)):
            useful_octets_s = useful(profile, security_octets) * share
            # The first round trip of a pass is spent on finding each other.
            octets_a_pass = int(max(pass_s - profile.round_trip_ns / 1e9, 0.0) * useful_octets_s)
            passes = math.ceil(octets / octets_a_pass) if octets_a_pass else 0
            plans.append(
                TransferPlan(
                    profile=profile.name,
                    direction=direction,
                    useful_octets_s=useful_octets_s,
                    contact_s=octets / useful_octets_s,
                    octets_a_pass=octets_a_pass,
                    passes=passes,
                    days=passes / passes_a_day,
                )
            )
    return plans
