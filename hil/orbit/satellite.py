"""A satellite: where it is at any time of a mission, by SGP4, and what lies below and around it there."""

import numpy as np
from sgp4.api import SGP4_ERRORS, Satrec

from ccsds.errors import MisuseError
from hil.orbit.earth import DAY_S, EARTH_RATE_RAD_S, UNIX_EPOCH_JD, Floats, to_earth_fixed
from hil.orbit.elements import SGP4_GRAVITY_KM3_S2, SGP4_RADIUS_KM
from hil.orbit.sun import light_share, sun_km


class Satellite:
    """One satellite.

    Args:
        satrec: SGP4 with its elements.
        epoch_unix_s: Seconds since 1970 at mission time zero.
    """

    def __init__(self, satrec: Satrec, epoch_unix_s: float) -> None:
        self._satrec = satrec
        self._epoch_unix_s = epoch_unix_s

    @property
    def period_s(self) -> float:
        """How long a turn takes."""
        return float(2 * np.pi * np.sqrt((SGP4_RADIUS_KM * self._satrec.a) ** 3 / SGP4_GRAVITY_KM3_S2))

    @property
    def altitude_km(self) -> float:
        """Semi-major axis less the Earth's radius at the equator."""
        return (self._satrec.a - 1) * SGP4_RADIUS_KM

    def unix_s(self, times_s: Floats) -> Floats:
        """Give seconds since 1970 for mission time; a leap second within a mission is left out."""
        return self._epoch_unix_s + times_s

    def teme_km(self, times_s: Floats) -> tuple[Floats, Floats]:
        """Give places in km and velocities in km/s, each (N, 3), in SGP4's frame.

        Args:
            times_s: (N,) of mission time.

        Raises:
            MisuseError: SGP4 has no answer, such as for a satellite that has come down.
        """
        epoch_jd = self._epoch_unix_s / DAY_S + UNIX_EPOCH_JD
        whole_jd = np.floor(epoch_jd)
        days = (epoch_jd - whole_jd) + times_s / DAY_S
        errors, places_km, velocities_km_s = self._satrec.sgp4_array(np.full(len(times_s), whole_jd), days)
        wrong = np.flatnonzero(errors)
        if wrong.size:
            reason = SGP4_ERRORS[int(errors[wrong[0]])]
            raise MisuseError(f"expected an orbit that lasts, found at {times_s[wrong[0]]:.0f} s: {reason}")
        return places_km, velocities_km_s

    def fixed_km(self, times_s: Floats) -> tuple[Floats, Floats]:
        """Give places in km and velocities in km/s, each (N, 3), in the frame that turns with the Earth."""
        places_km, velocities_km_s = self.teme_km(times_s)
        unix_s = self.unix_s(times_s)
        fixed_km = to_earth_fixed(places_km, unix_s)
        fixed_km_s = to_earth_fixed(velocities_km_s, unix_s)
        fixed_km_s[:, 0] += EARTH_RATE_RAD_S * fixed_km[:, 1]
        fixed_km_s[:, 1] -= EARTH_RATE_RAD_S * fixed_km[:, 0]
        return fixed_km, fixed_km_s

    def light(self, times_s: Floats) -> Floats:
        """Give the share of the Sun that it sees, 0 to 1."""
        return light_share(self.teme_km(times_s)[0], sun_km(self.unix_s(times_s)))

    def zenith_cosine(self, times_s: Floats) -> Floats:
        """Give the cosine between the Sun and straight up, of a face that looks away from the Earth."""
        places_km = self.teme_km(times_s)[0]
        to_sun = sun_km(self.unix_s(times_s)) - places_km
        lengths = np.linalg.norm(places_km, axis=1) * np.linalg.norm(to_sun, axis=1)
        return np.einsum("ij,ij->i", places_km, to_sun) / lengths
