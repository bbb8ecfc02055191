"""The words of the uplink's statistics, by virtual channel. Data only.

What the downlink loses is counted at the ground (`ground.link_statistics`).
"""

from mission.channels import Uplink
from mission.dictionary import Structure, Words, counter
from mission.link import UplinkCount

NS_PER_S = 1_000_000_000

LINK_STRUCTURE = 4
"""The housekeeping structure of these counts."""

UPLINK_COUNTS = {
    (channel, count): counter(
        80 + 10 * channel + number,
        f"uplink_{channel.name.lower()}_{count.name.lower()}",
        f"{count.value}, on the {channel.name.lower()} channel up",
    )
    for channel in Uplink
    for number, count in enumerate(UplinkCount)
}
"""The parameter of each count of each channel."""

CLTUS_REJECTED = counter(100, "cltus_rejected", "CLTUs that gave nothing whole, on any channel")
TC_FRAMES_MALFORMED = counter(101, "tc_frames_malformed", "octets that were no TC frame for this spacecraft")

WORDS = Words(
    structures=(
        Structure(
            id=LINK_STRUCTURE,
            name="link",
            description="What became of the frames of each uplink virtual channel since the start.",
            parameters=(*UPLINK_COUNTS.values(), CLTUS_REJECTED, TC_FRAMES_MALFORMED),
            period_ns=10 * NS_PER_S,
        ),
    ),
)
