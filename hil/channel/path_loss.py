"""Path loss: what distance does to the bit error rate of a radio link.

Free-space loss grows by 20 dB for ten times the distance (ITU-R P.525: loss is 20 log10(4 pi d / wavelength)), so
against a point at which the link is known it changes by 20 log10(d / d0), and Eb/N0 changes by as much the other way.
Uncoded coherent BPSK then has a bit error rate of Q(sqrt(2 Eb/N0)) (Proakis, Digital Communications, binary antipodal
signalling). Left out: gain and noise that change with elevation, weather, fading, and what a demodulator loses.
"""

import math

from ccsds.errors import MisuseError

EARTH_RADIUS_M = 6_371_000.0
"""Mean radius of the Earth, taken as a sphere."""


def slant_range_m(elevation_rad: float, altitude_m: float) -> float:
    """Give the distance from a station at sea level to a satellite over a spherical Earth.

    Args:
        elevation_rad: Of the satellite above the station's horizon.
        altitude_m: Of the satellite above the ground.
    """
    up_m = EARTH_RADIUS_M * math.sin(elevation_rad)
    return math.sqrt(up_m * up_m + altitude_m * (2 * EARTH_RADIUS_M + altitude_m)) - up_m


def path_loss_change_db(range_m: float, reference_range_m: float) -> float:
    """Give how much more free-space loss there is at one distance than at another.

    Raises:
        MisuseError: A distance is not above 0.
    """
    if range_m <= 0 or reference_range_m <= 0:
        raise MisuseError(f"expected distances above 0 m, found {range_m} and {reference_range_m}")
    return 20 * math.log10(range_m / reference_range_m)


def bpsk_bit_error_rate(eb_n0_db: float) -> float:
    """Give the bit error rate of uncoded coherent BPSK, Q(sqrt(2 Eb/N0))."""
    return 0.5 * math.erfc(math.sqrt(10 ** (eb_n0_db / 10)))


def bit_error_rate_at(range_m: float, *, reference_range_m: float, reference_eb_n0_db: float) -> float:
    """Give the bit error rate at a distance of a link that is known at another.

    Args:
        range_m: The distance.
        reference_range_m: The distance at which the link is known, such as that at the lowest elevation.
        reference_eb_n0_db: Eb/N0 there.
    """
    return bpsk_bit_error_rate(reference_eb_n0_db - path_loss_change_db(range_m, reference_range_m))
