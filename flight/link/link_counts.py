"""What became of the frames of each uplink virtual channel, as counts. It decides nothing."""

from ccsds.cop1.farm import FarmEvent, FarmState
from flight.parameters import Source
from mission.channels import Uplink
from mission.link import UplinkCount
from mission.words.link import CLTUS_REJECTED, TC_FRAMES_MALFORMED, UPLINK_COUNTS

# A counter that jumps further was not used for frames that were lost: the ground began anew and left out what it had
# reserved, or called for hours where nothing was heard.
SKIPPED_MAX = 256

_DISCARDED = {
    FarmEvent.POSITIVE_FRAME: UplinkCount.OUT_OF_ORDER,
    FarmEvent.NEGATIVE_FRAME: UplinkCount.DUPLICATE,
    FarmEvent.OUTSIDE_FRAME: UplinkCount.LOCKED_OUT,
}


class LinkCounts:
    """The counts of one spacecraft's uplink since its start."""

    def __init__(self) -> None:
        # By the name of the parameter that tells it: many monitors look at them, and nearly all stay as they are.
        self._counts = {parameter.name: 0 for parameter in UPLINK_COUNTS.values()}
        # The highest counter of link security that came, by SPI; there are no more than the key file has.
        self._highest: dict[int, int] = {}
        self.cltus_rejected = 0
        self.frames_malformed = 0

    def add(self, channel: Uplink, count: UplinkCount, number: int = 1) -> None:
        """Count something of a channel."""
        self._counts[UPLINK_COUNTS[channel, count].name] += number

    def discarded(self, channel: Uplink, event: FarmEvent, state: FarmState) -> None:
        """Count a frame that FARM-1 discarded, by the event that it was and the state that it fell into."""
        is_locked_out = state is FarmState.LOCKOUT and event is not FarmEvent.INVALID_FRAME
        self.add(channel, UplinkCount.LOCKED_OUT if is_locked_out else _DISCARDED.get(event, UplinkCount.INVALID))

    def authentic(self, channel: Uplink, spi: int, counter: int) -> None:
        """Note the counter of an authentic and new frame: those before it are missing until they come late."""
        highest = self._highest.get(spi)
        if highest is None:
            self._highest[spi] = counter
        elif counter < highest:
            missing = UPLINK_COUNTS[channel, UplinkCount.MISSING].name
            self._counts[missing] = max(0, self._counts[missing] - 1)
        else:
            skipped = counter - highest - 1
            self.add(channel, UplinkCount.MISSING, skipped if skipped <= SKIPPED_MAX else 1)
            self._highest[spi] = counter

    def sources(self) -> dict[str, Source]:
        """Give where the parameters of the link have their values from."""
        counts: dict[str, Source] = {
            parameter.name: lambda _, name=parameter.name: self._counts[name] for parameter in UPLINK_COUNTS.values()
        }
        return {
            **counts,
            CLTUS_REJECTED.name: lambda _: self.cltus_rejected,
            TC_FRAMES_MALFORMED.name: lambda _: self.frames_malformed,
        }
