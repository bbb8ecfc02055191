"""Who flies, and what is on its disks and on the station's before the run."""

from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from ccsds.errors import MisuseError
from hil.scenario.table import Seconds, Table

# Drawn and written before the run begins; CFDP itself takes more.
FILE_OCTETS_MAX = 8 << 30


class WorkDurations(Table, frozen=True, kw_only=True):
    """What a worker's requests take in virtual time. They decide when, never what."""

    start_s: Seconds = 2.0
    step_s: Annotated[float, Meta(gt=0)] = 0.04
    evaluate_s: Seconds = 1.5
    copy_s: Seconds = 0.02
    """Of State, which is all that training waits for when a checkpoint is written."""
    save_s: Seconds = 0.05
    """Of a checkpoint, from the copy until it counts."""
    sample_s: Seconds = 1.0
    finish_s: Seconds = 0.1
    load_s: Seconds = 3.0
    """Of a model into memory."""
    read_s: Seconds = 0.3
    """Of a prompt, until the first token may be written."""
    token_s: Seconds = 0.02
    check_s: Seconds = 0.5
    """Of a model that is asked its canary, and its weights digested."""


class FileTable(Table, frozen=True, kw_only=True):
    """A file that is there before the run, with content drawn from the seed, or with the text of a corpus."""

    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9._-]{0,99}$")]
    octets: Annotated[int, Meta(ge=0, le=FILE_OCTETS_MAX)] | None = None
    """How long it is, if its content is drawn."""
    corpus: str | None = None
    """A corpus, by name or path: its text is the content, packed by Zstandard if the name ends in ``.zst``."""


def check_files(files: list[FileTable], key: str) -> None:
    """Refuse files that are well-formed but make no sense.

    Raises:
        MisuseError: Naming the key, what was expected and what was found.
    """
    for number, file in enumerate(files):
        if (file.octets is None) == (file.corpus is None):
            raise MisuseError(f"{key}[{number}]: expected either `octets` or `corpus`")
        if file.name in [each.name for each in files[:number]]:
            raise MisuseError(f"{key}[{number}].name: expected each name once, found {file.name!r} again")


class SpacecraftTable(Table, frozen=True, kw_only=True):
    """The spacecraft."""

    corpora: list[str] = msgspec.field(default_factory=lambda: ["tinyshakespeare"])
    """Corpora that are on board: names, or paths of text files."""
    tai_s: Annotated[float, Meta(ge=0, lt=1 << 32)] = 2_174_000_000.0
    """On-board time at the start, in seconds of TAI since 1958 (late November 2026 by default)."""
    work: WorkDurations = WorkDurations()
    worker: Literal["process", "inline"] = "process"
    """Who does job work in virtual time: a process of its own, or this one, on a disk that forgets what is not synced.
    """
    files: list[FileTable] = msgspec.field(default_factory=list)
    """In its store of files."""


class StationTable(Table, frozen=True, kw_only=True):
    """The ground station."""

    files: list[FileTable] = msgspec.field(default_factory=list)
    """In its directory of files."""
