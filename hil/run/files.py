"""The files of a run: laid before it with content drawn from its seed or taken from a corpus, compared after it."""

import hashlib
from collections.abc import Iterable, Mapping
from pathlib import Path

import zstandard

from flight.filestore.shelf import JOBS_DIRECTORY
from flight.jobs.corpus import CorpusFile
from hil.scenario.scenario import Scenario
from hil.scenario.spacecraft import FileTable
from hil.streams import Streams
from mission.files import FILES_DIRECTORY

# Content is drawn and read in pieces of this, so that a file of any length takes no more memory.
PIECE_OCTETS = 1 << 20
# Of Zstandard: what goes over a thin link may take its seconds.
PACKING_LEVEL = 19


def lay_files(root: Path, files: Iterable[FileTable], streams: Streams, corpora: Mapping[str, CorpusFile]) -> None:
    """Write files of random octets, and such with the text of a corpus.

    Args:
        root: The directory of their names; it is made if there are files.
        files: Which.
        streams: Content is drawn from ``files/NAME``, a piece a block.
        corpora: The texts, by the ``files/NAME`` that has them.
    """
    for file in files:
        path = root / file.name
        path.parent.mkdir(parents=True, exist_ok=True)
        if file.octets is None:
            text = corpora[f"{FILES_DIRECTORY}/{file.name}"].path.read_bytes()
            path.write_bytes(zstandard.compress(text, PACKING_LEVEL) if file.name.endswith(".zst") else text)
            continue
        with path.open("wb") as content:
            for number in range(-(-file.octets // PIECE_OCTETS)):
                octets = min(PIECE_OCTETS, file.octets - number * PIECE_OCTETS)
                content.write(streams.block(f"files/{file.name}", number).bytes(octets))


def compare_files(scenario: Scenario, here: Path, there: Path) -> dict[str, tuple[str, str]]:
    """Give what became of files, by name: the SHA-256 of what was sent, and of what is at the other end.

    Args:
        scenario: It says which were laid before the run, and which were sent down in it.
        here: The spacecraft's directory of files, in its store.
        there: The station's.
    """
    found: dict[str, tuple[str, str]] = {}
    for root, other, table in ((here, there, scenario.spacecraft), (there, here, scenario.station)):
        for file in table.files:
            found[file.name] = (digest_of(root / file.name), digest_of(other / file.name))
    for step in scenario.procedure:
        if step.command == "file.send":
            name = step.arguments["name"]
            source = (here.parent if name.startswith(f"{JOBS_DIRECTORY}/") else here) / name
            destination = step.arguments.get("destination") or name
            found[destination] = (digest_of(source), digest_of(there / destination))
    return found


def digest_of(path: Path) -> str:
    """Give the SHA-256 of a file in hexadecimal, empty if there is none."""
    if not path.is_file():
        return ""
    digest = hashlib.sha256()
    with path.open("rb") as content:
        while piece := content.read(PIECE_OCTETS):
            digest.update(piece)
    return digest.hexdigest()
