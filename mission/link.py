"""What is counted of each uplink virtual channel on board. Data only; `flight.link.link_counts` counts it."""

from enum import Enum


class UplinkCount(Enum):
    """One count of a channel; the value is its meaning."""

    ACCEPTED = "frames that FARM-1 and link security let through"
    CONTROL = "control commands to FARM-1 that were followed"
    DUPLICATE = "AD frames that were here before"
    OUT_OF_ORDER = "AD frames before which others were missing"
    LOCKED_OUT = "AD frames outside the window or in lockout"
    INVALID = "frames that FARM-1 had no other use for"
    REFUSED = "frames that link security refused"
    MISSING = "frames that did not come, by the counter of link security; a jump beyond its window counts as one"
    PACKETS = "whole packets that came out"
    DROPPED = "packets, or parts of one, that came to nothing"
