"""Link profiles: every choice that two ends must make alike before one octet is understood.

Data only; the code of both ends holds none of these choices. Rates of the field are told in ``shared`` terms:
`serial` is a UART to a development board, the others are radios of small satellites.
"""

from dataclasses import dataclass
from enum import Enum

from ccsds.errors import MisuseError
from ccsds.randomizer import TmRandomizer
from ccsds.sdls.association import Link
from ccsds.sync import TmCodingConfig
from ccsds.tc_segment import MAP_ID_MAX
from ccsds.tm_frame import tm_overhead_octets
from mission.channels import ENTITY_MAX, GROUND_ENTITY, SPACECRAFT_ENTITY, Uplink

NS_PER_S = 1_000_000_000

# 232.1-B-2, 6.1.8.2.
FARM_WINDOW_MAX = 254


class Contact(Enum):
    """How the spacecraft knows that the ground is there."""

    MODEM = "modem"
    """Whoever drives it is told by a receiver that has lock, and hands that in. The ground sends no keep-alive."""
    TRAFFIC = "traffic"
    """Nothing tells it, as on a UART or behind a radio that passes octets on: there is contact while authentic frames
    come (without keys, valid ones), and the ground sends one each `LinkProfile.keep_alive_ns`, also into silence."""


class CfdpDialect(Enum):
    """Whose CFDP the two ends speak: what each believes of the other (`mission.files`)."""

    STARLOOP = "starloop"
    """Ours at both ends: CRC-32C, large files, NAKs that list all that is missing."""
    NASA_CFS = "nasa_cfs"
    """The other end is NASA cFS CF, or one of them is to be put in the place of it."""
    YAMCS = "yamcs"
    """The other end is Yamcs."""


