"""The security header and trailer of a protected data field. It has no keys: what is encrypted stays so.

A frame does not say that it is protected. With `Protection.AUTO` a data field counts as protected by AES-256-GCM if it
is long enough and its IV is a counter below 2^40 (`Suite.counter_max`), so that seven octets after the SPI are 0, and
if it cannot be read as packets; AES-256-CMAC leaves no such mark and must be named.

Source: CCSDS 355.0-B-2 4.1.1, 4.1.2.
"""

from enum import Enum

from ccsds.sdls.association import MAC_OCTETS, SPI_MAX, SPI_MIN, SPI_OCTETS, Suite
from tools.decode.node import Kind, Node, Walk
from tools.decode.octets import Octets


class Protection(Enum):
    """How data fields are protected."""

    AUTO = "auto"
    NONE = "none"
    AES_256_GCM = "aes-256-gcm"
    AES_256_CMAC = "aes-256-cmac"


def find_suite(data: bytes, protection: Protection) -> Suite | None:
    """Tell what protects a data field that cannot be read as packets, or None if nothing does."""
    if protection is Protection.NONE:
        return None
    if protection is not Protection.AUTO:
        return Suite(protection.value)
    suite = Suite.AES_256_GCM
    if len(data) <= suite.overhead_octets or not SPI_MIN <= int.from_bytes(data[:SPI_OCTETS], "big") <= SPI_MAX:
        return None
    iv = int.from_bytes(data[SPI_OCTETS : suite.header_octets], "big")
    return suite if iv <= suite.counter_max else None


def read_protected(octets: Octets, suite: Suite) -> tuple[list[Node], Octets]:
    """Read a protected data field.

    Returns:
        Its parts, and its data if they are clear (authenticated only), else no octets.

    Raises:
        MalformedError: It is shorter than header and trailer.
    """
    walk = Walk(octets)
    spi = walk.number("SPI", SPI_OCTETS, "security parameter index")
    if suite is Suite.AES_256_GCM:
        counter = walk.number("IV", suite.iv_octets, "anti-replay counter")
    else:
        counter = walk.number("sequence number", suite.sequence_octets, "anti-replay counter")
    payload = walk.take("payload and MAC", max(MAC_OCTETS, walk.left_octets))[:-MAC_OCTETS]
    said = "protected" if suite is Suite.AES_256_GCM else "authenticated"
    node = Node("protected data field", octets, Kind.SECURITY, label=f"{said} payload under SPI {spi}")
    node.meaning = f"SPI {spi}, counter {counter}, {said} payload of {len(payload)} octets"
    mac = Node("MAC", octets[len(octets) - MAC_OCTETS :], meaning="not checked")
    node.children = [*walk.nodes, Node("payload", payload, meaning=f"{said} payload of {len(payload)} octets"), mac]
    return [node], payload if suite is Suite.AES_256_CMAC else payload[:0]
