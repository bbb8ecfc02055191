"""The people of a station: names, roles and the digests of their passwords, in a file that its user alone can read.

A password is kept as scrypt makes it (RFC 7914), never as it is, and is compared in the same time whether or not there
is somebody of the name. The file is read anew at each log-in, and when it has changed.
"""

import hashlib
import hmac
import os
import secrets
from collections.abc import Mapping
from pathlib import Path

import msgspec

from ccsds.errors import MalformedError, MisuseError
from ground.access.principal import Role

# 32 MiB and a tenth of a second for each try: what RFC 7914 has for a log-in, doubled for ten years gone by.
SCRYPT_N = 1 << 15
SCRYPT_R = 8
SCRYPT_P = 1
SCRYPT_MEMORY_MAX = 64 << 20

SALT_OCTETS = 16
DIGEST_OCTETS = 32

# Short ones are guessed; scrypt reads longer ones in no more time, but nobody types them.
PASSWORD_CHARACTERS_MIN = 10
PASSWORD_CHARACTERS_MAX = 256
NAME_CHARACTERS_MAX = 32

# A control room's people, all shifts.
USERS_MAX = 1_000


class User(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One person."""

    name: str
    role: str
    salt: str
    digest: str

    @classmethod
    def make(cls, name: str, role: Role, password: str) -> "User":
        """Make one with a password.

        Raises:
            MisuseError: The name or the password will not do.
        """
        if not 0 < len(name) <= NAME_CHARACTERS_MAX or not all(each.isalnum() or each in "._-" for each in name):
            raise MisuseError(
                f"name: expected 1 to {NAME_CHARACTERS_MAX} letters, digits, dots and dashes, found {name!r}"
            )
        if not PASSWORD_CHARACTERS_MIN <= len(password) <= PASSWORD_CHARACTERS_MAX:
            raise MisuseError(
                f"password: expected {PASSWORD_CHARACTERS_MIN} to {PASSWORD_CHARACTERS_MAX} characters,"
                f" found {len(password)}"
            )
        salt = secrets.token_bytes(SALT_OCTETS)
        return cls(name=name, role=role.name, salt=salt.hex(), digest=_digest(password, salt).hex())


_NOBODY = User(name="", role=Role.VIEWER.name, salt="00" * SALT_OCTETS, digest="00" * DIGEST_OCTETS)
"""Whose password is compared where there is nobody of a name; no password has that digest."""


class Users:
    """Everybody in the file.

    Args:
        path: Of the file, which need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path = path

    def all(self) -> dict[str, User]:
        """Give everybody by name.

        Raises:
            MalformedError: The file is none, or others can read it.
        """
        if not self._path.exists():
            return {}
        if self._path.stat().st_mode & 0o077:
            raise MalformedError(f"users {self._path}: expected a file that its user alone can read, found one for all")
        try:
            users = msgspec.json.decode(self._path.read_bytes(), type=list[User])
        except msgspec.MsgspecError as error:
            raise MalformedError(f"users {self._path}: expected a list of users, found: {error}") from None
        for each in users:
            if each.role not in Role.__members__:
                raise MalformedError(f"users {self._path}: {each.name}: expected a role, found {each.role!r}")
        return {each.name: each for each in users}

    def stamp(self) -> tuple[int, int]:
        """Give what changes when the file does."""
        try:
            status = self._path.stat()
        except OSError:
            return 0, 0
        return status.st_mtime_ns, status.st_ino

    def put(self, user: User) -> None:
        """Add somebody, or change what is known of the one of that name.

        Raises:
            MalformedError: The file is none.
            MisuseError: There are too many.
            OSError: It cannot be written; it is as before.
        """
        users = {**self.all(), user.name: user}
        if len(users) > USERS_MAX:
            raise MisuseError(f"expected at most {USERS_MAX} users, found one more")
        self._write(users)

    def remove(self, name: str) -> None:
        """Take somebody out.

        Raises:
            MisuseError: There is nobody of that name.
        """
        users = self.all()
        if name not in users:
            raise MisuseError(f"expected a user of {self._path} ({', '.join(users) or 'none'}), found {name!r}")
        del users[name]
        self._write(users)

    def check(self, name: str, password: str) -> Role | None:
        """Give the role of who has this name and password; None if nobody has.

        Raises:
            MalformedError: The file is none.
        """
        user = self.all().get(name, _NOBODY)
        found = _digest(password[:PASSWORD_CHARACTERS_MAX], bytes.fromhex(user.salt))
        is_right = hmac.compare_digest(found, bytes.fromhex(user.digest))
        return Role[user.role] if is_right and user is not _NOBODY else None

    def _write(self, users: Mapping[str, User]) -> None:
        self._path.parent.mkdir(parents=True, exist_ok=True)
        new = self._path.with_name(self._path.name + ".new")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(msgspec.json.format(msgspec.json.encode([users[name] for name in sorted(users)]), indent=2))
            file.flush()
            os.fsync(file.fileno())
        new.replace(self._path)


def _digest(password: str, salt: bytes) -> bytes:
    return hashlib.scrypt(
        password.encode(errors="surrogatepass"),
        salt=salt,
        n=SCRYPT_N,
        r=SCRYPT_R,
        p=SCRYPT_P,
        maxmem=SCRYPT_MEMORY_MAX,
        dklen=DIGEST_OCTETS,
    )
