"""The recording of a run: the capture of both lines that it writes, and the one that it replays, if it does.

A run and one that replays its capture do the same to every octet. Also a run that goes otherwise, because the software
is another one, meets the same losses at the same offsets.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import BinaryIO

from ccsds.errors import MalformedError, MisuseError
from hil.channel.capture import CaptureFile, read_truths
from hil.channel.truth import Truth
from hil.scenario.link import LinkTable

CAPTURE_NAME = "capture.pcapng"
"""The capture in the folder of a run."""


class Recording:
    """What a run captures and replays.

    Args:
        link: The scenario's link, which says whether.
        folder: Where the capture goes.

    Raises:
        MisuseError: The capture to be replayed is none.
    """

    def __init__(self, link: LinkTable, folder: Path) -> None:
        self.truths: Mapping[str, Truth] = {} if link.replay is None else load_truths(link.replay)
        """For each line that is replayed, what becomes of its octets."""
        self._opened: BinaryIO | None = (folder / CAPTURE_NAME).open("wb") if link.capture else None
        self.file: CaptureFile | None = CaptureFile(self._opened.write) if self._opened is not None else None
        """Where both lines are captured."""

    def close(self) -> None:
        """Finish the capture; closing twice is harmless."""
        if self._opened is not None:
            self._opened.close()


def load_truths(path: str) -> Mapping[str, Truth]:
    """Read a capture to be replayed.

    Raises:
        MisuseError: It cannot be read, or is no capture of the two lines.
    """
    try:
        truths = read_truths(Path(path).read_bytes())
    except OSError as error:
        raise MisuseError(f"link.replay: expected a readable capture, found {error}") from None
    except MalformedError as error:
        raise MisuseError(f"link.replay: {path}: {error}") from None
    if truths.keys() != {"up", "down"}:
        raise MisuseError(f"link.replay: {path}: expected lines up and down, found {', '.join(truths) or 'none'}")
    return truths
