"""The two ciphers, over the `cryptography` package: AES-256-GCM and AES-256-CMAC.

A cipher holds one key and is given a counter; that no counter is given twice is the sender's duty, not its own.

Source: CCSDS 355.0-B-2 4.2.3.3, 4.2.3.4, annex E; NIST SP 800-38D (GCM, 96-bit IV), SP 800-38B (CMAC).
"""

from typing import Protocol

from cryptography.exceptions import InvalidSignature, InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.ciphers.algorithms import AES256
from cryptography.hazmat.primitives.cmac import CMAC

from ccsds.errors import MisuseError
from ccsds.sdls.association import GCM_IV_OCTETS, KEY_OCTETS, Suite


class Cipher(Protocol):
    """What a suite does with one key."""

    def seal(self, counter: int, authenticated: bytes, data: bytes) -> bytes:
        """Give the protected data and its MAC.

        Args:
            counter: Of the frame; never the same twice with one key.
            authenticated: What is authenticated in front of the data.
            data: The clear data.
        """
        ...

    def open(self, counter: int, authenticated: bytes, data: bytes, mac: bytes) -> bytes | None:
        """Give the clear data, or None if the MAC does not fit."""
        ...


class GcmCipher:
    """AES-256-GCM with a sequential IV.

    Args:
        key: 32 octets.
    """

    def __init__(self, key: bytes) -> None:
        self._gcm = AESGCM(key)

    def seal(self, counter: int, authenticated: bytes, data: bytes) -> bytes:
        """See `Cipher.seal`."""
        return self._gcm.encrypt(counter.to_bytes(GCM_IV_OCTETS, "big"), data, authenticated)

    def open(self, counter: int, authenticated: bytes, data: bytes, mac: bytes) -> bytes | None:
        """See `Cipher.open`."""
        try:
            return self._gcm.decrypt(counter.to_bytes(GCM_IV_OCTETS, "big"), data + mac, authenticated)
        except InvalidTag:
            return None


class CmacCipher:
    """AES-256-CMAC: data stays clear, and the counter is authenticated as part of the security header.

    Args:
        key: 32 octets.
    """

    def __init__(self, key: bytes) -> None:
        # The key schedule is made once; each frame works on a copy of it.
        self._keyed = CMAC(AES256(key))

    def seal(self, counter: int, authenticated: bytes, data: bytes) -> bytes:
        """See `Cipher.seal`."""
        mac = self._keyed.copy()
        mac.update(authenticated + data)
        return data + mac.finalize()

    def open(self, counter: int, authenticated: bytes, data: bytes, mac: bytes) -> bytes | None:
        """See `Cipher.open`."""
        expected = self._keyed.copy()
        expected.update(authenticated + data)
        try:
            expected.verify(mac)
        except InvalidSignature:
            return None
        return data


def make_cipher(suite: Suite, key: bytes) -> Cipher:
    """Give the cipher of a suite.

    Raises:
        MisuseError: The key is not 32 octets long.
    """
    if len(key) != KEY_OCTETS:
        raise MisuseError(f"{suite.value}: expected a key of {KEY_OCTETS} octets, found {len(key)}")
    return GcmCipher(key) if suite is Suite.AES_256_GCM else CmacCipher(key)
