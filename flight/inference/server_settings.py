"""How models are served: what a spacecraft is built with, and what an operator sets."""

from dataclasses import dataclass, field

from flight.jobs.supervision import SupervisionConfig
from flight.parameters import ParameterPool
from mission.words.inference import CANARY_PERIOD, CHUNK_TOKENS, MODEL_IDLE, MODEL_MEMORY_MAX

NS_PER_S = 1_000_000_000
OCTETS_PER_MIB = 1 << 20


@dataclass(frozen=True, kw_only=True)
class ServerConfig:
    """How models are served."""

    memory_octets_max: int = 0
    """What a model may take; 0 for what its worker finds free."""
    deadline_ns: int = 300 * NS_PER_S
    """A worker that has not answered for this long is taken for hung: the largest model is loaded in less."""
    supervision: SupervisionConfig = field(default_factory=SupervisionConfig)


class ServerSettings:
    """The settings as they are now.

    Args:
        config: What holds where an operator has set nothing.
    """

    def __init__(self, config: ServerConfig) -> None:
        self._config = config
        self.chunk_tokens: int = CHUNK_TOKENS.default
        """Tokens that are written at once."""
        self.canary_ns = CANARY_PERIOD.default * NS_PER_S
        """Between two canaries."""
        self.idle_ns = MODEL_IDLE.default * NS_PER_S
        """After which a model that nobody has asked leaves the memory."""
        self._memory_mib: int = MODEL_MEMORY_MAX.default

    @property
    def memory_octets_max(self) -> int:
        """What a model may take; 0 for what its worker finds free."""
        return self._memory_mib * OCTETS_PER_MIB or self._config.memory_octets_max

    def bind(self, pool: ParameterPool) -> None:
        """Follow what an operator sets; what is due already stays due when it is."""
        pool.bind(CHUNK_TOKENS, CHUNK_TOKENS.default, lambda value, _: self._set(chunk_tokens=value))
        pool.bind(CANARY_PERIOD, CANARY_PERIOD.default, lambda value, _: self._set(canary_ns=value * NS_PER_S))
        pool.bind(MODEL_IDLE, MODEL_IDLE.default, lambda value, _: self._set(idle_ns=value * NS_PER_S))
        pool.bind(MODEL_MEMORY_MAX, MODEL_MEMORY_MAX.default, lambda value, _: self._set(_memory_mib=value))

    def _set(self, **values: int) -> None:
        for name, value in values.items():
            setattr(self, name, value)
