"""What was done at a station, by whom and when: a file that only grows, each line sealed with the digest of the last.

A record is durable before what it tells of is done. Each line is JSON with the SHA-256 of the line before it, so that a
line that was changed, taken out or put in shows (`verify`), unless all after it were made anew. It holds no secret: who
writes a record gives none.
"""

import hashlib
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Self

import msgspec

from ccsds.errors import MalformedError, MisuseError
from ground.events import plain

FIRST_DIGEST = "0" * 64
"""What stands for the line before the first."""

# A command with all its arguments is shorter by far; a line that is longer is none of ours.
LINE_OCTETS_MAX = 1 << 18


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One line."""

    number: int
    unix_ns: int
    who: str
    role: str
    door: str
    action: str
    details: dict[str, Any]
    before: str
    """SHA-256 of the line before."""


class Audit:
    """The file, open for more; `open` makes it.

    Args:
        descriptor: Of the file.
        number: Of the next record.
        digest: Of the last line.
    """

    def __init__(self, descriptor: int, number: int, digest: str) -> None:
        self._descriptor = descriptor
        self._number = number
        self._digest = digest
        self._length = os.fstat(descriptor).st_size

    @classmethod
    def open(cls, path: Path) -> Self:
        """Open the file, or make it; a last line that a power cut tore is cut off.

        Raises:
            MalformedError: The file is not as it was written; the text says from which line on.
            OSError: It cannot be opened.
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
        try:
            count, digest, length = _walk(path)
            if length != os.fstat(descriptor).st_size:
                os.ftruncate(descriptor, length)
            return cls(descriptor, count + 1, digest)
        except BaseException:
            os.close(descriptor)
            raise

    def write(self, unix_ns: int, *, who: str, role: str, door: str, action: str, details: Mapping[str, Any]) -> None:
        """Add a record; it is durable when this returns.

        Raises:
            OSError: The disk does not take it; the file is as before.
        """
        record = Record(
            number=self._number,
            unix_ns=unix_ns,
            who=who,
            role=role,
            door=door,
            action=action,
            details=plain(details),
            before=self._digest,
        )
        line = msgspec.json.encode(record)
        try:
            view = memoryview(line + b"\n")
            while view:
                view = view[os.write(self._descriptor, view) :]
            os.fdatasync(self._descriptor)
        except OSError:
            os.ftruncate(self._descriptor, self._length)
            raise
        self._length += len(line) + 1
        self._number += 1
        self._digest = hashlib.sha256(line).hexdigest()

    def close(self) -> None:
        """Let the file go."""
        os.close(self._descriptor)


def verify(path: Path) -> int:
    """Walk the whole file, and give how many records it holds.

    Raises:
        MalformedError: A line was changed, taken out or put in; the text says which.
        MisuseError: There is no file.
    """
    if not path.is_file():
        raise MisuseError(f"expected an audit at {path}, found no file")
    return _walk(path)[0]


def read_audit(path: Path, limit: int) -> list[dict[str, Any]]:
    """Give the latest records, newest first."""
    if not path.is_file():
        return []
    lines = path.read_bytes().splitlines()[-limit:] if limit > 0 else []
    return [msgspec.json.decode(line) for line in reversed(lines)]


def _walk(path: Path) -> tuple[int, str, int]:
    """Give how many whole lines there are, the digest of the last, and their octets.

    Raises:
        MalformedError: One does not follow from the one before.
    """
    count, digest, length = 0, FIRST_DIGEST, 0
    with path.open("rb") as file:
        for line in file:
            if not line.endswith(b"\n"):
                break  # Torn: what it tells of was not done.
            content = line[:-1]
            try:
                record = msgspec.json.decode(content, type=Record)
            except msgspec.MsgspecError as error:
                raise MalformedError(f"{path}:{count + 1}: expected a record of the audit, found: {error}") from None
            if record.before != digest or record.number != count + 1:
                raise MalformedError(
                    f"{path}:{count + 1}: expected record {count + 1} sealed with {digest[:12]}, found record"
                    f" {record.number} sealed with {record.before[:12]}"
                )
            count, digest, length = count + 1, hashlib.sha256(content).hexdigest(), length + len(line)
    return count, digest, length