@dataclass(frozen=True, kw_only=True)
class LinkProfile:
    """One way to run the link."""

    name: str
    """By which scenarios and programs choose it."""
    uplink_rate_bps: int
    """Bits a second on the line from the ground, start and stop bits included where there are any."""
    downlink_rate_bps: int
    """Bits a second on the line from the spacecraft."""
    bits_per_octet: int = 8
    """Bits that one octet takes on the line: 8 on a radio, 10 on a UART at 8N1."""
    interleave: int = 1
    """Reed-Solomon interleaving depth I: 1 to 5, or 8 (131.0-B-5, 4.3.5)."""
    parity_octets: int = 32
    """Reed-Solomon parity of a codeword: 32 corrects 16 octets, 16 corrects 8."""
    dual_basis: bool = True
    """Berlekamp's dual basis, as the standard has it; False is the conventional basis of many tools."""
    tm_randomizer: TmRandomizer = TmRandomizer.PERIOD_255
    """What whitens the codeblock. At interleave 1 the sequence of period 255 is itself a codeword of the Reed-Solomon
    code, so a frame that is read an octet out of step can pass it, and only its CRC-16 stands in the way. Profiles with
    interleave 1 therefore take the sequence of period 131071, which 131.0-B-5 recommends to new missions. Deeper
    interleaving breaks that symmetry, and there the older sequence is kept, which more receivers know."""
    tc_randomized: bool = False
    """Whether TC frames are randomized before the BCH code (231.0-B-4, 6)."""
    tc_frame_octets_max: int = 1024
    """The longest TC frame, header and FECF included (232.0-B-4, 4.1.2.7)."""
    tc_map: int | None = None
    """The MAP of commands, 0 to 63, if each of their frames begins with a segment header, so that a telecommand may be
    longer than a frame (232.0-B-4, 4.1.3.2.2); None is no segment headers. Files have none: CFDP cuts them."""
    farm_window: int = 32
    """FARM-1 sliding window width W, even, 2 to 254 (232.1-B-2, 6.1.8)."""
    round_trip_ns: int = NS_PER_S
    """The longest round trip this link is made for, light time and both ends' reaction included."""
    transmission_limit: int = 3
    """How often COP-1 sends one frame before it gives up (232.1-B-2, 5.1.10.3)."""
    contact: Contact = Contact.MODEM
    """How the spacecraft knows that the ground is there. The ground always goes by what it hears."""
    keep_alive_ns: int = NS_PER_S
    """A frame with a fresh CLCW and nothing else leaves when none has for this long. Where contact is traffic, a
    keep-alive leaves the ground when no BD frame has, since those are judged whatever state FARM-1 is in."""
    silence_ns: int = 3 * NS_PER_S
    """The link counts as lost when nothing valid has come for this long, at either end that goes by traffic."""
    beacon_ns: int = 300 * NS_PER_S
    """Between two beacons of plain text, out of contact and in SAFE; 0 for none."""
    cfdp: CfdpDialect = CfdpDialect.STARLOOP
    """Whose CFDP files go by."""
    cfdp_keep_alive_ns: int = 0
    """Between Keep Alive PDUs of a receiver, which tell its sender how far it is (727.0-B-5, 4.6.5); 0 for none."""
    spacecraft_entity: int = SPACECRAFT_ENTITY
    """The CFDP entity on board, 1 to 255, as telecommands name it."""
    ground_entity: int = GROUND_ENTITY
    """The CFDP entity of the station, 1 to 255."""

    def __post_init__(self) -> None:
        """Refuse what no link can be.

        Raises:
            MisuseError: Naming the field, what was expected and what was found.
        """
        if not self.name or not self.name.isprintable():
            raise MisuseError(f"profile: expected a name, found {self.name!r}")
        for field in (
            "uplink_rate_bps",
            "downlink_rate_bps",
            "bits_per_octet",
            "round_trip_ns",
            "keep_alive_ns",
            "silence_ns",
            "transmission_limit",
        ):
            if getattr(self, field) <= 0:
                raise MisuseError(f"profile {self.name}: expected {field} above 0, found {getattr(self, field)}")
        for field in ("beacon_ns", "cfdp_keep_alive_ns"):
            if getattr(self, field) < 0:
                raise MisuseError(f"profile {self.name}: expected {field} of 0 or more, found {getattr(self, field)}")
        for field in ("spacecraft_entity", "ground_entity"):
            if not 1 <= getattr(self, field) <= ENTITY_MAX:
                raise MisuseError(
                    f"profile {self.name}: expected {field} 1 to {ENTITY_MAX}, found {getattr(self, field)}"
                )
        if self.spacecraft_entity == self.ground_entity:
            raise MisuseError(f"profile {self.name}: expected two CFDP entities, found {self.ground_entity} twice")
        if not 2 <= self.farm_window <= FARM_WINDOW_MAX or self.farm_window % 2:
            raise MisuseError(
                f"profile {self.name}: expected an even farm_window of 2 to {FARM_WINDOW_MAX}, found {self.farm_window}"
            )
        if self.contact is Contact.TRAFFIC and self.silence_ns <= self.keep_alive_ns:
            raise MisuseError(
                f"profile {self.name}: expected silence_ns above keep_alive_ns = {self.keep_alive_ns}, "
                f"found {self.silence_ns}"
            )
        if self.interleave not in (1, 2, 3, 4, 5, 8):
            raise MisuseError(f"profile {self.name}: expected interleave 1 to 5 or 8, found {self.interleave}")
        if self.parity_octets not in (16, 32):
            raise MisuseError(f"profile {self.name}: expected 16 or 32 parity octets, found {self.parity_octets}")
        if not 8 <= self.tc_frame_octets_max <= 1024:
            raise MisuseError(
                f"profile {self.name}: expected TC frames of 8 to 1024 octets, found {self.tc_frame_octets_max}"
            )
        if self.tc_map is not None and not 0 <= self.tc_map <= MAP_ID_MAX:
            raise MisuseError(f"profile {self.name}: expected a MAP of 0 to {MAP_ID_MAX}, found {self.tc_map}")

    @property
    def segmented_channels(self) -> tuple[tuple[Link, int], ...]:
        """The uplink channels whose frames begin with a segment header."""
        return () if self.tc_map is None else ((Link.TC, Uplink.COMMANDS),)

    @property
    def tm_frame_octets(self) -> int:
        """Length of a TM frame: the whole message part of its Reed-Solomon codeblock."""
        return (255 - self.parity_octets) * self.interleave

    @property
    def tm_data_octets(self) -> int:
        """Length of the data field of a TM frame, which carries a CLCW and a FECF."""
        return self.tm_frame_octets - tm_overhead_octets(has_ocf=True)

    @property
    def tm_coding(self) -> TmCodingConfig:
        """The TM coding chain of this link."""
        return TmCodingConfig(
            frame_length_octets=self.tm_frame_octets,
            interleave=self.interleave,
            parity=self.parity_octets,
            dual_basis=self.dual_basis,
            randomizer=self.tm_randomizer,
        )

    @property
    def t1_initial_ns(self) -> int:
        """COP-1 timer T1: a round trip, the longest TC frame up and one TM frame down, doubled once for safety.

        A frame that is being sent when a report falls due delays it by its own length, hence two TM frames.
        """
        up_ns = self.tc_frame_octets_max * self.bits_per_octet * NS_PER_S // self.uplink_rate_bps
        down_ns = 2 * 255 * self.interleave * self.bits_per_octet * NS_PER_S // self.downlink_rate_bps
        return self.round_trip_ns + up_ns + down_ns


PROFILES: dict[str, LinkProfile] = {
    profile.name: profile
    for profile in (
        LinkProfile(
            name="serial",
            uplink_rate_bps=115_200,
            downlink_rate_bps=115_200,
            bits_per_octet=10,
            tm_randomizer=TmRandomizer.PERIOD_131071,
            round_trip_ns=NS_PER_S // 2,
            contact=Contact.TRAFFIC,
        ),
        LinkProfile(
            name="uhf",
            uplink_rate_bps=9_600,
            downlink_rate_bps=9_600,
            tm_randomizer=TmRandomizer.PERIOD_131071,
            contact=Contact.TRAFFIC,
        ),
        LinkProfile(name="sband", uplink_rate_bps=64_000, downlink_rate_bps=1_000_000, interleave=5),
        LinkProfile(name="xband", uplink_rate_bps=256_000, downlink_rate_bps=50_000_000, interleave=5),
    )
}
"""The shipped profiles, by name."""


def find_profile(name: str) -> LinkProfile:
    """Give the profile of a name.

    Raises:
        MisuseError: There is none, naming those that there are.
    """
    if name not in PROFILES:
        raise MisuseError(f"unknown link profile {name!r}: expected one of {', '.join(sorted(PROFILES))}")
    return PROFILES[name]
