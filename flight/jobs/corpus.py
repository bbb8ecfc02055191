"""Texts to train on: found by name or path, checked, and split. It imports no torch, and never changes what it finds.

A name is looked for in this order: the directory that ``STARLOOP_DATA`` names; the user's cache; a download from its
public address, where its SHA-256 is known; and last, so that everything also works far from any network, a text that
every CPython carries. What was taken, and why, is said in `CorpusFile.notice`.
"""

import hashlib
import http.client
import importlib.util
import os
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from enum import Enum
from pathlib import Path
from typing import BinaryIO
from urllib.request import urlopen

from ccsds.errors import MalformedError, MisuseError

# A text is held in memory with its tokens at 4 octets a character; this keeps a small board alive.
CORPUS_FILE_OCTETS_MAX = 256 << 20

# Whoever starts a demo waits for this when the network is there but silent.
DOWNLOAD_TIMEOUT_S = 10.0

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]*")


class Origin(Enum):
    """Where a corpus was found."""

    PATH = "path"
    DATA_DIRECTORY = "data directory"
    CACHE = "cache"
    DOWNLOAD = "download"
    BUILT_IN = "built in"
    UPLOADED = "uploaded"
    """It came to the store as a file; its path is below the store."""


@dataclass(frozen=True, slots=True, kw_only=True)
class CorpusFile:
    """A text that was found."""

    name: str
    """What was asked for."""
    path: Path
    sha256: str
    length_octets: int
    origin: Origin
    notice: str
    """What has to be said about it, in one line; empty if it is just what was asked for."""

    def read_text(self) -> str:
        """Read the text; see `read_corpus`."""
        return read_corpus(self.path, self.sha256)


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownCorpus:
    """A corpus that has a name everywhere."""

    address: str | None = None
    """Where it can be downloaded; None where no digest is known to check a download with."""
    sha256: str | None = None
    why_no_download: str = ""


KNOWN_CORPORA: Mapping[str, KnownCorpus] = {
    "tinyshakespeare": KnownCorpus(
        address="https://raw.githubusercontent.com/karpathy/char-rnn/master/data/tinyshakespeare/input.txt",
        sha256="86c4e6aa9db7c042ec79f339dcb96d42b0075e16b8fc2e86bf0ca57e2dc565ed",
    ),
    # The complete works. Project Gutenberg (ebook 100) mends its text from time to time, so that a digest pinned today
    # would refuse the file of tomorrow; the operator puts the edition of his choice into the data directory.
    "shakespeare": KnownCorpus(why_no_download="not downloaded: no SHA-256 is pinned to check its public text with"),
}

BUILT_IN = "pydoc_topics"
"""The text that every CPython carries: the language reference as `pydoc` shows it, in English, 0.5 MB."""


@dataclass(frozen=True, kw_only=True)
class CorpusSources:
    """Where corpora are looked for."""

    data_directory: Path | None = None
    """Holds ``NAME.txt`` files; what ``STARLOOP_DATA`` names."""
    cache_directory: Path
    """Written to; made when it is needed."""
    opener: Callable[[str, float], BinaryIO] | None = None
    """Opens an address within a timeout in seconds; None where nothing may be downloaded."""
    catalogue: Mapping[str, KnownCorpus] = field(default_factory=lambda: KNOWN_CORPORA)
    """Corpora that have a name everywhere."""

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "CorpusSources":
        """Take the usual places: ``STARLOOP_DATA``, and the user's cache (``XDG_CACHE_HOME``, or below ``HOME``)."""
        data = environment.get("STARLOOP_DATA")
        home = environment.get("HOME") or str(Path("~").expanduser())
        cache = environment.get("XDG_CACHE_HOME") or f"{home}/.cache"
        return cls(
            data_directory=Path(data).absolute() if data else None,
            cache_directory=Path(cache).absolute() / "starloop" / "corpora",
            opener=_open_address,
        )


