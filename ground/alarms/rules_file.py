"""Reading the file of a station's own rules."""

from pathlib import Path

from ccsds.errors import MisuseError
from ground.alarms.rules import FILE_OCTETS_MAX, Rules, parse_rules
from mission.dictionary import Dictionary


def read_rules(path: Path, dictionary: Dictionary) -> Rules:
    """Read the rules at a path.

    Raises:
        MisuseError: There is no such file, it cannot be read, or it is wrong; with file, line and reason.
    """
    try:
        size = path.stat().st_size
        if size > FILE_OCTETS_MAX:
            raise MisuseError(f"{path}: expected at most {FILE_OCTETS_MAX} octets, found {size}")
        text = path.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise MisuseError(f"{path}: expected a readable file, found: {error}") from None
    return parse_rules(text, str(path), dictionary)
