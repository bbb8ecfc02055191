"""Packages of a team's own jobs, as both ends know them: the layout of the file, its manifest, its bounds. Data only.

A package is one file: `MAGIC`, the Ed25519 public key of its signer (32 octets), the signature (64 octets), and a ZIP
archive. Signed is `MAGIC` and the archive, so that nothing is parsed of what no known key has signed. In the archive
is `MANIFEST_NAME`, which names every other file with its SHA-256.
"""

import msgspec

MAGIC = b"starloop-package-1\n"
PUBLIC_KEY_OCTETS = 32
SIGNATURE_OCTETS = 64
HEADER_OCTETS = len(MAGIC) + PUBLIC_KEY_OCTETS + SIGNATURE_OCTETS

MANIFEST_NAME = "package.json"
SETTINGS_NAME = "package.toml"
"""In the directory of a team: name, version, entry and needs, of which the manifest is made."""
SUFFIX = ".package"
"""Of the name that the file has in the store."""
KEYS_NAME = "package_keys.txt"
"""In the store of the spacecraft, where no upload comes to: one public key a line, in hexadecimal, and a name."""

# It is digested and unpacked while nobody is served: this takes a board about half a second.
PACKAGE_OCTETS_MAX = 32 << 20
UNPACKED_OCTETS_MAX = 128 << 20
# No data that is worth sending is packed to less than this share of itself; what is unpacks to fill the memory.
UNPACKED_RATIO_MAX = 200
FILES_MAX = 2_000
PATH_OCTETS_MAX = 200
MANIFEST_OCTETS_MAX = 1 << 20
# The teams of one spacecraft.
KEYS_MAX = 64

OCTETS_PER_MIB = 1 << 20


class Needs(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a package says that it needs; the spacecraft runs it only where that is granted, and with no more."""

    memory_mib: int
    """Of its process, Python and torch (some 400 MiB) among them."""
    cpu_s: int
    """Processor time of one worker, its start (some 5 s) among it."""
    open_files: int
    file_mib: int
    """The longest file, a checkpoint among them."""


class PackageManifest(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What a package is."""

    name: str
    version: str
    entry: str
    """``module:Class``; see `flight.jobs.package.protocol`."""
    needs: Needs
    files: dict[str, str]
    """SHA-256 in hexadecimal, by path."""