def find_corpus(name_or_path: str, sources: CorpusSources) -> CorpusFile:
    """Find a text.

    Args:
        name_or_path: A name (of `KNOWN_CORPORA`, `BUILT_IN`, or that of any ``NAME.txt`` in the data directory), or the
            path of a UTF-8 file, which is known as such by a ``/`` or a ``.``.
        sources: Where names are looked for.

    Raises:
        MisuseError: There is no such corpus, or what is there cannot be used, or the cache cannot be written.
    """
    if not _NAME.fullmatch(name_or_path):
        return _take(name_or_path, Path(name_or_path).absolute(), Origin.PATH, "")
    if name_or_path == BUILT_IN:
        return _build_in(name_or_path, sources, [])
    known = sources.catalogue.get(name_or_path)
    if known is None:
        return _find_unknown(name_or_path, sources)
    return _find_known(name_or_path, known, sources)


def find_corpora_on_board(names: Iterable[str], sources: CorpusSources) -> dict[str, CorpusFile]:
    """Find the texts that a spacecraft has on board, by the names that commands know them by.

    Args:
        names: As `find_corpus` takes them, or ``NAME=PATH``. A path alone goes by the name of its file, without ending.
        sources: Where names are looked for.

    Raises:
        MisuseError: One cannot be had, or two go by one name.
    """
    corpora: dict[str, CorpusFile] = {}
    for each in names:
        name, _, path = each.rpartition("=")
        corpus = find_corpus(path, sources)
        corpus = replace(corpus, name=name or (corpus.path.stem if corpus.origin is Origin.PATH else corpus.name))
        if corpus.name in corpora:
            raise MisuseError(f"expected corpora of different names, found {corpus.name!r} twice")
        corpora[corpus.name] = corpus
    return corpora


def read_corpus(path: Path, sha256: str) -> str:
    """Read a text and check that it is the one that was found.

    Raises:
        OSError: It cannot be read now; that may pass.
        MisuseError: It is not there, or not a text.
        MalformedError: It is another text by now.
    """
    try:
        data = path.read_bytes()
    except FileNotFoundError as error:
        raise MisuseError(f"corpus {path}: expected a readable file: {error.strerror}") from None
    found = hashlib.sha256(data).hexdigest()
    if found != sha256:
        raise MalformedError(f"corpus {path.name}: expected SHA-256 {sha256}, found {found}")
    return _decode(data, path)


def split_text(text: str, validation_fraction: float, *, first: bool = False) -> tuple[str, str]:
    """Split a text into what is trained on and, at its end, what is validated on.

    Args:
        text: The text.
        validation_fraction: Share of it that is validated on.
        first: Whether that is its beginning rather than its end.

    Returns:
        The training split and the validation split; together they are the text.
    """
    if first:
        boundary = int(len(text) * validation_fraction)
        return text[boundary:], text[:boundary]
    boundary = int(len(text) * (1 - validation_fraction))
    return text[:boundary], text[boundary:]


def _find_known(name: str, known: KnownCorpus, sources: CorpusSources) -> CorpusFile:
    skipped: list[str] = []
    places = [(sources.cache_directory, Origin.CACHE, "cache")]
    if sources.data_directory is not None:
        places.insert(0, (sources.data_directory, Origin.DATA_DIRECTORY, "STARLOOP_DATA"))
    else:
        skipped.append("STARLOOP_DATA is not set")
    for directory, origin, place in places:
        path = directory / f"{name}.txt"
        if not path.is_file():
            skipped.append(f"not in {place}")
            continue
        found = _take(name, path, origin, "")
        if known.sha256 in (None, found.sha256):
            return found
        skipped.append(f"the file in {place} is another text (SHA-256 {found.sha256[:12]}…)")
    if known.address is None:
        skipped.append(known.why_no_download)
    elif sources.opener is None:
        skipped.append("downloads are off")
    else:
        try:
            data = _download(known, sources.opener)
        except (OSError, http.client.HTTPException, MalformedError) as error:
            skipped.append(f"download failed: {error}")
        else:
            path = _store(sources.cache_directory, name, data)
            return _take(name, path, Origin.DOWNLOAD, f"{name}: downloaded from {known.address}")
    return _build_in(name, sources, skipped)


