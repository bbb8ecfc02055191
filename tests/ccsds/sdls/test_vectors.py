"""Protected frames against known answers, and against the same thing built by hand from `cryptography` alone."""

import itertools

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.cmac import CMAC

from ccsds.crc import crc16
from ccsds.errors import MisuseError
from ccsds.sdls.association import HeaderMask, Link, SecurityAssociation, Suite
from ccsds.sdls.cipher import make_cipher
from ccsds.sdls.header import tc_header, tm_header
from ccsds.sdls.receiver import Accepted, Receiver, Refused
from ccsds.sdls.sender import Sender
from ccsds.tc_frame import TcFrame, TcFrameKind
from ccsds.tm_frame import NO_PACKET_START, ONLY_IDLE, TmFrame

# From shared/vectors/ccsds.toml, [sdls]: AES-256-GCM, whole header authenticated, segment header 00, SPI 4.
KEY = bytes.fromhex("fedcba9876543210fedcba9876543210fedcba9876543210fedcba9876543210")
PLAIN = bytes.fromhex("20030016000080d2c70008197f0b0031000000b1fe3128")
PARTS = (
    "2003003400",
    "00",
    "0004",
    "00" * 12,
    "64db31bbc4656f072a8e4a70dedaea",
    "b93168c4cb6faddba47dd4945a88f653",
    "cac5",
)
# The FECF at the end of the clear frame is no CRC-16 of it: whoever made the vector dropped it unread. So the clear
# frame is taken and compared without it.
CLEAR = TcFrame(TcFrameKind.BD, 3, 0, 0, PLAIN[5:-2])
PROTECTED = bytes.fromhex("".join(PARTS))


class Counters:
    """Counters of a sender that lives only as long as the test."""

    def __init__(self, first=0):
        self.limits = {}
        self.first = first

    def reserved(self, spi):
        return self.limits.get(spi, self.first)

    def reserve(self, spi, limit):
        self.limits[spi] = limit


def ends(association, key=KEY, first=0):
    """Give a sender and a receiver that know one association."""
    table = {association.spi: association}
    cipher = make_cipher(association.suite, key)
    sender = Sender(table, lambda spi: cipher, lambda channel: association.spi, Counters(first))
    return sender, Receiver(table, lambda spi: cipher, lambda spi: spi == association.spi)


def golden_association(mask=HeaderMask.WHOLE_HEADER):
    return SecurityAssociation(spi=4, link=Link.TC, virtual_channel=0, mask=mask, segment_header_octets=1)


def test_the_golden_frame_is_made_octet_by_octet():
    sender, _ = ends(golden_association())
    assert sender.protect_tc(CLEAR).encode() == PROTECTED


def test_the_golden_frame_is_read_back():
    _, receiver = ends(golden_association())
    accepted = receiver.process_tc(TcFrame.decode(PROTECTED))
    assert isinstance(accepted, Accepted)
    assert accepted.frame == CLEAR
    assert CLEAR.encode()[:-2] == PLAIN[:-2]


def test_the_golden_frame_under_the_mask_of_channel_and_spi_differs_in_its_mac_alone():
    mask = golden_association(HeaderMask.CHANNEL_ONLY)
    sender, receiver = ends(mask)
    frame = sender.protect_tc(CLEAR)
    mac = gcm(KEY, bytes(12), bytes.fromhex("0000000000" + "00" + "0004") + bytes(12), CLEAR.data[1:])[1]
    body = bytes.fromhex("".join(PARTS[:5])) + mac
    assert frame.encode() == body + crc16(body).to_bytes(2, "big")
    assert isinstance(receiver.process_tc(frame), Accepted)
    assert isinstance(ends(mask)[1].process_tc(TcFrame.decode(PROTECTED)), Refused)


def gcm(key, iv, authenticated, data):
    """AES-256-GCM by the primitive beneath the one that is under test."""
    encryptor = Cipher(algorithms.AES256(key), modes.GCM(iv)).encryptor()
    encryptor.authenticate_additional_data(authenticated)
    return encryptor.update(data) + encryptor.finalize(), encryptor.tag


