"""What FOP-1 of one virtual channel is set to, and what its directives may set it to. It holds no behaviour.

Source: CCSDS 232.1-B-2 5.1.
"""

from dataclasses import dataclass

from ccsds.cop1.fop_events import Directive
from ccsds.errors import MisuseError
from ccsds.tc_frame import SPACECRAFT_ID_MAX, VIRTUAL_CHANNEL_MAX

# K is at most FARM-1's positive window PW, half of its window W, and W is at most 254 (5.1.12, 6.1.8.2).
WINDOW_FRAMES_MAX = 127

# The standard bounds the limit by no more than its octet (5.1.10.3).
TRANSMISSION_LIMIT_MAX = 255

# Longer than any pass of a low orbit, shorter than what could be meant as a timeout in a deep space mission by mistake.
T1_NS_MAX = 24 * 3_600 * 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class FopConfig:
    """What FOP-1 of one virtual channel is set to."""

    spacecraft_id: int
    """0 to 1023, for its frames."""
    virtual_channel: int
    """0 to 63."""
    t1_initial_ns: int
    """How long to wait for an acknowledgement: a round trip, and both frames' time on the line."""
    transmission_limit: int = 3
    """How often a frame is sent before it is given up, 1 to 255."""
    window: int = 1
    """K: how many AD frames may be on their way unacknowledged, 1 to `positive_window`."""
    positive_window: int = WINDOW_FRAMES_MAX
    """PW of the FARM-1 at the other end, 1 to 127: the largest K that there may be."""
    timeout_type: int = 0
    """TT: at the last expiry of T1, 0 gives the service up, 1 suspends it."""

    def __post_init__(self) -> None:
        """Refuse what the standard has not.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        for name, value, lowest, highest in (
            ("spacecraft id", self.spacecraft_id, 0, SPACECRAFT_ID_MAX),
            ("virtual channel", self.virtual_channel, 0, VIRTUAL_CHANNEL_MAX),
            ("t1_initial_ns", self.t1_initial_ns, 1, T1_NS_MAX),
            ("transmission limit", self.transmission_limit, 1, TRANSMISSION_LIMIT_MAX),
            ("positive window PW", self.positive_window, 1, WINDOW_FRAMES_MAX),
            ("window K", self.window, 1, self.positive_window),
            ("timeout type", self.timeout_type, 0, 1),
        ):
            if not lowest <= value <= highest:
                raise MisuseError(f"FOP-1: expected {name} {lowest} to {highest}, found {value}")

    def range_of(self, directive: Directive) -> tuple[int, int] | None:
        """Give the lowest and the highest value that a directive takes, or None if it takes none."""
        match directive:
            case Directive.SET_VS | Directive.INITIATE_WITH_SET_VR:
                return 0, 255
            case Directive.SET_WINDOW:
                return 1, self.positive_window
            case Directive.SET_T1:
                return 1, T1_NS_MAX
            case Directive.SET_TRANSMISSION_LIMIT:
                return 1, TRANSMISSION_LIMIT_MAX
            case Directive.SET_TIMEOUT_TYPE:
                return 0, 1
            case _:
                return None

    def check(self, directive: Directive, value: int | None) -> None:
        """Refuse a directive whose value cannot be.

        Raises:
            MisuseError: The value is missing, out of range, or not wanted.
        """
        limits = self.range_of(directive)
        if (limits is None) != (value is None) or (limits and not limits[0] <= (value or 0) <= limits[1]):
            expected = f"a value of {limits[0]} to {limits[1]}" if limits else "no value"
            raise MisuseError(f"FOP-1: {directive.value}: expected {expected}, found {value}")