def _find_unknown(name: str, sources: CorpusSources) -> CorpusFile:
    if sources.data_directory is not None:
        path = sources.data_directory / f"{name}.txt"
        if path.is_file():
            return _take(name, path, Origin.DATA_DIRECTORY, "")
    raise MisuseError(
        f"unknown corpus {name!r}: expected one of {', '.join((*sources.catalogue, BUILT_IN))}, "
        "the name of a NAME.txt in STARLOOP_DATA, or the path of a text"
    )


def _build_in(name: str, sources: CorpusSources, skipped: list[str]) -> CorpusFile:
    """Take the text that CPython carries in the place of what could not be had."""
    data = _built_in_text().encode()
    # Another version of CPython has another text: the file is named by its content, so that the two do not collide.
    path = _store(sources.cache_directory, f"{BUILT_IN}-{hashlib.sha256(data).hexdigest()[:12]}", data)
    notice = "" if name == BUILT_IN else f"{name} is not to be had ({'; '.join(skipped)}): "
    notice += f"taking Python's own documentation (pydoc_data.topics, {len(data)} octets of English text)"
    return _take(name, path, Origin.BUILT_IN, notice + (" instead" if name != BUILT_IN else ""))


def _built_in_text() -> str:
    """Give the topics of `pydoc`, in the order of their names."""
    if importlib.util.find_spec("pydoc_data") is None:
        raise MisuseError("no corpus: this Python comes without pydoc_data; name the path of a UTF-8 text")
    from pydoc_data.topics import topics

    return "\n".join(topics[key] for key in sorted(topics))


def _download(known: KnownCorpus, opener: Callable[[str, float], BinaryIO]) -> bytes:
    with opener(str(known.address), DOWNLOAD_TIMEOUT_S) as response:
        data = response.read(CORPUS_FILE_OCTETS_MAX + 1)
    found = hashlib.sha256(data).hexdigest()
    if found != known.sha256:
        raise MalformedError(f"expected SHA-256 {known.sha256}, found {found}")
    return data


def _open_address(address: str, timeout_s: float) -> BinaryIO:
    return urlopen(address, timeout=timeout_s)  # Only the https addresses above come here.


def _store(directory: Path, name: str, data: bytes) -> Path:
    """Write a text into the cache, whole or not at all."""
    path = directory / f"{name}.txt"
    partial = directory / f"{name}.{os.getpid()}.partial"
    try:
        directory.mkdir(parents=True, exist_ok=True)
        partial.write_bytes(data)
        partial.replace(path)
    except OSError as error:
        raise MisuseError(f"cannot write the cache of corpora: {error}; set STARLOOP_DATA or XDG_CACHE_HOME") from None
    return path


def _take(name: str, path: Path, origin: Origin, notice: str) -> CorpusFile:
    data = _read(path)
    _decode(data, path)
    return CorpusFile(
        name=name,
        path=path,
        sha256=hashlib.sha256(data).hexdigest(),
        length_octets=len(data),
        origin=origin,
        notice=notice,
    )


def _read(path: Path) -> bytes:
    try:
        length_octets = path.stat().st_size
        if not 0 < length_octets <= CORPUS_FILE_OCTETS_MAX:
            raise MisuseError(f"corpus {path}: expected 1 to {CORPUS_FILE_OCTETS_MAX} octets, found {length_octets}")
        return path.read_bytes()
    except OSError as error:
        raise MisuseError(f"corpus {path}: expected a readable file: {error.strerror}") from None


def _decode(data: bytes, path: Path) -> str:
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MisuseError(f"corpus {path}: expected UTF-8 text, found {error.reason} at octet {error.start}") from None
