"""What a line does beside delay and bit errors: one table an effect, each absent unless it is there."""

from typing import Annotated, Any, Literal

from msgspec import Meta

from ccsds.errors import MisuseError
from hil.channel.breaks import BreakConfig
from hil.channel.burst import NS_PER_S
from hil.channel.frame_loss import FrameCode
from hil.channel.framing import FramingConfig, FramingPolicy
from hil.channel.gilbert_elliott import (
    BAD_FRAME_LOSS_DEFAULT,
    BAD_NS_DEFAULT,
    GOOD_FRAME_LOSS_DEFAULT,
    GOOD_NS_DEFAULT,
    GilbertElliottConfig,
)
from hil.channel.half_duplex import HalfDuplexConfig
from hil.channel.jitter import JitterConfig
from hil.channel.overruns import FifoConfig
from hil.channel.slips import SlipConfig
from hil.scenario.table import Probability, Seconds, Table

Above0Seconds = Annotated[float, Meta(gt=0, le=31 * 86_400)]
HalfProbability = Annotated[float, Meta(ge=0, le=0.5)]


class JitterTable(Table, frozen=True, kw_only=True):
    """Delay that varies; see `hil.channel.jitter`."""

    span_s: Above0Seconds
    """The greatest additional delay."""
    hold_octets: Annotated[int, Meta(ge=1)] = 64
    """Octets that are late together."""

    def config(self) -> JitterConfig:
        """Give what the line takes."""
        return JitterConfig(span_ns=_ns(self.span_s), hold_octets=self.hold_octets)


class BurstTable(Table, frozen=True, kw_only=True):
    """Noise in bursts; see `hil.channel.gilbert_elliott`. Each state is told by frames lost or by a bit error rate."""

    good_s: Above0Seconds = GOOD_NS_DEFAULT / NS_PER_S
    bad_s: Above0Seconds = BAD_NS_DEFAULT / NS_PER_S
    good_frame_loss: Probability | None = None
    bad_frame_loss: Probability | None = None
    good_bit_error_rate: HalfProbability | None = None
    bad_bit_error_rate: HalfProbability | None = None

    def config(self, code: FrameCode) -> GilbertElliottConfig:
        """Give what the line takes.

        Args:
            code: What protects a frame of this line.

        Raises:
            MisuseError: A state is told in both ways.
        """
        rates: dict[str, float] = {}
        for state, default in (("good", GOOD_FRAME_LOSS_DEFAULT), ("bad", BAD_FRAME_LOSS_DEFAULT)):
            loss, rate = getattr(self, f"{state}_frame_loss"), getattr(self, f"{state}_bit_error_rate")
            if loss is not None and rate is not None:
                raise MisuseError(f"expected either `{state}_frame_loss` or `{state}_bit_error_rate`, found both")
            rates[state] = code.bit_error_rate(default if loss is None else loss) if rate is None else rate
        return GilbertElliottConfig(
            good_ns=_ns(self.good_s),
            bad_ns=_ns(self.bad_s),
            good_bit_error_rate=rates["good"],
            bad_bit_error_rate=rates["bad"],
        )


class SlipTable(Table, frozen=True, kw_only=True):
    """Octets too few or too many, by their probability for each octet; see `hil.channel.slips`."""

    drop_rate: HalfProbability = 0.0
    duplicate_rate: HalfProbability = 0.0
    insert_rate: HalfProbability = 0.0

    def config(self) -> SlipConfig:
        """Give what the line takes."""
        return SlipConfig(drop_rate=self.drop_rate, duplicate_rate=self.duplicate_rate, insert_rate=self.insert_rate)


class UartTable(Table, frozen=True, kw_only=True):
    """What goes wrong in the receiver of a UART; see `hil.channel.framing`, ``breaks`` and ``overruns``."""

    stop_error_rate: HalfProbability = 0.0
    """Probability for each octet that its stop bit is misread."""
    start_error_rate: HalfProbability = 0.0
    """Probability for each octet that its start bit is missed."""
    on_framing_error: Literal["null", "discard", "keep"] = "null"
    break_every_s: Above0Seconds | None = None
    break_s: Above0Seconds = 0.25
    """The default, an assumption, is the length of the break that POSIX lets a terminal send (tcsendbreak)."""
    break_reads_null: bool = True
    fifo_octets: Annotated[int, Meta(ge=1)] = 16
    stall_every_s: Above0Seconds | None = None
    stall_s: Above0Seconds = 0.005
    """How long the processor comes too late; the default is an assumption."""

    def configs(self) -> dict[str, Any]:
        """Give what the line takes, by the names of `hil.channel.line.LineConfig`."""
        configs: dict[str, Any] = {}
        if self.stop_error_rate or self.start_error_rate:
            configs["framing"] = FramingConfig(
                stop_error_rate=self.stop_error_rate,
                start_error_rate=self.start_error_rate,
                policy=FramingPolicy(self.on_framing_error),
            )
        if self.break_every_s is not None:
            configs["breaks"] = BreakConfig(
                every_ns=_ns(self.break_every_s), length_ns=_ns(self.break_s), reads_null=self.break_reads_null
            )
        if self.stall_every_s is not None:
            configs["fifo"] = FifoConfig(
                octets=self.fifo_octets, stall_every_ns=_ns(self.stall_every_s), stall_ns=_ns(self.stall_s)
            )
        if not configs:
            raise MisuseError("expected one of `stop_error_rate`, `start_error_rate`, `break_every_s`, `stall_every_s`")
        return configs


class HalfDuplexTable(Table, frozen=True, kw_only=True):
    """Both directions share the air; see `hil.channel.half_duplex`."""

    turn_round_s: Seconds
    talk_s: Above0Seconds = 2.0
    """After which a direction lets the other have a turn."""

    def config(self) -> HalfDuplexConfig:
        """Give what the lines take."""
        return HalfDuplexConfig(turn_round_ns=_ns(self.turn_round_s), talk_ns=_ns(self.talk_s))


class CablePullTable(Table, frozen=True, kw_only=True):
    """A time in which the cable is pulled, by which both directions are silent."""

    at_s: Seconds
    duration_s: Annotated[float, Meta(gt=0)]


def _ns(seconds: float) -> int:
    return round(seconds * NS_PER_S)
