"""The key file: the security associations of one end and their keys, as plain JSON with a checksum.

`generate_keys` makes a pair of files, one for each end. Their content is this, and then a line with the CRC-32C of all
octets before that line, since a bit that turns in a key must not be taken for an attack:

    format      "starloop-keys-1"
    set_id      32 hexadecimal digits; the files of a pair share it
    end         "ground" or "spacecraft"
    claimed     whether an end has ever used this file; false only until then
    keys        of each SPI: association (see `ccsds.sdls.association`), state at the beginning, key (Base64 of 32
                octets; empty once it is destroyed)
    # crc32c 0123abcd

It is never read or written here: that is for `key_store`, on a disk that its owner opens. Two ends never send under the
same key, and a claimed file is never copied.

Source: CCSDS 355.0-B-2 4.2.2 (security associations), 6 (managed parameters).
"""

from collections.abc import Callable, Collection, Iterable
from enum import Enum
from typing import Any, Self, TypeVar

import msgspec

from ccsds.crc import crc32c
from ccsds.errors import MalformedError, MisuseError
from ccsds.sdls.association import KEY_OCTETS, HeaderMask, Link, SecurityAssociation, Suite
from ccsds.sdls.key_state import KeyState

FORMAT = "starloop-keys-1"

# Sixteen channels of 64 generations each. A file is read into memory, and its keys are listed by hand.
KEYS_MAX = 1_024
GENERATIONS_MAX = 64
# Changed once a year, eight last as long as most small satellites do.
GENERATIONS_DEFAULT = 8
# Each key takes about 400 octets.
FILE_OCTETS_MAX = 1 << 20

_CHECK = b"# crc32c "
_SET_ID_OCTETS = 16

Document = TypeVar("Document", bound=msgspec.Struct)


class End(Enum):
    """Whose file it is."""

    GROUND = "ground"
    SPACECRAFT = "spacecraft"

    @property
    def sending(self) -> Link:
        """The direction in which this end sends."""
        return Link.TC if self is End.GROUND else Link.TM


class KeyEntry(msgspec.Struct, frozen=True):
    """One key and what it is for."""

    association: SecurityAssociation
    state: KeyState
    """At the beginning; the key store knows what became of it."""
    key: bytes
    """32 octets, or none if it is destroyed."""

    def __post_init__(self) -> None:
        """Refuse a key of another length.

        Raises:
            MisuseError: Naming its SPI.
        """
        if len(self.key) not in (0, KEY_OCTETS):
            raise MisuseError(
                f"SPI {self.association.spi}: expected a key of {KEY_OCTETS} octets, found {len(self.key)}"
            )

    def __repr__(self) -> str:  # The generated one would put the key into logs and tracebacks.
        return f"KeyEntry({self.association!r}, {self.state!r})"


class KeyFile(msgspec.Struct, frozen=True, kw_only=True):
    """A key file."""

    format: str = FORMAT
    set_id: str
    end: End
    claimed: bool = False
    keys: tuple[KeyEntry, ...]

    def __post_init__(self) -> None:
        """Refuse what cannot be used.

        Raises:
            MisuseError: Naming what was expected and what was found.
        """
        if self.format != FORMAT:
            raise MisuseError(f"key file: expected format {FORMAT}, found {self.format!r}")
        if not 1 <= len(self.keys) <= KEYS_MAX:
            raise MisuseError(f"key file: expected 1 to {KEYS_MAX} keys, found {len(self.keys)}")
        if len({entry.association.spi for entry in self.keys}) != len(self.keys):
            raise MisuseError("key file: expected each SPI once, found one more than once")
        octets = [entry.key for entry in self.keys if entry.key]
        if len(set(octets)) != len(octets):
            raise MisuseError("key file: expected a key of its own for each SPI, found one more than once")
        layouts: dict[tuple[Link, int], tuple[Suite, int]] = {}
        for entry in self.keys:
            association = entry.association
            layout = association.suite, association.segment_header_octets
            # Frame sizes are agreed for a channel, and must not change with its key.
            if layouts.setdefault(association.channel, layout) != layout:
                raise MisuseError(
                    f"SPI {association.spi}: expected the suite of its channel's other keys, found another"
                )

    def encode(self) -> bytes:
        """Give the file."""
        return write_checked(self)

    @classmethod
    def decode(cls, data: bytes) -> Self:
        """Read the file.

        Raises:
            MalformedError: It is damaged, or no key file of this format.
        """
        return read_checked(data, cls, "key file")

    @property
    def associations(self) -> dict[int, SecurityAssociation]:
        """What each SPI stands for."""
        return {entry.association.spi: entry.association for entry in self.keys}

    def with_changes(self, destroyed: Iterable[int]) -> "KeyFile":
        """Give the file claimed, and without the octets of some keys."""
        gone = set(destroyed)
        keys = tuple(
            KeyEntry(entry.association, entry.state, b"" if entry.association.spi in gone else entry.key)
            for entry in self.keys
        )
        return KeyFile(set_id=self.set_id, end=self.end, claimed=True, keys=keys)


