"""A package as it came up: signature, archive and manifest are checked here, and nothing of it is run.

It fails closed and by name: whatever is not exactly as the manifest says is refused. Parsing begins only after the
signature of a known key was found right.
"""

import hashlib
import io
import re
import stat
import zipfile
import zlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

import msgspec
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from ccsds.errors import MisuseError
from flight.jobs.package.package_recipe import PackageGrant
from mission.packages import (
    FILES_MAX,
    HEADER_OCTETS,
    MAGIC,
    MANIFEST_NAME,
    MANIFEST_OCTETS_MAX,
    PACKAGE_OCTETS_MAX,
    PATH_OCTETS_MAX,
    PUBLIC_KEY_OCTETS,
    UNPACKED_OCTETS_MAX,
    UNPACKED_RATIO_MAX,
    Needs,
    PackageManifest,
)

_ENTRY = re.compile(r"([A-Za-z_]\w*(?:\.[A-Za-z_]\w*)*):([A-Za-z_]\w*)")
_ENCRYPTED = 0x1
_COMPRESSIONS = (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)


@dataclass(frozen=True, kw_only=True)
class PackageFile:
    """A package whose every octet is vouched for."""

    manifest: PackageManifest
    signer: str
    """Name of the key that signed it."""
    files: Mapping[str, bytes]
    """By path, without the manifest."""

    @property
    def module(self) -> str:
        """What is imported of it."""
        return self.manifest.entry.partition(":")[0]

    @property
    def attribute(self) -> str:
        """What of the module makes the job."""
        return self.manifest.entry.partition(":")[2]


def read_package(name: str, data: bytes, keys: Mapping[bytes, str], grant: PackageGrant) -> PackageFile:
    """Check a package.

    Args:
        name: Of its file, for the complaint.
        data: All of it.
        keys: Names of the known public keys.
        grant: The most that it may ask for.

    Raises:
        MisuseError: It is not signed by a known key, asks for too much, or is broken, and how.
    """
    where = f"package {name}"
    signer = _check_signature(where, data, keys)
    try:
        with zipfile.ZipFile(io.BytesIO(data[HEADER_OCTETS:])) as archive:
            members = _check_members(where, archive)
            manifest = _read_manifest(where, archive, members)
            _check_needs(where, manifest.needs, grant)
            files = _read_files(where, archive, members, manifest)
    except (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, ValueError) as error:
        raise MisuseError(f"{where}: expected a ZIP archive, found {error}") from None
    package = PackageFile(manifest=manifest, signer=signer, files=files)
    _check_entry(where, package)
    return package


def _check_signature(where: str, data: bytes, keys: Mapping[bytes, str]) -> str:
    if len(data) > PACKAGE_OCTETS_MAX:
        raise MisuseError(f"{where}: expected at most {PACKAGE_OCTETS_MAX} octets, found {len(data)}")
    if not data.startswith(MAGIC) or len(data) < HEADER_OCTETS:
        kind = "an unsigned ZIP archive" if data.startswith(b"PK") else f"{len(data)} octets of something else"
        raise MisuseError(f"{where}: expected a package that is signed, found {kind}")
    public = data[len(MAGIC) : len(MAGIC) + PUBLIC_KEY_OCTETS]
    signature = data[len(MAGIC) + PUBLIC_KEY_OCTETS : HEADER_OCTETS]
    if public not in keys:
        known = ", ".join(sorted(keys.values())) or "none"
        raise MisuseError(f"{where}: signed by key {public.hex()[:16]}, expected a known one: {known}")
    try:
        Ed25519PublicKey.from_public_bytes(public).verify(signature, MAGIC + data[HEADER_OCTETS:])
    except (InvalidSignature, ValueError):
        raise MisuseError(
            f"{where}: its octets are not those that {keys[public]} signed: expected a signature that fits"
        ) from None
    return keys[public]


