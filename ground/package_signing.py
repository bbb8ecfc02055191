"""Packages of own jobs as they are made: files, a manifest, and a signature over it all. It opens no file.

Equal files, settings and key give an equal package, octet for octet. What a package is, is in `mission.packages`; the
spacecraft checks it in ``flight/jobs/package/package_file.py``.
"""

import hashlib
import io
import tomllib
import zipfile
from collections.abc import Mapping
from typing import Any

import msgspec
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from ccsds.errors import MisuseError
from mission.packages import (
    FILES_MAX,
    MAGIC,
    MANIFEST_NAME,
    PACKAGE_OCTETS_MAX,
    UNPACKED_OCTETS_MAX,
    PackageManifest,
)

# The earliest that a ZIP archive can tell: when a file was changed says nothing of what it is.
_DATE = (1980, 1, 1, 0, 0, 0)
_REGULAR_FILE = 0o100644 << 16


def make_package(settings: str, files: Mapping[str, bytes], key: Ed25519PrivateKey) -> bytes:
    """Make a package.

    Args:
        settings: TOML: name, version, entry and a table ``needs``.
        files: By path.
        key: Of the signer.

    Raises:
        MisuseError: The settings are not those of a package, or there is too much in it.
    """
    if MANIFEST_NAME in files:
        raise MisuseError(f"package: expected no {MANIFEST_NAME}, which is made here, found one")
    unpacked = sum(map(len, files.values()))
    if not 0 < len(files) < FILES_MAX or unpacked > UNPACKED_OCTETS_MAX:
        raise MisuseError(
            f"package: expected 1 to {FILES_MAX - 1} files of {UNPACKED_OCTETS_MAX} octets in all, found {len(files)} "
            f"of {unpacked}"
        )
    digests = {path: hashlib.sha256(data).hexdigest() for path, data in sorted(files.items())}
    try:
        table: dict[str, Any] = tomllib.loads(settings)
        manifest = msgspec.convert({**table, "files": digests}, PackageManifest)
    except (ValueError, msgspec.ValidationError) as error:
        raise MisuseError(f"package settings: {error}") from None
    archived = {MANIFEST_NAME: msgspec.json.encode(manifest), **files}
    octets = io.BytesIO()
    with zipfile.ZipFile(octets, "w", zipfile.ZIP_DEFLATED) as archive:
        for path in sorted(archived):
            info = zipfile.ZipInfo(path, _DATE)
            info.external_attr, info.compress_type, info.create_system = _REGULAR_FILE, zipfile.ZIP_DEFLATED, 3
            archive.writestr(info, archived[path])
    package = sign(octets.getvalue(), key)
    if len(package) > PACKAGE_OCTETS_MAX:
        raise MisuseError(f"package: expected at most {PACKAGE_OCTETS_MAX} octets, found {len(package)}")
    return package


def sign(archive: bytes, key: Ed25519PrivateKey) -> bytes:
    """Put a signature before an archive."""
    return MAGIC + public_octets(key) + key.sign(MAGIC + archive) + archive


def public_octets(key: Ed25519PrivateKey) -> bytes:
    """Give the public key of a private one, as the spacecraft is told it."""
    return key.public_key().public_bytes(serialization.Encoding.Raw, serialization.PublicFormat.Raw)


def wheel_files(data: bytes) -> dict[str, bytes]:
    """Give the files of a wheel of pure Python.

    Raises:
        MisuseError: It is none, or too long.
    """
    try:
        with zipfile.ZipFile(io.BytesIO(data)) as wheel:
            infos = [info for info in wheel.infolist() if not info.is_dir()]
            if len(infos) > FILES_MAX or sum(info.file_size for info in infos) > UNPACKED_OCTETS_MAX:
                raise MisuseError(f"wheel: expected at most {FILES_MAX} files of {UNPACKED_OCTETS_MAX} octets in all")
            return {info.filename: wheel.read(info) for info in infos}
    except (zipfile.BadZipFile, ValueError) as error:
        raise MisuseError(f"wheel: expected a ZIP archive, found {error}") from None
