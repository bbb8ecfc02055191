"""Everything that one end needs to protect its link: its keys, its sender and its receiver.

Source: CCSDS 355.0-B-2 3 (service definition).
"""

from collections.abc import Iterable

import msgspec

from ccsds.errors import MisuseError
from ccsds.sdls.association import Link, SecurityAssociation
from ccsds.sdls.cipher import Cipher, make_cipher
from ccsds.sdls.key_state import KeyMoved, KeyOperation, KeyState
from ccsds.sdls.key_store import KeyStore, Standing
from ccsds.sdls.receiver import Receiver
from ccsds.sdls.sender import Sender
from ccsds.sdls.window import Receipt


class KeyStatus(msgspec.Struct, frozen=True):
    """One key, as an operator sees it."""

    association: SecurityAssociation
    state: KeyState
    sends: bool
    """Whether this end sends under it."""
    reserved: int
    """Counters below this may have been used to send."""
    highest: int
    """The highest counter that was accepted under it, or -1."""


class Security:
    """The security of one end of a link.

    Args:
        store: Its keys.
        receipts: What was durable elsewhere of what it received (on board, in the ledger).
    """

    def __init__(self, store: KeyStore, receipts: Iterable[Receipt] = ()) -> None:
        self._store = store
        self._associations = store.file.associations
        self._ciphers: dict[int, Cipher] = {}
        self._channels = {each.channel: each for each in self._associations.values()}
        self.sender = Sender(self._associations, self._find_cipher, self._sending_spi, store)
        self.receiver = Receiver(self._associations, self._find_cipher, lambda spi: store.ring.is_active(spi))
        self.receiver.restore((*store.receipts, *receipts))

    @property
    def standing(self) -> Standing:
        """What its key store turned out to be."""
        return self._store.standing

    @property
    def counts(self) -> dict[str, int]:
        """How many frames were protected, accepted and refused, the refused ones by reason."""
        refused = self.receiver.refused_counts
        return {
            "protected": self.sender.protected_count,
            "accepted": self.receiver.accepted_count,
            "refused": refused.total(),
            **{f"refused: {reason.value}": count for reason, count in refused.items()},
        }

    @property
    def set_id(self) -> str:
        """The identifier of the pair of key files, without which an SPI means nothing."""
        return self._store.file.set_id

    @property
    def keys(self) -> tuple[KeyStatus, ...]:
        """All keys, in the order of the key file."""
        return tuple(self.key(spi) for spi in self._associations)

    def key(self, spi: int) -> KeyStatus:
        """Give one key.

        Raises:
            MisuseError: There is no such SPI.
        """
        record = self._store.ring.record(spi)
        association = self._associations[spi]
        is_sending = self._sending_spi(association.channel) == spi
        return KeyStatus(association, record.state, is_sending, record.reserved, self.receiver.highest(spi))

    def protects(self, link: Link, virtual_channel: int) -> bool:
        """Whether there are keys for a channel. Whether others may travel clear is for their owner to say."""
        return (link, virtual_channel) in self._channels

    def sends(self, link: Link, virtual_channel: int) -> bool:
        """Whether a key sends on a channel now. In a restored store none does, until one is activated."""
        return self.sending_spi(link, virtual_channel) is not None

    def sending_spi(self, link: Link, virtual_channel: int) -> int | None:
        """Give the SPI under which this end sends on a channel, or None."""
        return self._sending_spi((link, virtual_channel))

    def overhead_octets(self, link: Link, virtual_channel: int) -> int:
        """Give what protection takes from the data field of each frame of a channel."""
        association = self._channels.get((link, virtual_channel))
        return association.suite.overhead_octets if association else 0

    def require_segment_header(self, virtual_channel: int, octets: int) -> None:
        """Refuse keys that were made for another kind of TC frames than a link has.

        Args:
            virtual_channel: Of the link.
            octets: 1 if the frames of this link begin with a segment header, else 0.

        Raises:
            MisuseError: The associations of the channel say otherwise.
        """
        association = self._channels.get((Link.TC, virtual_channel))
        if association is not None and association.segment_header_octets != octets:
            raise MisuseError(
                f"keys: expected {octets} octets of segment header on tc {virtual_channel}, as the link's profile has, "
                f"found {association.segment_header_octets}: make the keys for that profile (ground keys new --profile)"
            )

    def operate(self, spi: int, operation: KeyOperation) -> KeyMoved:
        """Activate, deactivate or destroy a key; it is durable when this returns.

        Raises:
            MisuseError: It is not allowed; nothing has changed.
            OSError: The disk failed. The same operation may be tried again.
        """
        if operation is KeyOperation.RESTORE:
            raise MisuseError(f"SPI {spi}: expected an operation on one key, found one that its store does by itself")
        moved = self._store.operate(spi, operation, self.receiver.is_proven)
        if moved.after is KeyState.DESTROYED:
            self._ciphers.pop(spi, None)
        return moved

    def remember(self) -> None:
        """Make what was received durable in the key store, for an end that has no ledger of its own.

        Raises:
            OSError: The disk failed.
        """
        self._store.remember(self.receiver.receipts())

    def _find_cipher(self, spi: int) -> Cipher:
        cipher = self._ciphers.get(spi)
        if cipher is None:
            cipher = self._ciphers[spi] = make_cipher(self._associations[spi].suite, self._store.key(spi))
        return cipher

    def _sending_spi(self, channel: tuple[Link, int]) -> int | None:
        link, _ = channel
        if link is not self._store.file.end.sending:
            return None
        return next(iter(self._store.ring.active(channel)), None)
