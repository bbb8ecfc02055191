"""Names of files in a station's store: as the store has them, and as a person knows them. It touches no file."""

from pathlib import PurePosixPath

OUTBOX = ".outbox"
"""Where copies of the files are that are being sent, so that nobody changes one on its way."""

# Of a name in the outbox; it travels in the Metadata, whose name field has 255 octets.
NAME_CHARACTERS_MAX = 48


def is_in_outbox(name: str) -> bool:
    """Tell whether a name in the store is of a copy in the outbox: it is alone in a directory of its own there."""
    parts = PurePosixPath(name).parts
    return len(parts) == 3 and parts[0] == OUTBOX and ".." not in parts


def shown_name(name: str) -> str:
    """Give a name as a person knows it: without the outbox, if it is in there."""
    return PurePosixPath(name).name if is_in_outbox(name) else name


def plain_name(name: str) -> str:
    """Give a name that CFDP lets through: of it, what can be printed, cut from the left so that its ending stays."""
    plain = "".join(each if each.isprintable() and each.isascii() and each not in "\\/" else "_" for each in name)
    return plain[-NAME_CHARACTERS_MAX:]
