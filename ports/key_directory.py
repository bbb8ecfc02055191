"""The directory of a key file: the real disk behind `ccsds.sdls.key_store`, for one process at a time.

It keeps the three promises that a key store takes for granted. Nobody else may read or change the files: the owner and
the permissions are checked before anything is read. No second process has the store open: a lock beside the key file is
held until `close`, or until the process ends in whatever way. What `stamp` says is said by the system and not copied
with a file: its inode, and the time of its last change, which only the system sets.

It sees the files of its own key file only, whatever else lies in the directory.
"""

import contextlib
import fcntl
import os
import stat
from collections.abc import Iterator
from pathlib import Path
from typing import Self

from ccsds.errors import MisuseError
from ccsds.sdls.key_file import End, KeyFile
from ccsds.sdls.key_store import KeyStore

_OTHERS = stat.S_IRWXG | stat.S_IRWXO
_OTHERS_WRITE = stat.S_IWGRP | stat.S_IWOTH


class KeyDirectory:
    """The files of one key file; `open` makes it.

    Args:
        path: Of the key file.
        lock: Descriptor of the lock beside it.
    """

    def __init__(self, path: Path, lock: int) -> None:
        self._directory = path.parent
        self._lock = lock
        self.name = path.name
        """Of the key file, by which a key store is opened."""

    @classmethod
    def open(cls, path: str | os.PathLike[str]) -> Self:
        """Lock the store of a key file.

        Raises:
            MisuseError: Others may read or change it, or another process has it open.
            OSError: There is no such file, or the directory cannot be written.
        """
        path = Path(path).absolute()
        _check(path.parent, _OTHERS_WRITE, "a directory that only its owner may change (chmod go-w)")
        _check(path, _OTHERS, "a file of which others have nothing (chmod 600)")
        descriptor = os.open(f"{path}.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            raise MisuseError(f"expected keys of our own at {path}, found another process using them") from None
        return cls(path, descriptor)

    def close(self) -> None:
        """Let the store go."""
        os.close(self._lock)

    def append(self, path: str, data: bytes) -> None:
        """See `ccsds.sdls.key_store.KeyDisk.append`."""
        descriptor = os.open(self._directory / path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            view = memoryview(data)
            while view:
                view = view[os.write(descriptor, view) :]
        finally:
            os.close(descriptor)

    def read(self, path: str) -> bytes:
        """See `ccsds.sdls.key_store.KeyDisk.read`."""
        return (self._directory / path).read_bytes()

    def fsync(self, path: str) -> None:
        """See `ccsds.sdls.key_store.KeyDisk.fsync`."""
        _sync(self._directory / path)

    def rename(self, old: str, new: str) -> None:
        """See `ccsds.sdls.key_store.KeyDisk.rename`."""
        (self._directory / old).replace(self._directory / new)

    def remove(self, path: str) -> None:
        """See `ccsds.sdls.key_store.KeyDisk.remove`."""
        (self._directory / path).unlink()

    def list(self) -> list[str]:
        """See `ccsds.sdls.key_store.KeyDisk.list`."""
        return sorted(name for name in os.listdir(self._directory) if name.startswith(self.name))

    def stamp(self, path: str) -> str:
        """See `ccsds.sdls.key_store.KeyDisk.stamp`."""
        status = (self._directory / path).stat()
        return f"{status.st_ino}:{status.st_ctime_ns}"


@contextlib.contextmanager
def opened_keys(path: str | os.PathLike[str], end: End) -> Iterator[KeyStore]:
    """Open the key store of one end, and let it go afterwards.

    Raises:
        MalformedError: The key file is damaged, or none.
        MisuseError: It is the other end's file, others may read or change it, or another process has it open.
        OSError: There is no such file, or the directory cannot be written.
    """
    directory = KeyDirectory.open(path)
    try:
        # Opening a store claims its file, so it must not be opened to find out whose it is.
        found = KeyFile.decode(directory.read(directory.name)).end
        if found is not end:
            raise MisuseError(f"{path}: expected the key file of the {end.value}, found that of the {found.value}")
        yield KeyStore.open(directory, directory.name)
    finally:
        directory.close()


def require_choice(keys_path: str | os.PathLike[str] | None, is_insecure: bool) -> None:
    """Refuse a link for which nobody has said whether it is protected.

    Raises:
        MisuseError: Neither or both of ``--keys`` and ``--insecure`` were given; it says how to go on.
    """
    if (keys_path is None) is is_insecure:
        return
    found = "both" if is_insecure else "neither"
    raise MisuseError(
        f"expected either --keys FILE or --insecure, found {found}: "
        "make keys with `ground keys new GROUND_FILE SPACECRAFT_FILE`, or use --insecure on a bench"
    )


def create_key_file(path: str | os.PathLike[str], data: bytes) -> None:
    """Write a new key file that only its owner may read; it is durable when this returns.

    Args:
        path: Where; nothing may be there, nor may there be the state of a key file that was.
        data: What `ccsds.sdls.key_file.KeyFile.encode` gives.

    Raises:
        MisuseError: There is one already.
        OSError: It cannot be written.
    """
    path = Path(path).absolute()
    if Path(f"{path}.state").exists():
        raise MisuseError(f"expected no keys at {path}, found the state of keys that were there")
    try:
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except FileExistsError:
        raise MisuseError(f"expected no keys at {path}, found some, which are never overwritten") from None
    try:
        view = memoryview(data)
        while view:
            view = view[os.write(descriptor, view) :]
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    _sync(path.parent)


def _check(path: Path, forbidden: int, expected: str) -> None:
    status = path.stat()
    if status.st_uid not in (os.geteuid(), 0):
        raise MisuseError(f"{path}: expected an owner of {os.geteuid()}, found {status.st_uid}")
    if status.st_mode & forbidden:
        raise MisuseError(f"{path}: expected {expected}, found mode {stat.S_IMODE(status.st_mode):o}")


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