def _check_members(where: str, archive: zipfile.ZipFile) -> dict[str, zipfile.ZipInfo]:
    """Refuse what the archive's directory alone gives away; nothing is unpacked for it."""
    infos = archive.infolist()
    if len(infos) > FILES_MAX:
        raise MisuseError(f"{where}: expected at most {FILES_MAX} files, found {len(infos)}")
    members: dict[str, zipfile.ZipInfo] = {}
    for info in infos:
        path = info.filename
        _check_path(where, info.orig_filename if "\0" in info.orig_filename else path)
        kind = stat.S_IFMT(info.external_attr >> 16)
        if kind not in (0, stat.S_IFREG) or path.endswith("/"):
            found = "a symbolic link" if kind == stat.S_IFLNK else "something else"
            raise MisuseError(f"{where}: {path!r}: expected a regular file, found {found}")
        if info.flag_bits & _ENCRYPTED or info.compress_type not in _COMPRESSIONS:
            raise MisuseError(f"{where}: {path!r}: expected a file stored or deflated, found another packing")
        if path in members:
            raise MisuseError(f"{where}: {path!r}: expected one file of this name, found two")
        members[path] = info
    for path in members:
        for parent in PurePosixPath(path).parents:
            if str(parent) in members:
                raise MisuseError(f"{where}: {str(parent)!r}: expected a file or a directory, found both")
    unpacked = sum(info.file_size for info in infos)
    packed = sum(info.compress_size for info in infos)
    if unpacked > UNPACKED_OCTETS_MAX:
        raise MisuseError(f"{where}: expected at most {UNPACKED_OCTETS_MAX} octets unpacked, found {unpacked}")
    if unpacked > max(packed, 1) * UNPACKED_RATIO_MAX:
        raise MisuseError(
            f"{where}: expected to unpack to {UNPACKED_RATIO_MAX} times its length at most, found {unpacked} octets "
            f"in {packed}"
        )
    return members


def _check_path(where: str, path: str) -> None:
    parts = path.split("/")
    is_plain = path.isprintable() and "\\" not in path and len(path.encode()) <= PATH_OCTETS_MAX
    if not is_plain or not path or any(part in ("", ".", "..") for part in parts[:-1]) or parts[-1] in (".", ".."):
        raise MisuseError(f"{where}: {path[:PATH_OCTETS_MAX]!r}: expected a path inside its directory")


def _read_manifest(where: str, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo]) -> PackageManifest:
    info = members.get(MANIFEST_NAME)
    if info is None:
        raise MisuseError(f"{where}: expected {MANIFEST_NAME} in it, found none")
    if info.file_size > MANIFEST_OCTETS_MAX:
        raise MisuseError(
            f"{where}: {MANIFEST_NAME}: expected at most {MANIFEST_OCTETS_MAX} octets, found {info.file_size}"
        )
    try:
        return msgspec.json.decode(archive.read(info), type=PackageManifest)
    except msgspec.DecodeError as error:
        raise MisuseError(f"{where}: {MANIFEST_NAME}: {error}") from None


def _check_needs(where: str, needs: Needs, grant: PackageGrant) -> None:
    for name in Needs.__struct_fields__:
        needed, granted = getattr(needs, name), getattr(grant, name)
        if not 0 < needed <= granted:
            raise MisuseError(f"{where}: needs {name} = {needed}: expected 1 to {granted}, which is granted")


def _read_files(
    where: str, archive: zipfile.ZipFile, members: Mapping[str, zipfile.ZipInfo], manifest: PackageManifest
) -> dict[str, bytes]:
    paths = members.keys() - {MANIFEST_NAME}
    if paths != manifest.files.keys():
        missing, foreign = sorted(manifest.files.keys() - paths)[:3], sorted(paths - manifest.files.keys())[:3]
        raise MisuseError(f"{where}: expected the files of its manifest, missing {missing}, foreign {foreign}")
    files: dict[str, bytes] = {}
    for path in sorted(paths):
        files[path] = archive.read(members[path])  # No more than the length that was looked at above.
        found = hashlib.sha256(files[path]).hexdigest()
        if found != manifest.files[path]:
            raise MisuseError(f"{where}: {path!r}: expected SHA-256 {manifest.files[path]}, found {found}")
    return files


def _check_entry(where: str, package: PackageFile) -> None:
    entry = package.manifest.entry
    if _ENTRY.fullmatch(entry) is None:
        raise MisuseError(f"{where}: entry: expected module:Class, found {entry!r}")
    path = package.module.replace(".", "/")
    if not package.files.keys() & {f"{path}.py", f"{path}/__init__.py"}:
        raise MisuseError(f"{where}: entry: expected {path}.py or {path}/__init__.py among its files, found neither")
