"""Cable: it is pulled and put back. What arrives meanwhile is lost; an octet is if any part of it falls into that time.

The spans of both directions are the same: there is one cable. In real time `hil.bridge` lets the ports vanish too.
"""

import msgspec

from hil.channel.burst import NS_PER_S
from hil.channel.channel import Channel
from hil.channel.dropouts import Dropout, Dropouts, OctetsLost


class OctetsUnplugged(msgspec.Struct, frozen=True, tag=True):
    """Octets of a line were lost while the cable was pulled."""

    line: str
    count: int
    offset: int
    """Offset of the first octet lost."""
    start_ns: int
    """When the first octet lost would have begun to arrive."""
    end_ns: int
    """When the last octet lost would have arrived."""

    def __str__(self) -> str:
        """Tell it in one line."""
        return (
            f"{self.line}: the pulled cable took {self.count} octets from offset {self.offset} on, "
            f"from {self.start_ns / NS_PER_S:.3f} s to {self.end_ns / NS_PER_S:.3f} s"
        )


class Cable(Dropouts):
    """Losses while the cable is pulled.

    Args:
        inner: The channel that it wraps.
        pulls: When it is pulled, and for how long.
        line: The line's name in events.
    """

    def __init__(self, inner: Channel, pulls: tuple[Dropout, ...], line: str) -> None:
        super().__init__(inner, pulls, line)

    def _event(self, lost: OctetsLost) -> msgspec.Struct:
        return OctetsUnplugged(**msgspec.structs.asdict(lost))
