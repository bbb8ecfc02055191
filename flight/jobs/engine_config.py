"""How the job engine works, as the configuration of the spacecraft says."""

from dataclasses import dataclass, field

from flight.jobs.supervision import SupervisionConfig

NS_PER_S = 1_000_000_000


@dataclass(frozen=True, kw_only=True)
class EngineConfig:
    """How the engine works."""

    grant_ns: int = NS_PER_S // 4
    """Steps are granted in portions of about this long: a pause or a report waits no longer than two of them."""
    grant_steps_max: int = 1_000
    """The most steps in one grant, however short they are."""
    progress_period_ns: int = NS_PER_S
    """The least time between two progress reports."""
    supervision: SupervisionConfig = field(default_factory=SupervisionConfig)
    """How its workers are looked after."""
