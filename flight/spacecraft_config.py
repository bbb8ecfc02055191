"""What makes one spacecraft differ from another. Data only."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from flight.configuration import Configuration
from flight.inference.server_settings import ServerConfig
from flight.jobs.engine_config import EngineConfig
from flight.storage.packet_stores import OCTETS_DEFAULT
from flight.survival.slots import Begun
from flight.survival.survival import SurvivalConfig
from mission.definition import DICTIONARY
from mission.dictionary import Dictionary
from mission.profiles import LinkProfile
from mission.slots import SlotKind
from mission.storage import StoreId


@dataclass(frozen=True, kw_only=True)
class SpacecraftConfig:
    """What makes one spacecraft differ from another."""

    profile: LinkProfile
    tai_offset_ns: int
    """On-board TAI (nanoseconds since 1958) less ``now_ns``: the first default, or a real-time clock's estimate."""
    tai_uncertainty_ns: int | None = None
    """How far the estimate may be from the truth; None if the board has no real-time clock, so that it is none."""
    clock_id: str = ""
    """The same after a restart if, and only if, ``now_ns`` has gone on; empty if the driver cannot tell."""
    engine: EngineConfig = field(default_factory=EngineConfig)
    server: ServerConfig = field(default_factory=ServerConfig)
    """How models are served."""
    survival: SurvivalConfig = field(default_factory=SurvivalConfig)
    configuration: Configuration = field(default_factory=Configuration)
    """What an operator set it up with."""
    slots: Mapping[SlotKind, Begun] = field(default_factory=dict)
    """What this start runs on, where slots were asked."""
    is_watched: bool = False
    """Whether a watchdog wants to see it turn, however little it has to do."""
    dictionary: Dictionary = DICTIONARY
    store_octets: Mapping[StoreId, int] = field(default_factory=lambda: OCTETS_DEFAULT)
    """What each packet store may take of the disk."""
