"""When the Earth hides the Sun from a satellite: in part, which is the penumbra, and wholly, which is the umbra."""

from hil.orbit.earth import Floats
from hil.orbit.satellite import Satellite
from hil.orbit.spans import Span, find_spans
from hil.orbit.sun import discs_rad, sun_km

# The penumbra of a low orbit lasts 8 s or more; a shadow that is only brushed is found by its peak.
_STEP_S = 30.0


def shadow_spans(satellite: Satellite, start_s: float, end_s: float) -> list[Span]:
    """Give when some of the Sun is hidden: penumbra and umbra together."""

    def hidden(times_s: Floats) -> Floats:
        sun_rad, earth_rad, apart_rad = _discs(satellite, times_s)
        return sun_rad + earth_rad - apart_rad

    return find_spans(hidden, start_s, end_s, _STEP_S)


def umbra_spans(satellite: Satellite, start_s: float, end_s: float) -> list[Span]:
    """Give when all of the Sun is hidden."""

    def hidden(times_s: Floats) -> Floats:
        sun_rad, earth_rad, apart_rad = _discs(satellite, times_s)
        return earth_rad - sun_rad - apart_rad

    return find_spans(hidden, start_s, end_s, _STEP_S)


def _discs(satellite: Satellite, times_s: Floats) -> tuple[Floats, Floats, Floats]:
    return discs_rad(satellite.teme_km(times_s)[0], sun_km(satellite.unix_s(times_s)))