def generate_keys(
    channels: Iterable[tuple[Link, int]],
    draw: Callable[[int], bytes],
    *,
    generations: int = GENERATIONS_DEFAULT,
    suite: Suite = Suite.AES_256_GCM,
    mask: HeaderMask = HeaderMask.SETTLED_HEADER,
    segmented: Collection[tuple[Link, int]] = (),
) -> dict[End, KeyFile]:
    """Make the key files of both ends.

    Each channel gets a key for each generation. The first is active at both ends. The last is the spare: the receiving
    end accepts it from the beginning, and the sending end takes it up only if its store was restored. The others wait
    for a rotation.

    Args:
        channels: What is to be protected.
        draw: Gives so many octets, each as unpredictable as the operating system can make it.
        generations: Keys of each channel, 1 to `GENERATIONS_MAX`; without a spare if it is 1.
        suite: Of all of them.
        mask: Of all of them.
        segmented: The TC channels whose frames begin with a segment header.

    Raises:
        MisuseError: There are none or too many channels or generations.
    """
    if not 1 <= generations <= GENERATIONS_MAX:
        raise MisuseError(f"keys: expected 1 to {GENERATIONS_MAX} generations, found {generations}")
    entries: dict[End, list[KeyEntry]] = {end: [] for end in End}
    for index, (link, virtual_channel) in enumerate(dict.fromkeys(channels)):
        for generation in range(generations):
            association = SecurityAssociation(
                spi=1 + index * generations + generation,
                link=link,
                virtual_channel=virtual_channel,
                suite=suite,
                mask=mask,
                segment_header_octets=int((link, virtual_channel) in segmented),
            )
            key = draw(KEY_OCTETS)
            for end in End:
                is_spare = generation == generations - 1 and end.sending is not link
                state = KeyState.ACTIVE if generation == 0 or is_spare else KeyState.PREACTIVE
                entries[end].append(KeyEntry(association, state, key))
    set_id = draw(_SET_ID_OCTETS).hex()
    return {end: KeyFile(set_id=set_id, end=end, keys=tuple(entries[end])) for end in End}


def write_checked(document: msgspec.Struct) -> bytes:
    """Give a document as JSON, and its checksum in a line of its own."""
    body = msgspec.json.format(msgspec.json.encode(document), indent=2) + b"\n"
    return body + _CHECK + f"{crc32c(body):08x}\n".encode()


def read_checked(data: bytes, kind: type[Document], what: str) -> Document:
    """Read a document that `write_checked` has written.

    Raises:
        MalformedError: It is damaged, or no such document.
    """
    if len(data) > FILE_OCTETS_MAX:
        raise MalformedError(f"{what}: expected at most {FILE_OCTETS_MAX} octets, found {len(data)}")
    body, mark, check = data.rpartition(_CHECK)
    if not mark:
        raise MalformedError(f"{what}: expected a last line {_CHECK.decode()}..., found none")
    expected = f"{crc32c(body):08x}\n".encode()
    if check != expected:
        raise MalformedError(f"{what}: expected checksum {expected!r}, found {check[:16]!r}")
    try:
        return _decode(body, kind)
    except msgspec.DecodeError as error:
        raise MalformedError(f"{what}: expected {FORMAT} and its fields, found: {error}") from None


def _decode(body: bytes, kind: type[Document]) -> Any:
    return msgspec.json.decode(body, type=kind)
