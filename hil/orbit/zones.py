"""Where radiation is more than elsewhere: the South Atlantic Anomaly, and the polar caps.

Assumption: the anomaly is an ellipse over latitude and longitude, about as wide as maps of upsets in low orbits show it
(such as those of UoSAT-2 and Alsat-1). Its edge is no edge in nature, and it grows with altitude and drifts west by 0.3
degree a year; here it does neither. The caps begin at 60 degrees of geomagnetic latitude, about where cosmic rays of
the energies that upset memories are no longer kept away.
"""

from enum import Enum

import numpy as np

from hil.orbit.earth import Floats, geocentric_deg, geomagnetic_latitude_deg
from hil.orbit.satellite import Satellite
from hil.orbit.spans import Span, find_spans

ANOMALY_LATITUDE_DEG, ANOMALY_LONGITUDE_DEG = -26.0, -47.0
ANOMALY_HALF_HEIGHT_DEG, ANOMALY_HALF_WIDTH_DEG = 22.0, 42.0
POLAR_LATITUDE_DEG = 60.0

# A satellite moves 2 degrees in this time.
_STEP_S = 30.0


class Zone(Enum):
    """Where it is, as far as radiation goes."""

    ANOMALY = "South Atlantic Anomaly"
    POLAR = "polar cap"
    ELSEWHERE = "elsewhere"


def anomaly_depth(fixed_km: Floats) -> Floats:
    """Give how deep in the anomaly places (N, 3) lie: 1 in its middle, 0 at its edge, less outside."""
    latitude_deg, longitude_deg = geocentric_deg(fixed_km)
    away_deg = np.mod(longitude_deg - ANOMALY_LONGITUDE_DEG + 180, 360) - 180
    height = (latitude_deg - ANOMALY_LATITUDE_DEG) / ANOMALY_HALF_HEIGHT_DEG
    return 1 - np.hypot(height, away_deg / ANOMALY_HALF_WIDTH_DEG)


def polar_depth(fixed_km: Floats) -> Floats:
    """Give by how many degrees places (N, 3) lie within a polar cap; below zero outside."""
    return np.abs(geomagnetic_latitude_deg(fixed_km)) - POLAR_LATITUDE_DEG


def zone_spans(satellite: Satellite, start_s: float, end_s: float) -> dict[Zone, list[Span]]:
    """Give when the satellite is in which zone; what is in none is elsewhere."""
    return {
        Zone.ANOMALY: find_spans(lambda times: anomaly_depth(satellite.fixed_km(times)[0]), start_s, end_s, _STEP_S),
        Zone.POLAR: find_spans(lambda times: polar_depth(satellite.fixed_km(times)[0]), start_s, end_s, _STEP_S),
    }
