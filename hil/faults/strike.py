"""What a worker in simulation is told beside its requests: what befalls it in its next step. It imports no torch."""

import msgspec

from hil.faults.flip import Spread
from hil.faults.part import Part


class FlipStrike(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """Bits of one part of memory flip, at an instant of the next step."""

    part: Part
    spread: Spread
    seed: int
    """Of the place and the instant."""
    tries: int = 0
    """How often it did not fall before: each time they are drawn anew."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return f"{'a bit flips' if self.spread is Spread.BIT else 'bits flip'} in {self.part.value}"


class StarveStrike(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """From the next step on there is no more memory to be had."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return "the worker gets no more memory"


Strike = FlipStrike | StarveStrike


class StrikeMissed(msgspec.Struct, frozen=True, kw_only=True, tag=True):
    """What comes before the reply to a step in which a strike did not fall."""

    strike: Strike
    """To befall a later step."""
