"""The packages in the store, and the keys that may sign them: what a job of kind ``package`` names.

A package is known by the SHA-256 of its file: a job that has begun goes on from no other one.
"""

import hashlib
from pathlib import Path

from ccsds.errors import MalformedError, MisuseError
from flight.disk import Disk
from flight.jobs.corpus import CorpusFile, Origin
from flight.jobs.package.package_file import PackageFile, read_package
from flight.jobs.package.package_recipe import PackageGrant
from mission.files import FILES_DIRECTORY
from mission.packages import KEYS_MAX, KEYS_NAME, PACKAGE_OCTETS_MAX, PUBLIC_KEY_OCTETS, SUFFIX

_KEYS_OCTETS_MAX = KEYS_MAX * 256


class Packages:
    """Packages by the name of their file, each time read and checked anew.

    Args:
        disk: The store.
    """

    def __init__(self, disk: Disk) -> None:
        self._disk = disk

    def find(self, name: str, grant: PackageGrant) -> CorpusFile:
        """Check a package, and give its file in the place of a corpus.

        Raises:
            MisuseError: There is none of this name, or it is refused, and why.
            OSError: The store failed.
        """
        data = self._octets(name)
        read_package(name, data, self.keys(), grant)
        return CorpusFile(
            name=name,
            path=Path(name),
            sha256=hashlib.sha256(data).hexdigest(),
            length_octets=len(data),
            origin=Origin.UPLOADED,
            notice="",
        )

    def read(self, name: str, sha256: str, grant: PackageGrant) -> PackageFile:
        """Check a package that has a digest, and give it.

        Raises:
            MalformedError: It is another file by now.
            MisuseError: There is none of this name, or it is refused, and why.
            OSError: The store failed.
        """
        data = self._octets(name)
        found = hashlib.sha256(data).hexdigest()
        if found != sha256:
            raise MalformedError(f"package {name}: expected SHA-256 {sha256}, found {found}")
        return read_package(name, data, self.keys(), grant)

    def keys(self) -> dict[bytes, str]:
        """Give the names of the public keys that the spacecraft knows; none if there is no file of them.

        Raises:
            MisuseError: The file is not one of keys.
            OSError: The store failed.
        """
        try:
            if self._disk.size(KEYS_NAME) > _KEYS_OCTETS_MAX:
                raise MisuseError(
                    f"{KEYS_NAME}: expected at most {_KEYS_OCTETS_MAX} octets, found {self._disk.size(KEYS_NAME)}"
                )
            text = self._disk.read(KEYS_NAME).decode(errors="replace")
        except FileNotFoundError:
            return {}
        keys: dict[bytes, str] = {}
        for number, line in enumerate(text.splitlines(), 1):
            if not line.strip() or line.startswith("#"):
                continue
            digits, _, name = line.partition(" ")
            try:
                public = bytes.fromhex(digits)
            except ValueError:
                public = b""
            if len(public) != PUBLIC_KEY_OCTETS or not name.strip():
                raise MisuseError(
                    f"{KEYS_NAME}, line {number}: expected {2 * PUBLIC_KEY_OCTETS} hexadecimal digits and a name"
                )
            keys[public] = name.strip()
        return keys

    def _octets(self, name: str) -> bytes:
        # Whatever would lead out of the folder, or below it in another way, names nothing.
        if not name.endswith(SUFFIX) or name not in self._disk.list(FILES_DIRECTORY):
            raise MisuseError(f"unknown package {name!r}: expected {FILES_DIRECTORY}/NAME{SUFFIX} in the store")
        if self._disk.size(name) > PACKAGE_OCTETS_MAX:
            raise MisuseError(
                f"package {name}: expected at most {PACKAGE_OCTETS_MAX} octets, found {self._disk.size(name)}"
            )
        return self._disk.read(name)
