"""ApplySecurity: clear frames into protected ones, each under a counter that its key has never had.

Counters are taken from blocks that are made durable before the first counter of them is used. After a stop of any kind
the sender goes on at the end of the last block; what was left of that block is never used.

Source: CCSDS 355.0-B-2 3.2 (ApplySecurity), 4.2.3 (procedures), 4.2.3.4 (authentication).
"""

from collections.abc import Callable, Mapping
from typing import Protocol

from ccsds.errors import MisuseError
from ccsds.sdls.association import HeaderMask, Link, SecurityAssociation
from ccsds.sdls.cipher import Cipher
from ccsds.sdls.header import Layout, tc_header, tm_header
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import TmFrame

# Setting a block aside costs about five syncs, which are tens of milliseconds on a slow medium; this is one block in
# three seconds at 5,600 frames a second, the fastest profile. A start wastes that many of 2^40 counters at most, or of
# 2^32 for CMAC, which is a quarter of a million starts.
RESERVED_FRAMES = 1 << 14


class CounterStore(Protocol):
    """Where counters are set aside before they are used."""

    def reserved(self, spi: int) -> int:
        """Give the limit that was set last: counters below it may have been used."""
        ...

    def reserve(self, spi: int, limit: int) -> None:
        """Set the counters below a limit aside; when this returns, a stop of any kind cannot undo it.

        Raises:
            OSError: The store failed; nothing may be sent with them.
        """
        ...


class Sender:
    """The sending half of one end.

    Args:
        associations: What each SPI stands for.
        find_cipher: Gives the cipher of an SPI.
        choose: Gives the SPI that sends on a channel, or None.
        counters: Where counters are set aside.
    """

    def __init__(
        self,
        associations: Mapping[int, SecurityAssociation],
        find_cipher: Callable[[int], Cipher],
        choose: Callable[[tuple[Link, int]], int | None],
        counters: CounterStore,
    ) -> None:
        self._associations = associations
        self._layouts = {spi: Layout(association) for spi, association in associations.items()}
        self._find_cipher = find_cipher
        self._choose = choose
        self._counters = counters
        # By SPI, the next counter and the end of its block.
        self._blocks: dict[int, tuple[int, int]] = {}
        self.protected_count = 0

    def protect_tc(self, frame: TcFrame) -> TcFrame:
        """Give a TC frame protected. N(S) may be set afterwards, unless the mask covers it.

        Raises:
            MisuseError: It is a control command; or no key sends on its channel; or its counters are used up; or N(S)
                of an AD frame would be authenticated; or the frame would be too long.
            OSError: Counters could not be set aside.
        """
        association = self._association(Link.TC, frame.virtual_channel)
        if frame.kind is TcFrameKind.BC:
            raise MisuseError("security: expected a frame with data, found a control command, which is never protected")
        if frame.kind is TcFrameKind.AD and association.mask is HeaderMask.WHOLE_HEADER:
            raise MisuseError(
                f"security: expected a BD frame under SPI {association.spi}, whose mask covers N(S), found AD"
            )
        header = tc_header(frame, len(frame.data) + association.suite.overhead_octets)
        data = self._protect(association, header, frame.data)
        return TcFrame(frame.kind, frame.spacecraft_id, frame.virtual_channel, frame.sequence, data)

    def protect_tm(self, frame: TmFrame) -> TmFrame:
        """Give a TM frame protected. The CLCW stays outside.

        Raises:
            MisuseError: No key sends on its channel; or its counters are used up; or the frame would be too long.
            OSError: Counters could not be set aside.
        """
        association = self._association(Link.TM, frame.virtual_channel)
        data = self._protect(association, tm_header(frame), frame.data)
        return TmFrame(
            frame.spacecraft_id,
            frame.virtual_channel,
            frame.mc_count,
            frame.vc_count,
            frame.first_header_pointer,
            data,
            frame.ocf,
        )

    def _association(self, link: Link, virtual_channel: int) -> SecurityAssociation:
        spi = self._choose((link, virtual_channel))
        if spi is None:
            raise MisuseError(
                f"security: expected a key that sends on {link.value} channel {virtual_channel}, found none"
            )
        return self._associations[spi]

    def _protect(self, association: SecurityAssociation, header: bytes, data: bytes) -> bytes:
        cut = association.segment_header_octets
        if len(data) <= cut:
            raise MisuseError(f"security: expected data after {cut} octets of segment header, found {len(data)} octets")
        cipher = self._find_cipher(association.spi)
        counter = self._next_counter(association)
        layout = self._layouts[association.spi]
        authenticated = layout.authenticated_octets(header, data[:cut], counter)
        sealed = cipher.seal(counter, authenticated, data[cut:])
        self.protected_count += 1
        return data[:cut] + layout.security_header(counter) + sealed

    def _next_counter(self, association: SecurityAssociation) -> int:
        spi = association.spi
        counter, limit = self._blocks.get(spi) or (self._counters.reserved(spi),) * 2
        if counter >= limit:
            limit = min(counter + RESERVED_FRAMES, association.suite.counter_max + 1)
            if counter >= limit:
                raise MisuseError(
                    f"SPI {spi}: expected a counter up to {association.suite.counter_max}, found all used: "
                    "activate another key"
                )
            self._counters.reserve(spi, limit)
        self._blocks[spi] = (counter + 1, limit)
        return counter