def by_hand(frame, header, masks, suite, counter, spi, key):
    """Build the protected data field of a frame without a segment header, from the standard's words."""
    iv = counter.to_bytes(12, "big")
    masked = bytes(octet & mask for octet, mask in zip(header, masks[0], strict=True))
    if suite is Suite.AES_256_GCM:
        authenticated = masked + spi.to_bytes(2, "big") + (iv if masks[1] else bytes(12))
        sealed, mac = gcm(key, iv, authenticated, frame.data)
        return spi.to_bytes(2, "big") + iv + sealed + mac
    security = spi.to_bytes(2, "big") + counter.to_bytes(4, "big")
    mac = CMAC(algorithms.AES256(key))
    mac.update(masked + security + frame.data)
    return security + frame.data + mac.finalize()


MASKS = {
    (Link.TC, HeaderMask.WHOLE_HEADER): ("ffffffffff", True),
    (Link.TC, HeaderMask.SETTLED_HEADER): ("ffffffff00", False),
    (Link.TC, HeaderMask.CHANNEL_ONLY): ("0000fc0000", False),
    (Link.TM, HeaderMask.WHOLE_HEADER): ("ffffffffffff", True),
    (Link.TM, HeaderMask.SETTLED_HEADER): ("ffff00ffffff", False),
    (Link.TM, HeaderMask.CHANNEL_ONLY): ("000e00000000", False),
}


@pytest.mark.parametrize(("suite", "mask"), list(itertools.product(Suite, HeaderMask)), ids=str)
def test_tc_frames_are_what_they_are_when_built_by_hand(suite, mask):
    association = SecurityAssociation(spi=0x1234, link=Link.TC, virtual_channel=9, suite=suite, mask=mask)
    sender, receiver = ends(association, first=70_000)
    clear = TcFrame(TcFrameKind.BD, 0x2A5, 9, 0, bytes(range(200)))
    length = len(clear.data) + association.suite.overhead_octets + 7
    header = bytes([0x20 | 0x2A5 >> 8, 0x2A5 & 0xFF, 9 << 2 | length - 1 >> 8, length - 1 & 0xFF, 0])
    octets, is_iv_authenticated = MASKS[Link.TC, mask]
    masks = bytes.fromhex(octets), is_iv_authenticated
    protected = sender.protect_tc(clear)
    assert protected.data == by_hand(clear, header, masks, suite, 70_000, 0x1234, KEY)
    assert protected.encode()[:5] == header
    accepted = receiver.process_tc(TcFrame.decode(protected.encode()))
    assert isinstance(accepted, Accepted)
    assert accepted.frame == clear


@pytest.mark.parametrize(("suite", "mask"), list(itertools.product(Suite, HeaderMask)), ids=str)
def test_tm_frames_are_what_they_are_when_built_by_hand(suite, mask):
    association = SecurityAssociation(spi=0xFFFE, link=Link.TM, virtual_channel=5, suite=suite, mask=mask)
    sender, receiver = ends(association, first=70_000)
    clear = TmFrame(0x2A5, 5, 17, 201, 33, bytes(range(250)), b"CLCW")
    header = bytes([0x2A5 >> 4, (0x2A5 << 4 | 5 << 1 | 1) & 0xFF, 17, 201, 0x18, 33])
    octets, is_iv_authenticated = MASKS[Link.TM, mask]
    masks = bytes.fromhex(octets), is_iv_authenticated
    protected = sender.protect_tm(clear)
    assert protected.data == by_hand(clear, header, masks, suite, 70_000, 0xFFFE, KEY)
    assert protected.encode()[:6] == header
    accepted = receiver.process_tm(TmFrame.decode(protected.encode()))
    assert isinstance(accepted, Accepted)
    assert accepted.frame == clear


@pytest.mark.parametrize("kind", [TcFrameKind.AD, TcFrameKind.BD])
def test_the_header_that_is_authenticated_is_the_one_that_is_sent(kind):
    frame = TcFrame(kind, 0x155, 0x3F, 200, bytes(999))
    assert tc_header(frame, len(frame.data)) == frame.encode()[:5]


@pytest.mark.parametrize("pointer", [0, 1, 99, NO_PACKET_START, ONLY_IDLE])
@pytest.mark.parametrize("ocf", [None, b"CLCW"])
def test_the_tm_header_that_is_authenticated_is_the_one_that_is_sent(pointer, ocf):
    frame = TmFrame(0x155, 6, 255, 128, pointer, bytes(100), ocf)
    assert tm_header(frame) == frame.encode()[:6]


@pytest.mark.parametrize("octets", [0, 16, 31, 33])
def test_a_key_has_thirty_two_octets(octets):
    with pytest.raises(MisuseError, match="expected a key of 32 octets"):
        make_cipher(Suite.AES_256_GCM, bytes(octets))
