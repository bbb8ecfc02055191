"""The link between spacecraft and station: its profile, what it does to octets, and when there is contact."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from hil.scenario.effects import BurstTable, CablePullTable, HalfDuplexTable, JitterTable, SlipTable, UartTable
from hil.scenario.table import Label, Probability, Seconds, Table

# Ten years of fourteen passes a day.
PASSES_MAX = 51_100


class DirectionTable(Table, frozen=True, kw_only=True):
    """What one direction of the link does to octets."""

    delay_s: Seconds = 0.0
    """With an orbit, what is added to light time, such as by the network on the ground."""
    bit_error_rate: Probability = 0.0
    eb_n0_db: Annotated[float, Meta(ge=-30, le=60)] | None = None
    """Signal-to-noise ratio per bit at a range of 1,000 km, from which the bit error rate follows with the range."""
    frame_loss: Probability = 0.0
    """The share of frames that fades take, by frames of the profile's full length."""
    frame_loss_burst: Annotated[float, Meta(ge=1, le=1_000)] = 1.0
    """Frames that one fade takes in the mean."""
    jitter: JitterTable | None = None
    bursts: BurstTable | None = None
    slips: SlipTable | None = None
    uart: UartTable | None = None


class DropoutTable(Table, frozen=True, kw_only=True):
    """A time in which every octet of one direction is lost; it starts at a time or just before a step."""

    direction: Literal["up", "down"]
    duration_s: Annotated[float, Meta(gt=0)]
    at_s: Seconds | None = None
    before: Label | None = None


class PassTable(Table, frozen=True, kw_only=True):
    """A contact, or one that comes again and again."""

    at_s: Seconds
    duration_s: Annotated[float, Meta(gt=0)]
    every_s: Annotated[float, Meta(gt=0)] | None = None
    """From the beginning of one to that of the next; without it there is one."""
    count: Annotated[int, Meta(ge=1, le=PASSES_MAX)] | None = None
    """How many there are."""

    def starts_s(self) -> list[float]:
        """Give when they begin."""
        return [self.at_s + number * (self.every_s or 0.0) for number in range(self.count or 1)]


class LinkTable(Table, frozen=True, kw_only=True):
    """The link between the two."""

    profile: str = "sband"
    """The name of a profile, or the path of a TOML file with one."""
    contact: Literal["modem", "traffic"] = "modem"
    """In virtual time, whatever the profile says: whether both ends are told of passes, as by a modem with lock, or
    have a line all the time and must find contact by traffic. In real time the programs go by the profile."""
    security: Literal["keys", "none"] = "keys"
    """Whether both ends have keys, drawn from the seed, or believe every frame."""
    up: DirectionTable = DirectionTable()
    down: DirectionTable = DirectionTable()
    half_duplex: HalfDuplexTable | None = None
    """Without it, both directions go at once."""
    dropouts: list[DropoutTable] = msgspec.field(default_factory=list)
    cable_pulls: list[CablePullTable] = msgspec.field(default_factory=list)
    capture: bool = False
    """Whether both lines are captured, with the truth of what was altered, as `hil run --capture` has it."""
    replay: str | None = None
    """A capture that says what becomes of each octet, in place of all effects that alter, lose or put in some."""
    passes: list[PassTable] = msgspec.field(default_factory=list)
    """Outside of these nothing is sent and nothing arrives. Without any, there is contact all the time."""


def check_directions(link: LinkTable) -> None:
    """Refuse directions that contradict themselves.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for name, direction in (("up", link.up), ("down", link.down)):
        if direction.eb_n0_db is not None and direction.bit_error_rate:
            raise MisuseError(f"link.{name}.bit_error_rate: expected none beside `eb_n0_db`, from which it follows")


def check_passes(passes: list[PassTable], duration_s: float) -> None:
    """Refuse passes that are well-formed but make no sense.

    Args:
        passes: Of a scenario.
        duration_s: Of its mission.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for number, each in enumerate(passes):
        key = f"link.passes[{number}]"
        if (each.every_s is None) != (each.count is None):
            raise MisuseError(f"{key}: expected both `every_s` and `count`, or neither")
        if each.every_s is not None and each.every_s <= each.duration_s:
            raise MisuseError(f"{key}.every_s: expected above duration_s = {each.duration_s:g}, found {each.every_s:g}")
        last_s = each.at_s + ((each.count or 1) - 1) * (each.every_s or 0.0)
        if last_s > duration_s:
            name = "at_s" if each.count is None else "count"
            raise MisuseError(
                f"{key}.{name}: expected passes that begin by duration_s = {duration_s:g}, found one at {last_s:g}"
            )
    count = sum(each.count or 1 for each in passes)
    if count > PASSES_MAX:
        raise MisuseError(f"link.passes: expected at most {PASSES_MAX} in all, found {count}")
